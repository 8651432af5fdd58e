"""The sandbox as a thread of this process: what `pos-agent sandbox`, the demo and tests start.

with SandboxServer(options=Options(interval=1)) as sandbox:
    ...                                # point a client at sandbox.token_endpoint
    sandbox.approve(user_code)
"""

import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

import uvicorn

from agent.errors import ConfigError
from agent.sandbox import rules
from agent.sandbox.app import create_app
from agent.sandbox.ledger import Faults, Ledger
from agent.sandbox.world import Approved, Code, Denied, Options, World

_STOP_SECONDS = 5.0


class SandboxServer:
    """Serves on 127.0.0.1 from `start()` (or entering) to `stop()`; `port` 0 takes a free one.

    Raises ConfigError when the port is taken or the state file is not one.
    """

    def __init__(
        self, *, options: Options | None = None, port: int = 0, state_file: str | None = None
    ) -> None:
        self._first_options = options or Options()
        self.ledger = Ledger(options=self._first_options, path=state_file)
        self._socket = _listen(port)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        config = uvicorn.Config(
            create_app(self.ledger, url=self.url),
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="sandbox", daemon=True)

    # -- where things are -------------------------------------------------------------------------

    @property
    def options(self) -> Options:
        return self.ledger.options

    @property
    def client_id(self) -> str:
        return self.options.client_id

    @property
    def client_secret(self) -> str:
        return self.options.client_secret

    @property
    def token_endpoint(self) -> str:
        return self.url + ("/oauth/token" if self.options.dialect == "secucard" else "/token")

    @property
    def portal(self) -> str:
        return self.url + "/portal"

    @property
    def api(self) -> str:
        return self.url + "/api/v2"

    # -- what a test or a person does -------------------------------------------------------------

    @property
    def world(self) -> World:
        return self.ledger.world

    def waiting(self) -> tuple[Code, ...]:
        """The codes somebody could approve now, oldest first."""
        return rules.waiting(self.ledger.world, self.ledger.now())

    def approve(self, user_code: str, merchant: str | None = None) -> bool:
        """As the portal does; False when no device waits with that code."""
        return self._decide(user_code, Approved(merchant=merchant or self.options.merchants[0]))

    def deny(self, user_code: str) -> bool:
        """As the portal does; False when no device waits with that code."""
        return self._decide(user_code, Denied())

    def kill_access_tokens(self) -> None:
        self._change(rules.kill_access_tokens)

    def kill_refresh_tokens(self) -> None:
        self._change(rules.kill_refresh_tokens)

    def down(self, seconds: float) -> None:
        """503 for so long; 0 ends it."""
        until = self.ledger.now() + seconds
        self.ledger.faults = replace(self.ledger.faults, down_until=until)

    def slow(self, seconds: float) -> None:
        """Every answer comes so much later; 0 ends it."""
        self.ledger.faults = replace(self.ledger.faults, slow_seconds=seconds)

    def well(self) -> None:
        """No misbehaviour any more."""
        self.ledger.faults = Faults()

    def set(self, **changes: Any) -> None:
        """Change fields of `options` while running, for what happens from now on."""
        self.ledger.options = replace(self.ledger.options, **changes)

    def reset(self) -> None:
        """As when it started without a state file: nothing paired, first options, no fault."""
        self._change(lambda world: World())
        self.ledger.options = self._first_options
        self.well()

    # -- life -------------------------------------------------------------------------------------

    def start(self) -> Self:
        self._thread.start()
        return self

    def stop(self) -> None:
        """End it, cutting short what blocks; may be called twice, or before `start()`."""
        self.ledger.closing = True
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(_STOP_SECONDS)
        self._socket.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])

    def _decide(self, user_code: str, verdict: Approved | Denied) -> bool:
        return (
            self.ledger.change(
                lambda world, now: rules.decide(world, verdict, user_code=user_code, now=now)
            )
            is not None
        )

    def _change(self, rule: Callable[[World], World]) -> None:
        self.ledger.change(lambda world, now: (rule(world), None))


def _listen(port: int) -> socket.socket:
    """Bound here, so that clients may connect before the server's loop runs."""
    # The protocol named: asyncio sets TCP_NODELAY only then, and without it every second answer
    # on a kept connection waits 40 ms for a delayed ACK.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"port {port} on 127.0.0.1 cannot be used ({error.strerror}); choose another"
        ) from error
    listener.listen(128)
    return listener
