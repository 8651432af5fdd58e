"""The sinks' directories and files on a real disk: who may read, what is never followed, and what
an agent without privileges can do."""

import grp
import os
import pwd
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from agent.secret import Secret
from agent.supply.delivery import SinkSettings
from agent.supply.sink_files import SinkFiles, SinkTrouble
from tests.identity.privilege import unprivileged
from tests.supply.sinks import TILL, facts, needs_root, umask


@pytest.fixture
def sinks_folder(folder: Path) -> Path:
    made = folder / "sinks"
    made.mkdir()
    return made


@pytest.mark.parametrize("mask", [0, 0o077])
@pytest.mark.parametrize("mode", [0o640, 0o440, 0o600])
def test_modes_are_as_wanted_whatever_the_umask(sinks_folder: Path, mask: int, mode: int) -> None:
    with umask(mask):
        SinkFiles(str(sinks_folder)).write(SinkSettings(name="till", mode=mode), Secret("access-1"))
    file = sinks_folder / "till/access_token"
    assert file.read_text() == "access-1"
    me = (os.geteuid(), os.getegid())
    assert facts(file) == (mode, *me)
    assert facts(file.parent) == (0o750, *me)
    assert os.listdir(file.parent) == ["access_token"]


def test_the_folder_is_made_where_the_agent_may(folder: Path) -> None:
    with umask(0o077):
        SinkFiles(f"{folder}/sinks").write(TILL, Secret("access-1"))
    assert facts(folder / "sinks")[0] == 0o755


def traced(folder: Path, sink: str) -> list[str]:
    """The calls that decide who may read, in the order a writing makes them."""
    script = (
        "import sys; from agent.secret import Secret; from agent.supply.delivery import *;"
        "from agent.supply.sink_files import *; files = SinkFiles(sys.argv[1]);"
        f"sink = SinkSettings({sink}); files.write(sink, Secret('first'));"
        "sys.addaudithook(lambda name, args: print(name, *args) if name in"
        " ('os.chmod', 'os.chown', 'os.rename') else None);"
        "files.write(sink, Secret('second'))"
    )
    command = [sys.executable, "-c", script, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [line.split()[0] for line in done.stdout.splitlines()]


def test_the_mode_is_set_before_the_file_has_its_name(sinks_folder: Path) -> None:
    # No chown: the shipped unit forbids it, even one that changes nothing.
    assert traced(sinks_folder, "name='till'") == ["os.chmod", "os.rename"]


@needs_root
def test_owner_and_group_are_set_before_the_file_has_its_name(sinks_folder: Path) -> None:
    sink = "name='till', owner='nobody', group='daemon'"
    assert traced(sinks_folder, sink) == ["os.chown", "os.chmod", "os.rename"]
    expected = (pwd.getpwnam("nobody").pw_uid, grp.getgrnam("daemon").gr_gid)
    assert facts(sinks_folder / "till/access_token") == (0o640, *expected)
    assert facts(sinks_folder / "till") == (0o750, *expected)


def test_a_reader_finds_the_old_token_or_the_new_one_and_nothing_else(sinks_folder: Path) -> None:
    files = SinkFiles(str(sinks_folder))
    tokens = ["a" * 20, "b" * 3000]
    files.write(TILL, Secret(tokens[0]))
    found: set[str] = set()
    writing = threading.Event()

    def read() -> None:
        while not writing.is_set():
            found.add((sinks_folder / "till/access_token").read_text())

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(200):
        files.write(TILL, Secret(tokens[number % 2]))
    writing.set()
    reader.join()
    assert found <= set(tokens)


def test_who_has_the_old_file_open_reads_the_old_token(sinks_folder: Path) -> None:
    files = SinkFiles(str(sinks_folder))
    files.write(TILL, Secret("access-1"))
    with (sinks_folder / "till/access_token").open() as file:
        files.write(TILL, Secret("access-2"))
        assert file.read() == "access-1"


def test_links_are_never_followed(sinks_folder: Path, folder: Path) -> None:
    precious = folder / "precious"
    precious.write_text("precious")
    precious.chmod(0o600)
    directory = sinks_folder / "till"
    directory.mkdir(mode=0o750)
    files = SinkFiles(str(sinks_folder))
    for planted in ("access_token", ".access_token.new"):
        (directory / planted).symlink_to(precious)
    files.write(TILL, Secret("access-1"))
    assert not (directory / "access_token").is_symlink()
    assert os.listdir(directory) == ["access_token"]
    (directory / "access_token").unlink()
    (directory / "access_token").symlink_to(precious)
    assert files.remove("till")
    assert precious.read_text() == "precious"
    assert facts(precious)[0] == 0o600


@pytest.mark.parametrize("planted", ["sinks", "sinks/till"])
def test_directories_that_are_links_are_refused(folder: Path, planted: str) -> None:
    elsewhere = folder / "elsewhere"
    (elsewhere / "till").mkdir(parents=True)
    (folder / planted).parent.mkdir(exist_ok=True)
    (folder / planted).symlink_to(elsewhere)
    files = SinkFiles(f"{folder}/sinks")
    with pytest.raises(SinkTrouble, match="something else is in its place"):
        files.write(TILL, Secret("access-1"))
    with pytest.raises(SinkTrouble, match="something else is in its place"):
        files.remove("till")
    assert files.strangers(()) == []
    assert [path.name for path in elsewhere.rglob("*")] == ["till"]


def test_a_directory_in_the_files_place_is_trouble_and_leaves_nothing(sinks_folder: Path) -> None:
    (sinks_folder / "till/access_token").mkdir(parents=True)
    with pytest.raises(SinkTrouble, match="something else is in its place, remove that"):
        SinkFiles(str(sinks_folder)).write(TILL, Secret("access-1"))
    assert os.listdir(sinks_folder / "till") == ["access_token"]


def test_a_directory_open_to_others_is_closed(sinks_folder: Path) -> None:
    directory = sinks_folder / "till"
    directory.mkdir()
    directory.chmod(0o2777)
    SinkFiles(str(sinks_folder)).write(TILL, Secret("access-1"))
    assert facts(directory)[0] == 0o2750


@pytest.mark.parametrize(
    "sink", [replace(TILL, owner="not-there"), replace(TILL, group="not-there")]
)
def test_a_user_or_group_that_does_not_exist_is_named(
    sinks_folder: Path, sink: SinkSettings
) -> None:
    with pytest.raises(SinkTrouble, match="'not-there': create it"):
        SinkFiles(str(sinks_folder)).write(sink, Secret("access-1"))
    assert os.listdir(sinks_folder) == []


# -- an agent without privileges ------------------------------------------------------------------


@needs_root
def test_the_set_group_id_bit_gives_the_file_to_the_readers(sinks_folder: Path) -> None:
    nobody, daemon = pwd.getpwnam("nobody").pw_uid, grp.getgrnam("daemon").gr_gid
    directory = sinks_folder / "till"
    directory.mkdir()
    os.chown(directory, nobody, daemon)
    directory.chmod(0o2750)
    with unprivileged():
        SinkFiles(str(sinks_folder)).write(
            SinkSettings(name="till", group="daemon"), Secret("access-1")
        )
    assert facts(directory / "access_token") == (0o640, nobody, daemon)
    assert facts(directory) == (0o2750, nobody, daemon)


@needs_root
@pytest.mark.parametrize("given", [("nobody", "root", 0o2750), ("root", "daemon", 0o2775)])
def test_a_directory_the_agent_cannot_put_right_comes_with_the_line_that_does(
    sinks_folder: Path, given: tuple[str, str, int]
) -> None:
    owner, group, mode = given
    directory = sinks_folder / "till"
    directory.mkdir()
    os.chown(directory, pwd.getpwnam(owner).pw_uid, grp.getgrnam(group).gr_gid)
    directory.chmod(mode)
    with unprivileged(), pytest.raises(SinkTrouble) as caught:
        SinkFiles(str(sinks_folder)).write(
            SinkSettings(name="till", group="daemon"), Secret("access-1")
        )
    assert f"'d {directory} 2750 nobody daemon -' into /etc/tmpfiles.d/" in str(caught.value)
    assert os.listdir(directory) == []


@needs_root
def test_a_folder_of_somebody_else_is_named(folder: Path) -> None:
    with unprivileged(), pytest.raises(SinkTrouble, match="run systemd-tmpfiles --create"):
        SinkFiles(f"{folder}/sinks").write(TILL, Secret("access-1"))
