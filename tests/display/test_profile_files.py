"""The integrator's own command sets, beside the shipped ones."""

import os
from pathlib import Path

import pytest

from hw.display.profile import ProfileError, available, check, load, shipped

OWN = 'schema = 1\ntitle = "Own"\nsources = ["a manual"]\n[commands]\nmove = "10 {cell}"\n'


def test_an_own_file_is_loaded_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "my-display_2.toml").write_text(OWN)

    profile = load("my-display_2", str(tmp_path))
    assert (profile.name, profile.title) == ("my-display_2", "Own")


def test_an_own_file_wins_over_a_shipped_one_of_the_same_name(tmp_path: Path) -> None:
    (tmp_path / "escpos.toml").write_text('schema = 1\nextends = "escpos"\ntitle = "Ours"\n')

    assert load("escpos", str(tmp_path)).title == "Ours"
    assert load("escpos").title == "ESC/POS"
    assert load("cd5220", str(tmp_path)).title == "CD5220"


def test_all_names_are_listed_once(tmp_path: Path) -> None:
    for name in ("escpos.toml", "zebra.toml", "Not A Name.toml", ".hidden.toml", "notes.txt"):
        (tmp_path / name).write_text(OWN)

    assert available(str(tmp_path)) == (*shipped(), "zebra")
    assert available(str(tmp_path / "missing")) == available() == shipped()


def test_an_unknown_name_lists_the_known_ones_and_says_where_to_add_it(tmp_path: Path) -> None:
    (tmp_path / "zebra.toml").write_text(OWN)

    with pytest.raises(ProfileError, match=r"no command set 'epson'; there are: aedex, .*, utc-en"):
        load("epson")
    with pytest.raises(ProfileError, match=rf"utc-enhanced, zebra; or write {tmp_path}/NAME.toml"):
        load("epson", str(tmp_path))


@pytest.mark.parametrize("name", ["../zebra", "", "Zebra", "a" * 65, "x\0y", "sub/zebra"])
def test_a_name_is_never_a_path(tmp_path: Path, name: str) -> None:
    (tmp_path / "sub").mkdir()
    for file in (tmp_path / "zebra.toml", tmp_path / "sub" / "zebra.toml"):
        file.write_text(OWN)

    with pytest.raises(ProfileError, match="no command set"):
        load(name, str(tmp_path / "sub"))


def own_file(directory: Path, content: bytes) -> Path:
    file = directory / "own.toml"
    file.write_bytes(content)
    return file


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"#" * 65_537, "is larger than 65536 bytes; shorten it"),
        (b'title = "\xff"', "is not UTF-8 text; save it as UTF-8"),
        (b"schema = 2", "schema must be 1"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(
    tmp_path: Path, content: bytes, complaint: str
) -> None:
    file = own_file(tmp_path, content)

    with pytest.raises(ProfileError, match=rf"^display profile {file}: .*{complaint}"):
        load("own", str(tmp_path))
    assert any(
        problem.startswith(f"display profile {file}: ") and complaint in problem
        for problem in check(str(file))
    )


@pytest.mark.parametrize("kind", ["directory", "fifo", "dangling"])
def test_what_is_no_file_is_neither_read_nor_passed_over(tmp_path: Path, kind: str) -> None:
    """A pipe would hold the agent up for ever."""
    file = tmp_path / "escpos.toml"
    if kind == "directory":
        file.mkdir()
    elif kind == "fifo":
        os.mkfifo(file)
    else:
        file.symlink_to(tmp_path / "gone")

    with pytest.raises(ProfileError, match=r"escpos\.toml: there is no such file"):
        load("escpos", str(tmp_path))


def test_a_file_behind_a_name_too_long_for_the_system_is_said_so(tmp_path: Path) -> None:
    directory = str(tmp_path / ("d" * 300))

    with pytest.raises(ProfileError, match="File name too long; make it readable to the agent"):
        load("escpos", directory)
    assert available(directory) == shipped()


def test_a_file_may_be_checked_before_it_is_put_there(tmp_path: Path) -> None:
    good = own_file(tmp_path, OWN.encode())

    assert check(str(good)) == ()
    assert check(str(tmp_path / "missing.toml")) == (
        f"display profile {tmp_path}/missing.toml: there is no such file",
    )


def test_a_file_whose_name_could_never_be_loaded_is_told(tmp_path: Path) -> None:
    for name in ("My Display.toml", "own.txt", ".toml"):
        (tmp_path / name).write_text(OWN)

        assert check(str(tmp_path / name)) == (
            f"display profile {tmp_path / name}: call it NAME.toml, of a-z, 0-9, - and _",
        )
