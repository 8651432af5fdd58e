"""Who may ask for what: the peer and the operator's policy give scopes, a name and caps. Pure.

Three doors stand one behind the other. The mode and group of the socket file decide who can
connect at all. What the kernel recorded of the peer at connect (`agent.supply.peer`) is held
against the policy. And a request that a browser could have caused is refused whoever relays it: a
web page must not be able to reach the socket through some local proxy.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

from agent.supply.caps import CAPS, Caps


class Scope(Enum):
    """What a permission is for."""

    TOKEN = "token"  # noqa: S105 - the word, not a token
    STATUS = "status"
    PAIRING = "pairing"  # sees the code and asks for one
    DISPLAY = "display"  # has the customer display left to it, and returns it
    ADMIN = "admin"


NOTHING: Final[frozenset[Scope]] = frozenset()
CLIENT: Final = frozenset({Scope.TOKEN, Scope.STATUS})
_EVERYTHING: Final = frozenset(Scope)


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """The process at the other end, as it was when it connected (unix(7)). `groups` are its
    supplementary groups, empty where the kernel (before 4.13) does not tell. `pid` is 0 for a
    process of another PID namespace that has no number in ours."""

    uid: int
    gid: int
    pid: int
    groups: frozenset[int] = frozenset()


class Facts(Protocol):
    """What else can be found out about a peer. Looked up only when a rule asks."""

    def unit(self) -> str | None:
        """The system's unit it runs in, or None if there is none or nobody can be sure."""
        ...

    def user_unit(self) -> str | None:
        """The unit of its own user's service manager."""
        ...

    def runs(self, path: str) -> bool:
        """Whether the file at this path is what it executes."""
        ...


class NoFacts:
    """For peers of which nobody knows more."""

    def unit(self) -> str | None:
        return None

    def user_unit(self) -> str | None:
        return None

    def runs(self, path: str) -> bool:
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One client, as the operator describes it: everything given has to be so, and of `uids` and
    `gids` one each. `name` stands for the client in the log, in holds and in its caps."""

    name: str
    uids: frozenset[int] = frozenset()
    gids: frozenset[int] = frozenset()
    unit: str | None = None
    user_unit: str | None = None
    exe: str | None = None
    scopes: frozenset[Scope] = CLIENT
    caps: Caps = CAPS


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Who else than root and the agent's own user may ask for tokens.

    With no rule and both lists empty the socket file decides alone: whoever could open it may ask.
    Otherwise the first rule that matches decides; whom none matches has to be in one of the lists.
    """

    own_uid: int
    allow_uids: frozenset[int] = frozenset()
    allow_gids: frozenset[int] = frozenset()
    rules: tuple[Rule, ...] = ()

    @property
    def open(self) -> bool:
        """Whether the socket file decides alone."""
        return not (self.rules or self.allow_uids or self.allow_gids)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What a peer may do, within which caps, and the name under which it is counted: its rule's,
    or `uid:` and its number."""

    scopes: frozenset[Scope]
    key: str
    caps: Caps = CAPS


def access(peer: Peer, policy: Policy, *, admin: bool, facts: Facts | None = None) -> Access:
    """What this peer may do on the admin socket or on the token socket.

    A rule neither takes from root what it may, nor counts the agent itself among its clients: the
    watchdog's question must not wait behind theirs.
    """
    trusted = peer.uid in (0, policy.own_uid)
    by_uid = f"uid:{peer.uid}"
    if admin:
        return Access(scopes=_EVERYTHING if trusted else NOTHING, key=by_uid)
    if peer.uid == 0 or not trusted:
        facts = facts or NoFacts()
        for rule in policy.rules:
            if _matches(rule, peer, facts):
                scopes = (rule.scopes - {Scope.ADMIN}) | (CLIENT if trusted else NOTHING)
                return Access(scopes=scopes, key=rule.name, caps=rule.caps)
    listed = _is_one_of(peer, policy.allow_uids, policy.allow_gids)
    return Access(scopes=CLIENT if trusted or policy.open or listed else NOTHING, key=by_uid)


def _matches(rule: Rule, peer: Peer, facts: Facts) -> bool:
    """What costs nothing is compared first."""
    return (
        (not rule.uids or peer.uid in rule.uids)
        and (not rule.gids or not rule.gids.isdisjoint(peer.groups | {peer.gid}))
        and (rule.unit is None or rule.unit == facts.unit())
        and (rule.user_unit is None or rule.user_unit == facts.user_unit())
        and (rule.exe is None or facts.runs(rule.exe))
    )


def _is_one_of(peer: Peer, uids: frozenset[int], gids: frozenset[int]) -> bool:
    return peer.uid in uids or not gids.isdisjoint(peer.groups | {peer.gid})


# A Unix socket has no host name. These are what clients put there for want of one: curl, Node and
# Python examples say localhost, Go's say unix. None has a port; a TCP relay's Host has.
_HOSTS = frozenset({b"", b"localhost", b"pos-agent", b"unix"})
_BROWSER_HEADERS = frozenset({b"origin", b"referer"})


def relayed(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """Why this request looks like a browser's, or None. Header names are lower case."""
    for name, value in headers:
        if name in _BROWSER_HEADERS or name.startswith(b"sec-fetch-"):
            return f"it has the header {name.decode('ascii')}"
        if name == b"host" and value.lower() not in _HOSTS:
            return "its Host is not localhost"
    return None
