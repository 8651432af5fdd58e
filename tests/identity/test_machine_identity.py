"""From settings and sources to the UUID, on a machine made of real files."""

from pathlib import Path
from threading import Event

import pytest

from agent.errors import ConfigError
from agent.identity import FIXED, Provenance
from agent.machine_identity import LOOK_LIMIT, look, read_identity
from agent.machine_identity import identify as identify_at
from agent.settings import IdentitySettings, PairSettings
from hw.contract import HardwareError, Reading
from hw.machine import source_opener
from tests.identity.tree import DEVICE_TREE as TREE
from tests.identity.tree import DMI, put

BOTH = PairSettings(key="serial", sources=("dmi-product-serial", "device-tree"))


def identify(root: Path, *pairs: PairSettings) -> str:
    settings = IdentitySettings(vendor="acme", pairs=pairs)
    return read_identity(settings, source_opener(root=str(root)))


def test_fixed_values_and_sources_go_together(tmp_path: Path) -> None:
    put(tmp_path, "/etc/asset", b"F-4711\n")
    fixed = PairSettings(key="branch", value="1")
    file = PairSettings(key="asset", sources=("file",), file="/etc/asset")

    assert identify(tmp_path, fixed, file) == "/vendor/acme/branch/1/asset/F-4711"


def test_a_placeholder_gives_way_to_the_next_source(tmp_path: Path) -> None:
    put(tmp_path, DMI, b"To be filled by O.E.M.\n")
    put(tmp_path, TREE, b"T-4711\0")

    assert identify(tmp_path, BOTH) == "/vendor/acme/serial/T-4711"


def test_a_source_that_cannot_be_read_never_gives_way(tmp_path: Path) -> None:
    (tmp_path / DMI.lstrip("/")).mkdir(parents=True)
    put(tmp_path, TREE, b"T-4711\0")

    with pytest.raises(HardwareError, match="product_serial cannot be read"):
        identify(tmp_path, BOTH)


def test_a_weaker_source_is_not_touched_while_a_stronger_serves(tmp_path: Path) -> None:
    put(tmp_path, DMI, b"S-4711\n")
    (tmp_path / TREE.lstrip("/")).mkdir(parents=True)  # reading it would raise

    assert identify(tmp_path, BOTH) == "/vendor/acme/serial/S-4711"


def test_without_any_serial_the_message_says_which_source_gave_what(tmp_path: Path) -> None:
    put(tmp_path, DMI, b"Default string\n")

    with pytest.raises(ConfigError) as caught:
        identify(tmp_path, BOTH)

    assert str(caught.value) == (
        "identity: no serial number for 'serial': dmi-product-serial"
        " (/sys/class/dmi/id/product_serial) gave 'Default string', which is a placeholder left by"
        " the maker of the board; device-tree: not on this terminal. Write it into a file and add"
        " that as source, or set value in [[identity.pair]]"
    )


def test_S10_15_reading_the_identity_again_gives_the_same_and_changes_no_setting(
    tmp_path: Path,
) -> None:
    put(tmp_path, DMI, b"S-4711\n")
    settings = IdentitySettings(vendor="acme", pairs=(BOTH,))
    opener = source_opener(root=str(tmp_path))

    assert {read_identity(settings, opener) for _ in range(3)} == {"/vendor/acme/serial/S-4711"}
    assert settings == IdentitySettings(vendor="acme", pairs=(BOTH,))
    with pytest.raises(AttributeError):
        settings.vendor = ""  # type: ignore[misc]


# -- provenance -----------------------------------------------------------------------------------


def test_where_each_value_came_from_and_when(tmp_path: Path) -> None:
    put(tmp_path, DMI, b"None\n")
    put(tmp_path, TREE, b"T-4711\0")
    settings = IdentitySettings(vendor="acme", pairs=(PairSettings(key="branch", value="1"), BOTH))

    found = identify_at(settings, source_opener(root=str(tmp_path)), at=1_790_000_000)

    assert found.uuid == "/vendor/acme/branch/1/serial/T-4711"
    assert found.provenance == (
        Provenance(key="branch", value="1", source=FIXED, seen_at=1_790_000_000),
        Provenance(key="serial", value="T-4711", source="device-tree", seen_at=1_790_000_000),
    )
    assert [(verdict.source, verdict.accepted) for verdict in found.verdicts] == [
        ("dmi-product-serial", False),
        ("device-tree", True),
    ]


# -- looking at all of them -----------------------------------------------------------------------


class Source:
    """Answers when it may."""

    def __init__(
        self, name: str, found: Reading | Exception | None, wait: Event | None = None
    ) -> None:
        self.name = name
        self._found = found
        self._wait = wait

    def read(self) -> Reading | None:
        if self._wait is not None:
            self._wait.wait(60.0)
        if isinstance(self._found, Exception):
            raise self._found
        return self._found


def test_every_source_is_looked_at_and_a_silent_one_holds_nobody() -> None:
    never = Event()
    sources = [
        Source("a", Reading(source="/a", value="A-4711")),
        Source("b", HardwareError("b is broken")),
        Source("c", None, never),
        Source("d", None),
    ]
    a, b, c, d = look(sources, limit=1.0)
    never.set()

    assert [verdict.source for verdict in (a, b, c, d)] == ["a", "b", "c", "d"]
    assert c.trouble == "no answer within 1 s: try again"
    assert b.trouble in ("b is broken", c.trouble)  # the second on a machine that is very slow
    assert not c.accepted


def test_sources_are_asked_at_once_and_not_one_after_the_other() -> None:
    """The first answers only when the second has been asked."""
    asked = Event()

    class Second(Source):
        def read(self) -> Reading | None:
            asked.set()
            return super().read()

    first = Source("a", Reading(source="/a", value="A-4711"), asked)
    verdicts = list(look([first, Second("b", None)], limit=60.0))

    assert [verdict.trouble for verdict in verdicts] == [None, None]
    assert verdicts[0].accepted


def test_a_person_waits_for_a_few_seconds_only() -> None:
    assert LOOK_LIMIT <= 5.0
