"""The demo without a person: every step of the story, each with a deadline, and a summary.

It knows only what a person would: the code is read off the glass, the approval goes through the
portal's pages.
"""

import time
from collections.abc import Callable

from agent.demo.person import Merchant, read_code
from agent.demo.picture import frame
from agent.demo.stage import OPTIONS, Stage
from agent.demo.workspace import UUID

_MERCHANT = "Blumen am Markt"
_PAID = 15.0  # s; a Python starts, and a cardholder takes his time
_SHOWN = ("pairing.code_shown",)


class Missed(Exception):
    """A step did not happen within its deadline; the message says what was expected."""


def play(stage: Stage) -> int:
    """The whole story. Exit status 0, or 1 with what was missed and what could be seen."""
    try:
        summary = _story(stage)
    except (Missed, OSError) as missed:
        print(f"\nThe demo failed: {missed}\n\nThe display at that moment:")
        print("\n".join(frame(stage.terminal.cells())))
        print("The last of the log:", *stage.window.last_words(), sep="\n  ")
        return 1
    print("\nThe demo went as it should:", *summary, sep="\n  ")
    return 0


def _story(stage: Stage) -> list[str]:
    began = time.monotonic()
    stage.daemon.start()
    boot_to_code = _pair(stage)
    approved_to_paired = _approve(stage)
    renewals = stage.daemon.count("token.renewed")
    _pay(stage)
    _expect(stage, lambda: _blank(stage), 20, "the display to be given back, blank, after pairing")
    _expect(
        stage,
        lambda: stage.daemon.count("token.renewed") > renewals,
        OPTIONS.access_token_seconds,
        f"the token to be renewed within its life of {OPTIONS.access_token_seconds:.0f} s",
    )
    _pay(stage)
    restart_to_paid = _restart(stage)
    _stop(stage)
    return [
        f"boot to code on the display     {boot_to_code:6.1f} s",
        f"approval to paired              {approved_to_paired:6.1f} s (polls every"
        f" {OPTIONS.interval:.0f} s)",
        f"restart to paid, no pairing     {restart_to_paid:6.1f} s",
        f"payments                        {stage.payments_done:4}",
        f"renewals                        {stage.daemon.count('token.renewed'):4}",
        f"in all                          {time.monotonic() - began:6.1f} s",
    ]


def _pair(stage: Stage) -> float:
    began = time.monotonic()
    _expect(stage, lambda: _code(stage) is not None, 20, "a user code on the display")
    return time.monotonic() - began


def _approve(stage: Stage) -> float:
    code = _code(stage)
    if code is None:
        raise Missed("expected the code to stay on the display; it left before it could be typed")
    stage.window.say(f"Auto: reads {code} on the display, types it into the portal.")
    began = time.monotonic()
    merchant = Merchant(stage.sandbox.portal)
    if not merchant.approve(device=UUID, code=code, merchant=_MERCHANT):
        raise Missed(f"expected the portal to list {UUID} and to accept the code {code}")
    # One poll interval, the agent's upward jitter of it, and the owner's name to be fetched.
    deadline = 2 * OPTIONS.interval + 5
    _expect(
        stage,
        lambda: _MERCHANT in " ".join(stage.glass),
        deadline,
        f"the display to name {_MERCHANT!r} within {deadline:.0f} s of the approval",
    )
    return time.monotonic() - began


def _pay(stage: Stage) -> None:
    stage.start_payment()
    paid = stage.payments_done
    _expect(stage, lambda: not stage.paying, _PAID, "the payment to end")
    if stage.payments_done == paid:
        raise Missed("expected the payment to go through")


def _restart(stage: Stage) -> float:
    codes = stage.daemon.count(*_SHOWN)
    ready = stage.daemon.count("supply.ready")
    stage.window.say("Auto: restarts the daemon.")
    _stop(stage)
    began = time.monotonic()
    stage.daemon.start()
    _expect(
        stage,
        lambda: stage.daemon.count("supply.ready") > ready,
        15,
        "the restarted daemon to open its socket",
    )
    _pay(stage)
    if stage.daemon.count(*_SHOWN) != codes:
        raise Missed("expected the restarted daemon to serve without pairing")
    return time.monotonic() - began


def _stop(stage: Stage) -> None:
    status = stage.daemon.stop()
    if status != 0:
        raise Missed(f"expected the daemon to end with 0 after SIGTERM, not {status}")


def _expect(stage: Stage, seen: Callable[[], bool], deadline: float, what: str) -> None:
    if not stage.wait_until(seen, deadline):
        ended = stage.daemon.status
        because = "" if ended is None else f" (the daemon ended with {ended})"
        raise Missed(f"expected {what}{because}")


def _code(stage: Stage) -> str | None:
    return read_code(stage.glass)


def _blank(stage: Stage) -> bool:
    return bool(stage.glass) and not "".join(stage.glass).strip()
