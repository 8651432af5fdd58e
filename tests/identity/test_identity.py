"""The device UUID: exact characters, fixed order, and nothing that no maker wrote."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.errors import ConfigError
from agent.identity import (
    FIXED,
    LONGEST_PART,
    LONGEST_UUID,
    Provenance,
    Verdict,
    build,
    choose,
    judge,
    moved,
    part_problem,
    refuse,
)
from hw.contract import HardwareError, Reading


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
IATPASS|Tulip Computers|C3D9B8674F4B94F6|default|na|0|1|.|*|-|123456789000
03000200-0400-0500-0006-000700080009|6AB5B300-538D-1014-9FB5-B0684D007B53
01010101-0101-0101-0101-010101010101
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
        ("ffffffff-ffff-ffff-ffff-ffffffffffff", "repeats one character"),
        ("x" * 129, "has 129 characters, at most 128 are allowed"),
        ("01234", "counts upwards: a placeholder"),
        ("12345", "counts upwards: a placeholder"),
        ("12345678901234567", "counts upwards: a placeholder"),
        ("012345", "counts upwards: a placeholder"),
        ("0123456789", "counts upwards: a placeholder"),
        ("123456", "counts upwards: a placeholder"),
        ("123456789012345", "counts upwards: a placeholder"),
        ("0123456789ABCDEF", "counts upwards: a placeholder"),
        ("0123456789abcdef", "counts upwards: a placeholder"),
        ("123456789ABCDEF", "counts upwards: a placeholder"),
        ("123456789ABCDEF0", "counts upwards: a placeholder"),
        ("123456789aBcD", "counts upwards: a placeholder"),
        ("1234567890ABCDEF", "counts upwards: a placeholder"),
        ("0123456789" * 12, "counts upwards: a placeholder"),
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
    ["4711", "10000000a1b2c3d4", "12345AB12345678", "VMware-56 4d 1f", "456789", "0123", "1234",
     "0123457", "1123456", "0001", "AAAB", "01234x", "89ABCDEF", "0123456789ABCDFE",
     "1234567AB", "ABCDEF"],
)  # fmt: skip
def test_a_real_serial_number_is_taken(value: str) -> None:
    assert refuse(value) is None


# -- choosing -------------------------------------------------------------------------------------


def silent(source: str) -> Verdict:
    return Verdict(source=source, reading=None, trouble=f"{source} does not answer")


def test_the_first_valid_reading_wins_and_each_verdict_up_to_it_is_told() -> None:
    choice = choose(
        "serial",
        [
            judge("a", None),
            judge("b", reading("None")),
            judge("c", reading("C-4711")),
            judge("d", reading("D-4711")),
        ],
    )
    assert (choice.value, choice.source) == ("C-4711", "c")
    assert [str(verdict) for verdict in choice.verdicts] == [
        "a: not on this terminal",
        "b (/sys/x) gave 'None', which is a placeholder left by the maker of the board",
        "c (/sys/x) gave 'C-4711'",
    ]


def test_sources_behind_the_first_valid_one_are_not_even_asked() -> None:
    offered = iter([judge("a", reading("A-4711")), silent("b")])

    choose("serial", offered)

    assert next(offered).source == "b"


def test_without_a_valid_reading_the_operator_is_told_what_each_gave() -> None:
    with pytest.raises(ConfigError) as caught:
        choose("serial", [judge("a", None), judge("b", reading("0000"))])

    assert str(caught.value) == (
        "identity: no serial number for 'serial': a: not on this terminal; b (/sys/x) gave '0000',"
        " which repeats one character. Write it into a file and add that as source, or set value in"
        " [[identity.pair]]"
    )


def test_a_source_nobody_can_tell_about_never_gives_way() -> None:
    with pytest.raises(HardwareError, match=r"^b does not answer$"):
        choose("serial", [judge("a", None), silent("b"), judge("c", reading("C-4711"))])


def test_a_verdict_is_accepted_only_with_a_reading_that_is_not_refused() -> None:
    assert judge("a", reading("A-4711")).accepted
    assert not judge("a", reading("0000")).accepted
    assert not judge("a", None).accepted
    assert not silent("a").accepted


def test_what_the_source_has_against_its_reading_comes_first() -> None:
    said = Reading(source="/sys/x", value="ffff", refused="was never written")
    assert judge("a", said).refused == "was never written"
    assert judge("a", Reading(source="/sys/x", value="A-4711", refused="is random")).refused


def test_a_verdict_shows_invisible_characters() -> None:
    verdict = Verdict(source="a", reading=reading("A\u202e\n\x1b[1m"), refused="is bad")
    assert str(verdict) == r"a (/sys/x) gave 'A\u202e\n\x1b[1m', which is bad"


def test_a_verdict_of_trouble_says_what_it_is() -> None:
    assert str(silent("a")) == "a: a does not answer"


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(value=st.text(max_size=140))
def test_any_text_is_a_serial_number_or_refused_with_a_sentence(value: str) -> None:
    why = refuse(value)
    if why is None:
        assert build("v", (("k", value),)) == f"/vendor/v/k/{value}"
    else:
        assert why


# -- provenance -----------------------------------------------------------------------------------


def came(key: str, value: str, source: str, seen_at: int = 0) -> Provenance:
    return Provenance(key=key, value=value, source=source, seen_at=seen_at)


def test_the_same_value_from_another_source_has_moved() -> None:
    before = (came("branch", "1", FIXED), came("serial", "A-4711", "device-tree"))
    now = (came("branch", "1", FIXED, 9), came("serial", "A-4711", "soc", 9))

    assert moved(before, now) == [(now[1], "device-tree")]
    assert moved(before, before) == []


def test_what_was_never_noted_or_has_another_value_has_not_moved() -> None:
    now = (came("serial", "A-4711", "soc"),)
    assert moved((), now) == []
    assert moved((came("serial", "B-4711", "device-tree"),), now) == []
