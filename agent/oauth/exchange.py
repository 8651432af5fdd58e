"""The authorization server over HTTP: each ask is a request, each answer an event.

Small troubles end here (`agent.oauth.patience`). Longer ones are the machines' business, and so is
every poll: RFC 8628 section 3.5 wants slower polling after trouble, not a quick second try.

A lost answer is remembered until the server proves that it changed nothing. The unheard answer may
have spent the device code, or brought the successor of a rotated refresh token; `invalid_grant`
then is our own success come back, and the readers are told.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final, Literal, TypeVar

from agent.clock import Clock
from agent.errors import ConfigError, InvalidTransition, ServerViolation
from agent.oauth import fields
from agent.oauth.events import (
    AccessToken,
    AuthorizationPending,
    CodeEvent,
    PollEvent,
    RefreshEvent,
    TokenResponse,
    TransportFailed,
)
from agent.oauth.interface import ClientCredentials, CredentialSource
from agent.oauth.patience import patiently
from agent.oauth.transport import Transport
from agent.oauth.wire import (
    Answer,
    Dialect,
    Endpoints,
    Request,
    client_credentials_request,
    code_request,
    device_pin_request,
    metadata_urls,
    poll_request,
    read_code_answer,
    read_metadata,
    read_owner,
    read_poll_answer,
    read_refresh_answer,
    refresh_request,
)
from agent.secret import Secret

OWNER_DEADLINE: Final = 3.0  # s; a name on a screen is not worth more
CREDENTIALS_DEADLINE: Final = 15.0  # s; longer than any source of ours takes to give up
METADATA_LIFE: Final = 86_400.0  # s; servers move about once a year
METADATA_RETRY: Final = 300.0  # s until a failed renewal of the metadata is tried again

_REASON_MAX: Final = 200  # characters

Grant = Literal["device", "client_credentials", "device_pin"]
_T = TypeVar("_T")


class Discovery:
    """Endpoints found through RFC 8414. The last good copy survives outages of the document."""

    def __init__(self, *, issuer: str, transport: Transport, clock: Clock) -> None:
        self.issuer = issuer
        self._transport = transport
        self._clock = clock
        self._known: Endpoints | None = None
        self._ask_again_at = 0.0

    async def endpoints(self) -> Endpoints | TransportFailed:
        if self._known is not None and self._clock.now() < self._ask_again_at:
            return self._known
        found = await self._look()
        if isinstance(found, Endpoints):
            self._known = found
            self._ask_again_at = self._clock.now() + METADATA_LIFE
            return found
        self._ask_again_at = self._clock.now() + METADATA_RETRY
        return self._known or found

    async def _look(self) -> Endpoints | TransportFailed:
        """Take the first document there is; one that is there but wrong ends the search."""
        status = 0
        for url in metadata_urls(self.issuer):
            answer = await self._transport.get(url)
            if isinstance(answer, TransportFailed):
                # No token was asked for, so none can be lost.
                return TransportFailed(kind=answer.kind, reason=answer.reason)
            if answer.status == 200:
                try:
                    return read_metadata(self.issuer, answer)
                except ServerViolation as error:
                    return TransportFailed(kind="server", reason=_said(error))
            status = answer.status
        return TransportFailed(
            kind="server",
            reason=f"no authorization server metadata at {self.issuer} (HTTP {status})",
        )


class Server:
    """One authorization server, one dialect, one client: implements `AuthorizationServer`.

    `pin` is asked for before each `device_pin` request, like the credentials.
    """

    def __init__(
        self,
        *,
        dialect: Dialect,
        endpoints: Endpoints | Discovery,
        transport: Transport,
        credentials: CredentialSource,
        uuid: str,
        scope: str | None = None,
        grant: Grant = "device",
        pin: Callable[[], Awaitable[Secret]] | None = None,
        owner_endpoint: str | None = None,
        clock: Clock,
        rng: random.Random,
    ) -> None:
        self._dialect = dialect
        self._where = endpoints
        self._transport = transport
        self._credentials = credentials
        self._uuid = uuid
        self._scope = scope
        self._grant = grant
        self._pin = pin
        self._owner_endpoint = owner_endpoint
        self._clock = clock
        self._rng = rng
        self._lost_polls = _LostAnswers()
        self._lost_refreshes = _LostAnswers()

    @property
    def issuer(self) -> str:
        return self._where.issuer

    @property
    def renewal_ends_old_token(self) -> bool:
        return self._dialect.renewal_ends_old_token

    async def request_code(self) -> CodeEvent:
        async def once() -> CodeEvent:
            answer = await self._ask(
                lambda e, c: code_request(self._dialect, e, c, self._uuid, self._scope)
            )
            if isinstance(answer, TransportFailed):
                return answer
            return read_code_answer(self._dialect, answer, self._clock.wall())

        return await patiently(once, clock=self._clock, rng=self._rng)

    async def poll_token(self, device_code: Secret) -> PollEvent:
        lost = self._lost_polls.has(device_code)
        answer = await self._ask(lambda e, c: poll_request(self._dialect, e, c, device_code))
        event: PollEvent = (
            answer
            if isinstance(answer, TransportFailed)
            else read_poll_answer(self._dialect, answer, self._clock.wall(), after_lost_answer=lost)
        )
        self._lost_polls.note(device_code, event)
        return event

    async def refresh_token(self, refresh_token: Secret) -> RefreshEvent:
        async def once() -> RefreshEvent:
            lost = self._lost_refreshes.has(refresh_token)
            event = self._read_refresh(
                await self._ask(lambda e, c: refresh_request(self._dialect, e, c, refresh_token)),
                lost=lost,
            )
            self._lost_refreshes.note(refresh_token, event)
            return event

        return await patiently(once, clock=self._clock, rng=self._rng)

    async def request_token(self) -> RefreshEvent:
        async def once() -> RefreshEvent:
            return self._read_refresh(await self._ask_without_person(), lost=False)

        return await patiently(once, clock=self._clock, rng=self._rng)

    async def owner_of(self, token: AccessToken) -> str | None:
        if self._owner_endpoint is None:
            return None
        try:
            async with asyncio.timeout(OWNER_DEADLINE):
                answer = await self._transport.get(self._owner_endpoint, token.value)
        except TimeoutError:
            return None
        return None if isinstance(answer, TransportFailed) else read_owner(answer)

    async def _ask_without_person(self) -> Answer | TransportFailed:
        if self._grant == "client_credentials":
            return await self._ask(
                lambda e, c: client_credentials_request(self._dialect, e, c, self._scope)
            )
        if self._grant != "device_pin" or self._pin is None:
            raise InvalidTransition(f"the {self._grant} grant needs a person or a PIN")
        pin = await _obtain(self._pin)
        if isinstance(pin, TransportFailed):
            return pin
        return await self._ask(
            lambda e, c: device_pin_request(self._dialect, e, c, self._uuid, pin)
        )

    async def _ask(
        self, build: Callable[[Endpoints, ClientCredentials], Request]
    ) -> Answer | TransportFailed:
        endpoints = (
            await self._where.endpoints() if isinstance(self._where, Discovery) else self._where
        )
        if isinstance(endpoints, TransportFailed):
            return endpoints
        credentials = await _obtain(self._credentials)
        if isinstance(credentials, TransportFailed):
            return credentials
        return await self._transport.exchange(build(endpoints, credentials))

    def _read_refresh(self, answer: Answer | TransportFailed, *, lost: bool) -> RefreshEvent:
        if isinstance(answer, TransportFailed):
            return answer
        return read_refresh_answer(
            self._dialect, answer, self._clock.wall(), after_lost_answer=lost
        )


class _LostAnswers:
    """The secret whose use may have gone unheard, by its fingerprint. One is enough: a terminal
    has one pairing and one grant at a time."""

    def __init__(self) -> None:
        self._fingerprint: str | None = None

    def has(self, secret: Secret) -> bool:
        return self._fingerprint == secret.fingerprint()

    def note(self, secret: Secret, event: PollEvent | RefreshEvent) -> None:
        if isinstance(event, TransportFailed):
            if event.answer_lost:
                self._fingerprint = secret.fingerprint()
        elif isinstance(event, TokenResponse | AuthorizationPending):
            # The secret still works, so the unheard answer had not spent it.
            self._fingerprint = None


async def _obtain(source: Callable[[], Awaitable[_T]]) -> _T | TransportFailed:
    try:
        async with asyncio.timeout(CREDENTIALS_DEADLINE):
            return await source()
    except TimeoutError:
        reason = f"no credentials within {CREDENTIALS_DEADLINE:g} s"
    except (ConfigError, OSError) as error:
        reason = f"no credentials: {_said(error)}"
    return TransportFailed(kind="credentials", reason=reason)


def _said(error: Exception) -> str:
    return fields.printable(str(error), _REASON_MAX)
