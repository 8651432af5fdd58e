import pytest

from agent.supply.access import NOTHING, Peer, Policy, Scope, relayed, scopes

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
    assert (CLIENT if allowed else NOTHING) == scopes(who, policy, admin=False)


@pytest.mark.parametrize(("uid", "allowed"), [(0, True), (900, True), (1000, False), (5, False)])
def test_admin_socket_is_for_root_and_the_agents_own_user(uid: int, allowed: bool) -> None:
    assert (set(Scope) if allowed else NOTHING) == scopes(peer(uid), UIDS, admin=True)


def test_an_open_policy_does_not_open_the_admin_socket() -> None:
    assert scopes(peer(1000), OPEN, admin=True) == NOTHING


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
