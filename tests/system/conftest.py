"""A terminal as an integrator leaves it: Debian, `make install`, a configuration of its own."""

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from agent.sandbox.world import Options
from tests.deploy import ROOT, install_once, locked
from tests.system import shop
from tests.system.machine import Machine, base_tree

CONFIGURATION: Final = f"""\
[server]
token_endpoint = "http://127.0.0.1:{shop.PORT}/oauth/token"
owner_endpoint = "http://127.0.0.1:{shop.PORT}/api/v2/General/Merchants/me"

[client]
id = "{Options().client_id}"
secret_file = "/etc/pos-agent/client-secret"

[identity]
vendor = "acme"

[[identity.pair]]
key = "serial"
value = "SN-4711"

[renewal]
splay = 0
"""
SHOP: Final = """\
[Service]
ExecStart=/usr/bin/python3 /opt/shop/shop.py serve
Environment=PYTHONPATH=/opt/shop:/opt/pos-agent/lib PYTHONDONTWRITEBYTECODE=1
[Install]
WantedBy=multi-user.target
"""
PEOPLE: Final = """\
u payment - "Payment software"
m payment pos-agent-clients
u stranger - "Anybody else"
"""
# Of the sandbox extra: everything the runtime does not bring along.
SANDBOX_LIBRARIES: Final = ("starlette", "uvicorn", "click")

Boot = Callable[[], Machine]


@pytest.fixture(scope="session")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree of a set-up terminal."""
    folder = tmp_path_factory.getbasetemp()
    folder = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    tree = folder / "terminal"
    with locked(folder / "terminal.lock"):
        if not tree.exists():
            draft = folder / "terminal.draft"
            _copy(base_tree(), draft)
            _copy(install_once(folder), draft)
            _set_up(draft)
            draft.rename(tree)
    return tree


@pytest.fixture
def boot(terminal: Path, tmp_path: Path) -> Iterator[Boot]:
    """Boots the terminal; what it writes is gone after the test."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(Machine(terminal, log=tmp_path / "console.log"))


def _copy(source: Path, target: Path) -> None:
    target.mkdir(exist_ok=True)
    command = ["cp", "--archive", "--reflink=auto", f"{source}/.", str(target)]
    subprocess.run(command, check=True)


def _set_up(tree: Path) -> None:
    """What docs and the installer's last words ask of the integrator, and a shop around it."""
    write(tree, "etc/pos-agent/config.d/50-terminal.toml", CONFIGURATION)
    write(tree, "etc/pos-agent/client-secret", Options().client_secret + "\n", 0o600)
    write(tree, "etc/systemd/system/pos-shop.service", SHOP)
    write(tree, "usr/lib/sysusers.d/shop.conf", PEOPLE)
    for library in SANDBOX_LIBRARIES:
        found = importlib.util.find_spec(library)
        assert found is not None
        assert found.submodule_search_locations
        shutil.copytree(found.submodule_search_locations[0], tree / "opt/shop" / library)
    shutil.copy(ROOT / "tests/system/shop.py", tree / "opt/shop")
    for command in (
        ["systemd-sysusers", f"--root={tree}"],
        ["systemd-tmpfiles", f"--root={tree}", "--create", "pos-agent.conf"],
        ["systemctl", f"--root={tree}", "--quiet", "enable", "pos-agent", "pos-shop"],
    ):
        subprocess.run(command, check=True, capture_output=True)


def write(tree: Path, name: str, text: str, mode: int = 0o644) -> None:
    path = tree / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
