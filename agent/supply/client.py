"""Tokens for payment software written in Python; needs httpx and nothing else.

    import httpx
    from agent.supply.client import TokenAuth, hold

    API = "https://connect.example.com/api/v2"
    BASKET = {"basket_info": {"sum": 1250, "currency": "EUR"}}

    # httpx waits for 5 s by itself, which is too short for a cardholder
    with httpx.Client(auth=TokenAuth(), base_url=API, timeout=150) as api:
        payment = api.post("/Smart/Transactions", json=BASKET).json()["id"]
        with hold(180) as held:  # while the cardholder pays, nobody renews the token
            api.post(f"/Smart/Transactions/{payment}/start/cashless", auth=held.auth)

docs/examples/payment.py says what else a payment has to get right.

The agent is the cache: the token is asked for before every request (a fraction of a millisecond)
and never kept here. When the API refuses it, its fingerprint is reported to the agent, which
renews it if it is still the current one, and the request is sent once more; never twice, so an
API that refuses everything sees two requests and no loop. Secucard refuses a dead token with
403 and code 2003 where others say 401.

Everything is there twice, for blocking programs and for asyncio or trio: `hold` and `hold_async`,
`events` and `events_async`. `TokenAuth` serves both kinds of httpx client. `POS_AGENT_SOCKET` names
another socket than /run/pos-agent/token.sock.
"""

from dataclasses import dataclass, field

from agent.supply import local
from agent.supply.client_agent import (
    Answer,
    Ask,
    Token,
    accepted,
    read_token,
    rejected,
    wanted,
)
from agent.supply.client_api import RecoveringAuth
from agent.supply.client_events import Event, Patience, events, events_async
from agent.supply.client_holds import Held, HeldAsync, hold, hold_async
from agent.supply.client_line import TIMEOUT, Agent
from agent.supply.errors import (
    AgentUnreachable,
    HeldByOther,
    HoldEnded,
    HoldImpossible,
    HoldRefused,
    InsecureRequest,
    NotAllowed,
    NoToken,
    PairingRequired,
    SupplyError,
    TokenUnavailable,
    TooManyHolds,
)

__all__ = [
    "AgentUnreachable",
    "Event",
    "Held",
    "HeldAsync",
    "HeldByOther",
    "HoldEnded",
    "HoldImpossible",
    "HoldRefused",
    "InsecureRequest",
    "NoToken",
    "NotAllowed",
    "PairingInfo",
    "PairingRequired",
    "Patience",
    "SupplyError",
    "Token",
    "TokenAuth",
    "TokenUnavailable",
    "TooManyHolds",
    "events",
    "events_async",
    "fetch_token",
    "fetch_token_async",
    "hold",
    "hold_async",
    "pairing",
    "pairing_async",
]


def fetch_token(socket: str | None = None, min_ttl: int = 60, *, timeout: float = TIMEOUT) -> Token:
    """A token that lives at least `min_ttl` seconds where possible. Raises SupplyError."""
    return read_token(Agent(socket, timeout).ask(wanted(min_ttl)))


async def fetch_token_async(
    socket: str | None = None,
    min_ttl: int = 60,
    *,
    timeout: float = TIMEOUT,  # noqa: ASYNC109 - httpx's timeout, also under trio
) -> Token:
    """`fetch_token` for asyncio and trio."""
    return read_token(await Agent(socket, timeout).ask_async(wanted(min_ttl)))


class TokenAuth(RecoveringAuth):
    """Puts the agent's token on requests of `httpx.Client` and `httpx.AsyncClient`.

    `socket`: the agent's, else $POS_AGENT_SOCKET, else /run/pos-agent/token.sock. `min_ttl` in
    seconds: how long the longest call with the token takes. Requests raise SupplyError when there
    is no token, InsecureRequest when the URL is neither https nor on this machine.
    """

    def __init__(
        self, socket: str | None = None, min_ttl: int = 60, *, timeout: float = TIMEOUT
    ) -> None:
        agent = Agent(socket, timeout)
        super().__init__(_Current(agent, wanted(min_ttl)), _CurrentAsync(agent, wanted(min_ttl)))


@dataclass(frozen=True, slots=True)
class _Current:
    """The agent's current token, asked for each time."""

    agent: Agent
    wanted: Ask

    def first(self) -> Token:
        return read_token(self.agent.ask(self.wanted))

    def after(self, refused: Token) -> Token | None:
        successor = read_token(self.agent.ask(rejected(refused)))
        return successor if successor.fingerprint != refused.fingerprint else None


@dataclass(frozen=True, slots=True)
class _CurrentAsync:
    agent: Agent
    wanted: Ask

    async def first(self) -> Token:
        return read_token(await self.agent.ask_async(self.wanted))

    async def after(self, refused: Token) -> Token | None:
        successor = read_token(await self.agent.ask_async(rejected(refused)))
        return successor if successor.fingerprint != refused.fingerprint else None


# -- pairing --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PairingInfo:
    """How pairing goes, for software with a screen of its own. `state` as docs/openapi.yaml lists
    them. The rest is None unless a person is waited for: `user_code`, to be shown exactly as it is
    and left out of logs, where to enter it, and for how many seconds. `reason`: one sentence."""

    state: str
    user_code: str | None = field(default=None, repr=False)
    verification_uri: str | None = None
    verification_uri_complete: str | None = field(default=None, repr=False)
    expires_in: int | None = None
    reason: str | None = None


def pairing(socket: str | None = None) -> PairingInfo:
    """Raises AgentUnreachable, and NotAllowed without the scope `pairing`."""
    return _pairing(Agent(socket).ask(_HOW_PAIRING_GOES))


async def pairing_async(socket: str | None = None) -> PairingInfo:
    """`pairing` for asyncio and trio."""
    return _pairing(await Agent(socket).ask_async(_HOW_PAIRING_GOES))


_HOW_PAIRING_GOES = Ask(target="/v1/pairing")


def _pairing(answer: Answer) -> PairingInfo:
    members = accepted(answer)

    def text(name: str) -> str | None:
        found = members.get(name)
        return found if isinstance(found, str) else None

    if (state := text("state")) is None:
        raise local.not_an_agent(answer.socket)
    expires_in = members.get("expires_in")
    return PairingInfo(
        state=state,
        user_code=text("user_code"),
        verification_uri=text("verification_uri"),
        verification_uri_complete=text("verification_uri_complete"),
        expires_in=expires_in if isinstance(expires_in, int) else None,
        reason=text("reason"),
    )
