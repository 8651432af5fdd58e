"""Who may ask for what, as far as values decide it."""

from dataclasses import dataclass, field

import pytest

from agent.supply.access import (
    NOTHING,
    Access,
    Peer,
    Policy,
    Rule,
    Scope,
    access,
    relayed,
)
from agent.supply.caps import CAPS, Caps

CLIENT = {Scope.TOKEN, Scope.STATUS}
OPEN = Policy(own_uid=900)
UIDS = Policy(own_uid=900, allow_uids=frozenset({1000}))
GIDS = Policy(own_uid=900, allow_gids=frozenset({50}))
BOTH = Policy(own_uid=900, allow_uids=frozenset({1000}), allow_gids=frozenset({50}))


def peer(uid: int, gid: int = 7, *groups: int) -> Peer:
    return Peer(uid=uid, gid=gid, pid=4711, groups=frozenset(groups))


@pytest.mark.parametrize(
    ("who", "policy", "allowed"),
    [
        (peer(0), UIDS, True),
        (peer(900), UIDS, True),
        (peer(1000), UIDS, True),
        (peer(1001), UIDS, False),
        (peer(1001, 1000), UIDS, False),
        (peer(1001, 50), GIDS, True),
        (peer(1001, 7, 49, 50), GIDS, True),
        (peer(50, 7, 49), GIDS, False),
        (peer(1000, 7), BOTH, True),
        (peer(1001, 50), BOTH, True),
        (peer(1001, 7), BOTH, False),
        (peer(65534, 65534), OPEN, True),
    ],
)
def test_policy_decides_who_gets_tokens(who: Peer, policy: Policy, allowed: bool) -> None:
    assert (CLIENT if allowed else NOTHING) == access(who, policy, admin=False).scopes


@pytest.mark.parametrize(("uid", "allowed"), [(0, True), (900, True), (1000, False), (5, False)])
def test_admin_socket_is_for_root_and_the_agents_own_user(uid: int, allowed: bool) -> None:
    assert (set(Scope) if allowed else NOTHING) == access(peer(uid), UIDS, admin=True).scopes


def test_an_open_policy_does_not_open_the_admin_socket() -> None:
    assert access(peer(1000), OPEN, admin=True).scopes == NOTHING


def test_nobody_sees_the_code_unless_the_operator_says_so() -> None:
    for policy in (OPEN, UIDS, GIDS):
        assert Scope.PAIRING not in access(peer(0), policy, admin=False).scopes
        assert Scope.PAIRING not in access(peer(1000, 50), policy, admin=False).scopes


# -- rules ----------------------------------------------------------------------------------------


@dataclass
class Told:
    """Facts as the test tells them; remembers what was asked."""

    of_system: str | None = None
    of_user: str | None = None
    executes: str | None = None
    asked: list[str] = field(default_factory=list)

    def unit(self) -> str | None:
        self.asked.append("unit")
        return self.of_system

    def user_unit(self) -> str | None:
        self.asked.append("user_unit")
        return self.of_user

    def runs(self, path: str) -> bool:
        self.asked.append("exe")
        return self.executes == path


PAIRS = frozenset({Scope.PAIRING})


def ruled(*rules: Rule, uids: frozenset[int] = frozenset()) -> Policy:
    return Policy(own_uid=900, rules=rules, allow_uids=uids)


@pytest.mark.parametrize(
    ("rule", "matches"),
    [
        (Rule(name="r", uids=frozenset({1000, 1001})), True),
        (Rule(name="r", uids=frozenset({1001})), False),
        (Rule(name="r", gids=frozenset({7})), True),
        (Rule(name="r", gids=frozenset({50, 60})), True),
        (Rule(name="r", gids=frozenset({1000})), False),
        (Rule(name="r", unit="till.service"), True),
        (Rule(name="r", unit="shop.service"), False),
        (Rule(name="r", user_unit="kiosk.service"), True),
        (Rule(name="r", user_unit="till.service"), False),
        (Rule(name="r", exe="/opt/till"), True),
        (Rule(name="r", exe="/opt/shop"), False),
        (
            Rule(
                name="r",
                uids=frozenset({1000}),
                gids=frozenset({50}),
                unit="till.service",
                user_unit="kiosk.service",
                exe="/opt/till",
            ),
            True,
        ),
        (Rule(name="r", uids=frozenset({1001}), unit="till.service"), False),
        (Rule(name="r", uids=frozenset({1000}), gids=frozenset({8})), False),
        (Rule(name="r", uids=frozenset({1000}), unit="shop.service"), False),
        (Rule(name="r", unit="till.service", exe="/opt/shop"), False),
        (Rule(name="r", user_unit="shop.service", unit="till.service"), False),
    ],
)
def test_everything_a_rule_names_has_to_be_so(rule: Rule, matches: bool) -> None:
    facts = Told(of_system="till.service", of_user="kiosk.service", executes="/opt/till")
    given = access(peer(1000, 7, 50), ruled(rule), admin=False, facts=facts)
    assert given == Access(scopes=frozenset(CLIENT) if matches else NOTHING, key=given.key)
    assert given.key == ("r" if matches else "uid:1000")


def test_the_first_rule_that_matches_decides_scopes_name_and_caps() -> None:
    few = Caps(requests=1.0, burst=1, connections=1, holds=0)
    policy = ruled(
        Rule(name="other", uids=frozenset({1001})),
        Rule(name="first", uids=frozenset({1000}), scopes=PAIRS, caps=few),
        Rule(name="second", uids=frozenset({1000})),
    )
    assert access(peer(1000), policy, admin=False) == Access(scopes=PAIRS, key="first", caps=few)


def test_with_rules_whom_none_matches_has_to_be_in_a_list() -> None:
    policy = ruled(Rule(name="r", uids=frozenset({1000})), uids=frozenset({1001}))
    assert access(peer(1001), policy, admin=False) == Access(
        scopes=frozenset(CLIENT), key="uid:1001", caps=CAPS
    )
    assert access(peer(1002), policy, admin=False) == Access(scopes=NOTHING, key="uid:1002")
    assert not policy.open
    assert OPEN.open


def test_a_rule_with_no_scopes_refuses_whom_a_list_would_let_in() -> None:
    policy = ruled(Rule(name="r", uids=frozenset({1000}), scopes=NOTHING), uids=frozenset({1000}))
    assert access(peer(1000), policy, admin=False).scopes == NOTHING


def test_a_fact_that_is_not_known_matches_nothing() -> None:
    for rule in (
        Rule(name="r", unit="till.service"),
        Rule(name="r", user_unit="till.service"),
        Rule(name="r", exe="/opt/till"),
    ):
        assert access(peer(1000), ruled(rule), admin=False).scopes == NOTHING


@pytest.mark.parametrize(
    "rule",
    [
        Rule(name="r", uids=frozenset({1001}), unit="x", user_unit="x", exe="/x"),
        Rule(name="r", gids=frozenset({1001}), unit="x", user_unit="x", exe="/x"),
        Rule(name="r", uids=frozenset({1000})),
    ],
)
def test_nothing_is_looked_up_that_cannot_matter(rule: Rule) -> None:
    facts = Told()
    access(peer(1000), ruled(rule), admin=False, facts=facts)
    access(peer(1000), OPEN, admin=False, facts=facts)
    access(peer(900), ruled(Rule(name="r", unit="x")), admin=False, facts=facts)
    access(peer(0), ruled(Rule(name="r", unit="x")), admin=True, facts=facts)
    assert facts.asked == []


def test_root_may_always_ask_and_a_rule_can_give_it_a_name_and_more() -> None:
    refusing = Rule(name="r", uids=frozenset({0}), scopes=NOTHING)
    pairing = Rule(name="p", uids=frozenset({0}), scopes=PAIRS)
    assert access(peer(0), ruled(refusing), admin=False).scopes == CLIENT
    assert access(peer(0), ruled(pairing), admin=False) == Access(
        scopes=frozenset(CLIENT | PAIRS), key="p"
    )
    assert access(peer(0), ruled(Rule(name="r", uids=frozenset({1}))), admin=False) == Access(
        scopes=frozenset(CLIENT), key="uid:0"
    )


def test_the_agent_itself_is_never_counted_among_its_clients() -> None:
    """Its watchdog asks as a member of the clients' group, and must not wait behind them."""
    few = Caps(requests=1.0, burst=1, connections=1)
    policy = ruled(Rule(name="clients", gids=frozenset({50}), caps=few))
    assert access(peer(900, 900, 50), policy, admin=False) == Access(
        scopes=frozenset(CLIENT), key="uid:900", caps=CAPS
    )


def test_no_rule_opens_the_admin_socket_or_gives_its_scope() -> None:
    policy = ruled(Rule(name="r", uids=frozenset({0, 1000}), scopes=frozenset(Scope)))
    assert access(peer(1000), policy, admin=True).scopes == NOTHING
    assert access(peer(0), policy, admin=True) == Access(scopes=frozenset(Scope), key="uid:0")
    assert access(peer(1000), policy, admin=False).scopes == set(Scope) - {Scope.ADMIN}
    assert access(peer(0), policy, admin=False).scopes == set(Scope) - {Scope.ADMIN}


# -- browsers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ((b"origin", b"http://localhost"), "it has the header origin"),
        ((b"referer", b"http://shop.example/"), "it has the header referer"),
        ((b"sec-fetch-site", b"none"), "it has the header sec-fetch-site"),
        ((b"host", b"evil.example"), "its Host is not localhost"),
        ((b"host", b"localhost:8080"), "its Host is not localhost"),
        ((b"host", b"127.0.0.1"), "its Host is not localhost"),
        ((b"host", b"LocalHost"), None),
        ((b"host", b""), None),
        ((b"host", b"unix"), None),
        ((b"x-forwarded-for", b"10.0.0.1"), None),
        ((b"accept", b"origin"), None),
    ],
)
def test_what_looks_like_a_browser_is_told_apart(
    header: tuple[bytes, bytes], why: str | None
) -> None:
    assert why == relayed([(b"accept", b"*/*"), header])
