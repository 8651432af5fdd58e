"""The search for the command set: it finds every one, and nothing it sends harms any display."""

import itertools
from typing import Final

import pytest

from agent.display_tools import search
from agent.display_tools.elimination import Candidate, candidates, harm, order
from agent.display_tools.search import OTHER_LINE, WORDLESS, WORDS
from agent.display_tools.turns import Line
from hw.display import deny
from hw.display.emulator import COMMAND_SETS, Emulator
from hw.display.profile import load, read, shipped
from tests.cli.technician import Technician
from tests.cli.uart import received

PROFILES: Final = {name: load(name) for name in shipped()}
SIZES: Final = ((1, 20), (2, 16), (2, 20), (2, 40), (4, 20))
# Which set is suggested for which display. Those of one family do not differ in what we send.
FOUND: Final = {
    **{name: name for name in ("escpos", "cd5220", "logic-controls", "ncr", "ba6x", "star")},
    **{name: name for name in ("aedex", "dsp800", "ascii")},
    **dict.fromkeys(("utc", "utc-enhanced", "surepos"), "logic-controls"),
    "emax": "aedex",
}
# Other speeds that some displays have.
LINES: Final = (*WORDS, Line(1200), Line(57600), Line(19200, "even"), Line(4800, "odd"))


def tried(rows: int = 2, columns: int = 20, target: str | None = None) -> tuple[Candidate, ...]:
    return candidates(PROFILES, rows=rows, columns=columns, target=target)


def sent(candidate: Candidate) -> bytes:
    return b"".join(command.data for command in candidate.probe())


# -- it finds -------------------------------------------------------------------------------------


def test_every_emulated_display_is_among_these() -> None:
    assert set(FOUND) == set(COMMAND_SETS)


@pytest.mark.parametrize(("display", "name"), FOUND.items())
def test_the_command_set_is_found(display: str, name: str) -> None:
    person = Technician(Emulator(2, 20, display), sure=True)

    found = person.holds(search.search(tried(), Line(9600)))

    assert found.candidate is not None
    assert found.candidate.name == name
    assert found.line == Line(9600)
    assert person.display.harmed == ()
    person.display.forget_errors()
    person.display.feed(sent(found.candidate))
    assert (person.display.cells(), person.display.errors) == (found.candidate.picture(), ())


def test_a_display_in_its_mode_of_frames_is_found() -> None:
    """UTC enhanced shows nothing outside of frames, so no word can be read."""
    display = Emulator(2, 20, "utc-enhanced")
    display.feed(b"\x1bd")

    found = Technician(display, sure=True).holds(search.search(tried(), Line(9600)))

    assert found.candidate is not None
    assert found.candidate.name == "utc-enhanced"


@pytest.mark.parametrize("line", [line for line in WORDS if line != Line(9600)], ids=str)
@pytest.mark.parametrize("display", ["escpos", "logic-controls"])
def test_the_speed_is_found_before_any_command_is_sent(display: str, line: Line) -> None:
    person = Technician(Emulator(2, 20, display), line=line)

    found = person.holds(search.search(tried(), Line(9600)))

    assert found.line == line
    assert found.candidate is not None
    assert found.candidate.name == display
    assert person.display.harmed == ()


def test_an_operators_own_speed_has_a_word_too() -> None:
    odd = Line(57600)
    person = Technician(Emulator(2, 20, "escpos"), line=odd)

    found = person.holds(search.search(tried(), odd))

    assert found.line == odd
    assert OTHER_LINE.encode() in person.sent


@pytest.mark.parametrize(("target", "bit"), [("display", 2), ("display-digipos", 1)])
@pytest.mark.parametrize("name", ["escpos", "cd5220"])
def test_a_display_behind_a_printer_is_found_by_its_target(
    name: str, target: str, bit: int
) -> None:
    display = Emulator(2, 20, name, display_target=bit, selected_at_start=False)
    person = Technician(display, sure=True)

    found = person.holds(search.search(tried(target=target), Line(9600), behind_printer=True))

    assert found.candidate is not None
    assert found.candidate.name == name


def test_what_was_readable_in_the_wrong_place_is_remembered() -> None:
    """A display of 16 columns, taken for one of 20."""
    person = Technician(Emulator(2, 16, "logic-controls"))

    found = person.holds(search.search(tried(columns=20), Line(9600)))

    assert found.candidate is None
    assert "logic-controls" in [candidate.name for candidate in found.partly]


# -- it does no harm ------------------------------------------------------------------------------


@pytest.mark.parametrize(("rows", "columns"), SIZES)
@pytest.mark.parametrize("display", COMMAND_SETS)
def test_no_display_is_harmed_by_any_of_it(display: str, rows: int, columns: int) -> None:
    glass = Emulator(rows, columns, display)
    for candidate in tried(rows, columns):
        glass.feed(sent(candidate))
    assert glass.harmed == ()


@pytest.mark.parametrize(("rows", "columns"), SIZES)
def test_no_end_of_one_and_beginning_of_another_make_a_denied_command(
    rows: int, columns: int
) -> None:
    for one, other in itertools.product(tried(rows, columns), repeat=2):
        assert harm(sent(one) + sent(other)) is None


@pytest.mark.parametrize("lead", deny.DENIED)
@pytest.mark.parametrize("word", [*WORDS.values(), OTHER_LINE])
def test_no_word_completes_what_another_program_began(word: str, lead: bytes) -> None:
    for begun in range(1, len(lead)):
        assert harm(lead[:begun] + word.encode()) is None


@pytest.mark.parametrize("candidate", tried(), ids=lambda candidate: candidate.name)
def test_a_word_after_a_command_that_was_cut_off_makes_no_denied_one(candidate: Candidate) -> None:
    """By a plug or a Ctrl-C: that ends the conversation, and the next one begins with a word."""
    whole = sent(candidate)
    for cut, word in itertools.product(range(len(whole)), (*WORDS.values(), OTHER_LINE)):
        assert harm(whole[:cut] + word.encode()) is None, cut


@pytest.mark.parametrize("lead", deny.DENIED)
def test_a_denied_command_is_seen_anywhere(lead: bytes) -> None:
    assert harm(b"A1" + lead + b"A1") == deny.DENIED[lead]


@pytest.mark.parametrize("byte", deny.OPENINGS)
def test_a_denied_byte_is_seen_even_as_an_argument(byte: int) -> None:
    assert harm(b"\x10" + bytes((byte,))) == deny.OPENINGS[byte]


def test_a_set_that_might_harm_another_is_left_out() -> None:
    """Its brightness 3 is the definition of a glyph where it is no argument."""
    bright = read("bright", 'extends = "escpos"\nschema = 1\nbrightness = [3]\n')
    names = [c.name for c in candidates({**PROFILES, "bright": bright}, rows=2, columns=20)]
    assert "bright" not in names
    assert "escpos" in names


def test_without_a_readable_word_and_a_sure_speed_no_command_is_sent() -> None:
    display = Emulator(2, 20, "escpos")
    display.power_off()
    person = Technician(display, sure=False)

    found = person.holds(search.search(tried(), Line(9600)))

    assert (found.candidate, found.line) == (None, None)
    assert person.sent == "".join(WORDS.values()).encode()


def test_nobody_has_to_try_other_speeds() -> None:
    display = Emulator(2, 20, "escpos")
    display.power_off()
    person = Technician(display, more=False)

    person.holds(search.search(tried(), Line(9600)))

    assert person.sent == WORDS[Line(9600)].encode()


@pytest.mark.parametrize("word", [*WORDS.values(), OTHER_LINE])
def test_a_word_at_the_wrong_speed_is_no_command_to_anybody(word: str) -> None:
    for at, display, resync in itertools.product(WORDS, LINES, (False, True)):
        for times in (1, 2):  # sent again on request, perhaps at once
            arrived = received(word.encode() * times, at, display, resync=resync)
            assert harm(arrived) is None, (at, display, arrived)


def test_commands_at_the_wrong_speed_would_be() -> None:
    """Why words come first: the start of ESC/POS, at twice the speed, starts a self-test."""
    (escpos, *_) = tried()
    assert any(harm(received(sent(escpos), Line(9600), line)) is not None for line in LINES)


@pytest.mark.parametrize("line", LINES, ids=str)
def test_the_model_of_the_wire_is_right_where_both_agree(line: Line) -> None:
    everything = bytes(range(256))
    assert received(everything, line, line) == everything


def test_the_model_of_the_wire_at_half_the_speed() -> None:
    """U is 0 10101010 1 on the wire: at half the speed only every second bit is seen, all alike."""
    assert received(b"U", Line(9600), Line(4800)) == b"\xff"


# -- in which order -------------------------------------------------------------------------------


def junk(names: tuple[str, ...]) -> int:
    """All that the displays could not read before the right set came."""
    return sum(_junk_until_found(display, names) for display in COMMAND_SETS)


def _junk_until_found(display: str, names: tuple[str, ...]) -> int:
    glass = Emulator(2, 20, display)
    by_name = {candidate.name: candidate for candidate in tried()}
    for name in names:
        if name in by_name:
            glass.feed(sent(by_name[name]))
            if name == FOUND[display]:
                break
    return len(glass.errors)


def test_after_the_common_sets_those_that_make_little_junk_come_first() -> None:
    names = order(PROFILES)
    common, rest, last = names[:3], names[3:-1], names[-1:]
    assert common == ("escpos", "cd5220", "logic-controls")
    assert last == ("ascii",)
    for other in (sorted(rest, reverse=True), rest[::-1]):
        assert junk(names) < junk((*common, *other, *last))


def test_the_integrators_own_sets_come_first() -> None:
    assert order(["escpos", "zeta", "ascii", "acme"]) == ("acme", "zeta", "escpos", "ascii")


def test_every_shipped_set_has_its_place() -> None:
    assert set(order(PROFILES)) == set(PROFILES)
    assert order(PROFILES)[0] == "escpos"  # a new one without a place would come first


def test_sets_that_send_the_same_are_asked_once() -> None:
    asked = {name for candidate in tried() for name in (candidate.name, *candidate.same)}
    assert asked == set(PROFILES)
    streams = [sent(each).replace(each.label.encode(), b"") for each in tried()]
    assert len(set(streams)) == len(streams)


def test_sets_without_words_are_known_as_such() -> None:
    for name in WORDLESS:
        assert name in PROFILES
