"""The conversation of `display test`: walk, search, and what it leaves the technician with."""

import tomllib
from dataclasses import replace
from typing import Final

import pytest

from agent.display_tools.interview import Outcome, Plan, interview, summary
from agent.display_tools.turns import Finding, Line, Stopped
from agent.display_tools.walk import SPECIALS, steps, walk
from hw.display.emulator import COMMAND_SETS, Emulator
from hw.display.emulator.characters import INTERNATIONAL
from hw.display.encoder import Encoder
from hw.display.profile import load, read, shipped
from tests.cli.technician import Technician

PROFILES: Final = {name: load(name) for name in shipped()}
PLAN: Final = Plan(port="/dev/ttyUSB0", line=Line(9600), rows=2, columns=20, profiles=PROFILES)


def encoder(name: str, rows: int = 2, columns: int = 20, **more: str) -> Encoder:
    return Encoder(profile=PROFILES[name], rows=rows, columns=columns, **more)


def chosen(name: str, rows: int = 2, columns: int = 20) -> Plan:
    return replace(PLAN, rows=rows, columns=columns, chosen=encoder(name, rows, columns))


def said(plan: Plan, outcome: Outcome) -> str:
    return "\n".join(summary(plan, outcome))


def bad(outcome: Outcome) -> list[str]:
    return [finding.what for finding in outcome.findings if not finding.good]


# -- the walk -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", shipped())
def test_all_is_well_on_a_display_of_the_chosen_set(name: str) -> None:
    display = Emulator(2, 20, name)
    if name == "utc-enhanced":
        display.feed(b"\x1bd")

    outcome = Technician(display).holds(interview(chosen(name)))

    # Sets without a command for it leave the cursor as it was switched on with.
    lacking = "cursor_off" not in PROFILES[name].commands and display.cursor_visible
    assert bad(outcome) == (["no cursor"] if lacking else [])
    assert (outcome.encoder, display.harmed) == (encoder(name), ())


@pytest.mark.parametrize(("rows", "columns"), [(1, 20), (2, 16), (4, 20), (2, 40), (1, 8)])
def test_all_is_well_in_every_size(rows: int, columns: int) -> None:
    display = Emulator(rows, columns, "escpos")

    outcome = Technician(display).holds(interview(chosen("escpos", rows, columns)))

    assert (bad(outcome), display.errors) == ([], ())


def test_the_walk_shows_what_national_sets_replace() -> None:
    replaced = {byte for national in INTERNATIONAL.values() for byte in national}
    assert set(SPECIALS.encode()) == replaced
    profile = replace(PROFILES["escpos"], commands=dict(PROFILES["escpos"].commands))
    german = {name: t for name, t in profile.commands.items() if name != "international"}
    display = Emulator(2, 20, "escpos")
    plan = replace(
        PLAN, chosen=Encoder(profile=replace(profile, commands=german), rows=2, columns=20)
    )
    person = Technician(display)
    conversation = interview(plan)

    turn = next(conversation)
    while "very same signs" not in turn.question:
        turn = conversation.send(person.answers(turn))
    display.feed(b"\x1bR\x02")  # set to Germany by a switch: same bytes, other signs
    display.feed(b"".join(command.data for command in turn.send))

    assert display.cells()[0].rstrip() == "#$%*§ÄÖÜ^`äöüß"
    assert display.cells() != turn.picture


def test_a_display_that_scrolls_after_its_last_cell_is_found_out() -> None:
    profile = PROFILES["escpos"]
    careless = {name: t for name, t in profile.commands.items() if name != "overwrite"}
    plan = replace(
        PLAN, chosen=Encoder(profile=replace(profile, commands=careless), rows=2, columns=20)
    )
    display = Emulator(2, 20, "escpos")  # in vertical mode, as after ESC @

    outcome = Technician(display, stays=True).holds(interview(plan))

    assert bad(outcome)[:2] == ["rows and columns", "last cell does not scroll"]


def test_letters_are_looked_at_where_there_are_any() -> None:
    lettered = encoder("escpos", character_set="cp858")
    display = Emulator(2, 20, "escpos")

    outcome = Technician(display).holds(interview(replace(PLAN, chosen=lettered)))

    assert bad(outcome) == []
    assert "letters of cp858" in [finding.what for finding in outcome.findings]


def test_a_visible_cursor_is_a_finding() -> None:
    cursor = {k: t for k, t in PROFILES["escpos"].commands.items() if k != "cursor_off"}
    plan = replace(
        PLAN,
        chosen=Encoder(profile=replace(PROFILES["escpos"], commands=cursor), rows=2, columns=20),
    )

    outcome = Technician(Emulator(2, 20, "escpos")).holds(interview(plan))

    assert bad(outcome) == ["no cursor"]


def test_a_picture_is_as_large_as_the_glass() -> None:
    for name in ("escpos", "star"):  # the second has a spare column
        for step in steps(encoder(name)):
            assert [len(row) for row in step.turn.picture] == [20, 20]


# -- walk, then search ----------------------------------------------------------------------------


@pytest.mark.parametrize("display", ["cd5220", "ncr", "dsp800"])
def test_the_wrong_choice_leads_to_the_right_set(display: str) -> None:
    person = Technician(Emulator(2, 20, display))

    outcome = person.holds(interview(chosen("escpos")))

    assert outcome.encoder == encoder(display)
    assert bad(outcome) == []
    assert f'command_set = "{display}"' in said(PLAN, outcome)


@pytest.mark.parametrize("display", COMMAND_SETS)
def test_no_conversation_harms_a_display(display: str) -> None:
    for choice in (*map(chosen, ("escpos", "cd5220")), PLAN):
        person = Technician(Emulator(2, 20, display), sure=True)
        person.holds(interview(choice))
        assert person.display.harmed == ()


def test_a_person_who_stops_after_the_search_keeps_what_was_found() -> None:
    person = Technician(Emulator(2, 20, "cd5220"))
    conversation = interview(PLAN)
    turn = next(conversation)
    while not turn.question.startswith("Is this all the display shows"):
        turn = conversation.send(person.answers(turn))
    with pytest.raises(StopIteration) as ended:
        conversation.throw(Stopped())

    outcome = ended.value.value
    assert (outcome.encoder, outcome.findings) == (encoder("cd5220"), ())


def test_a_person_who_stops_before_finds_nothing() -> None:
    conversation = interview(PLAN)
    next(conversation)
    with pytest.raises(Stopped):
        conversation.throw(Stopped())


# -- the summary ----------------------------------------------------------------------------------


def test_the_lines_for_the_file_are_toml_that_says_what_was_found() -> None:
    plan = replace(PLAN, target="display", handshake="rts-cts")
    found = Encoder(
        profile=PROFILES["escpos"], rows=4, columns=20, character_set="cp858", target="display"
    )
    text = said(plan, Outcome(line=Line(19200, "odd"), encoder=found))

    table = text[text.index("[display]") :]
    assert tomllib.loads("\n".join(line.strip() for line in table.splitlines())) == {
        "display": {
            "command_set": "escpos",
            "port": "/dev/ttyUSB0",
            "baudrate": 19200,
            "parity": "odd",
            "handshake": "rts-cts",
            "rows": 4,
            "character_set": "cp858",
            "target": "display",
        }
    }


def test_what_is_the_default_is_left_out() -> None:
    plan = replace(PLAN, port="/dev/pos/display")
    text = said(plan, Outcome(line=Line(9600), encoder=encoder("cd5220")))
    assert text.splitlines()[-2:] == ["  [display]", '  command_set = "cd5220"']


def test_a_finding_that_is_not_good_comes_with_advice() -> None:
    findings = (
        Finding(what="brightness", good=True, advice="never said"),
        Finding(what="no cursor", good=False, advice="that does no harm"),
    )
    text = said(PLAN, Outcome(line=Line(9600), encoder=encoder("cd5220"), findings=findings))
    assert "  ok  brightness\n  NO  no cursor\n      -> that does no harm\n" in text
    assert "never said" not in text


def test_sets_that_cannot_be_told_apart_are_named() -> None:
    outcome = Outcome(line=Line(9600), encoder=encoder("logic-controls"), same=("surepos",))
    assert "surepos would send the same" in said(PLAN, outcome)


def test_nothing_found_names_what_was_close_and_what_to_look_at() -> None:
    text = said(PLAN, Outcome(line=Line(9600), partly=("ncr",)))
    assert text.startswith("No command set was found\n  ncr showed something")
    for hint in ("power", "switches", "--target", "--columns", "docs/hardware.md"):
        assert hint in text
    assert "showed something" not in said(PLAN, Outcome(line=Line(9600)))


def test_an_integrators_set_is_tried_and_named() -> None:
    acme = read("acme", 'schema = 1\nextends = "cd5220"\ntitle = "Acme 7"\n')
    plan = replace(PLAN, profiles={**PROFILES, "acme": acme})

    outcome = Technician(Emulator(2, 20, "cd5220")).holds(interview(plan))

    assert outcome.encoder is not None
    assert outcome.encoder.profile.name == "acme"
    assert outcome.same == ("cd5220",)
    assert "understands acme (Acme 7)" in said(plan, outcome)


def test_a_walk_can_be_had_without_its_first_step() -> None:
    display = Emulator(2, 20, "escpos")
    display.feed(b"".join(command.data for command in encoder("escpos").begin()))
    findings = Technician(display).holds(walk(encoder("escpos")))
    assert [finding.what for finding in findings][:1] == ["last cell does not scroll"]
    assert all(finding.good for finding in findings)
