"""What a finding means and what to do about it: pure.

The probes (`agent.doctor_probes`) bring facts; here they become sentences. docs/doctor.md lists
them all, by name.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from agent.identity import Verdict

# Start of the year this was released in. Before it the clock is wrong for certain: the battery of
# the real-time clock is empty, or there is none and nothing has set the time yet.
RELEASED: Final = 1_767_225_600  # Unix seconds of 2026-01-01
_OUTLIVED: Final = RELEASED + 20 * 31_557_600  # a terminal does not live 20 years


class Level(IntEnum):
    """The higher, the worse."""

    OK = 0
    WARNING = 1
    PROBLEM = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`name` as in docs/doctor.md; `what` was found; `do` is the next step, empty if none."""

    name: str
    level: Level
    what: str
    do: str = ""


def ok(name: str, what: str) -> Finding:
    return Finding(name=name, level=Level.OK, what=what)


def warning(name: str, what: str, do: str) -> Finding:
    return Finding(name=name, level=Level.WARNING, what=what, do=do)


def problem(name: str, what: str, do: str) -> Finding:
    return Finding(name=name, level=Level.PROBLEM, what=what, do=do)


def exit_code(findings: Sequence[Finding]) -> int:
    """1 if anything has to be mended, else 0: a warning may be meant."""
    return int(any(finding.level is Level.PROBLEM for finding in findings))


def report(findings: Sequence[Finding]) -> Iterator[str]:
    """Lines for a person: every finding, its next step below it, and how many there are."""
    for finding in findings:
        yield f"{finding.level.name.lower():<8} {finding.name:<11} {finding.what}"
        if finding.do:
            yield f"{'':<20} -> {finding.do}"
    problems, warnings = (
        sum(finding.level is level for finding in findings)
        for level in (Level.PROBLEM, Level.WARNING)
    )
    yield f"{problems} to mend, {warnings} to look at" if problems or warnings else "all is well"


# -- what facts mean ------------------------------------------------------------------------------


def clock(wall: float) -> Finding:
    """Whether the terminal's time can be true."""
    if wall < RELEASED:
        return problem(
            "clock",
            "is set to a day before this program was written, so TLS certificates look invalid",
            "let the terminal reach its time server, or set it: timedatectl set-time …; if that"
            " does not survive a power cycle, the clock's battery is empty",
        )
    if wall > _OUTLIVED:
        return problem(
            "clock",
            "is set decades ahead, so TLS certificates look expired",
            "let the terminal reach its time server, or set it: timedatectl set-time …",
        )
    return ok("clock", "is plausible")


def identity(key: str, verdicts: Sequence[Verdict], *, in_service: bool) -> Iterator[Finding]:
    """One finding for each source of a key, and one if none will do. Outside of the service a
    source may be out of sight only for whoever asks."""
    taken = blocked = False
    for verdict in verdicts:
        if verdict.trouble is not None:
            do = "systemd may hand it to the service; run this as root to see it"
            if in_service and not taken:
                yield problem("identity", str(verdict), "the agent waits until it can be read")
            else:
                yield warning("identity", str(verdict), do)
            blocked = blocked or not taken
        elif verdict.reading is None:
            yield ok("identity", str(verdict))
        elif not verdict.accepted:
            yield warning(
                "identity", str(verdict), "another source has to be used; this one tells nothing"
            )
        elif blocked:
            yield ok("identity", f"{verdict} (behind one that cannot be read)")
        else:
            use = " (not needed)" if taken else f", used for {key}"
            yield ok("identity", f"{verdict}{use}")
            taken = True
    if not taken and not blocked:
        yield problem(
            "identity",
            f"no source gives a serial number for {key}",
            "write it into a file and set file = in [[identity.pair]], or set value",
        )


# OpenSSL's X509_V_ERR_… (x509_vfy.h), as in SSLCertVerificationError.verify_code.
_NOT_YET_VALID: Final = 9
_EXPIRED: Final = 10
_WRONG_HOST: Final = (62, 64)  # host name, IP address
_UNTRUSTED: Final = (2, 18, 19, 20, 21)  # issuer missing or self-signed


def tls_refused(host: str, code: int | None, reason: str) -> Finding:
    """Why the handshake failed: OpenSSL's verify code, None for anything but the certificate."""
    if code == _NOT_YET_VALID:
        what, do = "is not valid yet", "this terminal's clock is probably behind: set it"
    elif code == _EXPIRED:
        what, do = (
            "is over",
            "check this terminal's clock; if it is right, tell the server's operator",
        )
    elif code in _WRONG_HOST:
        what, do = "is for another host", "correct the host name in [server], or look for a portal"
    elif code in _UNTRUSTED:
        what = "is from an authority this terminal does not trust"
        do = "set server.ca_file to its authority; a proxy or a portal may also be in between"
    else:
        return problem(
            "tls",
            f"{host} answers, but the handshake fails ({reason})",
            "check the port in [server], client_certificate, and for a proxy or portal in between",
        )
    return problem("tls", f"the certificate of {host} {what}", do)


@dataclass(frozen=True, slots=True, kw_only=True)
class PortFacts:
    """What is seen at the display's port without sending it a byte."""

    path: str
    error: str | None  # missing, forbidden, busy, not-a-line, other; None when it could be opened
    detail: str = ""
    holders: tuple[str, ...] = ()
    brltty: bool = False


def display(facts: PortFacts) -> Finding:
    """Whether the display's port can be claimed."""
    brltty = (
        "brltty is running and takes such adapters away: apt remove brltty, or mask it"
        if facts.brltty
        else ""
    )
    match facts.error:
        case None if brltty:
            return warning("display", f"{facts.path} can be opened", brltty)
        case None:
            return ok("display", f"{facts.path} can be opened")
        case "missing":
            do = "plug it in; `ls /dev/ttyUSB* /dev/ttyACM*` shows its port, the udev rule names it"
            return problem("display", f"{facts.path} is not there", brltty or do)
        case "forbidden":
            do = "add the agent's user to the port's group, or install the shipped udev rule"
            return problem("display", f"{facts.path} may not be opened by this user", do)
        case "busy":
            who = f" by {', '.join(facts.holders)}" if facts.holders else ""
            return warning(
                "display",
                f"{facts.path} is in use{who}",
                "that is right while the agent shows a code; else stop the other program",
            )
        case "not-a-line":
            do = "set display.port to the display's serial port"
            return problem("display", f"{facts.path} is no serial port", do)
        case _:
            do = "unplug the display, plug it in again, and look at `dmesg`"
            return problem("display", f"{facts.path} cannot be opened ({facts.detail})", do)
