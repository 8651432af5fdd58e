import pytest

from hw.display.deny import DENIED, Sent, reason

TEXT = None


def denied(*sent: Sent, first: Sent = (b"\x0c",)) -> str | None:
    commands = {str(number): [form] for number, form in enumerate(sent)}
    return reason({**commands, "first": [first]}, ["first"])


@pytest.mark.parametrize(
    "sent",
    [
        *("1B73", "1B64", "1B62", "1B23", "1B26", "1B04", "1B7548", "1F28450300", "1F40"),
        *("0205423303", "0401533117", "0401423117", "0F", "0341", "0C1B73", "1B401F0D1F40"),
        *("1B400F", "0C03", "1F430003", "1B1B73", "1F1F40", "04040153"),
    ],
)
def test_what_writes_eeprom_or_starts_a_self_test_is_named(sent: str) -> None:
    complaint = denied((bytes.fromhex(sent),))

    assert complaint is not None
    assert ": never, " in complaint


@pytest.mark.parametrize(
    "sent",
    [
        *("1B40", "1F240103", "1F240F01", "1B5200", "1F2841", "0C", "1F", "1B740F", "1B3D03"),
        *("0403", "0203", "1003", "1B6C0F03", "1F580F", "1B2A03", "1B6303", "1B7541", "0401"),
    ],
)
def test_harmless_commands_pass(sent: str) -> None:
    assert denied((bytes.fromhex(sent),)) is None


@pytest.mark.parametrize("sent", ["1B", "0C1B", "1F", "1F28", "0401", "1B75"])
def test_text_must_not_complete_a_denied_command(sent: str) -> None:
    assert denied((bytes.fromhex(sent), TEXT)) is not None


@pytest.mark.parametrize("sent", ["1F240101", "1B6C0102", "02", "04", "", "1B5B323B3148"])
def test_text_after_a_complete_command_is_text(sent: str) -> None:
    assert denied((bytes.fromhex(sent), TEXT, b"\r")) is None


def test_after_text_a_new_command_begins() -> None:
    assert denied((b"\x10\x00", TEXT, b"\x0f")) == "0 would send 0F as a command: never, " + (
        "SI starts the self-test (SurePOS)"
    )
    assert denied((b"\x10", TEXT, b"\x03")) is not None


@pytest.mark.parametrize(
    "sent",
    [
        ("1B", "73"),
        ("04", "01", "53"),
        ("53", "01", "04"),
        ("1F28", "45"),
        ("0C1F", "40", "11"),
    ],
)
def test_commands_in_any_order_must_not_make_a_denied_one(sent: tuple[str, ...]) -> None:
    assert denied(*((bytes.fromhex(command),) for command in sent)) is not None


def test_text_may_stand_between_two_halves() -> None:
    """`ESC u` and then a text that begins with H."""
    assert denied((b"\x1b",), (b"u", TEXT)) is not None
    assert denied((b"\x1b",), (b"l", TEXT)) is None


def test_what_is_sent_after_trouble_must_not_complete_what_was_cut_off() -> None:
    """NCR's ESC EOT is a test without end: ESC @ cut off, then a frame that begins with EOT."""
    complaint = denied((b"\x1b@",), first=(b"\x04\x01P1\x17",))

    assert complaint == (
        "a command cut off, and then first would complete 1B04: never, "
        "ESC EOT starts a test without end (NCR)"
    )
    assert denied((b"\x1b@",), first=(b"\x0b\x04\x01P1\x17",)) is None
    assert denied((b"\x1b@",), (b"\x04\x01P1\x17",)) is None


def test_every_denied_command_begins_with_a_control_byte_so_text_alone_never_is_one() -> None:
    assert all(lead[0] < 0x20 for lead in DENIED)
