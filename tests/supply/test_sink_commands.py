"""Commands of sinks, with real processes: what they hear, one at a time, and their end."""

import asyncio
import os
import shlex
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from agent.supply.sink_commands import Command, Commands, Outcome
from tests.supply.house import eventually
from tests.supply.sinks import lines, shell

SINK = "/run/pos-agent/sinks/till/access_token"


class Runs:
    """A queue of commands, and what they did. A step writes its name down when it begins, and ends
    when it is told to."""

    def __init__(self, folder: Path, limit: float) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.ended: list[tuple[str, Outcome]] = []
        self.commands = Commands(told=self._told, timeout=limit)

    def _told(self, command: Command, outcome: Outcome) -> None:
        self.ended.append((command.sink, outcome))

    async def outcome(self, *argv: str) -> Outcome:
        ended = len(self.ended)
        self.commands.put(Command(sink="till", argv=argv, path=SINK))
        await eventually(lambda: len(self.ended) > ended)
        return self.ended[-1][1]

    def put(self, name: str) -> None:
        log, gate = (shlex.quote(str(self.folder / each)) for each in ("log", f"go-{name}"))
        script = (
            f"echo {name} begins >> {log}; until [ -e {gate} ]; do sleep 0.01; done;"
            f" echo {name} ends >> {log}"
        )
        self.commands.put(Command(sink=name, argv=shell(script), path=SINK))

    def let(self, *names: str) -> None:
        for name in names:
            (self.folder / f"go-{name}").touch()

    def logged(self, count: int) -> Callable[[], bool]:
        return lambda: len(lines(self.log)) == count


@asynccontextmanager
async def running(folder: Path, limit: float = 60.0) -> AsyncIterator[Runs]:
    made = Runs(folder, limit)
    task = asyncio.create_task(made.commands.run())
    yield made
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_a_command_hears_which_file_it_is_about_and_nothing_else(folder: Path) -> None:
    async with running(folder) as runs:
        out = folder / "out"
        await runs.outcome("/usr/bin/python3", "-c", _TELL, str(out))
    environment, fds, group, cwd = out.read_text().split("\n")
    assert environment == f"PATH=/usr/local/bin:/usr/bin:/bin POS_AGENT_SINK={SINK}"
    assert fds == "/dev/null /dev/null /dev/null"
    assert group == "leader"
    assert cwd == "/"


_TELL = """
import os, sys
raw = open("/proc/self/environ").read().split("\\0")
fds = (os.readlink(f"/proc/self/fd/{number}") for number in range(3))
group = "leader" if os.getpgid(0) == os.getpid() == os.getsid(0) else "member"
said = " ".join(sorted(filter(None, raw))), " ".join(fds), group, os.getcwd()
open(sys.argv[1], "w").write("\\n".join(said))
"""


async def test_arguments_are_not_seen_by_a_shell(folder: Path) -> None:
    async with running(folder) as runs:
        assert (await runs.outcome("/usr/bin/touch", f"{folder}/$(id); *")).good
    assert os.listdir(folder) == ["$(id); *"]


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (shell("true"), Outcome(good=True, text="exit status 0")),
        (shell("exit 3"), Outcome(good=False, text="exit status 3")),
        (shell("kill -TERM $$"), Outcome(good=False, text="ended by signal 15")),
        (("/not/there",), Outcome(good=False, text="cannot be run: No such file or directory")),
        (("/etc/passwd",), Outcome(good=False, text="cannot be run: Permission denied")),
    ],
)
async def test_how_it_ended_is_told(folder: Path, argv: tuple[str, ...], expected: Outcome) -> None:
    async with running(folder) as runs:
        assert await runs.outcome(*argv) == expected


async def test_they_run_one_after_the_other(folder: Path) -> None:
    async with running(folder) as runs:
        runs.put("a")
        await eventually(runs.logged(1))
        runs.put("b")
        runs.put("c")
        runs.let("b", "c", "a")
        await eventually(runs.logged(6))
    said = [f"{name} {what}" for name in "abc" for what in ("begins", "ends")]
    assert lines(folder / "log") == said


async def test_changes_while_a_command_runs_make_it_run_once_more(folder: Path) -> None:
    async with running(folder) as runs:
        runs.put("a")
        await eventually(runs.logged(1))
        for _ in range(5):
            runs.put("a")
            runs.put("b")
        runs.let("a", "b", "c")
        await eventually(lambda: len(runs.ended) == 3)
        runs.put("c")  # whatever else is queued comes before it
        await eventually(lambda: runs.ended[-1][0] == "c")
        assert [name for name, _ in runs.ended] == ["a", "a", "b", "c"]


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"  # in a container nobody may be there to reap it


def hanging(pids: Path) -> tuple[str, ...]:
    """Deaf to SIGTERM, with a child; writes down both."""
    return shell(
        f"trap '' TERM; sleep 1000 & echo $$ > {pids}.new; echo $! >> {pids}.new;"
        f" mv {pids}.new {pids}; wait"
    )


async def test_one_that_hangs_is_ended_with_its_children(folder: Path) -> None:
    pids = folder / "pids"
    async with running(folder, limit=0.3) as runs:
        while not pids.exists():  # on a slow machine it is ended before it has begun
            outcome = await runs.outcome(*hanging(pids))
            assert outcome == Outcome(good=False, text="killed, not done within 0.3 s")
        await eventually(lambda: not any(alive(int(pid)) for pid in lines(pids)))
        assert (await runs.outcome("/bin/true")).good


async def test_when_the_agent_stops_so_does_the_command(folder: Path) -> None:
    pids = folder / "pids"
    async with running(folder) as runs:
        runs.commands.put(Command(sink="till", argv=hanging(pids), path=SINK))
        await eventually(pids.exists)
        assert all(alive(int(pid)) for pid in lines(pids))
    await eventually(lambda: not any(alive(int(pid)) for pid in lines(pids)))
