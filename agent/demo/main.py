"""`pos-agent demo`: the whole road from power-up to payment on this machine, on real parts.

The daemon, its sockets, its store and the serial line are the real ones; the authorization server
is the sandbox, and the display is emulated behind a pty.
"""

import argparse
import signal
import sys
from types import FrameType

from agent.demo import auto
from agent.demo.stage import Stage
from agent.demo.window import Window
from agent.demo.workspace import UUID, Workspace
from agent.errors import ConfigError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Everything `run` reads."""
    add = parser.add_argument
    add(
        "--auto",
        action="store_true",
        help="play the person's part too, from a fresh start, and end with a summary",
    )
    add("--fresh", action="store_true", help="forget the pairing of an earlier demo first")
    add("--directory", help="where its files are (build/demo, or build/demo-auto)")
    add("--port", type=int, default=0, help="the sandbox's; 0: the same as last time, or any")


def run(given: argparse.Namespace) -> int:
    """Exit status 0, 1 when --auto missed a step or the daemon ended, 78 for a bad directory."""
    signal.signal(signal.SIGTERM, _interrupt)  # so that the parts are taken down in order
    window = Window(sys.stdout)
    try:
        workspace = Workspace(
            given.directory or ("build/demo-auto" if given.auto else "build/demo")
        )
        if given.fresh or given.auto:
            workspace.forget()
        with Stage(workspace=workspace, port=given.port, window=window) as stage:
            print(_opening(stage))
            return auto.play(stage) if given.auto else _watch(stage)
    except KeyboardInterrupt:
        print("\nEnded. Started again, a paired terminal is still paired; --fresh forgets.")
        return 1 if given.auto else 0
    except (ConfigError, OSError) as error:
        print(f"pos-agent demo: {error}", file=sys.stderr)
        return 78


def _watch(stage: Stage) -> int:
    """Show what happens, and pay after every new token, until Ctrl-C or the daemon's end."""
    stage.window.advice = f"Open {stage.sandbox.portal} and approve the device. Ctrl-C ends."
    stage.daemon.start()
    paid_for = 0
    while stage.daemon.status is None:
        # Just after a new token is the moment at which no renewal is near.
        tokens = stage.daemon.count("pairing.done", "token.renewed")
        if tokens > paid_for and not stage.paying:
            paid_for = tokens
            stage.window.advice = "Paired. A payment follows every new token. Ctrl-C ends."
            stage.start_payment()
        stage.tick()
    print(f"The daemon ended with {stage.daemon.status}.")
    return 1


def _opening(stage: Stage) -> str:
    indented = "".join(f"    {line}\n" for line in stage.configuration.splitlines())
    return f"""\
pos-agent demo. Terminal {UUID}
portal: {stage.sandbox.portal}
configuration of the daemon, {stage.workspace.config}:

{indented}"""


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
