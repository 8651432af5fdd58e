"""What a setting may be: checks from what TOML gave to the value.

A check raises ValueError with the limit and what to do. It never repeats text it was given, which
may be a secret put in the wrong place.
"""

import ipaddress
import re
from collections.abc import Callable
from typing import Final, TypeVar
from urllib.parse import urlsplit

from agent.identity import is_placeholder_word, part_problem
from agent.supply.delivery import Format

S = TypeVar("S", bound=str)
E = TypeVar("E")

FORMATS: Final[tuple[Format, ...]] = ("raw", "header", "json")
_UNIT: Final = re.compile(r"[A-Za-z0-9:_.\\@-]{1,240}\.[a-z]+")
# As in hw.machine, which only the composition root may import; a test compares them.
SOURCE_NAMES: Final = (
    *("file", "command", "eeprom", "nvmem"),
    *("dmi-product-serial", "dmi-board-serial", "dmi-chassis-serial"),
    *("device-tree", "soc", "cpuinfo", "mmc-cid", "mac"),
)
BAUD_RATES: Final = (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)
SUN_PATH: Final = 107  # bytes of a Unix socket's path, unix(7)


def text(raw: object, longest: int = 1024) -> str:
    if not isinstance(raw, str):
        raise ValueError(f'is {_kind(raw)}; write text in quotes, like "this"')
    if not raw:
        raise ValueError("is empty; write a value or leave the key out")
    if len(raw) > longest:
        raise ValueError(f"has {len(raw)} characters; at most {longest} are allowed")
    if not raw.isprintable() or raw != raw.strip():
        raise ValueError("contains a control character, or a blank at an end; write it without")
    return raw


def _kind(raw: object) -> str:
    names: dict[type, str] = {bool: "true or false", int: "a number", float: "a number"}
    names |= {str: "text", list: "a list", dict: "a table"}
    return names.get(type(raw), "a date or time")


def number(low: float, high: float, unit: str) -> Callable[[object], float]:
    def check(raw: object) -> float:
        if isinstance(raw, bool) or not isinstance(raw, int | float):
            raise ValueError(f"is {_kind(raw)}; write a number of {unit}, without quotes")
        if not low <= raw <= high:  # nan is neither
            raise ValueError(f"is {raw}; allowed are {low:g} to {high:g} {unit}")
        return float(raw)

    return check


def whole(low: int, high: int, unit: str) -> Callable[[object], int]:
    def check(raw: object) -> int:
        if isinstance(raw, bool) or not isinstance(raw, int):
            raise ValueError(f"is {_kind(raw)}; write a whole number of {unit}, without quotes")
        if not low <= raw <= high:
            raise ValueError(f"is {raw}; allowed are {low} to {high} {unit}")
        return raw

    return check


def one_of(*choices: S) -> Callable[[object], S]:
    def check(raw: object) -> S:
        given = text(raw)
        for choice in choices:
            if given == choice:
                return choice
        raise ValueError(f"is not one of {', '.join(choices)}; choose one of them")

    return check


def baudrate(raw: object) -> int:
    rate = whole(1, 4_000_000, "bits a second")(raw)
    if rate not in BAUD_RATES:
        raise ValueError(f"is {rate}; allowed are {', '.join(map(str, BAUD_RATES))}")
    return rate


def path(raw: object) -> str:
    given = text(raw)
    if not given.startswith("/"):
        raise ValueError("is a relative path; write the whole path from / on")
    return given


def paths(raw: object) -> tuple[str, ...]:
    return list_of(raw, path, 'write a list like ["/sys/block/mmcblk0/device/cid"]')


def socket_path(raw: object) -> str:
    given = path(raw)
    if len(given.encode()) > SUN_PATH:
        raise ValueError(f"is longer than {SUN_PATH} bytes, the limit of a socket's path")
    return given


def url(raw: object) -> str:
    """https anywhere, http on this machine only: a token must not cross a wire readably."""
    given = text(raw)
    scheme, host = _scheme_and_host(given)
    if scheme == "http" and not _is_loopback(host):
        raise ValueError("is http to another machine; use https (http is for loopback only)")
    return given


def issuer(raw: object) -> str:
    given = url(raw)
    if "?" in given:
        raise ValueError("has a query, which an issuer never has (RFC 8414 section 2)")
    return given


def proxy(raw: object) -> str:
    """Without TLS to the proxy itself, TLS to the server still goes through it unread."""
    given = text(raw)
    _scheme_and_host(given)
    return given


def _scheme_and_host(given: str) -> tuple[str, str]:
    try:
        parts = urlsplit(given)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("is not a URL; write https://host/path") from None
    if parts.scheme not in ("https", "http") or not host or not given.isascii() or " " in given:
        raise ValueError("is not a URL; write https://host/path")
    if parts.username is not None or parts.password is not None or "#" in given:
        raise ValueError("has a user name, password or fragment; write the bare URL")
    return parts.scheme, host


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def vschar(longest: int) -> Callable[[object], str]:
    """RFC 6749 appendix A: VSCHAR, printable ASCII."""

    def check(raw: object) -> str:
        given = text(raw, longest)
        if not given.isascii():
            raise ValueError("contains characters outside ASCII; copy it again as issued")
        return given

    return check


def scope(raw: object) -> str:
    given = text(raw)
    if not re.fullmatch(r"[!#-\[\]-~]+( [!#-\[\]-~]+)*", given):
        raise ValueError("is not a scope; write words of ASCII, one blank between (RFC 6749, 3.3)")
    return given


def name(pattern: str, example: str) -> Callable[[object], str]:
    def check(raw: object) -> str:
        given = text(raw)
        if not re.fullmatch(pattern, given):
            raise ValueError(f"is not a name like {example}; see docs/configuration.md")
        return given

    return check


def gpio_chip(raw: object) -> str:
    """A chip's label, or a path below /dev."""
    given = text(raw, 64)
    if given.startswith("/") and not given.startswith("/dev/"):
        raise ValueError("is no path below /dev; write /dev/gpiochipN, or the chip's label")
    return given


def gpio_line(raw: object) -> str:
    return text(raw, 32)


def command(raw: object) -> tuple[str, ...]:
    words = list_of(raw, text, 'write a list like ["/usr/bin/program", "argument"]')
    if not words or not words[0].startswith("/"):
        raise ValueError("must begin with the program's whole path from / on")
    return words


def units(raw: object) -> dict[str, Format]:
    """Names of systemd units (systemd.unit(5)), each with a format."""
    if not isinstance(raw, dict):
        raise ValueError(f'is {_kind(raw)}; write a table like {{ "till.service" = "raw" }}')
    if not all(isinstance(name, str) and _UNIT.fullmatch(name) for name in raw):
        raise ValueError('names something that is no unit; write its whole name, "till.service"')
    return {name: one_of(*FORMATS)(form) for name, form in raw.items()}


def list_of(raw: object, check: Callable[[object], E], advice: str) -> tuple[E, ...]:
    if not isinstance(raw, list):
        raise ValueError(f"is {_kind(raw)}; {advice}")
    return tuple(check(item) for item in raw)


def ids(raw: object) -> tuple[int, ...]:
    return list_of(raw, whole(0, 2**32 - 2, "(an id)"), "write a list of numbers, like [1000]")


def sources(raw: object) -> tuple[str, ...]:
    names = list_of(raw, one_of(*SOURCE_NAMES), 'write a list like ["dmi-product-serial"]')
    if len(set(names)) != len(names) or not names:
        raise ValueError("is empty or names a source twice; name each source once")
    return names


def part(raw: object) -> str:
    """A part of the device UUID; blanks at the ends get a sentence of their own."""
    if not isinstance(raw, str):
        raise ValueError(f"is {_kind(raw)}; write text in quotes, exactly as registered")
    if (problem := part_problem(raw)) is not None:
        raise ValueError(f"{problem}; write it exactly as registered")
    return raw


def fixed_value(raw: object) -> str:
    """Short numbers are meant (`/branch/1`); words a maker left in place of a serial are not."""
    value = part(raw)
    if len(value) > 3 and is_placeholder_word(value):
        raise ValueError("is a placeholder, not this terminal's serial; write the real one")
    return value
