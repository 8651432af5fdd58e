"""The sandbox over real HTTP: token endpoint, portal, who may talk to it."""

import httpx
import pytest

from agent.sandbox.server import SandboxServer
from agent.sandbox.world import Options, device_id
from tests.sandbox.device import UUID, Device


def test_a_device_pairs_renews_and_holds_one_valid_token(
    sandbox: SandboxServer, client: httpx.Client
) -> None:
    device = Device(client=client, sandbox=sandbox)
    code = device.ask()
    pending = device.poll()
    assert (pending.status_code, pending.json()["error"]) == (401, "authorization_pending")
    assert sandbox.approve(code)
    tokens = device.poll().json()
    assert device.api("GET", "/auth/sessions/me/debug", tokens["access_token"]).is_success
    renewed = device.refresh(tokens["refresh_token"]).json()
    assert "refresh_token" not in renewed
    assert device.api("GET", "/General/Merchants/me", tokens["access_token"]).status_code == 403
    assert device.api("GET", "/General/Merchants/me", renewed["access_token"]).is_success


def test_json_and_forms_are_taken_alike(sandbox: SandboxServer, client: httpx.Client) -> None:
    fields = {
        "grant_type": "device", "uuid": UUID,
        "client_id": sandbox.client_id, "client_secret": sandbox.client_secret,
    }  # fmt: skip
    for answer in (
        client.post(sandbox.token_endpoint, json=fields),
        client.post(sandbox.token_endpoint, data=fields),
    ):
        assert answer.status_code == 200
        assert answer.json()["verification_url"] == sandbox.portal


def test_tokens_are_not_to_be_cached(sandbox: SandboxServer, client: httpx.Client) -> None:
    answer = Device(client=client, sandbox=sandbox).token(grant_type="client_credentials")
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")
    assert answer.headers["content-type"] == "application/json"


def test_a_get_of_the_token_endpoint_is_405(sandbox: SandboxServer, client: httpx.Client) -> None:
    answer = client.get(sandbox.token_endpoint)
    assert (answer.status_code, answer.json()["error"]) == (405, "invalid_request")


def test_a_denial_reaches_the_device(sandbox: SandboxServer, client: httpx.Client) -> None:
    device = Device(client=client, sandbox=sandbox)
    assert sandbox.deny(device.ask())
    assert device.poll().json()["error"] == "access_denied"


def test_settings_may_change_while_running(sandbox: SandboxServer, client: httpx.Client) -> None:
    device = Device(client=client, sandbox=sandbox)
    sandbox.set(access_token_seconds=33)
    assert str(device.pair()["expires_in"]) == "33"
    sandbox.kill_refresh_tokens()
    assert str(device.pair()["expires_in"]) == "33"


def test_a_person_approves_in_the_portal(sandbox: SandboxServer, client: httpx.Client) -> None:
    device = Device(client=client, sandbox=sandbox)
    code = device.ask()
    link = f"/portal/{device_id(UUID)}"
    assert link in client.get(sandbox.url, follow_redirects=True).text
    form = client.get(sandbox.url + link)
    assert form.status_code == 200
    assert f'action="{link}"' in form.text
    given = {"user_code": code, "merchant": "Blumen am Markt", "verdict": "approve"}
    answer = client.post(sandbox.url + link, data=given, follow_redirects=True)
    assert "Approved." in answer.text
    token = device.poll().json()["access_token"]
    owner = device.api("GET", "/General/Merchants/me", token).json()
    assert owner["user"]["companyname"] == "Blumen am Markt"
    assert "Blumen am Markt" in client.get(sandbox.portal).text


def test_a_person_denies_in_the_portal(sandbox: SandboxServer, client: httpx.Client) -> None:
    device = Device(client=client, sandbox=sandbox)
    given = {"user_code": device.ask(), "merchant": "x", "verdict": "deny"}
    answer = client.post(f"{sandbox.portal}/{device_id(UUID)}", data=given, follow_redirects=True)
    assert "Denied." in answer.text
    assert device.poll().json()["error"] == "access_denied"


def test_a_wrong_code_is_said_and_changes_nothing(
    sandbox: SandboxServer, client: httpx.Client
) -> None:
    device = Device(client=client, sandbox=sandbox)
    code = device.ask()
    form = f"{sandbox.portal}/{device_id(UUID)}"
    answer = client.post(form, data={"user_code": "22222222", "verdict": "approve"})
    assert answer.status_code == 422
    assert "not the code of this device" in answer.text
    assert device.poll().json()["error"] == "authorization_pending"
    assert sandbox.approve(code)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_device_that_does_not_wait_has_a_page_that_says_so(
    sandbox: SandboxServer, client: httpx.Client, method: str
) -> None:
    answer = client.request(method, f"{sandbox.portal}/SDV_X")
    assert answer.status_code == 404
    assert "not waiting" in answer.text


def test_a_form_sent_from_another_site_is_refused(
    sandbox: SandboxServer, client: httpx.Client
) -> None:
    device = Device(client=client, sandbox=sandbox)
    given = {"user_code": device.ask(), "verdict": "approve"}
    form = f"{sandbox.portal}/{device_id(UUID)}"
    for origin in ("https://evil.example", "null"):
        answer = client.post(form, data=given, headers={"Origin": origin})
        assert answer.status_code == 403
    assert client.post(form, data=given, headers={"Origin": sandbox.url}).status_code == 303


def test_a_foreign_host_name_is_refused(sandbox: SandboxServer, client: httpx.Client) -> None:
    for url in (sandbox.portal, sandbox.token_endpoint, sandbox.api + "/x"):
        assert client.get(url, headers={"Host": "rebound.example"}).status_code == 400
    assert client.get(sandbox.portal, headers={"Host": "localhost:1"}).status_code == 200


def test_pages_forbid_scripts_and_frames(sandbox: SandboxServer, client: httpx.Client) -> None:
    policy = client.get(sandbox.portal).headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy


def test_only_a_known_merchant_gets_a_device(sandbox: SandboxServer, client: httpx.Client) -> None:
    device = Device(client=client, sandbox=sandbox)
    given = {"user_code": device.ask(), "verdict": "approve", "merchant": "<b>Somebody"}
    client.post(f"{sandbox.portal}/{device_id(UUID)}", data=given)
    assert device.poll().is_success
    assert sandbox.world.sessions[0].merchant == sandbox.options.merchants[0]


# -- RFC 8628 mode --------------------------------------------------------------------------------


def test_rfc8628_mode_is_found_by_discovery_and_rotates(client: httpx.Client) -> None:
    options = Options(dialect="rfc8628", rotate=True, interval=0.01)
    with SandboxServer(options=options) as sandbox:
        found = client.get(sandbox.url + "/.well-known/oauth-authorization-server").json()
        assert found["issuer"] == sandbox.url
        basic = (sandbox.client_id, sandbox.client_secret)
        codes = client.post(found["device_authorization_endpoint"], auth=basic).json()
        assert codes["verification_uri"] == sandbox.portal
        assert sandbox.approve(codes["user_code"])
        poll = {
            "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
            "device_code": codes["device_code"],
        }
        tokens = client.post(found["token_endpoint"], auth=basic, data=poll).json()
        refresh = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        renewed = client.post(found["token_endpoint"], auth=basic, data=refresh).json()
        assert renewed["refresh_token"] != tokens["refresh_token"]
        reused = client.post(found["token_endpoint"], auth=basic, data=refresh)
        assert (reused.status_code, reused.json()["error"]) == (400, "invalid_grant")


def test_rfc8628_mode_asks_fast_clients_to_slow_down(client: httpx.Client) -> None:
    with SandboxServer(options=Options(dialect="rfc8628")) as sandbox:
        basic = (sandbox.client_id, sandbox.client_secret)
        codes = client.post(sandbox.url + "/device_authorization", auth=basic).json()
        poll = {
            "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
            "device_code": codes["device_code"],
        }
        errors = [
            client.post(sandbox.token_endpoint, auth=basic, data=poll).json()["error"]
            for _ in range(2)
        ]
        assert errors == ["authorization_pending", "slow_down"]


def test_each_dialect_has_only_its_own_endpoints(
    sandbox: SandboxServer, client: httpx.Client
) -> None:
    for path in ("/token", "/device_authorization", "/.well-known/oauth-authorization-server"):
        assert client.post(sandbox.url + path).status_code in (404, 405)
    with SandboxServer(options=Options(dialect="rfc8628")) as other:
        assert client.post(other.url + "/oauth/token").status_code == 404
