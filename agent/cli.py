"""The commands and what they are called; each imports what it needs when it is called.

A sentence for people goes to stderr as `pos-agent: …`; exit codes are those of `_EPILOG`.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from agent.errors import AgentError, ConfigError
from agent.supply.errors import AgentUnreachable
from hw.contract import HardwareError

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
UNREACHABLE: Final = 3
BAD_CONFIG: Final = 78  # as agent.start has it
INTERRUPTED: Final = 130

CONFIG: Final = "/etc/pos-agent/config.toml"
SOCKET: Final = "/run/pos-agent/token.sock"
ADMIN_SOCKET: Final = "/run/pos-agent/admin.sock"

_DESCRIPTION = """\
Headless agent for payment terminals: pairs itself, keeps its credentials alive, hands out tokens.
"""
_EPILOG = f"""\
examples:
  pos-agent config check              what the configuration says, and which file says it
  pos-agent doctor                    what is wrong with this terminal, and what to do
  pos-agent status                    what the agent is doing
  curl -H "$(pos-agent token --format header)" https://api.example.com/...

exit codes:
  {OK}   done
  {FAILED}   failed; the sentence on stderr says why (doctor: a problem was found)
  {USAGE}   wrong usage
  {UNREACHABLE}   the agent does not answer
  {BAD_CONFIG}  the configuration has to be changed first

environment:
  POS_AGENT_SOCKET        the agent's token socket  ({SOCKET})
  POS_AGENT_ADMIN_SOCKET  its socket for pair and unpair  ({ADMIN_SOCKET})
"""

Run = Callable[[argparse.Namespace], int]


def main(argv: list[str]) -> int:
    """Parse and run; returns the exit code. Expected trouble becomes one sentence on stderr."""
    try:
        given = parser(argv).parse_args(argv)
        run: Run = given.run
        code = run(given)
        sys.stdout.flush()  # here, not at exit, where nobody would catch what it raises
        return code
    except ConfigError as error:
        return _fail(error, BAD_CONFIG)
    except AgentUnreachable as error:
        return _fail(error, UNREACHABLE)
    except (AgentError, HardwareError) as error:
        return _fail(error, FAILED)
    except BrokenPipeError:  # `pos-agent status | head`: nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED


def _fail(error: Exception, code: int) -> int:
    print(f"pos-agent: {error}", file=sys.stderr)
    return code


def parser(argv: list[str]) -> argparse.ArgumentParser:
    """The command line. `argv` only decides whose options are worth importing."""
    top = argparse.ArgumentParser(
        prog="pos-agent",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=_version_if_asked(argv))
    commands = top.add_subparsers(metavar="command", required=True)

    def add(name: str, run: Run, what: str, more: str = "") -> argparse.ArgumentParser:
        command = commands.add_parser(
            name,
            help=what,
            description=f"{what[0].upper()}{what[1:]}. {more}".strip(),
        )
        command.set_defaults(run=run)
        return command

    _config_option(
        add("run", _run, "run the agent", "The service does this; it ends with SIGTERM.")
    )
    status = add("status", _status, "tell what the agent is doing")
    status.add_argument("--json", action="store_true", help="as the agent answers it")
    _socket_option(status, "POS_AGENT_SOCKET")
    add("token", _token, "print an access token", "`pos-agent token --help` tells its options.")
    pair = add("pair", _pair, "show a new code now", "Ends a pause after a refusal or many codes.")
    _socket_option(pair, "POS_AGENT_ADMIN_SOCKET")
    unpair = add(
        "unpair",
        _unpair,
        "forget the stored grant and pair again",
        "Payments stop until a person has approved the terminal anew.",
    )
    unpair.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    _config_option(unpair, " (used when the agent is not running)")
    _socket_option(unpair, "POS_AGENT_ADMIN_SOCKET")
    doctor = add(
        "doctor",
        _doctor,
        "find what is wrong with this terminal, and say what to do",
        "Changes nothing. Exit code 1 if there is a problem.",
    )
    _config_option(doctor)
    identity = add(
        "identity",
        _identity,
        "tell which terminal this is: every source of its serial number, and the UUID",
        "Exit code 1 if a source cannot be read just now, 78 if none gives a serial number.",
    )
    identity.add_argument("--json", action="store_true", help="as JSON")
    _config_option(identity)
    display = add("display", _display, "find, test and try a customer display")
    _add_config(add("config", _config_check, "look at the configuration"))
    _add_store(add("store", _store_inspect, "look at the stored grant, or give it a new key"))
    demo = add("demo", _demo, "show a pairing and a payment on this machine, nothing needed")
    sandbox = add("sandbox", _sandbox, "imitate Secucard Connect for payment developers")
    if argv[:1] == ["display"]:  # their options cost an import, so only when they are meant
        _display_options(display)
    if argv[:1] == ["demo"]:
        _demo_options(demo)
    if argv[:1] == ["sandbox"]:
        _sandbox_options(sandbox)
    return top


def _add_config(config: argparse.ArgumentParser) -> None:
    actions = config.add_subparsers(metavar="action", required=True)
    check = actions.add_parser(
        "check",
        help="print every setting in force and the file it comes from",
        description="Print every setting in force and the file it comes from, or all that is"
        " wrong. Secrets are not printed, and no server is asked.",
    )
    _config_option(check)
    check.set_defaults(run=_config_check)


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
    inspect.set_defaults(run=_store_inspect)
    rekey = actions.add_parser(
        "rekey",
        help="seal the stored grant with a new key and destroy the old one",
        description="Seal the stored grant with a new key and destroy the old one. The running"
        " agent does it; a power cut at any moment leaves the grant and a key that opens it.",
    )
    _socket_option(rekey, "POS_AGENT_ADMIN_SOCKET")
    rekey.set_defaults(run=_store_rekey)


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


def _version_if_asked(argv: list[str]) -> str:
    if "--version" not in argv:
        return ""
    from importlib.metadata import version

    return version("secucard-pos-agent")


# -- commands -------------------------------------------------------------------------------------


def _run(given: argparse.Namespace) -> int:
    from agent.start import start

    return start(given.config)


def _config_check(given: argparse.Namespace) -> int:
    from agent import config

    try:
        configuration = config.read(given.config)
    except ConfigError as error:
        for further in getattr(error, "__notes__", ()):
            print(f"pos-agent: {further}", file=sys.stderr)
        raise
    width = max(len(line.key) + len(line.text) for line in configuration.lines) + 3
    for line in configuration.lines:
        print(f"{f'{line.key} = {line.text}':<{min(width, 70)}}  # {line.origin}")
    return OK


def _store_inspect(given: argparse.Namespace) -> int:
    from agent import cli_store

    return cli_store.show(given.config, as_json=given.json)


def _store_rekey(given: argparse.Namespace) -> int:
    from agent import cli_store

    return cli_store.rekey(given.socket)


def _status(given: argparse.Namespace) -> int:
    from agent import cli_talk

    return cli_talk.status(given.socket, as_json=given.json)


def _token(given: argparse.Namespace) -> int:
    from agent.supply.quick import main as token

    return token([])


def _pair(given: argparse.Namespace) -> int:
    from agent import cli_talk

    return cli_talk.pair(given.socket)


def _unpair(given: argparse.Namespace) -> int:
    from agent import cli_talk

    return cli_talk.unpair(given.socket, config=given.config, confirmed=given.yes)


def _doctor(given: argparse.Namespace) -> int:
    from agent import cli_doctor

    return cli_doctor.run(given.config)


def _identity(given: argparse.Namespace) -> int:
    from agent import cli_identity

    return cli_identity.show(given.config, as_json=given.json)


def _display_options(command: argparse.ArgumentParser) -> None:
    from agent import cli_display

    cli_display.add_arguments(command, config=CONFIG, admin_socket=ADMIN_SOCKET)


def _display(given: argparse.Namespace) -> int:
    from agent import cli_display

    return cli_display.run(given)


def _sandbox_options(command: argparse.ArgumentParser) -> None:
    with _extra("sandbox"):
        from agent.sandbox import main as sandbox

        sandbox.add_arguments(command)


def _sandbox(given: argparse.Namespace) -> int:
    from agent.sandbox import main as sandbox

    return sandbox.run(given)


def _demo_options(command: argparse.ArgumentParser) -> None:
    with _extra("sandbox"):
        from agent.demo import main as demo

        demo.add_arguments(command)


def _demo(given: argparse.Namespace) -> int:
    from agent.demo import main as demo

    return demo.run(given)


@contextmanager
def _extra(name: str) -> Iterator[None]:
    """A terminal has no use for the sandbox, so it is installed without its libraries."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise AgentError(
            f"{error.name} is not installed: pip install 'secucard-pos-agent[{name}]'"
        ) from error
