"""`display test`: carries out the interview between a terminal window and a display's port."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Final, Protocol, TextIO, TypeVar

from agent.cli_talk import printable
from agent.display_tools.interview import Outcome, Plan, interview, summary
from agent.display_tools.lending import lent, patiently
from agent.display_tools.turns import Conversation, Line, Stopped, Turn
from agent.errors import AgentError
from hw.contract import HardwareError
from hw.display.emulator import draw
from hw.display.encoder import Command, Encoder

_T = TypeVar("_T")

_ALWAYS: Final = {"r": "send it again", "q": "stop"}


class Port(Protocol):
    """`hw.display.port.SerialPort` as it is needed here."""

    def open(self) -> None: ...

    def write(self, data: bytes, settle: float = 0.0) -> None: ...

    def close(self, *, discard: bool) -> None: ...


def run(plan: Plan, *, open_line: Callable[[Line], Port], admin_socket: str) -> int:
    """Talk to the person at this terminal; 0 if the display is known and all was well."""
    if not sys.stdin.isatty():
        raise AgentError(
            "display test asks a person what the display shows; run it in a terminal window, or"
            " see `pos-agent display show`"
        )
    talk = Talk(sys.stdin, sys.stdout)
    with lent(admin_socket), _wire(open_line, plan.line) as wire:
        used = plan.chosen
        try:
            outcome = carry_out(interview(plan), talk, wire)
            used = outcome.encoder
        except Stopped:
            talk.say("Stopped before anything was found")
            return 1
        finally:
            if used is not None:
                wire.clear(used)
    for line in summary(plan, outcome):
        talk.say(line)
    return 0 if _well(outcome) else 1


def carry_out(conversation: Conversation[_T], talk: "Talk", wire: "Wire") -> _T:
    """Send, show, ask, until the conversation ends. Raises Stopped, HardwareError."""
    turn = next(conversation)
    while True:
        try:
            answer = _one(turn, talk, wire)
            turn = conversation.send(answer) if answer != "q" else conversation.throw(Stopped())
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


def _one(turn: Turn, talk: "Talk", wire: "Wire") -> str:
    while True:
        if turn.line is not None:
            wire.use(turn.line)
        wire.send(turn.send)
        if (answer := talk.ask(turn)) != "r":
            return answer


def _well(outcome: Outcome) -> bool:
    return outcome.encoder is not None and all(finding.good for finding in outcome.findings)


class Talk:
    """A person at a terminal window."""

    def __init__(self, given: TextIO, out: TextIO) -> None:
        self._given = given
        self._out = out

    def say(self, text: str) -> None:
        print(printable(text), file=self._out, flush=True)

    def ask(self, turn: Turn) -> str:
        """One letter of those that are allowed; the end of the input stops."""
        self.say("")
        for row in draw.text(turn.picture).splitlines() if turn.picture else ():
            self.say(f"    {row}")
        allowed: Mapping[str, str] = {**turn.answers, **(_ALWAYS if turn.send else {"q": "stop"})}
        choice = ", ".join(f"{letter} = {meaning}" for letter, meaning in allowed.items())
        self.say(turn.question)
        while True:
            print(f"[{choice}] ", end="", file=self._out, flush=True)
            line = self._given.readline()
            if not line:
                return "q"
            if (letter := line.strip().casefold()[:1]) in allowed:
                return letter


class Wire:
    """The port, on one line after the other."""

    def __init__(self, open_line: Callable[[Line], Port], first: Line) -> None:
        self._open_line = open_line
        self._line = first
        self._port = self._opened(first)

    def use(self, line: Line) -> None:
        if line != self._line:
            self.close()
            self._line, self._port = line, self._opened(line)

    def send(self, commands: tuple[Command, ...]) -> None:
        for command in commands:
            self._port.write(command.data, command.settle)

    def clear(self, encoder: Encoder) -> None:
        """Blank it, if it can still be reached."""
        with suppress(HardwareError):
            self.send((Command(encoder.end()),))

    def close(self) -> None:
        self._port.close(discard=False)

    def _opened(self, line: Line) -> Port:
        port = self._open_line(line)
        patiently(port.open)
        return port


@contextmanager
def _wire(open_line: Callable[[Line], Port], first: Line) -> Iterator[Wire]:
    wire = Wire(open_line, first)
    try:
        yield wire
    finally:
        wire.close()
