"""`pos-agent sandbox`: an imitation of Secucard Connect on this machine, for payment developers."""

import argparse
import signal
import sys
import threading
from dataclasses import fields

from agent.errors import ConfigError
from agent.sandbox.server import SandboxServer
from agent.sandbox.world import Options

_DEFAULTS = Options()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Everything `run` reads. Names of settings are those of `Options`."""
    add = parser.add_argument
    add("--port", type=int, default=8765, help="on 127.0.0.1; 0 takes a free one (%(default)s)")
    add("--state", metavar="FILE", help="keep pairings in this file across restarts")
    add("--dialect", choices=("secucard", "rfc8628"), default=_DEFAULTS.dialect)
    add("--rotate", action="store_true", help="a new refresh token with every renewal")
    add("--device", dest="devices", action="append", metavar="UUID",
        help="know only this device (may be repeated); without it, every UUID is known")  # fmt: skip
    add("--merchant", dest="merchants", action="append", metavar="NAME",
        help="who devices can be paired to (may be repeated)")  # fmt: skip
    for name, what in _SECONDS.items():
        flag = "--" + name.replace("_", "-")
        default = getattr(_DEFAULTS, name)
        add(
            flag,
            dest=name,
            type=_positive,
            default=default,
            metavar="S",
            help=what + " (%(default)s)",
        )
    add("--payment-survives-renewal", action="store_true",
        help="do not fail a payment whose token was renewed meanwhile")  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM. Exit status 0, or 78 for options that cannot work."""
    try:
        server = SandboxServer(
            options=from_arguments(options), port=options.port, state_file=options.state
        )
    except ConfigError as error:
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
    """The options a parsed command line asks for."""
    named = {field.name: getattr(given, field.name, None) for field in fields(Options)}
    lists = {name: tuple(named[name]) for name in ("devices", "merchants") if named[name]}
    rest = {k: v for k, v in named.items() if v is not None and k not in ("devices", "merchants")}
    return Options(**rest, **lists)
