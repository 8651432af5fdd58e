"""A display set to another command set than configured shows junk, but keeps what it stores."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hw.display.emulator import COMMAND_SETS, Emulator
from hw.display.encoder import Encoder
from hw.display.profile import AnswerProbe, DsrProbe, load, shipped

DEFINES_A_GLYPH = {("escpos", "logic-controls"), ("escpos", "surepos")}
"""Profiles and glasses for which row 3 cannot be addressed without harm: its number is ETX. Said in
the profile's remarks; nobody makes four-row displays of those sets."""

SIZES = [(1, 20), (2, 16), (2, 20), (2, 40), (3, 20), (4, 20), (4, 40)]
printable = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=40)


def everything(ours: Encoder, texts: tuple[str, ...]) -> bytes:
    """All that is ever sent, each before and after the others."""
    screen = tuple(text.encode("ascii") for text in texts)
    painted = ours.encode((), screen)
    stream = b"".join(command.data for command in ours.begin()) + painted
    for level in range(1, 5):
        stream += ours.brightness(level) + painted
    match ours.profile.presence:
        case AnswerProbe(ask=ask):
            stream += ask + painted
        case DsrProbe(low=low, high=high):
            stream += low + painted + high + painted
        case None:
            pass
    return stream + ours.clear() + painted + ours.end() + painted


def variants(command_set: str) -> list[Encoder]:
    profile = load(command_set)
    sizes = [(r, c) for r, c in SIZES if r <= profile.rows and c <= profile.columns]
    wanted = [{"character_set": page} for page in ("ascii", *profile.code_pages)]
    wanted += [{"target": target} for target in profile.targets]
    return [
        Encoder(profile=profile, rows=rows, columns=columns, **choice)
        for rows, columns in sizes
        for choice in wanted
    ]


VARIANTS = {command_set: variants(command_set) for command_set in shipped()}


@pytest.mark.parametrize("command_set", shipped())
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_no_other_display_is_harmed(command_set: str, data: st.DataObject) -> None:
    ours = data.draw(st.sampled_from(VARIANTS[command_set]))
    sent = everything(ours, data.draw(st.tuples(*[printable] * ours.rows)))
    others = [
        other
        for other in COMMAND_SETS
        if ours.rows < 3 or (command_set, other) not in DEFINES_A_GLYPH
    ]

    for other in data.draw(st.sets(st.sampled_from(others), min_size=1, max_size=4)):
        glass = Emulator(ours.rows, ours.columns, other)
        glass.feed(sent)
        assert glass.harmed == (), other


@pytest.mark.parametrize("other", COMMAND_SETS)
@pytest.mark.parametrize("command_set", shipped())
def test_no_other_display_is_harmed_by_what_we_usually_send(command_set: str, other: str) -> None:
    ours = Encoder(profile=load(command_set), rows=2, columns=20)
    glass = Emulator(2, 20, other)

    glass.feed(everything(ours, ("pair.example.com/d", "CODE  WDJB-MJHT  14m")))
    assert glass.harmed == ()


@pytest.mark.parametrize(("command_set", "other"), sorted(DEFINES_A_GLYPH))
def test_the_exceptions_are_as_said(command_set: str, other: str) -> None:
    for rows in (2, 3, 4):
        ours = Encoder(profile=load(command_set), rows=rows, columns=20)
        glass = Emulator(rows, 20, other)
        glass.feed(everything(ours, ("TEXT TEXT",) * rows))

        assert bool(glass.harmed) is (rows > 2)
    assert any("Three or four rows" in remark for remark in load(command_set).remarks)
