"""`display show`, `emulate` and `check` as people start them."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hw.display.emulator.terminal import EmulatedTerminal
from hw.display.profile import shipped
from tests.cli.command import pos_agent
from tests.cli.window import LONGEST, Window, no_agent
from tests.config.samples import MINIMAL, write
from tests.deploy import ROOT
from tests.display.waiting import until

# -- show -----------------------------------------------------------------------------------------


def show(
    glass: EmulatedTerminal, tmp_path: Path, *words: str
) -> "subprocess.CompletedProcess[str]":
    options = ("--port", glass.path, "--command-set", "escpos", "--baudrate", "115200")
    return pos_agent("display", "show", *words, *options, *no_agent(tmp_path), "--seconds", "0")


@pytest.mark.parametrize(
    "words",
    [["A" * 21], ["one", "two", "three"], ["word " * 20], ["fits", "B" * 21]],
)
def test_a_text_that_does_not_fit_is_refused_before_anything_is_sent(
    tmp_path: Path, words: list[str]
) -> None:
    with EmulatedTerminal(2, 20, "escpos") as glass:
        done = show(glass, tmp_path, *words)
        fits = len(words) == 1 and len(words[0]) == 21
        assert (done.returncode, glass.received > 0) == ((0, True) if fits else (1, False))
    assert fits or "the display has 2 rows of 20 columns" in done.stderr


def test_the_configured_display_is_used(tmp_path: Path) -> None:
    with EmulatedTerminal(2, 16, "cd5220") as glass:
        config = write(
            tmp_path,
            f'{MINIMAL}[display]\nport = "{glass.path}"\ncommand_set = "cd5220"\ncolumns = 16\n',
        )
        with Window(
            "display", "show", "Grüße", "zwei", "--config", config, "--socket", str(tmp_path)
        ) as window:
            assert until(lambda: glass.cells() == ("Gruesse".ljust(16), "zwei".ljust(16)), LONGEST)
            window.process.send_signal(signal.SIGINT)
            assert window.ends() == 0
        assert glass.errors == ()


def test_without_a_command_set_there_is_advice(tmp_path: Path) -> None:
    done = pos_agent("display", "show", "HELLO", *no_agent(tmp_path))
    assert done.returncode == 1
    assert "--command-set NAME, or `display test`" in done.stderr


def test_an_unknown_command_set_is_one_sentence(tmp_path: Path) -> None:
    for action in (["show", "HELLO"], ["test"]):
        done = pos_agent("display", *action, "--command-set", "none", *no_agent(tmp_path))
        assert done.returncode == 1
        assert "no command set 'none'" in done.stderr


# -- emulate --------------------------------------------------------------------------------------


def test_on_a_pipe_each_change_is_a_line(tmp_path: Path) -> None:
    link = tmp_path / "display"
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "agent", "display", "emulate", "--link", str(link),
         "--command-set", "cd5220"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        assert str(link) in process.stdout.readline()
        assert process.stdout.readline().startswith("|*** HELLO ***")
        with open(link, "wb", buffering=0) as port:
            port.write(b"\x0cGREETINGS\x1fZ")
        lines = [process.stdout.readline()]
        while "GREETINGS" not in lines[-1] or not any("junk: " in line for line in lines):
            lines.append(process.stdout.readline())
            assert lines[-1], lines
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(LONGEST) == 0
        process.stdout.close()
    assert not link.is_symlink()


def test_in_a_window_the_glass_is_drawn_with_its_junk_below(tmp_path: Path) -> None:
    link = tmp_path / "display"
    with Window("display", "emulate", "--link", str(link), "--rows", "1") as window:
        first = window.reads(lambda new: "junk: 0" in new)
        with open(link, "wb", buffering=0) as port:
            port.write(b"\x0cGREETINGS\x1fZ")
        window.reads(lambda new: "GREETINGS" in new and "junk: 1" in new and "1F5A" in new)
        window.process.send_signal(signal.SIGINT)
        assert window.ends() == 0

    assert "┌" in first
    assert "*** HELLO ***" in first
    assert "\x1b[" in window.text


def test_what_is_not_emulated_is_named_with_what_is() -> None:
    done = pos_agent("display", "emulate", "--command-set", "vt220")
    assert done.returncode == 1
    assert "'vt220' is not emulated; these are: " in done.stderr
    assert all(name in done.stderr for name in shipped())


def test_a_file_in_the_way_of_the_link_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("keep me")
    done = pos_agent("display", "emulate", "--link", str(tmp_path / "precious"))
    assert done.returncode == 1
    assert "it is left alone" in done.stderr
    assert (tmp_path / "precious").read_text() == "keep me"


def test_a_link_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    done = pos_agent("display", "emulate", "--link", str(tmp_path / "no" / "folder"))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)


# -- check ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_file_is_right_and_its_bytes_are_shown(name: str) -> None:
    done = pos_agent("display", "check", str(ROOT / f"hw/display/profiles/{name}.toml"))
    assert (done.returncode, done.stderr) == (0, "")
    for part in ("start\n", "show A1 READ OK? / A1 LAST ROW\n", "clear\n"):
        assert part in done.stdout


def test_the_table_is_what_goes_over_the_line() -> None:
    done = pos_agent("display", "check", str(ROOT / "hw/display/profiles/cd5220.toml"))
    begin, shown, clear = done.stdout.split("\n\n")[1:]
    assert begin.splitlines()[2:5] == [
        f"  {'1B 40':<48} .@",
        "  then 0.1 s of silence",
        f"  {'1B 11':<48} ..",
    ]
    assert "41 31 20 52 45 41 44" in shown
    assert clear.splitlines()[1].startswith("  1B 11 1B 5F 00 0C")


def test_everything_that_is_wrong_is_said(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('schema = 1\ntitle = "x"\n[commands]\ninitialise = "1B4"\nnonsense = "00"\n')
    done = pos_agent("display", "check", str(file))
    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr.count(f"pos-agent: display profile {file}: ") >= 3
    for word in ("sources", "commands.initialise", "nonsense"):
        assert word in done.stderr


@pytest.mark.parametrize("harm", ["1B73", "1F40", "020542"])
def test_a_file_that_could_harm_is_refused(tmp_path: Path, harm: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        f'schema = 1\nextends = "cd5220"\ntitle = "x"\n[commands]\nrecover = "{harm}"\n'
    )
    done = pos_agent("display", "check", str(file))
    assert done.returncode == 78
    assert "never, " in done.stderr


def test_a_size_the_set_cannot_drive_is_refused() -> None:
    file = str(ROOT / "hw/display/profiles/ncr.toml")
    done = pos_agent("display", "check", file, "--rows", "4")
    assert done.returncode == 78
    assert "up to 2 x 20, not 4 x 20" in done.stderr


# -- the words ------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["list", "check", "test", "show", "emulate", "adopt"])
def test_every_action_explains_itself(action: str) -> None:
    told = pos_agent("display", action, "--help")
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.startswith(f"usage: pos-agent display {action}")


def test_the_help_leads_through_bringing_up_a_display() -> None:
    told = pos_agent("display", "--help").stdout
    assert (
        told.index("display list") < told.index("display test") < told.index("display adopt /dev")
    )


@pytest.mark.parametrize(
    "words",
    [["--rows", "5"], ["--rows", "two"], ["--columns", "7"], ["--baudrate", "9601"]],
)
def test_what_no_display_has_is_wrong_usage(words: list[str]) -> None:
    assert pos_agent("display", "emulate", *words).returncode == 2


def test_its_options_cost_nothing_until_they_are_meant() -> None:
    code = (
        "import sys; from agent.cli import parser; parser(['display', 'list']).parse_args("
        "['display', 'list']); print(sorted({'serial', 'asyncio', 'agent.display_tools'}"
        " & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"
