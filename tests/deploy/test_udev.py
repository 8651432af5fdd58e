"""The udev rules parse, and only claim what is a customer display and nothing else."""

import re
from collections.abc import Iterator
from typing import Final

from hw.display import usb_ids
from tests.deploy import ROOT

RULES: Final = (ROOT / "udev/70-pos-agent.rules").read_text()
# udev(7); the ones we use.
MATCH: Final = {"ACTION", "SUBSYSTEM", "KERNEL", "ENV", "ATTR", "ATTRS"}
ASSIGN: Final = {"SYMLINK", "GROUP", "MODE", "TAG", "ENV", "GOTO", "LABEL", "RUN"}
TOKEN: Final = re.compile(
    r'\s*(?P<key>[A-Z]+)(?:\{(?P<attribute>[^}]+)\})?(?P<operator>==|!=|\+=|:=|=)"(?P<value>[^"]*)"\s*(?:,|$)'
)
# Makers of the bridges inside displays and a thousand other things: FTDI, Prolific, WCH, Silabs.
GENERIC: Final = {"0403", "067b", "1a86", "10c4"}


def rules(text: str) -> Iterator[list[dict[str, str | None]]]:
    """The tokens of each rule. Raises ValueError with the line that is none."""
    for line in text.replace("\\\n", " ").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        tokens, place = [], 0
        while place < len(line):
            found = TOKEN.match(line, place)
            if found is None:
                raise ValueError(line[place:])
            tokens.append(found.groupdict())
            place = found.end()
        yield tokens


def identities(text: str) -> set[str]:
    """Every VID:PID a rule claims."""
    found = set()
    for rule in rules(text):
        asked = {
            token["attribute"]: token["value"] or ""
            for token in rule
            if token["operator"] == "==" and token["key"] == "ENV"
        }
        if "ID_VENDOR_ID" in asked:
            products = asked.get("ID_MODEL_ID", "*").split("|")
            found |= {f"{asked['ID_VENDOR_ID']}:{product}" for product in products}
    return found


def test_every_line_is_a_rule() -> None:
    for rule in rules(RULES):
        for token in rule:
            matches = token["operator"] in ("==", "!=")
            assert token["key"] in (MATCH if matches else ASSIGN), token


def test_jumps_land() -> None:
    tokens = [token for rule in rules(RULES) for token in rule]
    labels = [token["value"] for token in tokens if token["key"] == "LABEL"]
    assert {token["value"] for token in tokens if token["key"] == "GOTO"} == set(labels)
    assert len(labels) == 1
    assert RULES.rstrip().endswith(f'LABEL="{labels[0]}"')


def test_only_displays_are_claimed() -> None:
    claimed = identities(RULES)
    assert claimed
    assert all(re.fullmatch(r"[0-9a-f]{4}:[0-9a-f]{4}", one) for one in claimed), claimed
    assert not {one.split(":")[0] for one in claimed} & GENERIC


def test_the_lint_sees_a_generic_chip() -> None:
    rule = 'ENV{ID_VENDOR_ID}=="0403", ENV{ID_MODEL_ID}=="6001|6015", ENV{POS_DISPLAY}="1"\n'
    assert identities(rule) == {"0403:6001", "0403:6015"}


def test_what_is_claimed_is_what_the_table_knows_for_certain() -> None:
    """`display list`, which names ports by the table, and udev must not disagree."""
    certain = {f"{one.vendor}:{one.first}" for one in usb_ids.known() if one.kind == "display"}
    assert identities(RULES) == certain


def test_drivers_are_told_of_those_that_need_it() -> None:
    told = {
        f"{vendor}:{product}"
        for rule in rules(RULES)
        for vendor in _asked(rule, "idVendor")
        for products in _asked(rule, "idProduct")
        for product in products.split("|")
        if any(token["key"] == "RUN" for token in rule)
    }
    needing = {f"{one.vendor}:{one.first}" for one in usb_ids.known() if one.new_id}
    assert told == needing != set()


def _asked(rule: list[dict[str, str | None]], attribute: str) -> list[str]:
    return [t["value"] or "" for t in rule if (t["key"], t["attribute"]) == ("ATTR", attribute)]


def naming(link: str) -> set[tuple[str | None, ...]]:
    """The rule that makes a name, token by token."""
    (rule,) = [rule for rule in rules(RULES) if any(t["value"] == link for t in rule)]
    return {(t["key"], t["attribute"], t["operator"], t["value"]) for t in rule}


def test_a_printer_keeps_its_group_for_the_payment_software() -> None:
    assert naming("pos/printer") == {
        ("ENV", "POS_PRINTER", "==", "1"),
        ("SYMLINK", None, "+=", "pos/printer"),
        ("ENV", "ID_MM_DEVICE_IGNORE", "=", "1"),
    }


def test_the_display_is_ours_alone() -> None:
    assert naming("pos/display") == {
        ("SUBSYSTEM", None, "==", "tty"),
        ("ENV", "POS_DISPLAY", "==", "1"),
        ("SYMLINK", None, "+=", "pos/display"),
        ("GROUP", None, "=", "pos-display"),
        ("MODE", None, "=", "0660"),
        ("TAG", None, "+=", "systemd"),
        # Not pos-agent.service itself: that would revive an agent that was stopped.
        ("ENV", "SYSTEMD_WANTS", "+=", "pos-agent-plug.service"),
        ("ENV", "ID_MM_DEVICE_IGNORE", "=", "1"),
    }


def test_the_examples_in_the_comments_are_rules() -> None:
    examples = re.findall(r"^#   (\S.*)$", RULES, re.MULTILINE)
    assert len(examples) == 4
    for rule in rules("\n".join(examples)):
        *conditions, assignment = rule
        assert {token["operator"] for token in conditions} == {"=="}
        assert assignment["key"] == "ENV"
        assert assignment["attribute"] in ("POS_DISPLAY", "POS_PRINTER")
        assert (assignment["operator"], assignment["value"]) == ("=", "1")
