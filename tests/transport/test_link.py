import socket
from pathlib import Path

import pytest

from agent.oauth.events import TransportFailed
from agent.oauth.link import has_link
from agent.oauth.transport import Transport
from tests.transport.clocks import FakeClock

NOWHERE = "https://no-such-host.invalid/"  # RFC 6761 section 6.4: never resolves


def interface(root: Path, name: str, kind: str, carrier: str | None) -> None:
    """As the kernel has it; reading the carrier of one that is down fails, as for a directory."""
    (root / name).mkdir()
    (root / name / "type").write_text(f"{kind}\n")
    if carrier is None:
        (root / name / "carrier").mkdir()
    else:
        (root / name / "carrier").write_text(f"{carrier}\n")


@pytest.mark.parametrize(
    ("carriers", "expected"),
    [
        ([], False),
        (["0"], False),
        ([None], False),
        (["1"], True),
        (["0", "1"], True),
    ],
)
def test_a_link_is_a_carrier_on_anything_but_the_loopback(
    tmp_path: Path, carriers: list[str | None], expected: bool
) -> None:
    interface(tmp_path, "lo", "772", "1")
    for number, carrier in enumerate(carriers):
        interface(tmp_path, f"eth{number}", "1", carrier)

    assert has_link(str(tmp_path)) is expected


def test_where_nobody_can_know_there_is_one(tmp_path: Path) -> None:
    assert has_link(str(tmp_path / "none"))


async def test_what_is_no_matter_of_names_keeps_its_reason() -> None:
    """The server may well be on this machine."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and never listens
        transport = Transport(clock=FakeClock(), deadline=60, link=lambda: False)
        found = await transport.get(f"http://127.0.0.1:{taken.getsockname()[1]}/")
        await transport.aclose()

    assert isinstance(found, TransportFailed)
    assert "refuses the connection" in found.reason


@pytest.mark.parametrize(("link", "kind"), [(True, "name"), (False, "network")])
async def test_a_missing_cable_is_not_blamed_on_the_router(link: bool, kind: str) -> None:
    transport = Transport(clock=FakeClock(), deadline=60, link=lambda: link)
    found = await transport.get(NOWHERE)
    await transport.aclose()

    assert isinstance(found, TransportFailed)
    assert found.kind == kind
    assert ("check the cable" in found.reason) is not link
