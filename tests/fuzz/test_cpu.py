"""What `make fuzz` says it has used, it has used."""

import sys
from pathlib import Path

from tests.fuzz.cpu import Spent, run, spend

WORK = "import time\nwhile time.process_time() < 0.3: pass"
REST = "import time; time.sleep(1)"


def python(code: str, log: Path) -> Spent:
    return run([sys.executable, "-S", "-c", code], log)


def test_the_time_is_that_of_the_processor_and_of_this_program_alone(tmp_path: Path) -> None:
    """A start takes some 0.02 s, on a slow machine more, but never as long as the rest."""
    log = tmp_path / "log"
    assert python(WORK, log).seconds >= 0.3
    assert python(REST, log).seconds < 0.3


def test_the_exit_code_is_told_and_the_log_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert python("print('first')", log).code == 0
    assert python("print('second'); raise SystemExit(77)", log).code == 77
    assert log.read_text().split() == ["first", "second"]


def test_on_a_busy_machine_it_is_run_again_until_the_share_is_used() -> None:
    asked = []

    def attempt(seconds: int) -> Spent:
        asked.append(seconds)
        return Spent(seconds=0.5 * seconds, code=0)

    spent = spend(10.0, attempt)

    assert asked == [10, 5, 3, 1, 1]
    assert spent == Spent(seconds=10.0, code=0)


def test_a_find_ends_it() -> None:
    codes = iter((0, 77))
    assert spend(10.0, lambda _: Spent(seconds=1.0, code=next(codes))) == Spent(
        seconds=2.0, code=77
    )
