"""Holds one terminal to what is promised of a power cut; every breach is a sentence in `losses`."""

import asyncio
from typing import Final

from agent.oauth.events import Grant
from tests.crash.rotation_server import REFRESH, RotatingServer

REQUESTS: Final = 2  # with the token the medium holds, and with the one before it


class Judge:
    """Watches from outside: the wire, the medium, what payment software and people are given.

    A boot is settled once a token it handed out was honoured by the API, or a code was asked for.
    Until then it has two token requests, counted from the last time the network interfered: what
    that does to a server's books (a request delivered twice) no terminal can know.
    """

    def __init__(self, server: RotatingServer) -> None:
        self.losses: list[str] = []
        self.news = asyncio.Event()  # something below has changed
        self.settled = False
        self.honoured: str | None = None  # the last access token that worked in this boot
        self.pairings = 0
        self._server = server
        self._durable: set[str] = set()  # refresh tokens the medium ever held
        self._seen: set[str] = set()  # access tokens handed out in this boot
        self._requests = 0
        self._interfered = False
        self._hope = False  # the server would have taken a token this terminal once kept

    def boots(self) -> None:
        self.settled, self.honoured = False, None
        self._seen.clear()
        self._requests, self._interfered, self._hope = 0, False, False

    def loses(self, how: str) -> None:
        self.losses.append(how)
        self.news.set()

    # -- the wire ---------------------------------------------------------------------------------

    def interferes(self) -> None:
        """The network loses, refuses or repeats a request."""
        self._interfered, self._requests = True, 0

    def refreshes(self, token: str) -> None:
        """A token request is about to be answered as the server thinks right."""
        if self.settled:
            return
        self._requests += 1
        if self._requests == 1:
            self._hope = self._is_any_accepted()
        if self._requests > REQUESTS:
            self.loses(f"token request {self._requests} with {token}, and neither token nor code")

    def pairs(self) -> None:
        """A code is asked for."""
        self.pairings += 1
        if self._is_any_accepted():
            self.loses("paired although the server would take a token that was kept")
        elif self._hope and not self._interfered:
            self.loses("paired although the server would have taken a token that was kept")
        self.settled = True
        self.news.set()

    def _is_any_accepted(self) -> bool:
        return any(self._server.would_accept(token) for token in self._durable)

    # -- the medium -------------------------------------------------------------------------------

    def would_load(self, grant: Grant | None) -> None:
        """What a boot would find if the mains went now."""
        if grant is not None:
            self._durable.add(grant.refresh_token.reveal())
            if grant.previous_refresh_token is not None:
                self._durable.add(grant.previous_refresh_token.reveal())

    # -- what is given out ------------------------------------------------------------------------

    def has_seen(self, access: str) -> bool:
        """Whether payment software was given this token before in this boot."""
        return access in self._seen

    def hands_out(self, access: str) -> None:
        """Payment software is given a token it has not seen."""
        self._seen.add(access)
        came_with = self._server.came_with(access)
        if came_with is None:
            self.loses("handed out something that is no access token")
            return
        if came_with not in self._durable:
            self.loses(f"handed out {access} before {came_with} was durable")
        if not self._interfered and not self._server.honours(access):
            self.loses(f"handed out {access}, which the server does not honour")

    def uses(self, access: str) -> bool:
        """Payment software presents the token to the API: whether that honours it."""
        honoured = self._server.honours(access)
        if honoured:
            self.settled, self.honoured = True, access
            self.news.set()
        return honoured

    def shows(self, text: str) -> None:
        """A log line, the status or something on the display."""
        if REFRESH in text:
            self.loses(f"shown to everybody: {text}")
