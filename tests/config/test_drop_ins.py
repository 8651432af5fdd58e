"""config.d: alphabetical order, last wins, and each value's file is known."""

from pathlib import Path

import pytest

from agent import config
from agent.credentials import InConfig, InCredential
from agent.errors import ConfigError
from agent.settings import PairSettings
from tests.config.samples import MINIMAL, write


def drop_in(directory: Path, name: str, text: str, mode: int = 0o640) -> str:
    return write(directory / "config.d", text, name=name, mode=mode)


def test_the_last_file_in_alphabetical_order_wins(tmp_path: Path) -> None:
    path = write(tmp_path, MINIMAL)
    drop_in(tmp_path, "90-b.toml", "[pairing]\ncodes = 9\n")
    drop_in(tmp_path, "10-a.toml", '[pairing]\ncodes = 1\n[client]\nid = "other"\n')

    settings = config.load(path)

    assert settings.pairing.codes == 9
    assert settings.client.id == "other"
    assert settings.server.token_endpoint == "https://auth.example.com/oauth/token"


def test_the_order_is_the_alphabets_and_not_the_file_systems(tmp_path: Path) -> None:
    path = write(tmp_path, MINIMAL)
    names = [f"{letter}.toml" for letter in "tqzaykbmcxwdp"]
    for name in names:
        drop_in(tmp_path, name, "")

    assert [Path(file).name for file in config.read(path).files[1:]] == sorted(names)


def test_only_toml_files_count_and_hidden_ones_do_not(tmp_path: Path) -> None:
    path = write(tmp_path, MINIMAL)
    for name in ("a.toml.bak", ".hidden.toml", "README"):
        drop_in(tmp_path, name, "this is no TOML")

    assert config.read(path).files == (path,)


def test_the_file_of_every_value_is_known(tmp_path: Path) -> None:
    path = write(tmp_path, MINIMAL)
    extra = drop_in(tmp_path, "a.toml", 'language = "de"\n')

    configuration = config.read(path)

    origins = {line.key: line.origin for line in configuration.lines}
    assert configuration.files == (path, extra)
    assert origins["language"] == extra
    assert origins["client.id"] == path
    assert origins["identity.pair[1].value"] == path
    assert origins["pairing.codes"] == "default"


def test_a_secret_is_never_in_the_lines(tmp_path: Path) -> None:
    path = write(tmp_path, MINIMAL)
    drop_in(tmp_path, "a.toml", '[client]\nsecret = "s3cret-value"\n')

    configuration = config.read(path)

    assert "s3cret-value" not in repr(configuration)
    assert "(secret)" in {line.text for line in configuration.lines}


def test_a_later_kind_of_secret_takes_the_place_of_an_earlier(tmp_path: Path) -> None:
    path = write(tmp_path, MINIMAL)
    drop_in(tmp_path, "a.toml", '[client]\nsecret_credential = "c"\n')
    assert config.load(path).client.secret == InCredential("c")

    drop_in(tmp_path, "b.toml", '[client]\nsecret = "x"\n')
    assert isinstance(config.load(path).client.secret, InConfig)


def test_later_pairs_replace_all_earlier_ones(tmp_path: Path) -> None:
    path = write(tmp_path, MINIMAL + '[[identity.pair]]\nkey = "branch"\nvalue = "1"\n')
    drop_in(tmp_path, "a.toml", '[[identity.pair]]\nkey = "uuid"\nvalue = "U-1"\n')

    settings = config.load(path)

    assert settings.identity.pairs == (PairSettings(key="uuid", value="U-1"),)
    assert settings.identity.vendor == "acme"


def test_a_mistake_is_reported_with_the_drop_in_it_stands_in(tmp_path: Path) -> None:
    path = write(tmp_path, MINIMAL)
    extra = drop_in(tmp_path, "a.toml", "[pairing]\ncodes = 0\n")

    with pytest.raises(ConfigError, match=f"^{extra}: pairing.codes: is 0; allowed are 1 to 1000"):
        config.load(path)


def test_a_config_d_that_is_a_file_is_reported(tmp_path: Path) -> None:
    path = write(tmp_path, MINIMAL)
    (tmp_path / "config.d").write_text("")

    with pytest.raises(ConfigError, match=r"config\.d: Not a directory; make it readable"):
        config.load(path)
