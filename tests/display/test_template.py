import re

import pytest

from hw.display.template import TemplateError, parse

PLACES = frozenset({"row", "column", "cell", "text"})


@pytest.mark.parametrize(
    ("source", "sent"),
    [
        ("1B40", "1B40"),
        ("1b 40 0C", "1B400C"),
        ("1F24 {column+1} {row+1}", "1F240102"),
        ("10 {cell}", "1014"),
        ("2123 {row+0x31}", "212332"),
        ("1B5B {row+1:decimal} 3B {column+1:decimal} 48", "1B5B323B3148"),
        ("1B51 {row+0x41} {text} 0D", "1B51425858580D"),
        ("0B {row*0A}", "0B0A"),
        ("{column*0A} 0B", "0B"),
        ("{cell*ff}", "FF" * 20),
        ("{row+09:decimal}", "3130"),
        ("{text} {text}", "585858585858"),
    ],
)
def test_a_template_renders_its_bytes_and_operands_in_order(source: str, sent: str) -> None:
    template = parse(source, PLACES)

    assert template.render({"row": 1, "column": 0, "cell": 20}, b"XXX").hex().upper() == sent


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("1", "expected hex pairs"),
        ("1B4", "at '4'"),
        ("1B ZZ", "at 'ZZ'"),
        ("{row+}", "expected hex pairs"),
        ("{row-1}", "expected hex pairs"),
        ("{row*0}", "expected hex pairs"),
        ("{row*0A+1}", "expected hex pairs"),
        ("{row+1000}", "expected hex pairs"),
        ("{row+0x100}", "expected hex pairs"),
        ("{text*0A}", "is no number"),
        ("{height}", "allowed: cell, column, row, text"),
        ("{text+1}", "is no number"),
        ("{text:decimal}", "is no number"),
        ("1B\n40", "expected hex pairs"),
    ],
)
def test_anything_else_is_refused_with_its_place(source: str, complaint: str) -> None:
    with pytest.raises(TemplateError, match=re.escape(complaint)):
        parse(source, PLACES)


def test_an_operand_a_command_does_not_have_is_refused() -> None:
    with pytest.raises(TemplateError, match="allowed: none"):
        parse("1B {row}", frozenset())


def test_a_number_larger_than_a_byte_is_an_error_not_another_byte() -> None:
    with pytest.raises(TemplateError, match="cell becomes 256"):
        parse("10{cell+0xFF}", PLACES).render({"cell": 1})


def test_where_the_text_goes_can_be_told_from_the_bytes_around_it() -> None:
    template = parse("1B {row+0x41} {text} 0D {cell}", PLACES)

    assert template.parts({"row": 1, "cell": 7}) == (b"\x1bB", None, b"\r\x07")
    assert template.operands() == ("row", "text", "cell")
    assert parse("{text}", PLACES).parts({}) == (b"", None)
