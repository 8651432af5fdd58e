"""Who may ask for what: the peer's credentials and the operator's policy give scopes. Pure.

Three doors stand one behind the other. The mode and group of the socket file decide who can
connect at all. The credentials the kernel recorded at connect (SO_PEERCRED, and SO_PEERGROUPS for
the supplementary groups, which SO_PEERCRED lacks) are held against the policy. And a request that
a browser could have caused is refused whoever relays it: a web page must not be able to reach the
socket through some local proxy.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class Scope(Enum):
    """What a permission is for."""

    TOKEN = "token"  # noqa: S105 - the word, not a token
    STATUS = "status"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """The process at the other end, as it was when it connected (unix(7)). `groups` are its
    supplementary groups, empty where the kernel (before 4.13) does not tell."""

    uid: int
    gid: int
    pid: int
    groups: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Who else than root and the agent's own user may ask for tokens.

    With both lists empty the socket file decides alone: whoever could open it may ask. As soon as
    one is filled, a peer has to be in one of them.
    """

    own_uid: int
    allow_uids: frozenset[int] = frozenset()
    allow_gids: frozenset[int] = frozenset()


NOTHING: frozenset[Scope] = frozenset()
_ADMIN: frozenset[Scope] = frozenset(Scope)
_CLIENT: frozenset[Scope] = frozenset({Scope.TOKEN, Scope.STATUS})


def scopes(peer: Peer, policy: Policy, *, admin: bool) -> frozenset[Scope]:
    """What this peer may do on the admin socket or on the token socket."""
    if admin:
        return _ADMIN if peer.uid in (0, policy.own_uid) else NOTHING
    return _CLIENT if _may_ask(peer, policy) else NOTHING


def _may_ask(peer: Peer, policy: Policy) -> bool:
    if peer.uid in (0, policy.own_uid):
        return True
    if not policy.allow_uids and not policy.allow_gids:
        return True
    return peer.uid in policy.allow_uids or not policy.allow_gids.isdisjoint(
        peer.groups | {peer.gid}
    )


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
