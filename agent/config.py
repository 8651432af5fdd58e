"""The configuration file and its drop-ins, read into frozen values.

Everything wrong is found in one go. Messages name the file, the key, the limit and what to do,
and never repeat a value that may be a secret.
"""

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from agent import config_display, config_identity, config_panel
from agent import config_table as table
from agent.config_files import SINKS, merge
from agent.config_reading import Line, Reading
from agent.config_setting import Setting
from agent.credentials import FromCommand, InConfig, InCredential, InFile, SecretSource
from agent.errors import ConfigError
from agent.secret import Secret
from agent.settings import (
    ClientSettings,
    CredentialSocketSettings,
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
from agent.supply.access import Rule
from agent.supply.delivery import SinkSettings
from agent.toml_files import collected

if TYPE_CHECKING:
    from agent.supply.policy_files import Clients

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

_SINK_NUMBER = re.compile(r"^sink\[(\d+)\]\.")


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
    reading = Reading(merge(path))
    folder = os.path.dirname(path) or "."
    rules = os.path.join(folder, "clients.d")
    clients = _clients(rules) if os.path.lexists(rules) else None
    settings = _settings(reading, folder, tuple(clients.rules) if clients else ())
    if problems := [*reading.problems, *(clients.problems if clients else ())]:
        raise collected(problems)
    return Configuration(
        settings=settings,
        files=(*reading.merged.files, *(clients.files if clients else ())),
        lines=(*reading.lines, *(clients.lines if clients else ())),
    )


def _clients(folder: str) -> "Clients":
    from agent.supply import policy_files  # noqa: PLC0415  # most terminals have no rules

    return policy_files.read(folder)


def _settings(given: Reading, folder: str, rules: tuple[Rule, ...]) -> Settings:
    server = _server(given)
    languages = os.path.join(folder, "languages.d")
    return Settings(
        server=server,
        client=_client(given, server.dialect),
        identity=config_identity.read(given),
        language=_language(given, languages),
        languages=languages,
        log_level=given.get(table.LOG_LEVEL),
        pairing=PairingSettings(
            codes=given.get(table.CODES),
            denied_pause=given.get(table.DENIED_PAUSE),
            refused_pause=given.get(table.REFUSED_PAUSE),
        ),
        renewal=RenewalSettings(splay=given.get(table.SPLAY)),
        store=_store(given),
        display=config_display.read(given, displays=os.path.join(folder, "displays.d")),
        receipt_printer=config_display.read_printer(given),
        panel=config_panel.read(given),
        supply=_supply(given, rules),
        sinks=_sinks(given),
        credential_socket=CredentialSocketSettings(
            path=given.get(table.CREDENTIAL_PATH),
            units=given.get(table.CREDENTIAL_UNITS),
        ),
    )


def _language(given: Reading, folder: str) -> str:
    """Its texts are read only where somebody sees them: that costs a start some milliseconds."""
    name = given.get(table.LANGUAGE)
    is_seen = {"display", "receipt_printer"} & {*given.merged.tables}
    if is_seen and (name != table.LANGUAGE.default or os.path.isdir(folder)):
        from agent.display import language  # noqa: PLC0415

        try:
            language.load(name, folder)
        except ConfigError as error:
            for problem in (str(error), *getattr(error, "__notes__", ())):
                given.wrong(table.LANGUAGE, problem)
    return name


def _server(given: Reading) -> ServerSettings:
    server = ServerSettings(
        dialect=given.get(table.DIALECT),
        issuer=given.get(table.ISSUER),
        token_endpoint=given.get(table.TOKEN_ENDPOINT),
        device_authorization_endpoint=given.get(table.DEVICE_AUTHORIZATION_ENDPOINT),
        scope=given.get(table.SCOPE),
        owner_endpoint=given.get(table.OWNER_ENDPOINT),
        ca_file=given.get(table.CA_FILE),
        client_certificate=given.get(table.CLIENT_CERTIFICATE),
        client_key=given.get(table.CLIENT_KEY),
        proxy=given.get(table.PROXY),
        deadline=given.get(table.DEADLINE),
    )
    if server.client_key is not None and server.client_certificate is None:
        given.wrong(table.CLIENT_KEY, "needs client_certificate beside it; add it")
    if server.dialect == "secucard":
        _check_secucard(given)
    else:
        _check_rfc8628(given)
    return server


def _check_secucard(given: Reading) -> None:
    if not given.gives(table.TOKEN_ENDPOINT.key):
        given.wrong(table.TOKEN_ENDPOINT, "is missing; write the server's whole token URL")
    for setting in (table.ISSUER, table.DEVICE_AUTHORIZATION_ENDPOINT):
        if given.gives(setting.key):
            given.wrong(
                setting,
                'is not for the dialect "secucard", where token_endpoint serves everything;'
                ' remove it, or set dialect = "rfc8628"',
            )


def _check_rfc8628(given: Reading) -> None:
    settings = (table.TOKEN_ENDPOINT, table.DEVICE_AUTHORIZATION_ENDPOINT)
    endpoints = sum(given.gives(setting.key) for setting in settings)
    if endpoints == 1 or (endpoints == 0 and not given.gives(table.ISSUER.key)):
        given.wrong(
            table.ISSUER,
            "write issuer (discovery), or token_endpoint and device_authorization_endpoint",
        )


def _client(given: Reading, dialect: str) -> ClientSettings:
    grant = given.get(table.GRANT)
    secret = _secret(given, table.SECRETS)
    if secret is None:
        given.wrong(
            table.SECRETS[0],
            "is missing; add one of secret_file, secret_credential, secret_command, secret",
        )
    pin = _secret(given, table.PINS)
    if (grant == "device_pin") != (pin is not None):
        need = "is missing; add one of pin_file, pin_credential, pin_command, pin"
        spare = 'is only for grant = "device_pin"; remove it or change the grant'
        given.wrong(table.PINS[0], need if pin is None else spare)
    if grant == "device_pin" and dialect != "secucard":
        given.wrong(table.GRANT, 'device_pin is known to the dialect "secucard" only')
    return ClientSettings(
        grant=grant, id=given.get(table.CLIENT_ID), secret=secret or _NO_SECRET, pin=pin
    )


def _secret(given: Reading, settings: table.SecretGroup) -> SecretSource | None:
    """Whichever of the four is given."""
    here, file, credential, command = settings
    named = [setting.key for setting in settings if given.gives(setting.key)]
    if len(named) > 1:
        given.wrong(here, f"is given more than once ({', '.join(named)}); keep one")
    found: list[SecretSource] = []
    if (secret := given.get(here)) is not None:
        found.append(InConfig(Secret(secret)))
    if (path := given.get(file)) is not None:
        found.append(InFile(path))
    if (name := given.get(credential)) is not None:
        found.append(InCredential(name))
    if (argv := given.get(command)) is not None:
        found.append(FromCommand(argv))
    # A source that is given but wrong has been reported: do not report it missing as well.
    return found[0] if found else (_NO_SECRET if named else None)


def _store(given: Reading) -> StoreSettings:
    path, key_file = given.get(table.STORE_PATH), given.get(table.KEY_FILE)
    key_credential = given.get(table.KEY_CREDENTIAL)
    beside = path if not path.startswith("/dev/") else table.STORE_PATH.default
    return StoreSettings(
        kind=given.get(table.STORE_KIND),
        path=path,
        key_file=key_file if key_file or key_credential else beside + ".key",
        key_credential=key_credential,
        bind_to=given.get(table.BIND_TO),
    )


def _supply(given: Reading, rules: tuple[Rule, ...]) -> SupplySettings:
    supply = SupplySettings(
        socket=given.get(table.SOCKET),
        admin_socket=given.get(table.ADMIN_SOCKET),
        group=given.get(table.GROUP),
        allow_uids=given.get(table.ALLOW_UIDS),
        allow_gids=given.get(table.ALLOW_GIDS),
        rules=rules,
    )
    if supply.socket == supply.admin_socket:
        given.wrong(table.ADMIN_SOCKET, "is the same as supply.socket; give it its own path")
    return supply


def _sinks(given: Reading) -> tuple[SinkSettings, ...]:
    numbers = {int(n) for key in given.merged.values for n in _SINK_NUMBER.findall(key)}
    sinks: dict[str, SinkSettings] = {}
    for number in sorted(numbers):
        sink = _sink(given, f"{SINKS}[{number}].")
        if sink.name in sinks:
            given.problem(f"{SINKS}[{number}].name", "is another sink's name; choose another")
        sinks[sink.name] = sink
    return tuple(sinks.values())


def _sink(given: Reading, prefix: str) -> SinkSettings:
    def get(setting: Setting[T]) -> T:
        return given.get(setting, prefix + setting.key.rpartition(".")[2])

    return SinkSettings(
        name=get(table.SINK_NAME),
        owner=get(table.SINK_OWNER),
        group=get(table.SINK_GROUP),
        mode=int(get(table.SINK_MODE), 8),
        format=get(table.SINK_FORMAT),
        command=get(table.SINK_COMMAND),
    )
