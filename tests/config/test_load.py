"""What a good configuration becomes."""

import re
from pathlib import Path

import pytest

from agent import config
from agent.config_table import TABLE
from agent.credentials import FromCommand, InConfig, InCredential, InFile, SecretSource
from agent.errors import ConfigError
from agent.secret import Secret
from agent.settings import (
    DisplaySettings,
    PairingSettings,
    PairSettings,
    RenewalSettings,
    Settings,
    StoreSettings,
    SupplySettings,
)
from tests.config.samples import MINIMAL, with_lines, write

SHIPPED = Path(__file__).parents[2] / "deploy" / "config.toml"


def load(directory: Path, text: str) -> Settings:
    return config.load(write(directory, text))


def test_the_minimum_is_enough_and_the_rest_has_defaults(tmp_path: Path) -> None:
    settings = load(tmp_path, MINIMAL)

    assert settings.server.dialect == "secucard"
    assert settings.server.token_endpoint == "https://auth.example.com/oauth/token"
    assert settings.server.deadline == 20.0
    assert settings.client.grant == "device"
    assert settings.client.id == "client-1"
    assert settings.client.secret == InFile("/etc/pos-agent/client-secret")
    assert settings.client.pin is None
    assert settings.identity.pairs == (PairSettings(key="serial", value="A-4711"),)
    assert settings.pairing == PairingSettings(codes=6, denied_pause=600, refused_pause=900)
    assert settings.renewal == RenewalSettings(splay=30.0)
    assert settings.store == StoreSettings(
        kind="file", path="/var/lib/pos-agent/grant", key_file="/var/lib/pos-agent/grant.key"
    )
    assert settings.display is None
    assert settings.supply == SupplySettings()
    assert (settings.language, settings.log_level) == ("en", "info")


def test_a_language_is_one_there_is_a_file_for_where_somebody_sees_it(tmp_path: Path) -> None:
    text = with_lines("", 'language = "fr"')
    assert load(tmp_path, text).language == "fr"

    text += '\n[display]\ncommand_set = "escpos"\n'
    with pytest.raises(ConfigError, match=r"config.toml: language: no display texts .*; use de"):
        load(tmp_path, text)

    own = write(tmp_path, 'starting = ["DEMARRAGE"]', name="languages.d/fr.toml")
    assert load(tmp_path, text).languages == str(tmp_path / "languages.d")

    write(tmp_path, 'startign = ["DEMARRAGE"]', name="languages.d/fr.toml")
    with pytest.raises(ConfigError, match=f"language: {own}: startign is not a text"):
        load(tmp_path, text)


def test_the_example_is_valid_as_shipped_and_holds_no_secret(tmp_path: Path) -> None:
    settings = load(tmp_path, SHIPPED.read_text(encoding="utf-8"))

    assert not isinstance(settings.client.secret, InConfig)
    assert settings.display is not None


SHIPPED_LINES = SHIPPED.read_text(encoding="utf-8").splitlines()
COMMENTED = [n for n, line in enumerate(SHIPPED_LINES) if re.match(r"#[a-z_]+ = ", line)]
PARTS = ("button", "lamp", "buzzer")
# Those exclude others, or need a partner: uncommented alone, they have to say so.
NEEDS_MORE = {
    "issuer": "rfc8628",
    "client_key": "client_certificate",
    **dict.fromkeys(("file", "command", "interface", "eeprom", "nvmem"), "go together"),
    "value": "either value, or sources",
    "secret": "more than once",
    "secret_file": "more than once",
    "secret_command": "more than once",
    **{f"{part}_{half}": "belong together" for part in PARTS for half in ("chip", "line")},
}


@pytest.mark.parametrize("number", COMMENTED, ids=lambda number: SHIPPED_LINES[number][1:20])
def test_a_commented_line_of_the_example_is_valid_when_uncommented(
    tmp_path: Path, number: int
) -> None:
    lines = [*SHIPPED_LINES]
    head = max(n for n, line in enumerate(lines[:number]) if re.match(r"#?\[", line) or n == 0)
    lines[head] = lines[head].removeprefix("#") if head else lines[head]
    lines[number] = lines[number][1:]
    path = write(tmp_path, "\n".join(lines))

    more = NEEDS_MORE.get(lines[number].partition(" ")[0])
    if more is None:
        config.load(path)
        return
    with pytest.raises(ConfigError, match=more) as caught:
        config.load(path)
    assert not getattr(caught.value, "__notes__", [])


def test_the_example_names_every_setting() -> None:
    """Those with a secret's alternatives for a PIN and the rare endpoints are left to the docs."""
    text = "\n".join(SHIPPED_LINES)
    left = {"pin", "pin_file", "pin_credential", "pin_command", "scope", "owner_endpoint"}
    left |= {"device_authorization_endpoint"}
    left |= {"name", "format", "owner", "mode"}  # of [[sink]]
    left |= {"bus", "address", "address_bytes", "device"}  # in inline tables
    left |= {"offset", "length", "encoding", "checksum"}
    names = {setting.key.rpartition(".")[2] for setting in TABLE}
    assert {name for name in names if not re.search(rf"(?m)^#?{name} = ", text)} == left


@pytest.mark.parametrize(
    ("line", "source"),
    [
        ('secret = "s3cret"', InConfig(Secret("s3cret"))),
        ('secret_file = "/run/secret"', InFile("/run/secret")),
        ('secret_credential = "client-secret"', InCredential("client-secret")),
        ('secret_command = ["/bin/vault", "get"]', FromCommand(("/bin/vault", "get"))),
    ],
)
def test_a_secret_comes_from_one_of_four_places(
    tmp_path: Path, line: str, source: SecretSource
) -> None:
    text = MINIMAL.replace('secret_file = "/etc/pos-agent/client-secret"', line)
    assert load(tmp_path, text).client.secret == source


def test_a_device_pin_goes_with_its_grant(tmp_path: Path) -> None:
    text = with_lines("client", 'grant = "device_pin"', 'pin_credential = "pin"')

    client = load(tmp_path, text).client

    assert (client.grant, client.pin) == ("device_pin", InCredential("pin"))


def test_a_standard_server_needs_its_issuer_only(tmp_path: Path) -> None:
    text = MINIMAL.replace(
        'token_endpoint = "https://auth.example.com/oauth/token"',
        'dialect = "rfc8628"\nissuer = "https://id.example.com"',
    )
    server = load(tmp_path, text).server

    assert (server.dialect, server.issuer) == ("rfc8628", "https://id.example.com")
    assert server.token_endpoint is None


def test_a_standard_server_without_discovery_needs_both_endpoints(tmp_path: Path) -> None:
    text = with_lines(
        "server",
        'dialect = "rfc8628"',
        'token_endpoint = "https://id.example.com/token"',
        'device_authorization_endpoint = "https://id.example.com/device"',
    )
    assert load(tmp_path, text).server.issuer is None


def test_pairs_keep_their_order_and_the_sources_theirs(tmp_path: Path) -> None:
    text = MINIMAL + (
        '[[identity.pair]]\nkey = "branch"\nsources = ["device-tree", "dmi-product-serial"]\n'
        '[[identity.pair]]\nkey = "asset"\nfile = "/etc/asset"\n'
    )
    assert load(tmp_path, text).identity.pairs == (
        PairSettings(key="serial", value="A-4711"),
        PairSettings(key="branch", sources=("device-tree", "dmi-product-serial")),
        PairSettings(key="asset", sources=("file",), file="/etc/asset"),
    )


def test_a_display_table_means_a_display(tmp_path: Path) -> None:
    display = load(tmp_path, with_lines("display", 'command_set = "escpos"', "rows = 4")).display

    displays = str(tmp_path / "displays.d")
    assert display == DisplaySettings(command_set="escpos", rows=4, displays=displays)


def test_a_key_credential_takes_the_place_of_the_key_made_at_the_first_start(
    tmp_path: Path,
) -> None:
    store = load(tmp_path, with_lines("store", 'key_credential = "store-key"')).store

    assert (store.key_file, store.key_credential) == (None, "store-key")


def test_a_store_elsewhere_takes_its_key_along(tmp_path: Path) -> None:
    assert load(tmp_path, with_lines("store", 'path = "/data/g"')).store.key_file == "/data/g.key"


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8080/t", "http://[::1]/t", "http://localhost/t", "HTTPS://a.example/t"],
)
def test_http_is_for_this_machine_and_https_for_all(tmp_path: Path, url: str) -> None:
    text = with_lines("server", f'token_endpoint = "{url}"')
    assert load(tmp_path, text).server.token_endpoint == url


def test_a_scope_of_several_words_is_kept(tmp_path: Path) -> None:
    text = with_lines("server", 'scope = "openid https://a.example/x!"')
    assert load(tmp_path, text).server.scope == "openid https://a.example/x!"


@pytest.mark.parametrize(
    ("table", "line"),
    [
        ("server", "deadline = 1"), ("server", "deadline = 120"),
        ("pairing", "codes = 1"), ("pairing", "codes = 1000"),
        ("pairing", "denied_pause = 0"), ("pairing", "refused_pause = 86400.0"),
        ("renewal", "splay = 0"), ("supply", "allow_uids = [0, 4294967294]"),
        ("[identity.pair]", 'value = "1"'), ("[identity.pair]", 'value = "0"'),
    ],
)  # fmt: skip
def test_the_limits_themselves_are_allowed(tmp_path: Path, table: str, line: str) -> None:
    load(tmp_path, with_lines(table, line))
