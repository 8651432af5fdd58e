"""Killed in the middle of a rotation: who still has a grant afterwards?

SIGKILL comes at a random instant after a request with the refresh token has arrived at the server;
then the agent is started again. It has recovered if it gives out a token the server honours, and no
person was needed. The instants are drawn from a seed; what they meet is the machine's affair.
"""

import random
import signal
import time
from pathlib import Path
from typing import Final

from agent.supply.errors import AgentUnreachable
from tests.bench._oidc_agent import FOR_EVER, OidcAgent
from tests.bench._rotating import RotatingHttp
from tests.daemon.terminal import Terminal

_LIMIT: Final = 30.0  # s for a request to arrive, or a token to be there


def terminal_at(server: RotatingHttp, folder: str, kind: type[Terminal] = Terminal) -> Terminal:
    """The real daemon, or one in a hurry. Neither keeps a token over a restart here, so each start
    is a rotation."""
    return kind(
        Path(folder) / "t",
        server=f'dialect = "rfc8628"\nissuer = "{server.url}"',
        client=f'id = "{server.client_id}"\nsecret = "{server.client_secret}"',
    )


def killed_terminal(
    terminal: Terminal, server: RotatingHttp, *, rounds: int, within: float, dice: random.Random
) -> int:
    """Rounds recovered from, of so many kills `within` seconds."""
    recovered = 0
    _comes_back(terminal, server)
    for _ in range(rounds):
        codes = server.codes
        server.asked.clear()
        terminal.start()
        _wait_for_request(server)
        time.sleep(dice.uniform(0.0, within))
        terminal.stop(signal.SIGKILL)
        _comes_back(terminal, server)
        recovered += server.codes == codes
    return recovered


def _comes_back(terminal: Terminal, server: RotatingHttp) -> None:
    """By itself or, as the server approves at once, by being paired. Then it is killed, too."""
    terminal.start()
    terminal.until(lambda: _gives_a_valid_token(terminal, server), _LIMIT)
    terminal.stop(signal.SIGKILL)


def _gives_a_valid_token(terminal: Terminal, server: RotatingHttp) -> bool:
    try:
        status, members = terminal.ask("GET", "/v1/token")
    except AgentUnreachable:
        return False
    return status == 200 and server.honours(members["access_token"])


def killed_peer(
    peer: OidcAgent, server: RotatingHttp, *, rounds: int, within: float, dice: random.Random
) -> int:
    """The same for oidc-agent. A person is needed where its account is of no use any more."""
    recovered = 0
    for _ in range(rounds):
        server.asked.clear()
        with peer.asked(FOR_EVER):
            _wait_for_request(server)
            time.sleep(dice.uniform(0.0, within))
            peer.kill()
        peer.start()
        if peer.load() and server.honours(peer.token()):
            recovered += 1
        else:
            peer.create(server.refresh_token())
    return recovered


def _wait_for_request(server: RotatingHttp) -> None:
    if not server.asked.wait(_LIMIT):
        raise TimeoutError(f"no request for a token within {_LIMIT:.0f} s")
