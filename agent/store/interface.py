"""What the agent asks of a token store. Asked first, always: clearing it means pairing again."""

from dataclasses import dataclass
from typing import Protocol

from agent.oauth.events import AccessToken, Grant


class Storage(Protocol):
    """A place for one grant. Calls may block on the medium; the shell runs them in a thread."""

    def load(self) -> Grant | None:
        """The newest grant that was saved completely, or None.

        Raises StoreCorrupt if there is a record but none can be opened (it is copied aside first,
        and stays until the next save), StoreForeign if it is another terminal's, StoreError if the
        medium cannot be read at all.
        """
        ...

    def save(self, grant: Grant) -> None:
        """Return only when the grant would survive a power cut. Equal to the last: no write.

        Raises StoreNotWritable; then the grant before is still there.
        """
        ...

    def clear(self) -> None:
        """Forget the grant. Raises StoreNotWritable."""
        ...

    def holds_grant(self) -> bool:
        """Cheap enough to ask before every hand-out: False once somebody cleared the store."""
        ...

    @property
    def only_reading_tells(self) -> bool:
        """Whether that is as of the last `look`, because nothing cheaper shows a change."""
        ...

    def look(self) -> None:
        """Read the medium for `holds_grant`. Called in a thread every few seconds, where
        `only_reading_tells`. Never raises.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a restart of the agent leaves. `holds` is JSON-ready, and nobody's secret."""

    token: AccessToken
    holds: object = None


class TokenKeep(Protocol):
    """A place for the access token that a restart of the agent leaves and a reboot does not."""

    def load(self, grant: Grant, now: float) -> Kept | None:
        """The token that came with this grant, if it has life left. Never raises."""
        ...

    def save(self, grant: Grant, kept: Kept) -> None:
        """Raises StoreError; then nothing is lost but the convenience."""
        ...

    def forget(self) -> None: ...


class NoTokenKeep:
    """Keeps nothing: after a restart the server is asked for another token."""

    def load(self, grant: Grant, now: float) -> Kept | None:
        return None

    def save(self, grant: Grant, kept: Kept) -> None:
        return

    def forget(self) -> None:
        return
