"""Every setting of the configuration file: what is allowed, the default, the unit, the reason.

docs/configuration.md is kept in step with this table by a test.
"""

from collections.abc import Mapping

from agent import config_checks as checks
from agent import config_display, config_identity, config_panel
from agent.config_setting import Setting
from agent.settings import DialectName, GrantName, LogLevel, StoreKind
from agent.supply.delivery import Format

_CREDENTIAL = checks.name(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}", "client-secret")

LANGUAGE: Setting[str] = Setting(
    key="language",
    check=checks.name(r"[a-z]{2,3}(-[a-z0-9]{2,8}){0,2}", "fr"),
    default="en",
    meaning="Language of the display: en, de, or a file of languages.d beside this one (fr.toml for"
    " fr); see docs/display.md. The log is English, so that support can search it.",
)
LOG_LEVEL: Setting[LogLevel] = Setting(
    key="log_level",
    check=checks.one_of("debug", "info", "warning", "error"),
    default="info",
    meaning="Least level that is logged. No level ever logs a secret. At debug every token that is"
    " handed out is a line; else repeats are counted.",
)

DIALECT: Setting[DialectName] = Setting(
    key="server.dialect",
    check=checks.one_of("secucard", "rfc8628"),
    default="secucard",
    meaning="What the server speaks. Configured, never probed: a wrong guess would cost a code.",
)
ISSUER: Setting[str | None] = Setting(
    key="server.issuer",
    check=checks.issuer,
    default=None,
    meaning="rfc8628: where discovery starts (RFC 8414). Not for secucard.",
)
TOKEN_ENDPOINT: Setting[str | None] = Setting(
    key="server.token_endpoint",
    check=checks.url,
    default=None,
    meaning="secucard: the one URL for everything, in full, because some hosts have a path prefix."
    " rfc8628: only instead of discovery.",
)
DEVICE_AUTHORIZATION_ENDPOINT: Setting[str | None] = Setting(
    key="server.device_authorization_endpoint",
    check=checks.url,
    default=None,
    meaning="rfc8628: where codes come from, only instead of discovery. Not for secucard.",
)
SCOPE: Setting[str | None] = Setting(
    key="server.scope",
    check=checks.scope,
    default=None,
    meaning="Scope to ask for, words separated by one blank; without it the server decides.",
)
OWNER_ENDPOINT: Setting[str | None] = Setting(
    key="server.owner_endpoint",
    check=checks.url,
    default=None,
    meaning="API address asked once after pairing, with the new token, for the merchant's name on"
    " the display. Without it the display only says that it is paired.",
)
CA_FILE: Setting[str | None] = Setting(
    key="server.ca_file",
    check=checks.path,
    default=None,
    meaning="PEM file of the only authorities trusted; without it, those of the system.",
)
CLIENT_CERTIFICATE: Setting[str | None] = Setting(
    key="server.client_certificate",
    check=checks.path,
    default=None,
    meaning="PEM certificate presented to the server, where it wants one.",
)
CLIENT_KEY: Setting[str | None] = Setting(
    key="server.client_key",
    check=checks.path,
    default=None,
    meaning="Its private key, unless it is in the same file.",
)
PROXY: Setting[str | None] = Setting(
    key="server.proxy",
    check=checks.proxy,
    default=None,
    meaning="HTTP proxy. Proxy variables of the environment are ignored: only this one counts.",
)
DEADLINE = Setting(
    key="server.deadline",
    check=checks.number(1, 120, "seconds"),
    default=20.0,
    unit="s",
    meaning="Whole time for one exchange, connecting included. Slow mobile links need 10 to 15;"
    " beyond 120 a person at the display has given up.",
)

GRANT: Setting[GrantName] = Setting(
    key="client.grant",
    check=checks.one_of("device", "client_credentials", "device_pin"),
    default="device",
    meaning="How tokens are obtained: a person approves (device), or unattended.",
)
CLIENT_ID = Setting(
    key="client.id",
    check=checks.vschar(256),
    default="",
    required=True,
    meaning="Client id as issued with the API credentials.",
)


SecretGroup = tuple[
    Setting[str | None],
    Setting[str | None],
    Setting[str | None],
    Setting[tuple[str, ...] | None],
]


def _secrets(name: str, what: str) -> SecretGroup:
    """In the file, in a file of its own, as systemd credential, from a command."""
    return (
        Setting(
            key=f"client.{name}",
            check=checks.vschar(4096),
            default=None,
            secret=True,
            meaning=f"{what}, here in the file. Then the file must not be readable by everybody.",
        ),
        Setting(
            key=f"client.{name}_file",
            check=checks.path,
            default=None,
            meaning="Or: a file whose first line it is.",
        ),
        Setting(
            key=f"client.{name}_credential",
            check=_CREDENTIAL,
            default=None,
            meaning="Or: the name of a systemd credential (LoadCredential= in the unit).",
        ),
        Setting(
            key=f"client.{name}_command",
            check=checks.command,
            default=None,
            meaning="Or: a program and its arguments, run without a shell whenever it is needed;"
            " the first line it prints within 10 s.",
        ),
    )


SECRETS = _secrets("secret", "Client secret")
PINS = _secrets("pin", "Device PIN, for the grant device_pin")

CODES = Setting(
    key="pairing.codes",
    check=checks.whole(1, 1000, "codes"),
    default=6,
    unit="codes",
    meaning="Codes shown one after the other before the agent waits for a person: an unattended"
    " terminal does not load the server for ever.",
)
DENIED_PAUSE = Setting(
    key="pairing.denied_pause",
    check=checks.number(0, 86_400, "seconds"),
    default=600.0,
    unit="s",
    meaning="Pause after a person refused; a button or `pos-agent pair` ends it.",
)
REFUSED_PAUSE = Setting(
    key="pairing.refused_pause",
    check=checks.number(1, 86_400, "seconds"),
    default=900.0,
    unit="s",
    meaning="Pause after the server refused this client or terminal: somebody has to register it"
    " first, and a fleet must not ask all day.",
)
SPLAY = Setting(
    key="renewal.splay",
    check=checks.number(0, 3600, "seconds"),
    default=30.0,
    unit="s",
    meaning="The first renewal after a start waits a random time up to this, so that a street does"
    " not knock at once after a power failure. A waiting client cuts it short.",
)
STORE_KIND: Setting[StoreKind] = Setting(
    key="store.kind",
    check=checks.one_of("file", "memory"),
    default="file",
    meaning="memory forgets at each restart: for tests and the sandbox.",
)
STORE_PATH = Setting(
    key="store.path",
    check=checks.path,
    default="/var/lib/pos-agent/grant",
    meaning="Where the encrypted grant is kept: a file in a directory that is writable, or a raw"
    " partition below /dev/disk/.",
)
KEY_FILE: Setting[str | None] = Setting(
    key="store.key_file",
    check=checks.path,
    default=None,
    meaning="File of the key the grant is encrypted under. With neither, store.path plus .key (for"
    " a partition /var/lib/pos-agent/grant.key), made by the first pairing: then whoever copies"
    " that directory has both.",
)
KEY_CREDENTIAL: Setting[str | None] = Setting(
    key="store.key_credential",
    check=_CREDENTIAL,
    default=None,
    meaning="Or, or together with it, the name of a systemd credential.",
)
BIND_TO: Setting[tuple[str, ...]] = Setting(
    key="store.bind_to",
    check=checks.paths,
    default=(),
    meaning="Files with what tells this board from others of its kind, mixed into the key: a card"
    " moved to another board stays shut. They bind, but keep no secret.",
)
SOCKET = Setting(
    key="supply.socket",
    check=checks.socket_path,
    default="/run/pos-agent/token.sock",
    meaning="Unix socket where payment software gets tokens.",
)
ADMIN_SOCKET = Setting(
    key="supply.admin_socket",
    check=checks.socket_path,
    default="/run/pos-agent/admin.sock",
    meaning="Unix socket of pair and unpair; apart, so that payment software cannot unpair.",
)
GROUP: Setting[str | None] = Setting(
    key="supply.group",
    check=checks.name(r"[a-z_][a-z0-9_-]{0,31}", "pos-agent-clients"),
    default=None,
    meaning="Group that may open the token socket; without it, the agent's own.",
)
ALLOW_UIDS: Setting[tuple[int, ...]] = Setting(
    key="supply.allow_uids",
    check=checks.ids,
    default=(),
    meaning="Numeric users that may fetch tokens.",
)
ALLOW_GIDS: Setting[tuple[int, ...]] = Setting(
    key="supply.allow_gids",
    check=checks.ids,
    default=(),
    meaning="Numeric groups that may fetch tokens.",
)

SINK_NAME = Setting(
    key="sink[].name",
    check=checks.name(r"[a-z0-9][a-z0-9_-]{0,63}", "till"),
    default="",
    required=True,
    meaning="Its directory: the token is in /run/pos-agent/sinks/<name>/access_token.",
)
SINK_FORMAT: Setting[Format] = Setting(
    key="sink[].format",
    check=checks.one_of(*checks.FORMATS),
    default="raw",
    meaning="raw: the token; header: Authorization: Bearer and the token; json: the body of GET"
    " /v1/token. Never a line end.",
)
SINK_GROUP: Setting[str | None] = Setting(
    key="sink[].group",
    check=checks.name(r"[a-z_][a-z0-9_-]{0,31}", "till"),
    default=None,
    meaning="Group that may read; without it, that of the directory. An agent without privileges"
    " cannot give it away: see docs/supply.md for the line systemd-tmpfiles needs.",
)
SINK_OWNER: Setting[str | None] = Setting(
    key="sink[].owner",
    check=checks.name(r"[a-z_][a-z0-9_-]{0,31}", "till"),
    default=None,
    meaning="Owner of directory and file; for an agent that runs as root. Refused otherwise.",
)
SINK_MODE: Setting[str] = Setting(
    key="sink[].mode",
    check=checks.one_of("0640", "0600", "0440", "0400"),
    default="0640",
    meaning="Mode of the file. Nobody but owner and group ever reads it.",
)
SINK_COMMAND: Setting[tuple[str, ...] | None] = Setting(
    key="sink[].command",
    check=checks.command,
    default=None,
    meaning="A program and its arguments, run without a shell after each change; it hears"
    " POS_AGENT_SINK, the path, and is killed after 10 s.",
)
CREDENTIAL_PATH = Setting(
    key="credential_socket.path",
    check=checks.socket_path,
    default="/run/pos-agent/credential.sock",
    meaning="Unix socket for LoadCredential= in other units.",
)
CREDENTIAL_UNITS: Setting[Mapping[str, Format]] = Setting(
    key="credential_socket.units",
    check=checks.units,
    default={},
    meaning="Which units get a token, and in which format: raw, header or json. All others get an"
    " empty credential.",
)

# fmt: off
TABLE: tuple[Setting[object], ...] = (
    LANGUAGE, LOG_LEVEL,
    DIALECT, ISSUER, TOKEN_ENDPOINT, DEVICE_AUTHORIZATION_ENDPOINT, SCOPE, OWNER_ENDPOINT,
    CA_FILE, CLIENT_CERTIFICATE, CLIENT_KEY, PROXY, DEADLINE,
    GRANT, CLIENT_ID, *SECRETS, *PINS,
    *config_identity.TABLE,
    CODES, DENIED_PAUSE, REFUSED_PAUSE, SPLAY,
    STORE_KIND, STORE_PATH, KEY_FILE, KEY_CREDENTIAL, BIND_TO,
    *config_display.TABLE,
    *config_panel.TABLE,
    SOCKET, ADMIN_SOCKET, GROUP, ALLOW_UIDS, ALLOW_GIDS,
    SINK_NAME, SINK_FORMAT, SINK_GROUP, SINK_OWNER, SINK_MODE, SINK_COMMAND,
    CREDENTIAL_PATH, CREDENTIAL_UNITS,
)
# fmt: on
