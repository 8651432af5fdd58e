"""A store that forgets when the process ends: for tests, and for terminals that must not keep."""

from agent.oauth.events import Grant


class MemoryStore:
    """Keeps one grant in memory."""

    only_reading_tells = False

    def __init__(self) -> None:
        self._grant: Grant | None = None

    def load(self) -> Grant | None:
        return self._grant

    def save(self, grant: Grant) -> None:
        self._grant = grant

    def clear(self) -> None:
        self._grant = None

    def holds_grant(self) -> bool:
        return self._grant is not None

    def look(self) -> None:
        return
