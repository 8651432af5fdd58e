"""Nobody can write a profile that makes the encoder send what must never leave the port.

The rule is written a second time here, over whole streams of bytes, and shares nothing with
`hw.display.deny` but the manuals.
"""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hw.display.encoder import Encoder
from hw.display.profile import AnswerProbe, DsrProbe, ProfileError, read, shipped

NEVER = re.compile(rb"\x1b[sdb#&\x04]|\x1buH|\x1f\(E|\x1f@|\x02\x05|\x04\x01[SB]", re.DOTALL)
WITH_NUMBERS = re.compile(rb"(?:\x1b[*=Rct]|\x1fX|[\x02\x04\x10]).|(?:\x1bl|\x1f\$)..?", re.DOTALL)
PIECES = (
    *("1B", "1B", "1F", "1F", "04", "01", "02", "05", "0C", "0D", "10", "28", "75", "2123"),
    *("73", "64", "62", "23", "26", "45", "40", "53", "42", "48", "0F", "03", "1F24", "1B74"),
    *("{row}", "{row+1}", "{row+0x52}", "{cell}", "{row*1B}", "{value}", "{value+2}", "{last}"),
)
NUMBERLESS = tuple(piece for piece in PIECES if "{" not in piece)
KINDS = {
    "move": tuple(piece for piece in PIECES if "value" not in piece and "last" not in piece),
    "brightness": tuple(p for p in PIECES if not re.search("row|cell|last", p)),
    "target": tuple(p for p in PIECES if not re.search("row|cell|last", p)),
    "write_line": tuple(piece for piece in PIECES if "value" not in piece),
}
COMMANDS = ("recover", "initialise", "target", "overwrite", "cursor_off", "brightness", "clear")
HOSTILE_TEXT = st.text("sdb#&(E@SBHu!#8 ", min_size=8, max_size=8).map(str.encode)


def templates(name: str) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(KINDS.get(name, NUMBERLESS)), min_size=1, max_size=3).map(
        " ".join
    )


@st.composite
def profiles(draw: st.DrawFn) -> str:
    names = draw(st.sets(st.sampled_from(COMMANDS), max_size=4))
    if draw(st.booleans()):
        lines = {"move": draw(templates("move"))}
    elif draw(st.booleans()):
        lines = {"write_line": f"{draw(templates('write_line'))} {{text}}"}
    else:
        lines = {"home": draw(templates("home")), "next_row": draw(templates("next_row"))}
    lines |= {name: draw(templates(name)) for name in sorted(names)}
    commands = "".join(f'{name} = "{template}"\n' for name, template in lines.items())
    levels = draw(st.lists(st.sampled_from([0, 1, 3, 5, 15, 0x1B, 0x73]), min_size=1, max_size=2))
    targets = f"[targets]\nx = {draw(st.sampled_from([1, 3, 0x40]))}\n" if "target" in lines else ""
    presence = (
        f'[presence]\nlow = "{draw(templates("low"))}"\nhigh = "{draw(templates("high"))}"\n'
        if draw(st.booleans())
        else ""
    )
    return (
        f'schema = 1\ntitle = "x"\nsources = ["x"]\nbrightness = {levels}\n'
        f"[geometry]\nrows = 2\n[commands]\n{commands}{targets}{presence}"
    )


def operations(ours: Encoder, text: bytes) -> list[bytes]:
    begin = b"".join(command.data for command in ours.begin())
    extra: list[bytes] = []
    match ours.profile.presence:
        case DsrProbe(low=low, high=high):
            extra = [low, high]
        case AnswerProbe(ask=ask):
            extra = [ask]
        case None:
            pass
    new = (text, text[::-1])
    levels = [ours.brightness(level) for level in (1, 2)]
    return [
        begin,
        ours.encode((), new),
        ours.encode(new, (new[1], b"")),
        ours.end(),
        *levels,
        *extra,
    ]


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_the_profile_nothing_denied_can_ever_be_sent(data: st.DataObject) -> None:
    source = data.draw(profiles())
    try:
        profile = read("hostile", source)
        columns = data.draw(st.sampled_from([8, 16, 20, 27, 31]))
        target = data.draw(st.sampled_from([None, *profile.targets]))
        ours = Encoder(profile=profile, rows=2, columns=columns, target=target)
    except ProfileError:
        return
    stream = b""
    steps = operations(ours, data.draw(HOSTILE_TEXT))
    for step in data.draw(st.lists(st.sampled_from(steps), min_size=1, max_size=5)):
        stream += step
        assert not opens_with_danger(step)
    if data.draw(st.booleans()):
        stream = stream[: data.draw(st.integers(0, len(stream)))] + steps[0]

    assert not NEVER.search(stream), source


def opens_with_danger(step: bytes) -> bool:
    """ETX or SI that is nobody's number. Text has neither, so what is left stands in a command."""
    return bool(re.search(rb"[\x03\x0f]", WITH_NUMBERS.sub(b"", step)))


@pytest.mark.parametrize(
    "commands",
    [
        'initialise = "1B73"',
        'initialise = "1B40 1F284503000300"',
        'initialise = "1F40"',
        'initialise = "0F"',
        'initialise = "1B40 0F"',
        'recover = "1B62 33 0D"',
        'clear = "02 05 42 33 03"',
        'move = "1B {row+0x64}"',
        'move = "1B"',
        'move = "1F"',
        'write_line = "1B {text} 0D"',
        'write_line = "1B51 {text} 1B73"',
        'write_line = "1B75 {text} 0D"',
        'brightness = "1B {value+0x6F}"',
        'initialise = "1B"\nclear = "73"',
        'overwrite = "1B"\nmove = "73 {row}"',
        'brightness = "0401"\nmove = "53 {cell}"',
        'move = "10 {cell}"\n[presence]\nask = "1B73"\nanswer = ""',
        'move = "10 {cell}"\n[presence]\nlow = "1F"\nhigh = "40"',
        'move = "10 {cell}"\n[presence]\nlow = "1F7601"\nhigh = "1F40"',
        'target = "1F {value}"\n[targets]\nx = 0x40',
        'target = "1F {value}"\n[targets]\nx = 1\n[afterwards]\nx = 0x40',
        'code_page = "1B {value}"\n[code_pages]\ncp437 = 0x73',
    ],
)
def test_a_profile_that_could_send_it_is_refused_as_a_whole(commands: str) -> None:
    source = 'schema = 1\ntitle = "Test"\nsources = ["a manual"]\n[commands]\n'
    line = "" if re.search("move|write_line", commands) else 'move = "10 {cell}"\n'

    with pytest.raises(ProfileError, match="never, "):
        read("evil", f"{source}{line}{commands}")


@pytest.mark.parametrize("name", shipped())
@pytest.mark.parametrize("addition", ['overwrite = "1B73"', 'recover = "1F40"', 'clear = "0F"'])
def test_a_file_that_extends_a_shipped_one_is_no_way_around(name: str, addition: str) -> None:
    with pytest.raises(ProfileError, match="never, "):
        read("evil", f'schema = 1\nextends = "{name}"\n[commands]\n{addition}')
