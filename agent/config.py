"""The configuration file and its drop-ins, read into frozen values.

Everything wrong is found in one go. Messages name the file, the key, the limit and what to do,
and never repeat a value that may be a secret.
"""

import difflib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from agent import config_table as table
from agent.config_files import PAIRS, Merged, merge
from agent.config_table import TABLE, Setting
from agent.credentials import FromCommand, InConfig, InCredential, InFile, SecretSource
from agent.errors import ConfigError
from agent.identity import build
from agent.secret import Secret
from agent.settings import (
    ClientSettings,
    DisplaySettings,
    IdentitySettings,
    PairingSettings,
    PairSettings,
    RenewalSettings,
    ServerSettings,
    Settings,
    StoreSettings,
    SupplySettings,
)

__all__ = [
    "ClientSettings",
    "Configuration",
    "DisplaySettings",
    "IdentitySettings",
    "Line",
    "PairSettings",
    "PairingSettings",
    "RenewalSettings",
    "ServerSettings",
    "Settings",
    "StoreSettings",
    "SupplySettings",
    "load",
    "read",
]

T = TypeVar("T")

_NO_SECRET = InConfig(Secret(""))  # stands in until the problems are raised

_KEYS = tuple(setting.key for setting in TABLE)
_TABLES = frozenset(key.rpartition(".")[0].removesuffix("[]") for key in _KEYS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One setting in force: `text` as TOML has it, a secret as `(secret)`, nothing as `(none)`;
    `origin` is the file that gave it, or `default`."""

    key: str
    text: str
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    settings: Settings
    files: tuple[str, ...]
    lines: tuple[Line, ...]


def load(path: str) -> Settings:
    """The settings. Raises ConfigError; its notes hold any further problems, one each."""
    return read(path).settings


def read(path: str) -> Configuration:
    """The settings and where each came from. Raises ConfigError as `load` does."""
    reading = _Reading(merge(path))
    settings = reading.settings()
    if reading.problems:
        raise _error(reading.problems)
    return Configuration(settings=settings, files=reading.merged.files, lines=tuple(reading.lines))


def _error(problems: Sequence[str]) -> ConfigError:
    first, *others = problems
    if not others:
        return ConfigError(first)
    error = ConfigError(f"{first} ({len(others)} more: `pos-agent config check` lists them)")
    for problem in others:
        error.add_note(problem)
    return error


class _Reading:
    """Takes settings out of the merged files one by one, and collects what is wrong."""

    def __init__(self, merged: Merged) -> None:
        self.merged = merged
        self.problems: list[str] = []
        self.lines: list[Line] = []
        for key in merged.values:
            self._refuse_unknown(key)
        for name in merged.tables:
            self._refuse_unknown_table(name)

    def settings(self) -> Settings:
        server = self._server()
        return Settings(
            server=server,
            client=self._client(server.dialect),
            identity=self._identity(),
            language=self._get(table.LANGUAGE),
            log_level=self._get(table.LOG_LEVEL),
            pairing=PairingSettings(
                codes=self._get(table.CODES),
                denied_pause=self._get(table.DENIED_PAUSE),
                refused_pause=self._get(table.REFUSED_PAUSE),
            ),
            renewal=RenewalSettings(splay=self._get(table.SPLAY)),
            store=self._store(),
            display=self._display(),
            supply=self._supply(),
        )

    def _server(self) -> ServerSettings:
        server = ServerSettings(
            dialect=self._get(table.DIALECT),
            issuer=self._get(table.ISSUER),
            token_endpoint=self._get(table.TOKEN_ENDPOINT),
            device_authorization_endpoint=self._get(table.DEVICE_AUTHORIZATION_ENDPOINT),
            scope=self._get(table.SCOPE),
            owner_endpoint=self._get(table.OWNER_ENDPOINT),
            ca_file=self._get(table.CA_FILE),
            client_certificate=self._get(table.CLIENT_CERTIFICATE),
            client_key=self._get(table.CLIENT_KEY),
            proxy=self._get(table.PROXY),
            deadline=self._get(table.DEADLINE),
        )
        if server.client_key is not None and server.client_certificate is None:
            self._wrong(table.CLIENT_KEY, "needs client_certificate beside it; add it")
        if server.dialect == "secucard":
            self._check_secucard(server)
        else:
            self._check_rfc8628(server)
        return server

    def _check_secucard(self, server: ServerSettings) -> None:
        if server.token_endpoint is None:
            self._wrong(table.TOKEN_ENDPOINT, "is missing; write the server's whole token URL")
        for setting in (table.ISSUER, table.DEVICE_AUTHORIZATION_ENDPOINT):
            if setting.key in self.merged.values:
                self._wrong(
                    setting,
                    'is not for the dialect "secucard", where token_endpoint serves everything;'
                    ' remove it, or set dialect = "rfc8628"',
                )

    def _check_rfc8628(self, server: ServerSettings) -> None:
        endpoints = (server.token_endpoint, server.device_authorization_endpoint)
        if None in endpoints and (server.issuer is None or any(endpoints)):
            self._wrong(
                table.ISSUER,
                "write issuer (discovery), or token_endpoint and device_authorization_endpoint",
            )

    def _client(self, dialect: str) -> ClientSettings:
        grant = self._get(table.GRANT)
        secret = self._secret(table.SECRETS)
        if secret is None:
            self._wrong(
                table.SECRETS[0],
                "is missing; add one of secret_file, secret_credential, secret_command, secret",
            )
        pin = self._secret(table.PINS)
        if (grant == "device_pin") != (pin is not None):
            need = "is missing; add one of pin_file, pin_credential, pin_command, pin"
            spare = 'is only for grant = "device_pin"; remove it or change the grant'
            self._wrong(table.PINS[0], need if pin is None else spare)
        if grant == "device_pin" and dialect != "secucard":
            self._wrong(table.GRANT, 'device_pin is known to the dialect "secucard" only')
        return ClientSettings(
            grant=grant, id=self._get(table.CLIENT_ID), secret=secret or _NO_SECRET, pin=pin
        )

    def _secret(self, settings: table.SecretGroup) -> SecretSource | None:
        """Whichever of the four is given."""
        here, file, credential, command = settings
        given = [setting.key for setting in settings if setting.key in self.merged.values]
        if len(given) > 1:
            self._wrong(here, f"is given more than once ({', '.join(given)}); keep one")
        found: list[SecretSource] = []
        if (secret := self._get(here)) is not None:
            found.append(InConfig(Secret(secret)))
        if (path := self._get(file)) is not None:
            found.append(InFile(path))
        if (name := self._get(credential)) is not None:
            found.append(InCredential(name))
        if (argv := self._get(command)) is not None:
            found.append(FromCommand(argv))
        # A source that is given but wrong has been reported: do not report it missing as well.
        return found[0] if found else (_NO_SECRET if given else None)

    def _identity(self) -> IdentitySettings:
        vendor = self._get(table.VENDOR)
        numbers = {int(n) for key in self.merged.values for n in re.findall(_PAIR_NUMBER, key)}
        pairs = tuple(self._pair(f"{PAIRS}[{number}].") for number in sorted(numbers))
        if not pairs:
            self._wrong(table.VENDOR, "needs at least one [[identity.pair]]; add one")
        elif not self.problems:
            self._try_to_build(vendor, pairs)
        return IdentitySettings(vendor=vendor, pairs=pairs)

    def _pair(self, prefix: str) -> PairSettings:
        def key(setting: Setting[object]) -> str:
            return prefix + setting.key.rpartition(".")[2]

        file = self._get(table.PAIR_FILE, key(table.PAIR_FILE))
        sources = self._get(table.PAIR_SOURCES, key(table.PAIR_SOURCES))
        if not sources and file is not None:
            sources = ("file",)
        value = self._get(table.PAIR_VALUE, key(table.PAIR_VALUE))
        given = (key(table.PAIR_VALUE) in self.merged.values, bool(sources))
        if given in ((False, False), (True, True)):
            advice = "write either value, or sources (or file); one of the two"
            self._problem(key(table.PAIR_VALUE), advice)
        if (file is None) == ("file" in sources):
            self._problem(key(table.PAIR_FILE), 'file and the source "file" go together')
        return PairSettings(
            key=self._get(table.PAIR_KEY, key(table.PAIR_KEY)),
            value=value,
            sources=sources,
            file=file,
        )

    def _try_to_build(self, vendor: str, pairs: tuple[PairSettings, ...]) -> None:
        """With a stand-in where the value comes from the machine: keys named twice, too long."""
        try:
            build(vendor, tuple((pair.key, pair.value or "0000") for pair in pairs))
        except ConfigError as error:
            self.problems.append(f"{self.merged.file_of(PAIRS + '[1].key')}: {error}")

    def _store(self) -> StoreSettings:
        path, key_file = self._get(table.STORE_PATH), self._get(table.KEY_FILE)
        key_credential = self._get(table.KEY_CREDENTIAL)
        return StoreSettings(
            kind=self._get(table.STORE_KIND),
            path=path,
            key_file=key_file if key_file or key_credential else path + ".key",
            key_credential=key_credential,
        )

    def _display(self) -> DisplaySettings | None:
        if "display" not in self.merged.tables:
            return None
        return DisplaySettings(
            port=self._get(table.DISPLAY_PORT),
            command_set=self._get(table.COMMAND_SET),
            baudrate=self._get(table.BAUDRATE),
            rows=self._get(table.ROWS),
            columns=self._get(table.COLUMNS),
        )

    def _supply(self) -> SupplySettings:
        supply = SupplySettings(
            socket=self._get(table.SOCKET),
            admin_socket=self._get(table.ADMIN_SOCKET),
            group=self._get(table.GROUP),
            allow_uids=self._get(table.ALLOW_UIDS),
            allow_gids=self._get(table.ALLOW_GIDS),
        )
        if supply.socket == supply.admin_socket:
            self._wrong(table.ADMIN_SOCKET, "is the same as supply.socket; give it its own path")
        return supply

    def _get(self, setting: Setting[T], key: str | None = None) -> T:
        """The checked value; or the default, with a note of what is wrong."""
        key = key or setting.key
        if key not in self.merged.values:
            self.lines.append(Line(key=key, text=_as_toml(setting.default), origin="default"))
            if setting.required:
                self._problem(key, "is missing; add it")
            return setting.default
        raw, file = self.merged.values[key]
        text = "(secret)" if setting.secret else _as_toml(raw)
        self.lines.append(Line(key=key, text=text, origin=file))
        try:
            return setting.check(raw)
        except ValueError as wrong:
            self._problem(key, str(wrong))
            return setting.default

    def _wrong(self, setting: Setting[object], problem: str) -> None:
        self._problem(setting.key, problem)

    def _problem(self, key: str, problem: str) -> None:
        self.problems.append(f"{self.merged.file_of(key)}: {key}: {problem}")

    def _refuse_unknown(self, key: str) -> None:
        plain = re.sub(r"\[\d+\]", "[]", key)
        if plain not in _KEYS:
            near = difflib.get_close_matches(plain, _KEYS, n=1)
            hint = f"did you mean {near[0]}?" if near else "see docs/configuration.md"
            self._problem(key, f"is not a setting; {hint}")

    def _refuse_unknown_table(self, name: str) -> None:
        plain = re.sub(r"\[\d+\]", "", name)
        if plain not in _TABLES and not any(key.startswith(name) for key in self.merged.values):
            near = difflib.get_close_matches(plain, _TABLES, n=1)
            hint = f"did you mean [{near[0]}]?" if near else "see docs/configuration.md"
            self.problems.append(f"{self.merged.tables[name]}: [{name}] is not a table; {hint}")


_PAIR_NUMBER = re.compile(r"^identity\.pair\[(\d+)\]\.")


def _as_toml(value: object) -> str:
    if value is None:
        return "(none)"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_as_toml, value)) + "]"
    if isinstance(value, str | bool):
        return json.dumps(value, ensure_ascii=False)
    return str(value)
