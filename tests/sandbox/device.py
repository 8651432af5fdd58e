"""A terminal as its HTTP requests: what the sandbox's users send."""

from dataclasses import dataclass, field

import httpx

from agent.sandbox.server import SandboxServer

UUID = "/vendor/mycompany/serial/1234"


@dataclass(frozen=True, kw_only=True)
class Device:
    client: httpx.Client
    sandbox: SandboxServer
    uuid: str = UUID
    codes: dict[str, str] = field(default_factory=dict)

    def token(self, **fields: str) -> httpx.Response:
        given = {
            "client_id": self.sandbox.client_id,
            "client_secret": self.sandbox.client_secret,
            **fields,
        }
        return self.client.post(self.sandbox.token_endpoint, data=given)

    def ask(self) -> str:
        """Request codes; the user code."""
        answer = self.token(grant_type="device", uuid=self.uuid)
        assert answer.status_code == 200
        self.codes.update(answer.json())
        return self.codes["user_code"]

    def poll(self) -> httpx.Response:
        return self.token(grant_type="device", code=self.codes["device_code"])

    def pair(self) -> dict[str, str]:
        """Codes, approval, tokens."""
        assert self.sandbox.approve(self.ask())
        tokens: dict[str, str] = self.poll().json()
        return tokens

    def refresh(self, refresh_token: str) -> httpx.Response:
        return self.token(grant_type="refresh_token", refresh_token=refresh_token)

    def api(self, method: str, path: str, token: str, json: object = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return self.client.request(method, self.sandbox.api + path, headers=headers, json=json)
