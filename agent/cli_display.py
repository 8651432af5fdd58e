"""`pos-agent display …`: the options of its actions, and what they start."""

import argparse
import os
import signal
import sys
from collections.abc import Callable

from agent.config_checks import BAUD_RATES

_EPILOG = """\
bring up an unknown display:
  pos-agent display list                    which ports there are, and who else uses them
  pos-agent display test --port /dev/ttyUSB0 --search
                                            finds the command set with your help
  sudo pos-agent display adopt /dev/ttyUSB0 makes that adapter /dev/pos/display for good

Nothing here stores a setting in a display or starts a self-test. While the agent runs it lends the
display and gets it back; that takes root.
"""
Action = Callable[[argparse.Namespace], int]


def _within(least: int, most: int) -> Callable[[str], int]:
    """A number from `least` to `most`, as argparse wants to be told."""

    def number(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text} is no number from {least} to {most}")
        return int(text)

    return number


_ROWS, _COLUMNS = _within(1, 4), _within(8, 40)


def add_arguments(display: argparse.ArgumentParser, *, config: str, admin_socket: str) -> None:
    """The actions. `config` and `admin_socket` are defaults."""
    display.epilog = _EPILOG
    display.formatter_class = argparse.RawDescriptionHelpFormatter
    actions = display.add_subparsers(metavar="action", required=True)

    def add(name: str, what: str, more: str) -> argparse.ArgumentParser:
        text = f"{what[0].upper()}{what[1:]}. {more}"
        return actions.add_parser(name, help=what, description=text)

    _add_list(add("list", "list ports, what is known of them, and who uses them", "Opens none."))
    _add_check(
        add(
            "check",
            "say what is wrong with a command set's file",
            "Prints everything that is wrong, or the bytes that would be sent. Exit code 78 if the"
            " file has to be changed.",
        )
    )
    test = add(
        "test",
        "walk along the display with you, or find its command set",
        "Shows something and asks what you see. Ends with the lines for the configuration.",
    )
    _add_test(test)
    show = add("show", "show a text on the display", "Until Ctrl-C, or for some seconds.")
    _add_show(show)
    for command in (test, show):
        _add_connection(command, config, admin_socket)
    _add_emulate(
        add(
            "emulate",
            "be a display on a pseudo-terminal, drawn in this window",
            "For payment developers without one. Prints a line for each change if the output is"
            " no terminal.",
        )
    )
    _add_adopt(
        add(
            "adopt",
            "make a port /dev/pos/display for good",
            "Writes a udev rule for this adapter, by its serial number or else by its socket.",
        )
    )


def _add_list(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="as JSON")
    command.set_defaults(action=_list)


def _add_check(command: argparse.ArgumentParser) -> None:
    command.add_argument("file", metavar="FILE", help="NAME.toml, as in docs/hardware.md")
    command.add_argument("--rows", type=_ROWS, metavar="N", help="of the display; default 2")
    command.add_argument("--columns", type=_COLUMNS, metavar="N", help="default 20")
    command.set_defaults(action=_check)


def _add_test(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--search",
        action="store_true",
        help="find the command set, whatever is configured",
    )
    command.set_defaults(action=_test)


def _add_show(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "text", metavar="TEXT", nargs="+", help="one is wrapped; several are a row each"
    )
    command.add_argument("--seconds", type=float, help="then clear it; default: until Ctrl-C")
    command.set_defaults(action=_show)


def _add_connection(command: argparse.ArgumentParser, config: str, admin_socket: str) -> None:
    """How to reach the display. Without an option: as configured, or the usual."""
    add = command.add_argument_group("the display, if not as configured").add_argument
    add("--port", metavar="PATH", help="its serial port")
    add("--command-set", metavar="NAME", help="a shipped one, or a file of displays.d")
    add("--baudrate", type=int, choices=BAUD_RATES, metavar="N", help="bits per second")
    add("--parity", choices=("none", "even", "odd"))
    add("--handshake", choices=("none", "dtr-dsr", "rts-cts"))
    add("--rows", type=_ROWS, metavar="N")
    add("--columns", type=_COLUMNS, metavar="N")
    add("--character-set", metavar="NAME", help="one of the command set's code pages")
    add("--target", metavar="NAME", help="for a display behind a printer: one of its targets")
    command.add_argument("--config", metavar="FILE", default=config, help="default %(default)s")
    command.add_argument(
        "--socket",
        metavar="PATH",
        default=os.environ.get("POS_AGENT_ADMIN_SOCKET") or admin_socket,
        help=f"where the agent lends the display ($POS_AGENT_ADMIN_SOCKET, then {admin_socket})",
    )


def _add_emulate(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("--command-set", metavar="NAME", default="escpos", help="default %(default)s")
    add("--rows", type=_ROWS, metavar="N", default=2, help="default %(default)s")
    add("--columns", type=_COLUMNS, metavar="N", default=20, help="default %(default)s")
    add("--link", metavar="PATH", help="a path that leads to it, as long as it runs")
    add("--baudrate", type=int, choices=BAUD_RATES, metavar="N", help="take bytes no faster")
    command.set_defaults(action=_emulate)


def _add_adopt(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("device", metavar="DEVICE", help="/dev/ttyUSB0, or a link to it")
    add("--by", choices=("serial", "path"), help="by this and nothing else")
    add("--printer", action="store_true", help="make it /dev/pos/printer, for the receipt printer")
    add("--dry-run", action="store_true", help="print the rule, change nothing")
    add("--rules", metavar="FILE", help="default /etc/udev/rules.d/65-pos-display.rules")
    command.set_defaults(action=_adopt)


def run(given: argparse.Namespace) -> int:
    """Carry out the action that was chosen; its exit code."""
    action: Action = given.action
    return action(given)


# -- what they start ------------------------------------------------------------------------------


def _list(given: argparse.Namespace) -> int:
    from agent.display_tools import listing

    return listing.show(as_json=given.json)


def _check(given: argparse.Namespace) -> int:
    from agent.display_tools import checking

    return checking.run(given.file, rows=given.rows, columns=given.columns)


def _test(given: argparse.Namespace) -> int:
    from agent.display_tools import needs, testing
    from agent.display_tools.interview import Plan
    from agent.display_tools.turns import Line

    settings = needs.settings(given)
    _end_in_order()
    plan = Plan(
        port=settings.port,
        line=Line(settings.baudrate, settings.parity),
        rows=settings.rows,
        columns=settings.columns,
        profiles=needs.profiles(settings.displays),
        chosen=None if given.search or not settings.command_set else needs.encoder(settings),
        target=settings.target,
        handshake=settings.handshake,
    )
    return testing.run(plan, open_line=needs.opener(settings), admin_socket=given.socket)


def _show(given: argparse.Namespace) -> int:
    from agent.display_tools import needs, showing

    display = needs.line_display(needs.settings(given))
    _end_in_order()
    return showing.run(given.text, display, seconds=given.seconds, admin_socket=given.socket)


def _emulate(given: argparse.Namespace) -> int:
    from agent.display_tools import emulating

    _end_in_order()
    return emulating.run(
        given.command_set,
        rows=given.rows,
        columns=given.columns,
        link=given.link,
        baudrate=given.baudrate,
        out=sys.stdout,
    )


def _adopt(given: argparse.Namespace) -> int:
    from agent.display_tools import adopt

    return adopt.run(
        given.device,
        by=given.by,
        role="printer" if given.printer else "display",
        dry_run=given.dry_run,
        rules=given.rules or adopt.RULES,
        euid=os.geteuid(),
        command=adopt.run_program,
    )


def _end_in_order() -> None:
    """Let these signals end a command as Ctrl-C does, so that everything is given back."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
