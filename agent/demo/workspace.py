"""The demo's directory: configuration, secrets, key and state of one terminal that never existed.

config.toml     the daemon's configuration, written anew at each start
client-secret   0600; the sandbox's, worth nothing elsewhere
key             0600; what the grant is encrypted under
grant           the encrypted grant: remove it, and the terminal pairs again
sandbox.json    0600; the sandbox's side of the pairing
port            where the sandbox was last: a grant belongs to one server's address
display         the emulated display's serial port; token.sock, admin.sock: the daemon's sockets
"""

import json
import os
import secrets
import shutil
from typing import Final

from agent.errors import ConfigError

COMMAND_SET: Final = "escpos"
ROWS, COLUMNS = 2, 20
VENDOR, SERIAL = "demo", "k7-2604-0117"
UUID: Final = f"/vendor/{VENDOR}/serial/{SERIAL}"
_MARK = "port"  # a directory without it is not ours to empty
_LONGEST = 107 - len("/admin.sock")  # bytes; sun_path, unix(7)


class Workspace:
    """Paths below one directory. Raises ConfigError when it cannot be used."""

    def __init__(self, directory: str) -> None:
        self.directory = os.path.abspath(directory)
        if len(os.fsencode(self.directory)) > _LONGEST:
            raise ConfigError(
                f"{self.directory} is too long for a Unix socket inside it ({_LONGEST} bytes);"
                " name a shorter one with --directory"
            )
        self.config = self._path("config.toml")
        self.secret_file = self._path("client-secret")
        self.sandbox_state = self._path("sandbox.json")
        self.display = self._path("display")
        self.socket = self._path("token.sock")
        self.admin_socket = self._path("admin.sock")

    def forget(self) -> None:
        """Remove everything of an earlier demo."""
        if not os.path.isdir(self.directory) or not os.listdir(self.directory):
            return
        if not os.path.exists(self._path(_MARK)):
            raise ConfigError(
                f"{self.directory} holds something that is no demo; it is left alone."
                " Name another with --directory"
            )
        shutil.rmtree(self.directory)

    @property
    def port(self) -> int:
        """Where the sandbox was, or 0."""
        try:
            with open(self._path(_MARK), encoding="ascii") as file:
                return int(file.read())
        except (FileNotFoundError, ValueError):
            return 0

    def make(self) -> None:
        """The directory and the key of the grant, where they are missing."""
        os.makedirs(self.directory, mode=0o700, exist_ok=True)
        if not os.path.exists(self._path(_MARK)):
            self._write(_MARK, b"0\n")
        if not os.path.exists(self._path("key")):
            self._write("key", secrets.token_bytes(32))

    def configure(self, *, port: int, tables: str, secret: str) -> str:
        """Write what the daemon reads, and give back its configuration. `tables` are [server] and
        [client] as the sandbox wants them."""
        self._write(_MARK, f"{port}\n".encode())
        self._write("client-secret", secret.encode() + b"\n")
        text = self._configuration(tables)
        self._write("config.toml", text.encode())
        return text

    def _configuration(self, tables: str) -> str:
        return f"""\
language = "en"

{tables}
[identity]
vendor = "{VENDOR}"

[[identity.pair]]
key = "serial"
value = "{SERIAL}"

[renewal]
splay = 0

[store]
path = {_toml(self._path("grant"))}
key_file = {_toml(self._path("key"))}

[display]
port = {_toml(self.display)}
command_set = "{COMMAND_SET}"
rows = {ROWS}
columns = {COLUMNS}

[supply]
socket = {_toml(self.socket)}
admin_socket = {_toml(self.admin_socket)}
"""

    def _path(self, name: str) -> str:
        return os.path.join(self.directory, name)

    def _write(self, name: str, content: bytes) -> None:
        path = self._path(name)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)


def _toml(text: str) -> str:
    """A basic string: JSON's escapes are among TOML's."""
    return json.dumps(text, ensure_ascii=False)
