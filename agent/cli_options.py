"""The commands, what they are called and which options they take."""

import argparse
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from agent import cli_commands as commands
from agent.errors import AgentError

CONFIG: Final = "/etc/pos-agent/config.toml"
SOCKET: Final = "/run/pos-agent/token.sock"
ADMIN_SOCKET: Final = "/run/pos-agent/admin.sock"

Run = Callable[[argparse.Namespace], int]
Add = Callable[..., argparse.ArgumentParser]


def add_commands(top: argparse.ArgumentParser, argv: list[str]) -> None:
    """Every command and its options. `argv` only decides whose options are worth importing."""
    words = top.add_subparsers(metavar="command", required=True)

    def add(name: str, run: Run | None, what: str, more: str = "") -> argparse.ArgumentParser:
        description = f"{what[0].upper()}{what[1:]}. {more}".strip()
        command = words.add_parser(name, help=what, description=description)
        command.set_defaults(run=run)
        return command

    _add_service(add)
    _add_pairing(add)
    _add_support(add)
    for name, what, run, add_options in _LOADED:
        command = add(name, run, what)
        if argv[:1] == [name]:
            add_options(command)


def _add_service(add: Add) -> None:
    run = add("run", commands.run, "run the agent", "The service does this; it ends with SIGTERM.")
    _config_option(run)
    status = add("status", commands.status, "tell what the agent is doing")
    status.add_argument("--json", action="store_true", help="as the agent answers it")
    _socket_option(status, "POS_AGENT_SOCKET")
    more = "`pos-agent token --help` tells its options."
    add("token", commands.token, "print an access token", more)


def _add_pairing(add: Add) -> None:
    more = "Ends a pause after a refusal or many codes."
    pair = add("pair", commands.pair, "show a new code now", more)
    _socket_option(pair, "POS_AGENT_ADMIN_SOCKET")
    unpair = add(
        "unpair",
        commands.unpair,
        "forget the stored grant and pair again",
        "Payments stop until a person has approved the terminal anew.",
    )
    unpair.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    _config_option(unpair, " (used when the agent is not running)")
    _socket_option(unpair, "POS_AGENT_ADMIN_SOCKET")


def _add_support(add: Add) -> None:
    doctor = add(
        "doctor",
        commands.doctor,
        "find what is wrong with this terminal, and say what to do",
        "Changes nothing. Exit code 1 if there is a problem.",
    )
    _config_option(doctor)
    identity = add(
        "identity",
        commands.identity,
        "tell which terminal this is: every source of its serial number, and the UUID",
        "Exit code 1 if a source cannot be read just now, 78 if none gives a serial number.",
    )
    identity.add_argument("--json", action="store_true", help="as JSON")
    _config_option(identity)
    _add_config(add("config", None, "look at the configuration"))
    _add_store(add("store", None, "look at the stored grant, or give it a new key"))


def _add_config(config: argparse.ArgumentParser) -> None:
    actions = config.add_subparsers(metavar="action", required=True)
    check = actions.add_parser(
        "check",
        help="print every setting in force and the file it comes from",
        description="Print every setting in force and the file it comes from, or all that is"
        " wrong. Secrets are not printed, and no server is asked.",
    )
    _config_option(check)
    check.set_defaults(run=commands.config_check)


def _add_store(store: argparse.ArgumentParser) -> None:
    actions = store.add_subparsers(metavar="action", required=True)
    inspect = actions.add_parser(
        "inspect",
        help="print what the headers of the stored records say; opens and changes nothing",
        description="Print what the headers of the stored records say: generation, key epoch, which"
        " terminal. For support: opens nothing, changes nothing, holds no secret.",
    )
    inspect.add_argument("--json", action="store_true", help="as JSON")
    _config_option(inspect)
    inspect.set_defaults(run=commands.store_inspect)
    rekey = actions.add_parser(
        "rekey",
        help="seal the stored grant with a new key and destroy the old one",
        description="Seal the stored grant with a new key and destroy the old one. The running"
        " agent does it; a power cut at any moment leaves the grant and a key that opens it.",
    )
    _socket_option(rekey, "POS_AGENT_ADMIN_SOCKET")
    rekey.set_defaults(run=commands.store_rekey)


def _config_option(command: argparse.ArgumentParser, more: str = "") -> None:
    command.add_argument(
        "--config", metavar="FILE", default=CONFIG, help=f"default %(default)s{more}"
    )


def _socket_option(command: argparse.ArgumentParser, variable: str) -> None:
    default = {"POS_AGENT_SOCKET": SOCKET, "POS_AGENT_ADMIN_SOCKET": ADMIN_SOCKET}[variable]
    command.add_argument(
        "--socket",
        metavar="PATH",
        default=os.environ.get(variable) or default,
        help=f"the agent's socket (${variable}, then {default})",
    )


def _display_options(command: argparse.ArgumentParser) -> None:
    from agent import cli_display

    cli_display.add_arguments(command, config=CONFIG, admin_socket=ADMIN_SOCKET)


def _sandbox_options(command: argparse.ArgumentParser) -> None:
    with _extra("sandbox"):
        from agent.sandbox import main as sandbox

        sandbox.add_arguments(command)


def _demo_options(command: argparse.ArgumentParser) -> None:
    with _extra("sandbox"):
        from agent.demo import main as demo

        demo.add_arguments(command)


@contextmanager
def _extra(name: str) -> Iterator[None]:
    """A terminal has no use for the sandbox, so it is installed without its libraries."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise AgentError(
            f"{error.name} is not installed: pip install 'secucard-pos-agent[{name}]'"
        ) from error


_LOADED: Final = (
    ("display", "find, test and try a customer display", commands.display, _display_options),
    ("demo", "show a pairing and a payment, nothing needed", commands.demo, _demo_options),
    (
        "sandbox",
        "imitate Secucard Connect for payment developers",
        commands.sandbox,
        _sandbox_options,
    ),
)
"""Commands whose options cost an import: they get them only when they are meant."""
