"""A person in front of an emulated display: reads the glass, answers what is asked, and no more."""

import re
from typing import Final, TypeVar

from agent.display_tools.turns import Conversation, Line, Turn
from hw.display.emulator import Emulator
from tests.cli.uart import received

_T = TypeVar("_T")

USUAL: Final = Line(9600)


class Technician:
    """The display listens on `line`; what is sent on another one arrives as that makes of it.

    `sure`: whether the person knows the line from the display's switches. `more`: wants other
    speeds tried. `stays`: with the chosen command set, whatever it shows.
    """

    def __init__(
        self,
        display: Emulator,
        *,
        line: Line = USUAL,
        sure: bool = False,
        more: bool = True,
        stays: bool = False,
    ) -> None:
        self.display = display
        self.sent = b""
        self.asked: list[str] = []
        self._line = line
        self._sender = line
        self._sure = sure
        self._more = more
        self._stays = stays

    def holds(self, conversation: Conversation[_T]) -> _T:
        """Answer until the conversation ends."""
        turn = next(conversation)
        while True:
            try:
                turn = conversation.send(self.answers(turn))
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]

    def answers(self, turn: Turn) -> str:
        self._sender = turn.line or self._sender
        for command in turn.send:
            self.sent += command.data
            self.display.feed(self._arrives(command.data))
        self.asked.append(turn.question)
        answer = self._looks(turn)
        assert answer in turn.answers
        return answer

    def _arrives(self, data: bytes) -> bytes:
        if self._sender == self._line:
            return data
        return received(data, self._sender, self._line, checks=True)

    def _looks(self, turn: Turn) -> str:
        glass = self.display.cells()
        if word := re.search(r"can you read  (\S+)  anywhere", turn.question):
            return _yes(word[1] in "".join(glass))
        if "Shall other speeds" in turn.question:
            return _yes(self._more)
        if "Is it certain" in turn.question:
            return _yes(self._sure)
        if "may be the wrong command set" in turn.question:
            return _yes(not self._stays)
        if "Is there a cursor" in turn.question:
            return _yes(self.display.cursor_visible)
        assert turn.picture, turn.question
        cursor = "no cursor" in turn.question and self.display.cursor_visible
        if glass == turn.picture and not cursor:
            return "y"
        label = turn.question.partition(":")[0]
        return "p" if "p" in turn.answers and label in "".join(glass) else "n"


def _yes(so: bool) -> str:
    return "y" if so else "n"
