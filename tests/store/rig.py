"""What the tests of the store share: one terminal, its keys, its grants."""

from agent.oauth.events import Grant
from agent.secret import Secret
from agent.store.disk import Disk
from agent.store.flash import FlashStore
from agent.store.keyring import GivenKeys, KeyRing
from agent.store.keys import Keys

UUID = "/vendor/acme/serial/4711"
KEYS = Keys(root=bytes(range(32)), sources=1)
STORE_ID = bytes(range(0x40, 0x50))
SALT = bytes(range(0x80, 0xA0))
NONCE = bytes(range(0xC0, 0xCC))


def grant(number: int = 0) -> Grant:
    """Different for every number, and recognisable in a message."""
    return Grant(
        refresh_token=Secret(f"refresh-{number}"),
        issuer="https://as.example/oauth/token",
        client_id="client",
        uuid=UUID,
        obtained_at=number,
    )


def flash(
    path: str, *, disk: Disk | None = None, keys: Keys | KeyRing = KEYS, uuid: str = UUID
) -> FlashStore:
    ring = GivenKeys(keys) if isinstance(keys, Keys) else keys
    return FlashStore(path=path, keys=ring, uuid=uuid, disk=disk)
