"""The device UUID: exact characters, fixed order, and nothing that no maker wrote."""

import pytest

from agent.errors import ConfigError
from agent.identity import (
    LONGEST_PART,
    LONGEST_UUID,
    Verdict,
    build,
    choose,
    judge,
    part_problem,
    refuse,
)
from hw.contract import Reading


def reading(value: str) -> Reading:
    return Reading(source="/sys/x", value=value)


# -- the UUID -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("vendor", "pairs", "uuid"),
    [
        # as seen in Secucard's SDKs and their samples
        ("mycompany", (("serial", "1234"),), "/vendor/mycompany/serial/1234"),
        ("secucard", (("relais", "1"),), "/vendor/secucard/relais/1"),
        (
            "pios",
            (("branch", "123"), ("cr", "123"), ("customer", "321"), ("dealer", "321")),
            "/vendor/pios/branch/123/cr/123/customer/321/dealer/321",
        ),
    ],
)
def test_S10_28_the_uuid_has_the_vendor_first_and_the_pairs_in_their_order(
    vendor: str, pairs: tuple[tuple[str, str], ...], uuid: str
) -> None:
    assert build(vendor, pairs) == uuid


def test_S10_28_another_order_of_pairs_is_another_uuid() -> None:
    assert build("v", (("b", "2"), ("a", "1"))) == "/vendor/v/b/2/a/1"


def test_S10_28_characters_are_kept_exactly() -> None:
    assert build("Müller", (("Serial No", "12 34é%2F"),)) == "/vendor/Müller/Serial No/12 34é%2F"


@pytest.mark.parametrize(
    ("part", "problem"),
    [
        ("", "is empty"),
        ("a/b", "contains a slash"),
        (" a", "begins or ends with a blank"),
        ("a ", "begins or ends with a blank"),
        ("a\u00a0", "begins or ends with a blank"),
        ("a\n", "begins or ends with a blank"),
        ("a\tb", "control or invisible"),
        ("a\x00b", "control or invisible"),
        ("a\x7fb", "control or invisible"),
        ("a\x85b", "control or invisible"),
        ("a\u200bb", "control or invisible"),
        ("a\u2028b", "control or invisible"),
        ("a\u202eb", "control or invisible"),
        ("a\udcffb", "control or invisible"),
        ("x" * (LONGEST_PART + 1), "has 129 characters, at most 128"),
    ],
)
@pytest.mark.parametrize("place", ["vendor", "key", "value"])
def test_S10_28_a_part_that_cannot_be_registered_is_refused_and_named(
    part: str, problem: str, place: str
) -> None:
    parts = {"vendor": "v", "key": "k", "value": "0815-1"} | {place: part}

    with pytest.raises(ConfigError, match=f"identity: the {place}.* {problem}.*as registered"):
        build(parts["vendor"], ((parts["key"], parts["value"]),))


def test_the_longest_part_is_taken() -> None:
    assert part_problem("x" * LONGEST_PART) is None


def test_a_uuid_of_the_longest_length_is_taken_and_one_more_is_not() -> None:
    fixed = len("/vendor/v/a//b/")
    first, second = "x" * LONGEST_PART, "y" * (LONGEST_UUID - fixed - LONGEST_PART)
    assert len(build("v", (("a", first), ("b", second)))) == LONGEST_UUID

    with pytest.raises(ConfigError, match="the device UUID has 256 characters, at most 255"):
        build("v", (("a", first), ("b", second + "y")))


def test_S10_28_a_key_counts_once_and_vendor_is_taken() -> None:
    for pairs in ((("a", "1"), ("b", "2"), ("a", "3")), (("vendor", "x"),)):
        with pytest.raises(ConfigError, match="is there twice; name each key once"):
            build("v", pairs)


def test_a_uuid_without_a_pair_is_refused() -> None:
    with pytest.raises(ConfigError, match="identity: no key"):
        build("v", ())


# -- placeholders ---------------------------------------------------------------------------------

PLACEHOLDERS = """
To be filled by O.E.M.|To Be Filled By O.E.M.|Default string|System Serial Number|None|N/A|NULL
Not Specified|Not Applicable|Not Available|OEM|O.E.M.|OEM_Serial|INVALID|Unknown|unknow|EVAL|empty
SystemSerialNumb|Serial Number xxxxxx|Chassis Serial Number|Base Board Serial Number|(null string)
SYS-1234567890|SYS-9876543210|SN-12345|SN-1234567890|SN-123456fvgv3i0b8o5n6n7k|MB-1234567890
IATPASS|Tulip Computers|C3D9B8674F4B94F6|default|na|0|1|.|*|-
"""


@pytest.mark.parametrize("value", PLACEHOLDERS.replace("\n", "|").strip("|").split("|"))
def test_what_a_maker_left_in_place_of_a_serial_is_refused(value: str) -> None:
    assert refuse(value) == "is a placeholder left by the maker of the board"
    assert refuse(f" {value.swapcase()} ") == "is a placeholder left by the maker of the board"


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("", "is a placeholder left by the maker of the board"),
        (" " * 16, "is a placeholder left by the maker of the board"),
        ("ABC", "is shorter than 4 characters"),
        ("00000000", "repeats one character"),
        ("0000-0000.0000:0000", "repeats one character"),
        ("FFFFffff", "repeats one character"),
        ("xxxx", "repeats one character"),
        ("0000 0000", "repeats one character"),
        ("----", "repeats one character"),
        ("012345", "counts upwards: a placeholder"),
        ("0123456789", "counts upwards: a placeholder"),
        ("123456", "counts upwards: a placeholder"),
        ("123456789012345", "counts upwards: a placeholder"),
        ("\x00\x01\x02\x03", "contains a control or invisible character"),
        ("\u00ff" * 8, "contains characters outside ASCII: rubbish, or an erased memory"),
        ("\udcff\udcff\udcff\udcfe", "contains characters outside ASCII: rubbish, or an erased m"),
        ("AB 12 ", "begins or ends with a blank"),
        ("AB/12", "contains a slash, which separates the parts"),
    ],
)
def test_what_is_no_serial_number_of_one_terminal_is_refused(value: str, why: str) -> None:
    assert (refuse(value) or "").startswith(why)


@pytest.mark.parametrize(
    "value",
    ["4711", "10000000a1b2c3d4", "12345AB12345678", "VMware-56 4d 1f", "456789", "01234", "12345",
     "0123457", "1123456", "0001", "AAAB", "01234x"],
)  # fmt: skip
def test_a_real_serial_number_is_taken(value: str) -> None:
    assert refuse(value) is None


# -- choosing -------------------------------------------------------------------------------------


def test_the_first_valid_reading_wins_and_each_verdict_up_to_it_is_told() -> None:
    choice = choose(
        [("a", None), ("b", reading("None")), ("c", reading("C-4711")), ("d", reading("D-4711"))]
    )

    assert choice.value == "C-4711"
    assert [str(verdict) for verdict in choice.verdicts] == [
        "a: not on this terminal",
        "b (/sys/x) gave 'None', which is a placeholder left by the maker of the board",
        "c (/sys/x) gave 'C-4711'",
    ]


def test_sources_behind_the_first_valid_one_are_not_even_read() -> None:
    offered = iter([("a", reading("A-4711")), ("b", reading("B-4711"))])

    choose(offered)

    assert next(offered)[0] == "b"


def test_without_a_valid_reading_there_is_no_value() -> None:
    choice = choose([("a", None), ("b", reading("0000"))])

    assert choice.value is None
    assert len(choice.verdicts) == 2


def test_a_verdict_is_accepted_only_with_a_reading_that_is_not_refused() -> None:
    assert judge("a", reading("A-4711")).accepted
    assert not judge("a", reading("0000")).accepted
    assert not judge("a", None).accepted


def test_a_verdict_shows_invisible_characters() -> None:
    verdict = Verdict(source="a", reading=reading("A\u202e\n\x1b[1m"), refused="is bad")
    assert str(verdict) == r"a (/sys/x) gave 'A\u202e\n\x1b[1m', which is bad"
