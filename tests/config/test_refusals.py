"""What is wrong is named with file, key, limit and what to do; a secret never is."""

import re
from pathlib import Path

import pytest

from agent import config
from agent.errors import ConfigError
from tests.config.samples import MINIMAL, with_lines, write

LONG = "x" * 5000
RFC = ["!token_endpoint", 'dialect = "rfc8628"']

# table, lines, what the message says after file and key
ROWS = [
    ("", ['language = "../fr"'], "language: is not a name like fr"),
    ("", ["language = 1"], "language: is a number; write text in quotes"),
    ("", ['log_level = "loud"'], "log_level: is not one of debug, info"),
    ("", ['langauge = "de"'], "langauge: is not a setting; did you mean language?"),
    ("server", ["dead_line = 3"], "server.dead_line: is not a setting; did you mean server.dead"),
    ("server", ["zzz = 3"], "server.zzz: is not a setting; see docs/configuration.md"),
    ("sever", ["deadline = 3"], "sever.deadline: is not a setting; did you mean server.deadline"),
    ("pairings", [], r"\[pairings\] is not a table; did you mean \[pairing\]"),
    ("server", ["deadline = 0.5"], "server.deadline: is 0.5; allowed are 1 to 120 seconds"),
    ("server", ["deadline = 120.5"], "server.deadline: is 120.5; allowed are 1 to 120 seconds"),
    ("server", ["deadline = nan"], "server.deadline: is nan; allowed"),
    ("server", ["deadline = inf"], "server.deadline: is inf; allowed"),
    ("server", ['deadline = "20"'], "server.deadline: is text; write a number of seconds"),
    ("server", ["deadline = true"], "server.deadline: is true or false; write a number"),
    ("server", ["deadline = 2026-01-01"], "server.deadline: is a date or time; write a number"),
    ("server", ['token_endpoint = "http://a.example/t"'], "http to another machine; use https"),
    ("server", ['token_endpoint = "HTTP://a.example/t"'], "http to another machine; use https"),
    ("server", ['token_endpoint = "http://localhost.a.example/"'], "http to another machine"),
    ("server", ['token_endpoint = "http://127.0.0.1.a.example/"'], "http to another machine"),
    ("server", ['token_endpoint = "ftp://a.example/t"'], "is not a URL; write https://host/path"),
    ("server", ['token_endpoint = "a.example/t"'], "is not a URL; write https://host/path"),
    ("server", ['token_endpoint = "https:///t"'], "is not a URL; write https://host/path"),
    ("server", ['token_endpoint = "https://a.example:x/"'], "is not a URL; write"),
    ("server", ['token_endpoint = "https://[::1/t"'], "is not a URL; write"),
    ("server", ['token_endpoint = "https://a b.example/"'], "is not a URL; write"),
    ("server", ['token_endpoint = "https://ä.example/"'], "is not a URL; write"),
    ("server", ['token_endpoint = "https://u@a.example/"'], "user name, password or fragment"),
    ("server", ['token_endpoint = "https://:p@a.example/"'], "user name, password or fragment"),
    ("server", ['token_endpoint = "https://a.example/#"'], "user name, password or fragment"),
    ("server", ['issuer = "https://a.example"'], "server.issuer: is not for the dialect"),
    ("server", ['device_authorization_endpoint = "https://a.example"'], "is not for the dialect"),
    ("server", RFC, "server.issuer: write issuer"),
    ("server", [*RFC, 'issuer = "https://a/?b"'], "server.issuer: has a query, which an issuer"),
    ("server", [*RFC, 'issuer = "https://a"', 'token_endpoint = "https://a/t"'], "write issuer"),
    ("server", ['scope = "a  b"'], "server.scope: is not a scope; write words"),
    ("server", ['scope = "a\\"b"'], "server.scope: is not a scope; write words"),
    ("server", ['ca_file = "ca.pem"'], "server.ca_file: is a relative path; write the whole"),
    ("server", ['client_key = "/k.pem"'], "server.client_key: needs client_certificate"),
    ("server", ['proxy = "proxy:3128"'], "server.proxy: is not a URL"),
    ("client", ['id = ""'], "client.id: is empty; write a value or leave the key out"),
    ("client", ['id = " a"'], "client.id: contains a control character, or a blank at an end"),
    ("client", ['id = "a\\u0007"'], "client.id: contains a control character"),
    ("client", ['id = "ä"'], "client.id: contains characters outside ASCII"),
    ("client", [f'id = "{LONG}"'], "client.id: has 5000 characters; at most 256 are allowed"),
    ("client", ['grant = "password"'], "client.grant: is not one of device, client_credentials"),
    ("client", ['grant = "device_pin"'], "client.pin: is missing; add one of pin_file"),
    ("server", ['scope = "ä"'], "server.scope: is not a scope; write words"),
    ("client", ['pin_file = "/pin"'], "client.pin: is only for grant = "),
    ("client", ['secret_credential = "c"'], r"given more than once \(client.secret_file, client.s"),
    ("client", ['secret_file = "s"'], "client.secret_file: is a relative path"),
    ("client", ["!secret_file", 'secret_command = "vault"'], "is text; write a list like"),
    ("client", ["!secret_file", 'secret_command = ["vault"]'], "must begin with the program"),
    ("client", ["!secret_file", "secret_command = []"], "must begin with the program"),
    ("client", ["!secret_file", 'secret_credential = "../x"'], "is not a name like client-secret"),
    ("identity", ['vendor = "a/b"'], "identity.vendor: contains a slash, which separates"),
    ("identity", ['vendor = " a"'], "identity.vendor: begins or ends with a blank; write it ex"),
    ("identity", ["vendor = 1"], "identity.vendor: is a number; write text in quotes, exactly"),
    ("identity", ['serial = "1"'], "identity.serial: is not a setting; see docs"),
    ("[identity.pair]", ['vale = "1"'], r"pair\[1\].vale: is not a setting; did you mean ident"),
    ("[identity.pair]", ['value = ""'], r"identity.pair\[1\].value: is empty; write it exactly"),
    ("[identity.pair]", ['value = "Default String"'], "value: is a placeholder, not this term"),
    ("[identity.pair]", ['key = "vendor"'], "the key 'vendor' is there twice; name each key"),
    ("[identity.pair]", ["!value", 'sources = ["dmi"]'], "sources: is not one of file, com"),
    ("[identity.pair]", ["!value", 'sources = ["file"]'], 'file and the source "file" go toget'),
    ("[identity.pair]", ["!value", "sources = []"], "sources: is empty or names a source twice"),
    ("[identity.pair]", ['sources = ["device-tree"]'], "write either value, or sources"),
    ("pairing", ["codes = 0"], "pairing.codes: is 0; allowed are 1 to 1000 codes"),
    ("pairing", ["codes = 1001"], "pairing.codes: is 1001; allowed are 1 to 1000 codes"),
    ("pairing", ["codes = 2.0"], "pairing.codes: is a number; write a whole number of codes"),
    ("pairing", ["codes = true"], "pairing.codes: is true or false; write a whole number"),
    ("pairing", ["denied_pause = -1"], "denied_pause: is -1; allowed are 0 to 86400 seconds"),
    ("pairing", ["refused_pause = 0"], "refused_pause: is 0; allowed are 1 to 86400 seconds"),
    ("renewal", ["splay = 3601"], "renewal.splay: is 3601; allowed are 0 to 3600 seconds"),
    ("store", ['kind = "cloud"'], "store.kind: is not one of file, memory"),
    ("store", ['path = "grant"'], "store.path: is a relative path"),
    ("display", ["rows = 2"], "display.command_set: is missing; add it"),
    ("display", ['command_set = "ESC POS"'], "display.command_set: is not a name like escpos"),
    ("display", ['command_set = "x"', "baudrate = 9601"], "baudrate: is 9601; allowed are 1200"),
    ("display", ['command_set = "x"', "rows = 9"], "display.rows: is 9; allowed are 1 to 4 rows"),
    ("display", ['command_set = "x"', "columns = 7"], "columns: is 7; allowed are 8 to 40"),
    ("supply", [f'socket = "/{"s" * 107}"'], "supply.socket: is longer than 107 bytes"),
    ("supply", ['socket = "/a"', 'admin_socket = "/a"'], "is the same as supply.socket"),
    ("supply", ['group = "Bad Group"'], "supply.group: is not a name like pos-agent-clients"),
    ("supply", ["allow_uids = [-1]"], "supply.allow_uids: is -1; allowed are 0 to"),
    ("supply", ["allow_uids = [4294967295]"], "supply.allow_uids: is 4294967295; allowed are 0"),
    ("supply", ["allow_gids = 5"], "supply.allow_gids: is a number; write a list of numbers"),
]


@pytest.mark.parametrize(("table", "lines", "says"), ROWS, ids=lambda value: str(value)[:50])
def test_a_wrong_setting_is_named_with_file_key_limit_and_advice(
    tmp_path: Path, table: str, lines: list[str], says: str
) -> None:
    path = write(tmp_path, with_lines(table, *lines))

    with pytest.raises(ConfigError) as caught:
        config.load(path)

    assert str(caught.value).startswith(f"{path}: ")
    assert re.search(says, str(caught.value))
    assert not getattr(caught.value, "__notes__", [])  # one mistake, one message


@pytest.mark.parametrize(
    ("gone", "says"),
    [
        ("token_endpoint", "server.token_endpoint: is missing; write the server's whole"),
        ("id =", "client.id: is missing; add it"),
        ("secret_file", "client.secret: is missing; add one of secret_file"),
        ("vendor", "identity.vendor: is missing; add it"),
        ("key =", r"identity.pair\[1\].key: is missing; add it"),
        ("value", r"identity.pair\[1\].value: write either value, or sources"),
    ],
)
def test_what_is_missing_is_asked_for(tmp_path: Path, gone: str, says: str) -> None:
    lines = (line for line in MINIMAL.splitlines() if not line.startswith(gone))

    with pytest.raises(ConfigError, match=says):
        config.load(write(tmp_path, "\n".join(lines)))


def test_a_device_pin_is_known_to_secucard_only(tmp_path: Path) -> None:
    text = with_lines("client", 'grant = "device_pin"', 'pin_file = "/pin"')
    text = text.replace("token_endpoint", 'dialect = "rfc8628"\nissuer')

    with pytest.raises(ConfigError, match=r'client\.grant: device_pin is known to the dialect "s'):
        config.load(write(tmp_path, text))


def test_an_identity_without_a_pair_is_refused(tmp_path: Path) -> None:
    text = MINIMAL.partition("[[identity.pair]]")[0]

    with pytest.raises(ConfigError, match=r"needs at least one \[\[identity\.pair\]\]"):
        config.load(write(tmp_path, text))


def test_every_mistake_is_found_in_one_go(tmp_path: Path) -> None:
    path = write(tmp_path, MINIMAL + "[pairing]\ncodes = 0\n[renewal]\nsplay = -1\nx = 1\n")

    with pytest.raises(ConfigError) as caught:
        config.load(path)

    told = [str(caught.value), *caught.value.__notes__]
    assert "(2 more: `pos-agent config check` lists them)" in told[0]
    assert [text.split(": ")[1] for text in told] == ["renewal.x", "pairing.codes", "renewal.splay"]


@pytest.mark.parametrize(
    "line", ['secret = "s3cret\\u0007"', 'secret = ["s3cret"]', 'sekret = "s3cret"']
)
def test_no_message_repeats_a_secret(tmp_path: Path, line: str) -> None:
    text = MINIMAL.replace('secret_file = "/etc/pos-agent/client-secret"', line)

    with pytest.raises(ConfigError) as caught:
        config.load(write(tmp_path, text))

    assert "s3cret" not in "\n".join([str(caught.value), *getattr(caught.value, "__notes__", [])])


def test_a_secret_that_everybody_may_read_is_refused(tmp_path: Path) -> None:
    text = MINIMAL.replace("secret_file =", "secret =")
    config.load(write(tmp_path, text, mode=0o640))

    with pytest.raises(ConfigError, match="holds a secret and everybody may read it; run: chmod"):
        config.load(write(tmp_path, text, mode=0o644))


def test_a_file_without_a_secret_may_be_read_by_all(tmp_path: Path) -> None:
    config.load(write(tmp_path, MINIMAL, mode=0o644))


def test_a_file_that_everybody_may_change_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, MINIMAL, mode=0o642)

    with pytest.raises(ConfigError, match=f"everybody may change it; run: chmod o-w {path}"):
        config.load(path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"a = \n", r"is not TOML: .*\(at line 1, column 5\); correct that line"),
        (b"a = '\xff'", "is not UTF-8 text; save it as UTF-8"),
    ],
)
def test_what_is_no_toml_is_named_by_line(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(content)

    with pytest.raises(ConfigError, match=says):
        config.load(str(path))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml: is missing; copy the example"):
        config.load(str(tmp_path / "nowhere.toml"))


def test_a_directory_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Is a directory; make it readable"):
        config.load(str(tmp_path))


def test_a_value_where_a_table_belongs_is_named(tmp_path: Path) -> None:
    text = "display = true\n" + MINIMAL.replace("[[identity.pair]]", "[x]")
    with pytest.raises(ConfigError) as caught:
        config.load(write(tmp_path, text))

    assert "display: is a table; write [display] and its settings below" in str(caught.value)
