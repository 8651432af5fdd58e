"""What the presenter does about its texts before and beside showing them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.display.presenter import Presenter
from agent.errors import ConfigError
from agent.situation import Starting
from hw.display.line_display import open_line_display
from tests.display.bench import Bench, SkipClock

SHORT = "https://pair.example.com/d"
LONG = "https://" + "a-long-name.example/" * 5


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.close()


def presenter(tmp_path: Path, language: str) -> Presenter:
    return Presenter(
        display=open_line_display(port=str(tmp_path / "nowhere"), command_set="escpos"),
        language=language,
        clock=SkipClock(),
        texts=str(tmp_path),
    )


def test_a_language_of_the_integrators_is_checked_against_the_display(tmp_path: Path) -> None:
    (tmp_path / "fr.toml").write_text('ready = ["PRET"]', encoding="utf-8")
    presenter(tmp_path, "fr").close()

    (tmp_path / "fr.toml").write_text('ready = ["PRET POUR LE PAIEMENT"]', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"fr\.toml: ready does not fit 20 cells"):
        presenter(tmp_path, "fr")
    with pytest.raises(ConfigError, match="no display texts for language 'it'; use de or en or fr"):
        presenter(tmp_path, "it")


def test_texts_a_language_lacks_are_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="agent.display")
    (tmp_path / "fr.toml").write_text('ready = ["PRET"]', encoding="utf-8")
    presenter(tmp_path, "fr").close()

    assert "display.texts_missing" in caplog.text
    assert " paused " in caplog.text
    assert " ready " not in caplog.text


def test_a_long_address_is_mentioned_once_and_never_a_code(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="agent.display")
    bench.presenter.show(replace(bench.pairing(), verification_uri=SHORT))
    bench.presenter.show(Starting())
    assert "display.long_address" not in caplog.text
    for code in ("AAAA-AAAA", "BBBB-BBBB"):
        bench.presenter.show(replace(bench.pairing(code), verification_uri=LONG))

    told = [r.getMessage() for r in caplog.records if "display.long_address" in r.getMessage()]
    assert len(told) == 1
    assert "pages=5" in told[0]
    assert "ask the operator of the server" in told[0]
    assert "AAAA" not in caplog.text
