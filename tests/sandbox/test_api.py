"""The API behind the tokens, over real HTTP."""

import re
import threading
import time

import httpx
import pytest

from agent.sandbox.server import SandboxServer
from agent.sandbox.world import Options, device_id
from tests.sandbox.device import UUID, Device

DEAD = {
    "status": "error",
    "error": "ProductNotAllowedException",
    "error_details": "Valid auth token required",
    "error_user": "Unknown error (Code 2003)",
    "code": 2003,
}


@pytest.fixture
def device(sandbox: SandboxServer, client: httpx.Client) -> Device:
    return Device(client=client, sandbox=sandbox)


def merchant_token(device: Device) -> str:
    token: str = device.token(grant_type="client_credentials").json()["access_token"]
    return token


def payment(device: Device, token: str, cents: object = 1250) -> httpx.Response:
    basket = {"basket_info": {"sum": cents, "currency": "EUR"}}
    return device.api("POST", "/Smart/Transactions", token, basket)


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer nonsense", "Basic eDp5"])
def test_a_dead_token_is_403_with_code_2003(device: Device, authorization: str) -> None:
    url = device.sandbox.api + "/auth/sessions/me/debug"
    answer = device.client.get(url, headers={"Authorization": authorization})
    assert answer.status_code == 403
    body = answer.json()
    assert re.fullmatch("[0-9a-f]{32}", body.pop("supportId"))
    assert body == DEAD
    assert list(body) == list(DEAD)


def test_a_session_says_whose_it_is(device: Device) -> None:
    token = device.pair()["access_token"]
    told = device.api("GET", "/auth/sessions/me/debug", token).json()
    assert told["device"] == UUID
    assert told["merchant"]["user"]["name"] == device.sandbox.options.merchants[0]
    assert 0 < told["expires_in"] <= 1200


def test_paths_are_taken_in_any_case(device: Device) -> None:
    token = device.pair()["access_token"]
    for path in ("/General/Merchants/me", "/general/merchants/me/", "/GENERAL/MERCHANTS/ME"):
        assert device.api("GET", path, token).json()["object"] == "general.merchants"


def test_an_unknown_path_is_404(device: Device) -> None:
    token = device.pair()["access_token"]
    answer = device.api("GET", "/Smart/Nothing", token)
    assert (answer.status_code, answer.json()["error"]) == (404, "ProductNotFoundException")


# -- payments -------------------------------------------------------------------------------------


def test_a_payment_blocks_until_the_cardholder_is_done(device: Device) -> None:
    device.sandbox.set(cardholder_seconds=0.3)
    token = device.pair()["access_token"]
    created = payment(device, token).json()
    assert (created["object"], created["status"]) == ("smart.transactions", "created")
    began = time.monotonic()
    paid = device.api("POST", f"/Smart/Transactions/{created['id']}/start/cashless", token)
    assert time.monotonic() - began >= 0.3
    assert paid.json() == {**created, "status": "ok"}
    again = device.api("POST", f"/Smart/Transactions/{created['id']}/start/cashless", token)
    assert again.status_code == 404


@pytest.mark.parametrize(
    ("renewed", "survives", "status"),
    [(False, False, "ok"), (True, False, "failed"), (True, True, "ok")],
)
def test_what_became_of_a_payment_can_be_asked_at_any_time(
    device: Device, renewed: bool, survives: bool, status: str
) -> None:
    """With a newer token as well: the one it was started with may be dead by then."""
    device.sandbox.set(cardholder_seconds=0.5, payment_survives_renewal=survives)
    tokens = device.pair()
    token = tokens["access_token"]
    created = payment(device, token).json()
    path = f"/Smart/Transactions/{created['id']}"
    assert device.api("GET", path, token).json() == created
    call = threading.Thread(target=lambda: device.api("POST", f"{path}/start/cashless", token))
    call.start()
    _until(lambda: device.sandbox.world.payments[-1].status == "running")
    assert device.api("GET", path, token).json() == {**created, "status": "running"}
    if renewed:
        old, token = token, device.refresh(tokens["refresh_token"]).json()["access_token"]
        assert device.api("GET", path, old).status_code == 403
    call.join()
    assert device.api("GET", path, token).json() == {**created, "status": status}


def test_nobody_sees_anothers_payments(device: Device) -> None:
    created = payment(device, device.pair()["access_token"]).json()
    other = Device(client=device.client, sandbox=device.sandbox, uuid="/vendor/a/serial/2")
    for path in (f"/Smart/Transactions/{created['id']}", "/Smart/Transactions/STX_NONE"):
        answer = other.api("GET", path, other.pair()["access_token"])
        assert (answer.status_code, answer.json()["error"]) == (404, "ProductNotFoundException")


def test_stopping_the_sandbox_does_not_wait_for_a_cardholder(
    client: httpx.Client, capfd: pytest.CaptureFixture[str]
) -> None:
    sandbox = SandboxServer(options=Options(cardholder_seconds=60)).start()
    device = Device(client=client, sandbox=sandbox)
    token = device.pair()["access_token"]
    path = f"/Smart/Transactions/{payment(device, token).json()['id']}/start/cashless"
    answers: list[httpx.Response] = []
    call = threading.Thread(target=lambda: answers.append(device.api("POST", path, token)))
    call.start()
    _until(lambda: sandbox.world.payments[-1].status == "running")
    began = time.monotonic()
    sandbox.stop()
    call.join()
    assert time.monotonic() - began < 2
    assert capfd.readouterr().err == ""


def test_a_server_that_never_started_can_be_stopped() -> None:
    SandboxServer().stop()


@pytest.mark.parametrize(("survives", "status"), [(False, 403), (True, 200)])
def test_a_renewal_during_a_payment(device: Device, survives: bool, status: int) -> None:
    device.sandbox.set(cardholder_seconds=0.5, payment_survives_renewal=survives)
    tokens = device.pair()
    created = payment(device, tokens["access_token"]).json()
    path = f"/Smart/Transactions/{created['id']}/start/cashless"
    answers = []
    call = threading.Thread(
        target=lambda: answers.append(device.api("POST", path, tokens["access_token"]))
    )
    call.start()
    _until(lambda: device.sandbox.world.payments[-1].status == "running")
    assert device.refresh(tokens["refresh_token"]).is_success
    call.join()
    assert answers[0].status_code == status
    if status == 403:
        assert answers[0].json()["code"] == 2003


@pytest.mark.parametrize("cents", [0, -1, "12", None, 1.5])
def test_a_payment_needs_a_sum(device: Device, cents: object) -> None:
    token = device.pair()["access_token"]
    assert payment(device, token, cents).status_code == 400
    assert device.api("POST", "/Smart/Transactions", token, [1]).status_code == 400
    bearer = {"Authorization": f"Bearer {token}"}
    url = device.sandbox.api + "/Smart/Transactions"
    assert device.client.post(url, headers=bearer, content=b"{").status_code == 400


def test_one_device_cannot_pay_with_anothers_transaction(device: Device) -> None:
    created = payment(device, device.pair()["access_token"]).json()
    other = Device(client=device.client, sandbox=device.sandbox, uuid="/vendor/a/serial/2")
    path = f"/Smart/Transactions/{created['id']}/start/cashless"
    assert other.api("POST", path, other.pair()["access_token"]).status_code == 404


# -- the merchant's call --------------------------------------------------------------------------


def test_a_merchants_user_approves_by_user_code(device: Device) -> None:
    code = device.ask()
    merchant = merchant_token(device)
    listed = device.api("GET", "/Smart/Devices", merchant).json()
    assert listed["count"] == 1
    assert (listed["data"][0]["vendor"], listed["data"][0]["vendor_uid"]) == (
        "mycompany",
        "/serial/1234",
    )
    path = f"/smart/devices/{listed['data'][0]['id']}/pin"
    wrong = device.api("PUT", path, merchant, {"user_pin": "22222222"})
    assert wrong.status_code == 400
    answer = device.api("PUT", path, merchant, {"user_pin": code})
    assert answer.json()["merchant"]["object"] == "general.merchants"
    assert device.poll().status_code == 200


def test_a_device_cannot_approve_devices(device: Device) -> None:
    token = device.pair()["access_token"]
    other = Device(client=device.client, sandbox=device.sandbox, uuid="/vendor/a/serial/2")
    path = f"/Smart/Devices/{device_id(other.uuid)}/pin"
    answer = device.api("PUT", path, token, {"user_pin": other.ask()})
    assert (answer.status_code, answer.json()["code"]) == (403, 1003)
    assert other.poll().json()["error"] == "authorization_pending"


def test_the_code_counts_for_the_device_in_the_path_only(device: Device) -> None:
    code = device.ask()
    other = Device(client=device.client, sandbox=device.sandbox, uuid="/vendor/a/serial/2")
    other.ask()
    merchant = merchant_token(device)
    elsewhere = f"/Smart/Devices/{device_id(other.uuid)}/pin"
    assert device.api("PUT", elsewhere, merchant, {"user_pin": code}).status_code == 400
    nowhere = device.api("PUT", "/Smart/Devices/SDV_X/pin", merchant, {"user_pin": code})
    assert nowhere.status_code == 404


def _until(seen: object, deadline: float = 5) -> None:
    assert callable(seen)
    end = time.monotonic() + deadline
    while not seen():
        assert time.monotonic() < end
        time.sleep(0.005)
