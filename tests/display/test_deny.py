import pytest

from hw.display.deny import reason


@pytest.mark.parametrize(
    "sent",
    [
        "1B73",
        "1B64",
        "1B62",
        "1B23",
        "1B26",
        "1B04",
        "1F28450300",
        "1F40",
        "0205423303",
        "0401533117",
        "0401423117",
        "0F",
        "0341",
        "0C1B73",
        "1B40 1F0D 1F40",
    ],
)
def test_what_writes_eeprom_or_starts_a_self_test_is_named(sent: str) -> None:
    assert reason(bytes.fromhex(sent)) is not None


@pytest.mark.parametrize("sent", ["1B40", "1F240103", "1F24 0F01", "1B5200", "1F2841", "0C", "1F"])
def test_harmless_commands_pass(sent: str) -> None:
    assert reason(bytes.fromhex(sent)) is None


@pytest.mark.parametrize("sent", ["1B", "0C1B", "1F", "1F28", "0401"])
def test_text_must_not_complete_a_denied_command(sent: str) -> None:
    assert reason(bytes.fromhex(sent), text_follows=True) is not None


@pytest.mark.parametrize("sent", ["1F240101", "1B6C0102", "02", "04", "", "1B5B323B3148"])
def test_text_after_a_complete_command_is_text(sent: str) -> None:
    assert reason(bytes.fromhex(sent), text_follows=True) is None
