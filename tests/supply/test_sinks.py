"""The life of the sinks' files: real files, processes and a full tmpfs; time is the test's."""

import asyncio
import json
import logging
import math
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from agent.errors import ConfigError
from agent.secret import Secret
from agent.supply.delivery import SinkSettings
from agent.supply.sink_files import SinkFiles
from agent.supply.sinks import FIRST_WORD, Sinks
from tests.identity.privilege import unprivileged
from tests.supply.house import eventually
from tests.supply.sinks import (
    TILL,
    Clock,
    fingerprint,
    lines,
    needs_root,
    running,
    shell,
    token,
)


@pytest.fixture
def sinks_folder(folder: Path) -> Path:
    return folder / "sinks"


@contextmanager
def small_tmpfs(directory: Path) -> Iterator[None]:
    directory.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k,mode=0755", "t", str(directory)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no mounting here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(directory)], check=True)


async def test_a_token_comes_changes_and_goes(sinks_folder: Path) -> None:
    async with running(sinks_folder) as room:
        room.sinks.changed(token(1))
        await eventually(lambda: room.holds("access-1"))
        room.sinks.changed(token(2))
        await eventually(lambda: room.holds("access-2"))
        await eventually(lambda: room.health()["fingerprint"] == fingerprint(2))
        room.sinks.changed(None)
        await eventually(lambda: room.holds(None))
        await eventually(lambda: room.health()["fingerprint"] is None)


async def test_the_same_token_again_is_not_written_again(sinks_folder: Path) -> None:
    other = SinkSettings(name="other")
    async with running(sinks_folder, TILL, other) as room:
        room.sinks.changed(token(1))
        await eventually(lambda: room.health("other")["fingerprint"])
        before = room.file().stat().st_ino
        asked = len(room.clock.naps)
        room.sinks.changed(token(1))
        await eventually(lambda: len(room.clock.naps) > asked)  # it has looked
        assert room.file().stat().st_ino == before


async def test_where_no_file_was_and_none_will_be_nothing_happens(
    sinks_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "agent")
    async with running(sinks_folder, SinkSettings(name="till", command=shell("true"))) as room:
        room.sinks.changed(None)
        await eventually(lambda: math.inf in room.clock.naps)
        assert room.health() == {
            "path": str(room.file()),
            "fingerprint": None,
            "trouble": None,
            "command": None,
        }
        room.sinks.changed(token(1))  # whatever was to be run would have come before
        await eventually(lambda: room.health()["command"] == "exit status 0")
    said = [message.split()[0] for message in caplog.messages]
    assert said == ["sink.written", "sink.command"]


async def test_a_token_that_is_over_is_taken_away_with_the_clock(sinks_folder: Path) -> None:
    async with running(sinks_folder) as room:
        room.sinks.changed(token(life=100.0))
        await eventually(lambda: 99.0 in room.clock.naps)
        assert room.holds("access-1")
        await room.clock.advance(98.0)
        assert room.holds("access-1")
        await room.clock.advance(1.0)
        await eventually(lambda: room.holds(None))


async def test_what_an_agent_left_behind_stays_when_the_next_has_it_too(
    sinks_folder: Path,
) -> None:
    async with running(sinks_folder) as room:
        room.sinks.changed(token(1))
        await eventually(lambda: room.holds("access-1"))
    assert room.holds("access-1")
    async with running(sinks_folder) as room:
        await eventually(lambda: FIRST_WORD in room.clock.naps)
        await room.clock.advance(FIRST_WORD - 1)
        assert room.holds("access-1")
        room.sinks.changed(token(1))
        await eventually(lambda: room.health()["fingerprint"] == fingerprint(1))
        assert room.holds("access-1")


async def test_what_an_agent_left_behind_is_not_believed_for_long(sinks_folder: Path) -> None:
    SinkFiles(str(sinks_folder)).write(TILL, Secret("of before"))
    async with running(sinks_folder) as room:
        await eventually(lambda: FIRST_WORD in room.clock.naps)
        assert room.holds("of before")
        await room.clock.advance(FIRST_WORD)
        await eventually(lambda: room.holds(None))


async def test_sinks_no_longer_configured_lose_their_token(
    sinks_folder: Path, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "agent")
    files = SinkFiles(str(sinks_folder))
    for name in ("till", "kiosk"):
        files.write(SinkSettings(name=name), Secret("of before"))
    (sinks_folder / "kiosk/.access_token.new").write_text("half a tok")
    (sinks_folder / "kiosk/readme").write_text("the integrator's")
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "access_token").write_text("somebody's")
    (sinks_folder / "link").symlink_to(elsewhere)
    (sinks_folder / "broken/access_token").mkdir(parents=True)
    async with running(sinks_folder) as room:
        await eventually(lambda: room.holds(None, "kiosk"))
        await eventually(lambda: FIRST_WORD in room.clock.naps)
        assert os.listdir(sinks_folder / "kiosk") == ["readme"]
        assert room.holds("of before")
    assert (elsewhere / "access_token").exists()
    assert "sink.leftover_removed sink=kiosk" in caplog.messages
    assert any("sink.trouble sink=broken" in message for message in caplog.messages)


@needs_root
async def test_a_full_tmpfs_costs_the_file_and_is_tried_again(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with small_tmpfs(folder / "sinks"):
        async with running(folder / "sinks") as room:
            room.sinks.changed(token(1))
            await eventually(lambda: room.holds("access-1"))
            filler = folder / "sinks/filler"
            with suppress(OSError), filler.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(4096))
            room.sinks.changed(token(2))
            await eventually(lambda: room.health()["trouble"])
            assert room.holds(None)  # not the token of before, which may be dead
            assert "tmpfs is full" in str(room.health()["trouble"])
            assert os.listdir(folder / "sinks/till") == []
            filler.unlink()
            await eventually(lambda: 30.0 in room.clock.naps)
            await room.clock.advance(30.0)
            await eventually(lambda: room.holds("access-2"))
            await eventually(lambda: room.health()["trouble"] is None)
    assert [m.split()[0] for m in caplog.messages] == ["sink.trouble"]


async def test_trouble_is_told_once_and_costs_the_others_nothing(
    sinks_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = SinkSettings(name="broken", group="not-there")
    async with running(sinks_folder, broken, TILL) as room:
        for number in (1, 2, 3):
            room.sinks.changed(token(number))
            await eventually(lambda now=number: room.holds(f"access-{now}"))
        assert "'not-there'" in str(room.health("broken")["trouble"])
        assert room.health("broken")["fingerprint"] is None
        assert room.health("till")["trouble"] is None
    assert len(caplog.messages) == 1


async def test_log_and_status_name_the_token_without_giving_it_away(
    sinks_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with running(sinks_folder) as room:
        room.sinks.changed(token(1))
        await eventually(lambda: room.health()["fingerprint"])
        assert "access-1" not in json.dumps(room.sinks.health())
    assert f"sink.written sink=till fingerprint={fingerprint(1)}" in caplog.messages
    assert "access-1" not in caplog.text


def test_a_place_that_is_not_in_memory_is_refused(sinks_folder: Path) -> None:
    asked: list[str] = []

    def on_disk(path: str) -> bool:
        asked.append(path)
        return False

    with pytest.raises(ConfigError, match=r"\[\[sink\]\] till: .* would not be on tmpfs"):
        Sinks(sinks=[TILL], clock=Clock(), is_memory=on_disk, folder=str(sinks_folder))
    assert asked == [f"{sinks_folder}/till/access_token"]


@needs_root
@pytest.mark.parametrize("owner", ["root", "not-there"])
def test_another_owner_takes_root(sinks_folder: Path, owner: str) -> None:
    def make(owner: str) -> Sinks:
        sink = SinkSettings(name="till", owner=owner)
        return Sinks(sinks=[sink], clock=Clock(), is_memory=lambda _: True)

    with unprivileged():
        make("nobody")  # that is me
        with pytest.raises(ConfigError, match=r"only an agent that runs as root.*group"):
            make(owner)
    make(owner)


# -- the reader's side, as docs/supply.md shows it ------------------------------------------------


async def test_curl_takes_the_header_from_the_file(sinks_folder: Path) -> None:
    async with running(sinks_folder, SinkSettings(name="till", format="header")) as room:
        room.sinks.changed(token(1))
        await eventually(lambda: room.health()["fingerprint"])
        heard: list[bytes] = []

        async def api(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            writer.close()

        async with await asyncio.start_server(api, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            curl = await asyncio.create_subprocess_exec(
                *("curl", "-sf", "--noproxy", "*", "-H", f"@{room.file()}"),
                f"http://127.0.0.1:{port}/",
            )
            assert await curl.wait() == 0
        assert b"\r\nAuthorization: Bearer access-1\r\n" in heard[0]


# -- commands -------------------------------------------------------------------------------------


async def test_the_command_runs_after_each_change_also_when_the_file_goes(
    sinks_folder: Path, folder: Path
) -> None:
    out = folder / "out"
    script = f'(cat "$POS_AGENT_SINK" || printf gone; echo) >> {out}'
    async with running(sinks_folder, SinkSettings(name="till", command=shell(script))) as room:
        for change, expected in ((token(1), 1), (token(2), 2), (None, 3)):
            room.sinks.changed(change)
            await eventually(lambda wanted=expected: len(lines(out)) == wanted)
    assert lines(out) == ["access-1", "access-2", "gone"]


async def test_a_command_that_hangs_delays_no_token(sinks_folder: Path, folder: Path) -> None:
    stuck = SinkSettings(name="stuck", command=shell(f"touch {folder}/begun; sleep 1000"))
    async with running(sinks_folder, stuck, TILL) as room:
        room.sinks.changed(token(1))
        await eventually((folder / "begun").exists)
        room.sinks.changed(token(2))
        await eventually(lambda: room.holds("access-2") and room.holds("access-2", "stuck"))


async def test_how_a_command_ended_is_in_the_log_and_the_status(
    sinks_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sink = SinkSettings(name="till", command=shell("exit 3"))
    async with running(sinks_folder, sink) as room:
        room.sinks.changed(token(1))
        await eventually(lambda: room.health()["command"] == "exit status 3")
        assert room.holds("access-1")
    assert caplog.messages == ['sink.command sink=till result="exit status 3"']
