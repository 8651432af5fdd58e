"""What the doctor says of a display's files, before any port is looked at."""

from pathlib import Path

import pytest

from agent import cli_doctor
from tests.config.samples import with_lines, write

DISPLAY = '\n[display]\nport = "/nowhere/tty"\n'


def findings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], display: str, language: str = "en"
) -> str:
    server = with_lines("server", 'token_endpoint = "http://127.0.0.1:9/token"')
    text = f'language = "{language}"\n{server}{DISPLAY}{display}\n'
    assert cli_doctor.run(write(tmp_path, text)) == 1  # there is no agent here, at least
    return capsys.readouterr().out


def test_a_command_set_and_texts_that_can_be_used_are_no_finding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = findings(tmp_path, capsys, 'command_set = "escpos"')

    assert "/nowhere/tty is not there" in told
    assert "docs/hardware.md" not in told
    assert "docs/display.md" not in told


@pytest.mark.parametrize(
    "display", ['command_set = "nokia"', 'command_set = "cd5220"\nrows = 4', 'command_set = "own"']
)
def test_a_command_set_that_cannot_be_used_is_a_problem(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], display: str
) -> None:
    write(tmp_path, "schema = 2", name="displays.d/own.toml")

    assert "docs/hardware.md" in findings(tmp_path, capsys, display)


def test_a_text_the_display_cannot_show_is_a_problem(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = 'starting = ["TERMINAL EN COURS DE DEMARRAGE"]\npaused = ["ЗАПУСК"]'
    write(tmp_path, texts, name="languages.d/fr.toml")
    told = findings(tmp_path, capsys, 'command_set = "escpos"', "fr")

    assert "fr.toml: starting does not fit 20 cells" in told
    assert "fr.toml: paused has characters the display does not have" in told
