"""Who may ask, as the operator writes it: `clients.d/*.toml` beside the configuration file.

Each `[[client]]` becomes a rule; files are taken in alphabetical order and tables in theirs, and
the first rule that matches decides. As with the configuration, everything wrong is found in one go.
docs/configuration.md is kept in step with the table here by a test.
"""

import grp
import pwd
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeVar

from agent import config_checks as checks
from agent.config_reading import Line, as_toml
from agent.config_setting import Setting
from agent.errors import ConfigError
from agent.supply.access import Rule, Scope
from agent.supply.caps import CAPS, Caps
from agent.toml_files import collected, drop_ins, nearest, parse

T = TypeVar("T")

_ID: Final = checks.whole(0, 2**32 - 2, "(an id)")
_UNIT: Final = checks.name(r"[A-Za-z0-9:_.\\@-]{1,240}\.(service|scope)", "till.service")


def _member(raw: object) -> int | str:
    if isinstance(raw, str):
        return checks.text(raw, 64)
    if isinstance(raw, bool) or not isinstance(raw, int):
        raise ValueError('has to be of names and numbers; write a list like ["till", 1001]')
    return _ID(raw)


def _members(raw: object) -> tuple[int | str, ...]:
    members = checks.list_of(raw, _member, 'write a list like ["till", 1001]')
    if not members:
        raise ValueError("is empty; name at least one, or leave the key out")
    return members


def _scopes(raw: object) -> tuple[str, ...]:
    if isinstance(raw, list) and Scope.ADMIN.value in raw:  # docs/decisions/0005
        raise ValueError("has admin, which is the admin socket's alone (admin.sock); leave it out")
    choice = checks.one_of("token", "status", "pairing", "display")
    return checks.list_of(raw, choice, 'write a list like ["token", "status"]')


NAME = Setting(
    key="client[].name",
    check=checks.name(r"[a-z0-9][a-z0-9_.-]{0,63}", "till"),
    default="",
    required=True,
    meaning="Stands for this client in the log, in holds and in its limits. Each name once.",
)
USERS: Setting[tuple[int | str, ...]] = Setting(
    key="client[].users",
    check=_members,
    default=(),
    meaning="Users, by name or number; one of them.",
)
GROUPS: Setting[tuple[int | str, ...]] = Setting(
    key="client[].groups",
    check=_members,
    default=(),
    meaning="Groups, by name or number; a member of one of them, also by a supplementary group.",
)
UNIT: Setting[str | None] = Setting(
    key="client[].unit",
    check=_UNIT,
    default=None,
    meaning="The system's unit it runs in. The agent's own unit needs `ProtectProc=default`.",
)
USER_UNIT: Setting[str | None] = Setting(
    key="client[].user_unit",
    check=_UNIT,
    default=None,
    meaning="The unit of its user's own service manager. Only with `users`, because every user can"
    " start units of every name. Needs the same.",
)
EXE: Setting[str | None] = Setting(
    key="client[].exe",
    check=checks.path,
    default=None,
    meaning="The program's file. Needs `CAP_SYS_PTRACE`, which is more than it is worth: prefer"
    " `unit`.",
)
SCOPES: Setting[tuple[str, ...]] = Setting(
    key="client[].scopes",
    check=_scopes,
    default=("token", "status"),
    meaning="What it may: get tokens and holds (token); see what the agent does (status); see the"
    " code to approve the terminal, and ask for one (pairing); have the customer display left to"
    " it (display). An empty list refuses.",
)
REQUESTS = Setting(
    key="client[].requests",
    check=checks.number(1, 10_000, "requests a second"),
    default=CAPS.requests,
    unit="1/s",
    meaning="Requests a second in the long run; what is beyond is answered 429.",
)
BURST: Setting[int | None] = Setting(
    key="client[].burst",
    check=checks.whole(1, 100_000, "requests"),
    default=None,
    unit="requests",
    meaning="Requests at once. Without it, as many as in two seconds.",
)
CONNECTIONS = Setting(
    key="client[].connections",
    check=checks.whole(1, 96, "connections"),
    default=CAPS.connections,
    unit="connections",
    meaning="Connections at a time, of the 160 for everybody; the last 32 are for clients with"
    " fewer than 4.",
)
HOLDS = Setting(
    key="client[].holds",
    check=checks.whole(0, 64, "holds"),
    default=CAPS.holds,
    unit="holds",
    meaning="Holds at a time, of the 64 for everybody; 0 for a client that shall never make others"
    " wait.",
)

# fmt: off
TABLE: Final[tuple[Setting[object], ...]] = (
    NAME, USERS, GROUPS, UNIT, USER_UNIT, EXE, SCOPES, REQUESTS, BURST, CONNECTIONS, HOLDS,
)
# fmt: on
_WHO: Final[tuple[Setting[object], ...]] = (USERS, GROUPS, UNIT, USER_UNIT, EXE)


def _short(setting: Setting[object]) -> str:
    return setting.key.rpartition(".")[2]


_NAMES: Final = tuple(map(_short, TABLE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """How users and groups are looked up by name; both raise KeyError."""

    user: Callable[[str], int] = lambda name: pwd.getpwnam(name).pw_uid
    group: Callable[[str], int] = lambda name: grp.getgrnam(name).gr_gid


@dataclass(slots=True, kw_only=True)
class Clients:
    """What the files say. `problems` are sentences; with any of them the rules are not to be used.
    `lines`: every setting in force."""

    files: tuple[str, ...] = ()
    rules: list[Rule] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def load(directory: str, names: Names | None = None) -> tuple[Rule, ...]:
    """The rules, none without a file. Raises ConfigError; its notes hold any further problems."""
    clients = read(directory, names)
    if clients.problems:
        raise collected(clients.problems)
    return tuple(clients.rules)


def read(directory: str, names: Names | None = None) -> Clients:
    """The rules, where each setting came from, and everything that is wrong."""
    try:
        clients = Clients(files=tuple(drop_ins(directory)))
    except ConfigError as error:
        return Clients(problems=[str(error)])
    named: dict[str, str] = {}
    for file in clients.files:
        try:
            document = parse(file).values
        except ConfigError as error:
            clients.problems.append(str(error))
            continue
        for number, table in enumerate(_tables(file, document, clients.problems), start=1):
            client = _Client(table, file, number, clients)
            rule = client.rule(names or Names())
            clients.rules.append(rule)
            if first := named.get(rule.name):
                client.wrong(NAME, f"is the name of a client in {first}, too; give each its own")
            elif rule.name:
                named[rule.name] = file
    return clients


def _tables(
    file: str, document: dict[str, object], problems: list[str]
) -> Iterator[dict[str, object]]:
    """The [[client]] tables of a file."""
    for key, value in document.items():
        if key != "client":
            problems.append(f"{file}: {key}: {_elsewhere(key)}")
        elif isinstance(value, list) and all(isinstance(item, dict) for item in value):
            yield from value
        else:
            problems.append(f"{file}: client: write [[client]], with two brackets each")


def _elsewhere(key: str) -> str:
    if key in _NAMES:
        return "stands outside a table; write it below [[client]]"
    near = nearest(key.lower(), ("client", *_NAMES))
    if near == ["client"]:
        return "is no table; did you mean [[client]]?"
    return f"is no setting; {f'did you mean {near[0]}?' if near else 'see docs/configuration.md'}"


class _Client:
    """Takes the settings out of one table; notes what is wrong and goes on with the default."""

    def __init__(self, table: dict[str, object], file: str, number: int, into: Clients) -> None:
        self._table = table
        self._file = file
        self._prefix = f"client[{number}]."
        self._into = into

    def wrong(self, setting: Setting[object], problem: str) -> None:
        self._problem(_short(setting), problem)

    def _problem(self, name: str, problem: str) -> None:
        self._into.problems.append(f"{self._file}: {self._prefix}{name}: {problem}")

    def _gives(self, setting: Setting[object]) -> bool:
        return _short(setting) in self._table

    def _get(self, setting: Setting[T]) -> T:
        name, given = _short(setting), self._gives(setting)
        raw = self._table.get(name, setting.default)
        origin = self._file if given else "default"
        self._into.lines.append(Line(key=self._prefix + name, text=as_toml(raw), origin=origin))
        try:
            if given:
                return setting.check(raw)
            if setting.required:
                raise ValueError("is missing; add it")
        except ValueError as wrong:
            self.wrong(setting, str(wrong))
        return setting.default

    def rule(self, names: Names) -> Rule:
        for name in self._table:
            if name not in _NAMES:
                near = nearest(name, _NAMES)
                meant = f"did you mean {near[0]}?" if near else "see docs/configuration.md"
                self._problem(name, f"is not a setting; {meant}")
        rule = Rule(
            name=self._get(NAME),
            uids=self._ids(USERS, "user", names.user),
            gids=self._ids(GROUPS, "group", names.group),
            unit=self._get(UNIT),
            user_unit=self._get(USER_UNIT),
            exe=self._get(EXE),
            scopes=frozenset(map(Scope, self._get(SCOPES))),
            caps=self._caps(),
        )
        self._check(rule)
        return rule

    def _ids(
        self, setting: Setting[tuple[int | str, ...]], kind: str, number: Callable[[str], int]
    ) -> frozenset[int]:
        found = set()
        for member in self._get(setting):
            try:
                found.add(number(member) if isinstance(member, str) else member)
            except KeyError:
                self.wrong(setting, f"there is no {kind} {member!r}; create it or correct the name")
        return frozenset(found)

    def _caps(self) -> Caps:
        requests, burst = self._get(REQUESTS), self._get(BURST)
        return Caps(
            requests=requests,
            burst=int(2 * requests) if burst is None else burst,
            connections=self._get(CONNECTIONS),
            holds=self._get(HOLDS),
        )

    def _check(self, rule: Rule) -> None:
        """What only the settings together can have wrong."""
        given = [setting for setting in _WHO if self._gives(setting)]
        if not given:
            self.wrong(NAME, f"is nobody; add one of {', '.join(map(_short, _WHO))}")
        if self._gives(USER_UNIT) and not self._gives(USERS):
            self.wrong(USER_UNIT, "needs users beside it: every user can start a unit of that name")
        doubtful = [setting for setting in given if setting in (UNIT, USER_UNIT, EXE)]
        if doubtful and not rule.scopes:
            self.wrong(
                doubtful[0], "is not always to be seen, so nobody is refused by it; use users"
            )
