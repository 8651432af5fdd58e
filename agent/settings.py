"""What the configuration file says, as frozen values.

Durations are seconds. Ranges, defaults and reasons are in `agent.config_table` and the modules it
collects them from.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from agent.credentials import SecretSource
from agent.supply.access import Rule
from agent.supply.delivery import Format, SinkSettings
from hw.contract import EepromPlace, NvmemPlace

DialectName = Literal["secucard", "rfc8628"]
GrantName = Literal["device", "client_credentials", "device_pin"]
LogLevel = Literal["debug", "info", "warning", "error"]
StoreKind = Literal["file", "memory"]
Parity = Literal["none", "even", "odd"]
Handshake = Literal["none", "dtr-dsr", "rts-cts"]
Claim = Literal["pairing", "always", "never"]
Active = Literal["high", "low"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """The authorization server. URLs are https, or http on a loopback address.

    secucard: `token_endpoint` is set, `issuer` and `device_authorization_endpoint` are None.
    rfc8628: `issuer` is set, or both endpoints are; endpoints win over discovery.
    """

    dialect: DialectName
    issuer: str | None = None
    token_endpoint: str | None = None
    device_authorization_endpoint: str | None = None
    scope: str | None = None
    owner_endpoint: str | None = None
    ca_file: str | None = None
    client_certificate: str | None = None
    client_key: str | None = None
    proxy: str | None = None
    deadline: float = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSettings:
    """`pin` is set for the grant `device_pin`, and for no other."""

    grant: GrantName
    id: str
    secret: SecretSource
    pin: SecretSource | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PairSettings:
    """One key of the device UUID: a fixed `value`, or names of `sources` tried in that order.

    `file`, `command`, `nvmem` and `eeprom` are set if `sources` names the source of that name;
    `interface` may be set for `mac`.
    """

    key: str
    value: str | None = None
    sources: tuple[str, ...] = ()
    file: str | None = None
    command: tuple[str, ...] | None = None
    interface: str | None = None
    nvmem: NvmemPlace | None = None
    eeprom: EepromPlace | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentitySettings:
    vendor: str
    pairs: tuple[PairSettings, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairingSettings:
    """`codes` per window; a pause after a person refused, and one after the server refused."""

    codes: int = 6
    denied_pause: float = 600.0
    refused_pause: float = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewalSettings:
    """`splay`: the very first renewal after a start waits up to this long, clients cut it short."""

    splay: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSettings:
    kind: StoreKind = "file"
    path: str = "/var/lib/pos-agent/grant"
    key_file: str | None = None
    key_credential: str | None = None
    bind_to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DisplaySettings:
    """`displays`: directory of the integrator's own command sets. `character_set` and `target`
    are names in the command set's profile."""

    command_set: str
    port: str = "/dev/pos/display"
    baudrate: int = 9600
    parity: Parity = "none"
    handshake: Handshake = "none"
    rows: int = 2
    columns: int = 20
    character_set: str | None = None
    target: str | None = None
    claim: Claim = "pairing"
    displays: str = "/etc/pos-agent/displays.d"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptPrinterSettings:
    port: str = "/dev/pos/printer"
    baudrate: int = 9600
    profile: str = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class LineSettings:
    """One GPIO line: `chip` a label or a path, `line` a name or a number as text."""

    chip: str
    line: str
    active: Active


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelSettings:
    """What the terminal has of it. The lamp is a LED of the kernel's or a GPIO line, never both."""

    button: LineSettings | None = None
    lamp_led: str | None = None
    lamp: LineSettings | None = None
    buzzer: LineSettings | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplySettings:
    socket: str = "/run/pos-agent/token.sock"
    admin_socket: str = "/run/pos-agent/admin.sock"
    group: str | None = None
    allow_uids: tuple[int, ...] = ()
    allow_gids: tuple[int, ...] = ()
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialSocketSettings:
    """`units`: name of the unit -> format of its credential."""

    path: str = "/run/pos-agent/credential.sock"
    units: Mapping[str, Format] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`languages`: directory of the integrator's own languages."""

    server: ServerSettings
    client: ClientSettings
    identity: IdentitySettings
    pairing: PairingSettings = PairingSettings()
    renewal: RenewalSettings = RenewalSettings()
    store: StoreSettings = StoreSettings()
    display: DisplaySettings | None = None
    receipt_printer: ReceiptPrinterSettings | None = None
    panel: PanelSettings | None = None
    supply: SupplySettings = SupplySettings()
    sinks: tuple[SinkSettings, ...] = ()
    credential_socket: CredentialSocketSettings = CredentialSocketSettings()
    language: str = "en"
    languages: str = "/etc/pos-agent/languages.d"
    log_level: LogLevel = "info"
