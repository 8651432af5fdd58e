"""The command line: from words to an exit code.

A sentence for people goes to stderr as `pos-agent: …`; exit codes are those of `_EPILOG`.
"""

import argparse
import os
import sys
from typing import Final

from agent.cli_options import ADMIN_SOCKET, SOCKET, Run, add_commands
from agent.errors import AgentError, ConfigError
from agent.supply.errors import AgentUnreachable
from hw.contract import HardwareError

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
UNREACHABLE: Final = 3
BAD_CONFIG: Final = 78  # as agent.start has it
INTERRUPTED: Final = 130

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
    add_commands(top, argv)
    return top


def _version_if_asked(argv: list[str]) -> str:
    if "--version" not in argv:
        return ""
    from importlib.metadata import version

    return version("secucard-pos-agent")
