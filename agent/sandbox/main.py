"""`pos-agent sandbox`: an imitation of Secucard Connect on this machine, for payment developers."""

import argparse
import json
import signal
import sys
import threading
from dataclasses import fields, replace
from typing import Any, Final

from agent.errors import ConfigError
from agent.sandbox.server import SandboxServer
from agent.sandbox.world import Options

_DEFAULTS: Final = Options()
_SECONDS: Final = {
    "access_token_seconds": "life of an access token",
    "code_seconds": "life of a user code",
    "interval": "polling interval told to devices",
    "refresh_token_seconds": "life of a refresh token; without it, for ever",
    "cardholder_seconds": "how long start/cashless waits for the card",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Everything `run` reads; names are those of `agent.sandbox.world.Options`."""
    add = parser.add_argument
    add("--port", type=int, default=8765, help="on 127.0.0.1; 0 takes a free one (%(default)s)")
    add("--state", metavar="FILE", help="keep pairings in this file across restarts")
    add("--dialect", choices=("secucard", "rfc8628"), default=_DEFAULTS.dialect)
    add("--rotate", action="store_true", help="a new refresh token with every renewal")
    known = "know only this device (may be repeated); without it, every UUID is known"
    add("--device", dest="devices", action="append", metavar="UUID", help=known)
    owner = "whom devices can be paired to (may be repeated)"
    add("--merchant", dest="merchants", action="append", metavar="NAME", help=owner)
    for name, what in _SECONDS.items():
        flag = "--" + name.replace("_", "-")
        default = getattr(_DEFAULTS, name)
        shown = what if default is None else what + " (%(default)s)"
        add(flag, type=_positive, default=default, metavar="S", help=shown)
    survives = "do not fail a payment whose token was renewed meanwhile"
    add("--payment-survives-renewal", action="store_true", help=survives)


def run(given: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM. Exit status 0, or 78 for options that cannot work."""
    try:
        server = SandboxServer(
            options=from_arguments(given), port=given.port, state_file=given.state
        )
    except (ConfigError, OSError) as error:
        print(f"pos-agent sandbox: {error}", file=sys.stderr)  # noqa: T201
        return 78
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    with server:
        print(greeting(server), flush=True)  # noqa: T201
        over.wait()
    return 0


def from_arguments(given: argparse.Namespace) -> Options:
    """The options a parsed command line asks for; what it leaves out keeps its default."""
    wanted: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name in (field.name for field in fields(Options))
        if (value := getattr(given, name, None)) is not None
    }
    return replace(_DEFAULTS, **wanted)


def greeting(server: SandboxServer) -> str:
    """Where the sandbox is, and what to put into pos-agent's configuration to use it.

    The client secret is invented and worth nothing outside this sandbox, so it is shown.
    """
    return f"""\
pos-agent sandbox: an imitation of Secucard Connect. docs/sandbox.md lists what it guesses.

  portal          {server.portal}   (approve devices here)
  token endpoint  {server.token_endpoint}
  API             {server.api}

Configuration of an agent that is to use it:

{tables(server)}
Ctrl-C ends it."""


def tables(server: SandboxServer, *, secret_file: str | None = None) -> str:
    """The tables [server] and [client] for this sandbox, its secret in them or in a file."""
    if server.options.dialect == "secucard":
        where = f'token_endpoint = "{server.token_endpoint}"'
        owner = f'owner_endpoint = "{server.api}/General/Merchants/me"\n'
    else:
        where, owner = f'issuer = "{server.url}"', ""
    secret = f'secret = "{server.client_secret}"'
    if secret_file is not None:
        secret = f"secret_file = {json.dumps(secret_file, ensure_ascii=False)}"
    return f"""\
[server]
dialect = "{server.options.dialect}"
{where}
{owner}
[client]
id = "{server.client_id}"
{secret}
"""


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError("a number of seconds above 0")
    return value
