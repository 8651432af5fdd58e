"""Drop-in files become rules; what is wrong is named with file, key, limit and what to do."""

import re
from pathlib import Path

import pytest

from agent.errors import ConfigError
from agent.supply import policy_files
from agent.supply.access import Rule, Scope
from agent.supply.caps import CAPS, Caps
from agent.supply.policy_files import Names

EXAMPLE = Path(__file__).parents[2] / "deploy" / "client.toml.example"
USERS = {"till": 1001, "kiosk": 1002}
GROUPS = {"payments": 50, "pos-agent-clients": 51}
NAMES = Names(user=USERS.__getitem__, group=GROUPS.__getitem__)


def write(directory: Path, text: str, name: str = "a.toml", mode: int = 0o640) -> str:
    path = directory / name
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return str(path)


def load(directory: Path) -> tuple[Rule, ...]:
    return policy_files.load(str(directory), NAMES)


def problems(directory: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(directory)
    told = [str(caught.value), *getattr(caught.value, "__notes__", [])]
    return [re.sub(r" \(\d+ more: .*\)$", "", line) for line in told]


def test_without_a_file_or_a_folder_there_is_no_rule(tmp_path: Path) -> None:
    assert load(tmp_path) == ()
    assert load(tmp_path / "none") == ()
    write(tmp_path, "# nothing yet\n")
    assert load(tmp_path) == ()


def test_a_client_becomes_a_rule(tmp_path: Path) -> None:
    text = """
    [[client]]
    name = "till"
    users = ["till", 1000]
    groups = [49, "payments"]
    unit = "till.service"
    user_unit = "session-3.scope"
    exe = "/opt/till/bin/till"
    scopes = ["token", "pairing"]
    requests = 2.5
    burst = 9
    connections = 3
    holds = 0
    """
    write(tmp_path, text)
    assert load(tmp_path) == (
        Rule(
            name="till",
            uids=frozenset({1000, 1001}),
            gids=frozenset({49, 50}),
            unit="till.service",
            user_unit="session-3.scope",
            exe="/opt/till/bin/till",
            scopes=frozenset({Scope.TOKEN, Scope.PAIRING}),
            caps=Caps(requests=2.5, burst=9, connections=3, holds=0),
        ),
    )


def test_what_is_left_out_has_the_usual_limits_and_no_pairing(tmp_path: Path) -> None:
    write(tmp_path, '[[client]]\nname = "till"\nunit = "till.service"\n')
    [rule] = load(tmp_path)
    assert rule == Rule(name="till", unit="till.service")
    assert rule.scopes == {Scope.TOKEN, Scope.STATUS}
    assert rule.caps == CAPS


def test_a_burst_follows_the_rate(tmp_path: Path) -> None:
    write(tmp_path, '[[client]]\nname = "till"\nusers = [1]\nrequests = 30\n')
    assert load(tmp_path)[0].caps == Caps(requests=30, burst=60)


def test_an_empty_list_of_scopes_refuses(tmp_path: Path) -> None:
    write(tmp_path, '[[client]]\nname = "till"\nusers = [1]\nscopes = []\n')
    assert load(tmp_path)[0].scopes == frozenset()


def test_files_come_in_alphabetical_order_and_tables_in_theirs(tmp_path: Path) -> None:
    one = '[[client]]\nname = "{}"\nusers = [1]\n'
    for letter in "tqzayk":
        write(tmp_path, one.format(letter + "1") + one.format(letter + "0"), f"{letter}.toml")
    write(tmp_path, "no toml", "x.toml.example")
    write(tmp_path, "no toml", ".hidden.toml")
    assert "".join(rule.name for rule in load(tmp_path)) == "a1a0k1k0q1q0t1t0y1y0z1z0"


def test_every_setting_in_force_is_listed_with_its_file(tmp_path: Path) -> None:
    first = write(tmp_path, '[[client]]\nname = "a"\nusers = [1]\n', "a.toml")
    second = write(tmp_path, '[[client]]\nname = "b"\ngroups = ["payments"]\n', "b.toml")
    clients = policy_files.read(str(tmp_path), NAMES)
    assert clients.files == (first, second)
    given = [(line.key, line.text, line.origin) for line in clients.lines if "/" in line.origin]
    assert given == [
        ("client[1].name", '"a"', first),
        ("client[1].users", "[1]", first),
        ("client[1].name", '"b"', second),
        ("client[1].groups", '["payments"]', second),
    ]
    names = [setting.key.removeprefix("client[].") for setting in policy_files.TABLE]
    assert [line.key.removeprefix("client[1].") for line in clients.lines] == names * 2


# -- mistakes -------------------------------------------------------------------------------------

ROWS = [
    ("name = 1", "name: is a number; write text in quotes"),
    ('name = "Till 1"', "name: is not a name like till; see docs/configuration.md"),
    ('name = "uid:0"', "name: is not a name like till"),
    ('users = ["tyll"]', "users: there is no user 'tyll'; create it or correct the name"),
    ('groups = ["till"]', "groups: there is no group 'till'; create it or correct the name"),
    ('users = "till"', 'users: is text; write a list like ["till", 1001]'),
    ("users = []", "users: is empty; name at least one, or leave the key out"),
    ("users = [true]", 'users: has to be of names and numbers; write a list like ["till", 1001]'),
    ("users = [1.5]", "users: has to be of names and numbers"),
    ("users = [-1]", "users: is -1; allowed are 0 to 4294967294"),
    ("groups = [4294967295]", "groups: is 4294967295; allowed are 0 to 4294967294"),
    ('users = [""]', "users: is empty; write a value or leave the key out"),
    ('unit = "till"', "unit: is not a name like till.service"),
    ('unit = "system.slice/till.service"', "unit: is not a name like till.service"),
    ('unit = "till*.service"', "unit: is not a name like till.service"),
    ('user_unit = "till.slice"', "user_unit: is not a name like till.service"),
    ('exe = "till"', "exe: is a relative path; write the whole path from / on"),
    (
        'scopes = ["tokens"]',
        "scopes: is not one of token, status, pairing, display; choose one of them",
    ),
    (
        'scopes = ["token", "admin"]',
        "scopes: has admin, which is the admin socket's alone (admin.sock); leave it out",
    ),
    ('scopes = "token"', 'scopes: is text; write a list like ["token", "status"]'),
    ("requests = 0", "requests: is 0; allowed are 1 to 10000 requests a second"),
    ("requests = 10001", "requests: is 10001; allowed are 1 to 10000 requests a second"),
    ("burst = 0", "burst: is 0; allowed are 1 to 100000 requests"),
    ("burst = 1.0", "burst: is a number; write a whole number of requests"),
    ("connections = 0", "connections: is 0; allowed are 1 to 96 connections"),
    ("connections = 97", "connections: is 97; allowed are 1 to 96 connections"),
    ("holds = -1", "holds: is -1; allowed are 0 to 64 holds"),
    ("holds = 65", "holds: is 65; allowed are 0 to 64 holds"),
    ("user = [1]", "user: is not a setting; did you mean users?"),
    ('scope = ["token"]', "scope: is not a setting; did you mean scopes?"),
    ("zzz = 1", "zzz: is not a setting; see docs/configuration.md"),
    ("caps = {}", "caps: is not a setting"),
]


@pytest.mark.parametrize(("line", "says"), ROWS, ids=[line for line, _ in ROWS])
def test_a_wrong_setting_is_named_with_file_key_limit_and_advice(
    tmp_path: Path, line: str, says: str
) -> None:
    own = {"name": 'name = "till"', "users": "users = [1]"}
    own.pop(line.partition(" ")[0], None)
    text = "\n".join(['[[client]]\nname = "fine"\nusers = [1]\n[[client]]', *own.values(), line])
    path = write(tmp_path, text)
    [told] = problems(tmp_path)
    assert told.startswith(f"{path}: client[2].{says}")


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("users = [1]", "name: is missing; add it"),
        ('name = "a"', "name: is nobody; add one of users, groups, unit, user_unit, exe"),
        ('name = "a"\nuser_unit = "x.service"', "user_unit: needs users beside it"),
        ('name = "a"\nscopes = []\nunit = "x.service"', "unit: is not always to be seen, so"),
        ('name = "a"\nscopes = []\nexe = "/x"\nusers = [1]', "exe: is not always to be seen, so"),
    ],
)
def test_settings_that_make_no_sense_together_are_named(
    tmp_path: Path, lines: str, says: str
) -> None:
    path = write(tmp_path, f"[[client]]\n{lines}\n")
    [told] = problems(tmp_path)
    assert told.startswith(f"{path}: client[1].{says}")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[client]\nusers = [1]\n", "client: write [[client]], with two brackets"),
        ("client = 1\n", "client: write [[client]], with two brackets"),
        ("client = [1]\n", "client: write [[client]], with two brackets"),
        ("[[clients]]\nusers = [1]\n", "clients: is no table; did you mean [[client]]?"),
        ("[[Client]]\nusers = [1]\n", "Client: is no table; did you mean [[client]]?"),
        ('name = "a"\n', "name: stands outside a table; write it below [[client]]"),
        ("usres = [1]\n", "usres: is no setting; did you mean users?"),
        ("[supply]\nallow_uids = [1]\n", "supply: is no setting; see docs/configuration.md"),
    ],
)
def test_what_is_no_client_is_named(tmp_path: Path, text: str, says: str) -> None:
    path = write(tmp_path, text)
    [told] = problems(tmp_path)
    assert told.startswith(f"{path}: {says}")


def test_a_name_that_is_there_twice_is_named_with_both_files(tmp_path: Path) -> None:
    first = write(tmp_path, '[[client]]\nname = "till"\nusers = [1]\n', "a.toml")
    second = write(tmp_path, '[[client]]\nname = "till"\nusers = [2]\n', "b.toml")
    [told] = problems(tmp_path)
    assert told.startswith(f"{second}: client[1].name: is the name of a client in {first}, too")


def test_every_mistake_of_every_file_is_found_in_one_go(tmp_path: Path) -> None:
    write(tmp_path, "a = \n", "a.toml")
    write(tmp_path, '[[client]]\nname = "b"\nusers = [1]\nholds = 99\nx = 1\n', "b.toml")
    write(tmp_path, '[[client]]\nname = "c"\nusers = [1]\n', "c.toml", 0o642)
    (tmp_path / "d.toml").write_bytes(b"a = '\xff'")
    (tmp_path / "e.toml").mkdir()
    (tmp_path / "f.toml").symlink_to("nowhere")
    told = [line.removeprefix(f"{tmp_path}/") for line in problems(tmp_path)]
    assert [line.split("; ")[0] for line in told] == [
        "a.toml: is not TOML: Invalid value (at line 1, column 5)",
        "b.toml: client[1].x: is not a setting",
        "b.toml: client[1].holds: is 99",
        "c.toml: everybody may change it",
        "d.toml: is not UTF-8 text",
        "e.toml: Is a directory",
        "f.toml: is missing",
    ]


def test_a_folder_that_everybody_may_write_to_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "clients.d"
    folder.mkdir()
    folder.chmod(0o1777)
    assert problems(folder) == [f"{folder}: everybody may put files there; run: chmod o-w {folder}"]


def test_a_folder_that_is_a_file_is_reported(tmp_path: Path) -> None:
    path = write(tmp_path, "")
    assert problems(Path(path)) == [f"{path}: Not a directory; make it readable to the agent"]


def test_users_and_groups_are_those_of_the_system(tmp_path: Path) -> None:
    write(tmp_path, '[[client]]\nname = "r"\nusers = ["root"]\ngroups = ["daemon"]\n')
    [rule] = policy_files.load(str(tmp_path))
    assert rule.uids == {0}
    assert rule.gids == {1}


# -- the example ----------------------------------------------------------------------------------


def test_the_example_is_valid_as_shipped_and_changes_nothing(tmp_path: Path) -> None:
    write(tmp_path, EXAMPLE.read_text(encoding="utf-8"))
    assert load(tmp_path) == ()


def test_the_example_is_valid_when_uncommented_and_names_every_setting(tmp_path: Path) -> None:
    text = re.sub(r"(?m)^#(\[\[|[a-z_]+ = )", r"\1", EXAMPLE.read_text(encoding="utf-8"))
    write(tmp_path, text)
    assert [rule.name for rule in load(tmp_path)] == ["kiosk", "others"]
    for setting in policy_files.TABLE:
        assert re.search(rf"(?m)^{setting.key.removeprefix('client[].')} = ", text), setting.key
