"""What the commands that send something need: settings, profiles, and the display."""

import argparse
import sys
from collections.abc import Callable
from dataclasses import fields, replace

from agent import config
from agent.build_display import build_line_display
from agent.display_tools.turns import Line
from agent.errors import AgentError, ConfigError
from agent.settings import DisplaySettings
from hw.contract import LineDisplay
from hw.display.encoder import Encoder
from hw.display.port import SerialPort
from hw.display.profile import Profile, ProfileError, available, load


def settings(given: argparse.Namespace) -> DisplaySettings:
    """The configured display, with what the command line says instead. An empty command set stands
    for none: a display is often brought up before the rest is configured."""
    try:
        configured = config.load(given.config).display
    except ConfigError as error:
        print(f"pos-agent: the configuration is not used: {error}", file=sys.stderr)
        configured = None
    names = {field.name for field in fields(DisplaySettings)}
    said = {name: value for name, value in vars(given).items() if name in names}
    return replace(
        configured or DisplaySettings(command_set=""),
        **{name: value for name, value in said.items() if value is not None},
    )


def profiles(displays: str) -> dict[str, Profile]:
    """All that can be used; a broken file of the integrator's is said and passed over."""
    found = {}
    for name in available(displays):
        try:
            found[name] = load(name, displays)
        except ProfileError as error:
            print(f"pos-agent: {error}", file=sys.stderr)
    return found


def encoder(display: DisplaySettings) -> Encoder:
    """Raises AgentError."""
    try:
        profile = load(display.command_set, display.displays)
        return Encoder(
            profile=profile,
            rows=display.rows,
            columns=display.columns,
            character_set=display.character_set or profile.character_set,
            target=display.target,
        )
    except ProfileError as error:
        raise AgentError(str(error)) from error


def opener(display: DisplaySettings) -> Callable[[Line], SerialPort]:
    """Makes the display's port on a line; opens nothing yet."""

    def make(line: Line) -> SerialPort:
        return SerialPort(
            path=display.port,
            baudrate=line.baudrate,
            parity=line.parity,
            handshake=display.handshake,
        )

    return make


def line_display(display: DisplaySettings) -> LineDisplay:
    """Not yet claimed. Raises AgentError."""
    if not display.command_set:
        raise AgentError("no command set is configured: --command-set NAME, or `display test`")
    try:
        return build_line_display(display)
    except ProfileError as error:
        raise AgentError(str(error)) from error
