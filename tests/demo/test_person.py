"""Reading a code off the glass, and using the portal as a person does."""

import httpx
import pytest

from agent.demo.person import Merchant, read_code
from agent.sandbox import ledger, rules
from agent.sandbox.server import SandboxServer
from agent.sandbox.world import Code, Options, World
from tests.sandbox.device import UUID, Device


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        (("1/2 http://127.0.0.  ", "CODE  abcfgh23   19m"), "abcfgh23"),
        (("Code: 22222222      ", ""), "22222222"),
        (("STARTING            ", "PLEASE WAIT         "), None),
        (("*** HELLO ***", "0123456789"), None),
        (("http://127.0.0.1:40843/portal", ""), None),
        (("CODE  abcfgh2", "3   19m"), None),
        (("CODE  abcfgh234", ""), None),
        (("abcfgh23", "abcfgh24"), None),
        ((), None),
    ],
)
def test_a_code_is_eight_of_its_characters_standing_alone(
    cells: tuple[str, ...], code: str | None
) -> None:
    assert read_code(cells) == code


def test_every_code_the_sandbox_gives_can_be_read() -> None:
    for _ in range(200):
        _, code = rules.request_code(World(), Options(), uuid=UUID, now=0, draw=ledger.draw)
        assert isinstance(code, Code)
        assert read_code((f"CODE  {code.user_code}    5m", "")) == code.user_code


def test_a_merchant_approves_through_the_pages_alone() -> None:
    with SandboxServer() as sandbox, httpx.Client(trust_env=False) as client:
        Device(client=client, sandbox=sandbox, uuid="/vendor/other/serial/1").ask()
        device = Device(client=client, sandbox=sandbox)
        code = device.ask()
        merchant = Merchant(sandbox.portal)
        assert merchant.approve(device=UUID, code=code, merchant="Blumen am Markt")
        assert device.poll().is_success
        assert sandbox.world.sessions[0].merchant == "Blumen am Markt"


def test_a_device_that_does_not_wait_cannot_be_picked() -> None:
    with SandboxServer() as sandbox:
        merchant = Merchant(sandbox.portal)
        assert not merchant.approve(device=UUID, code="abcfgh23", merchant="x")


def test_a_wrong_code_is_refused_by_the_portal() -> None:
    with SandboxServer() as sandbox, httpx.Client(trust_env=False) as client:
        Device(client=client, sandbox=sandbox).ask()
        with pytest.raises(OSError, match="422"):
            Merchant(sandbox.portal).approve(device=UUID, code="22222222", merchant="x")
