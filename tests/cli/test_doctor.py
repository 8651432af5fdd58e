"""What each fact means, and that every sentence has a next step."""

import pytest

from agent import doctor
from agent.doctor import RELEASED, Level, PortFacts, ok, problem, warning
from agent.identity import Verdict, judge
from hw.contract import Reading


def reading(value: str) -> Reading:
    return Reading(source="/sys/x", value=value)


@pytest.mark.parametrize(
    ("wall", "level", "says"),
    [
        (0.0, Level.PROBLEM, "before this program was written"),
        (RELEASED - 1, Level.PROBLEM, "before this program was written"),
        (RELEASED, Level.OK, "is plausible"),
        (RELEASED + 20 * 31_557_600, Level.OK, "is plausible"),
        (RELEASED + 20 * 31_557_600 + 1, Level.PROBLEM, "decades ahead"),
    ],
)
def test_a_clock_is_plausible_between_the_release_and_twenty_years_later(
    wall: float, level: Level, says: str
) -> None:
    found = doctor.clock(wall)
    assert found.level is level
    assert says in found.what


def test_each_source_has_its_verdict_and_only_the_first_valid_is_used() -> None:
    verdicts = [
        judge("a", None),
        judge("b", reading("0000")),
        judge("c", reading("C-4711")),
        judge("d", reading("D-4711")),
    ]
    found = list(doctor.identity("serial", verdicts, in_service=True))

    assert [finding.level for finding in found] == [Level.OK, Level.WARNING, Level.OK, Level.OK]
    assert [finding.what for finding in found] == [
        "a: not on this terminal",
        "b (/sys/x) gave '0000', which repeats one character",
        "c (/sys/x) gave 'C-4711', used for serial",
        "d (/sys/x) gave 'D-4711' (not needed)",
    ]


def test_no_valid_source_is_a_problem() -> None:
    *_, last = doctor.identity("serial", [judge("a", None)], in_service=True)
    assert last.level is Level.PROBLEM
    assert last.what == "no source gives a serial number for serial"


def test_nothing_is_used_behind_a_source_that_cannot_be_read() -> None:
    silent = Verdict(source="a", reading=None, trouble="no answer within 4 s: try again")
    found = list(
        doctor.identity("serial", [silent, judge("b", reading("B-4711"))], in_service=True)
    )

    assert [(finding.level, finding.what) for finding in found] == [
        (Level.PROBLEM, "a: no answer within 4 s: try again"),
        (Level.OK, "b (/sys/x) gave 'B-4711' (behind one that cannot be read)"),
    ]


def test_a_source_behind_the_one_that_is_used_may_be_silent() -> None:
    silent = Verdict(source="b", reading=None, trouble="no answer within 4 s: try again")
    found = list(
        doctor.identity("serial", [judge("a", reading("A-4711")), silent], in_service=True)
    )

    assert [finding.level for finding in found] == [Level.OK, Level.WARNING]


@pytest.mark.parametrize(
    ("code", "says", "do"),
    [
        (9, "is not valid yet", "clock is probably behind"),
        (10, "is over", "check this terminal's clock"),
        (62, "is for another host", "correct the host name"),
        (64, "is for another host", "correct the host name"),
        (2, "authority this terminal does not trust", "server.ca_file"),
        (18, "authority this terminal does not trust", "server.ca_file"),
        (19, "authority this terminal does not trust", "server.ca_file"),
        (20, "authority this terminal does not trust", "server.ca_file"),
        (21, "authority this terminal does not trust", "server.ca_file"),
        (23, "handshake fails (REASON)", "check the port"),
        (None, "handshake fails (REASON)", "check the port"),
    ],
)
def test_a_refused_certificate_is_explained(code: int | None, says: str, do: str) -> None:
    found = doctor.tls_refused("a.example", code, "REASON")
    assert (found.name, found.level) == ("tls", Level.PROBLEM)
    assert "a.example" in found.what
    assert says in found.what
    assert do in found.do


@pytest.mark.parametrize(
    ("error", "brltty", "level", "says", "do"),
    [
        (None, False, Level.OK, "can be opened", ""),
        (None, True, Level.WARNING, "can be opened", "brltty is running"),
        ("missing", False, Level.PROBLEM, "is not there", "plug it in"),
        ("missing", True, Level.PROBLEM, "is not there", "brltty is running"),
        ("forbidden", False, Level.PROBLEM, "may not be opened", "add the agent's user"),
        ("busy", False, Level.WARNING, "is in use by till (7), x (9)", "that is right while"),
        ("not-a-line", False, Level.PROBLEM, "is no serial port", "set display.port"),
        ("other", False, Level.PROBLEM, "cannot be opened (Input", "unplug the display"),
    ],
)
def test_the_state_of_the_port_is_explained(
    error: str | None, brltty: bool, level: Level, says: str, do: str
) -> None:
    facts = PortFacts(
        path="/dev/x", error=error, detail="Input/output error", brltty=brltty,
        holders=("till (7)", "x (9)") if error == "busy" else (),
    )  # fmt: skip
    found = doctor.display(facts)
    assert found.level is level
    assert found.what.startswith("/dev/x " + says)
    assert found.do.startswith(do)
    assert bool(found.do) is bool(do)


def test_a_port_in_use_by_nobody_we_may_see_is_still_in_use() -> None:
    assert doctor.display(PortFacts(path="/dev/x", error="busy")).what == "/dev/x is in use"


def test_the_report_counts_and_puts_the_next_step_below() -> None:
    findings = [
        ok("clock", "is plausible"),
        warning("store", "odd", "look"),
        problem("tls", "no", "do"),
    ]

    assert list(doctor.report(findings)) == [
        "ok       clock       is plausible",
        "warning  store       odd",
        "                     -> look",
        "problem  tls         no",
        "                     -> do",
        "1 to mend, 1 to look at",
    ]


def test_a_healthy_terminal_is_told_so() -> None:
    assert list(doctor.report([ok("clock", "is plausible")]))[-1] == "all is well"


@pytest.mark.parametrize(
    ("levels", "code"),
    [([], 0), ([Level.OK, Level.WARNING], 0), ([Level.OK, Level.PROBLEM], 1)],
)
def test_only_a_problem_fails(levels: list[Level], code: int) -> None:
    assert doctor.exit_code([doctor.Finding(name="x", level=lv, what="") for lv in levels]) == code
