"""Which USB identities belong to customer displays: the table `usb_ids.toml`, read. Pure."""

import functools
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

Kind = Literal["display", "candidate", "adapter", "hid"]
"""`display`: nothing else has this identity. `candidate`: a maker of displays, the rest is not
established. `adapter`: a chip that may be anything. `hid`: a display, but no serial port."""

_TABLES: Final[tuple[tuple[str, Kind], ...]] = (
    ("displays", "display"),
    ("candidates", "candidate"),
    ("adapters", "adapter"),
    ("hid", "hid"),
)
_USB: Final = re.compile(
    r"(?P<vendor>[0-9a-f]{4}):(?:\*|(?P<first>[0-9a-f]{4})(?:-(?P<last>[0-9a-f]{4}))?)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """One line of the table: products `first` to `last` of a vendor, four hex digits each. `driver`
    is the kernel's, None where it is not established; `new_id` if it has to be told. `seen` names
    a display known to hide behind the chip."""

    vendor: str
    first: str
    last: str
    kind: Kind
    name: str
    driver: str | None = None
    seen: str | None = None
    new_id: bool = False

    def covers(self, usb: str) -> bool:
        """Whether this is the identity of a device, `vvvv:pppp` in lower-case hex."""
        vendor, _, product = usb.partition(":")  # hex digits sort like the numbers they stand for
        return vendor == self.vendor and self.first <= product <= self.last


@functools.cache
def known() -> tuple[Identity, ...]:
    """The whole table."""
    return read(Path(__file__).with_name("usb_ids.toml").read_text(encoding="utf-8"))


def of(usb: str) -> Identity | None:
    """What is known of a device, `vvvv:pppp`."""
    return next((identity for identity in known() if identity.covers(usb)), None)


def read(source: str) -> tuple[Identity, ...]:
    """The table from its text. Raises ValueError with the line that is none."""
    tables: Mapping[str, list[Mapping[str, object]]] = tomllib.loads(source)
    return tuple(_identity(kind, row) for name, kind in _TABLES for row in tables.get(name, ()))


def _identity(kind: Kind, row: Mapping[str, object]) -> Identity:
    usb, name = row.get("usb"), row.get("name")
    found = _USB.fullmatch(usb) if isinstance(usb, str) else None
    if found is None or not isinstance(name, str):
        raise ValueError(f"no USB identity: {dict(row)}")
    first = found["first"]
    return Identity(
        vendor=found["vendor"],
        first=first or "0000",
        last=found["last"] or first or "ffff",
        kind=kind,
        name=name,
        driver=_text(row.get("driver")),
        seen=_text(row.get("seen")),
        new_id=row.get("new_id") is True,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
