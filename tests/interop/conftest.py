"""A certified authorization server, run as it comes from its makers, over real TLS."""

import json
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from tests.interop.node import HERE, NODE, install


@dataclass(frozen=True, slots=True, kw_only=True)
class Counterpart:
    issuer: str
    ca_file: str

    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.ca_file)


@pytest.fixture(scope="session")
def counterpart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counterpart]:
    install()
    folder = tmp_path_factory.mktemp("counterpart")
    ca_file = _certificates(folder)
    with open(folder / "log", "w+") as log:
        server = subprocess.Popen(
            [NODE, "server.mjs", folder / "key.pem", folder / "cert.pem"],
            cwd=HERE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        with server:
            assert server.stdout is not None
            started = server.stdout.readline()
            if not started:
                log.seek(0)
                pytest.fail(f"the counterpart did not start: {log.read()}")
            yield Counterpart(issuer=json.loads(started)["issuer"], ca_file=ca_file)
            server.kill()


def _certificates(folder: Path) -> str:
    ca = trustme.CA()
    leaf = ca.issue_cert("localhost")
    leaf.private_key_pem.write_to_path(str(folder / "key.pem"))
    leaf.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    return str(folder / "ca.pem")
