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
        ("{height}", "allowed: cell, column, row, text"),
        ("{text+1}", "is no number"),
        ("{text:decimal}", "is no number"),
        ("1B\n40", "expected hex pairs"),
    ],
)
def test_anything_else_is_refused_with_its_place(source: str, complaint: str) -> None:
    with pytest.raises(TemplateError, match=complaint.replace("+", r"\+")):
        parse(source, PLACES)


def test_an_operand_a_command_does_not_have_is_refused() -> None:
    with pytest.raises(TemplateError, match="allowed: none"):
        parse("1B {row}", frozenset())


def test_a_number_larger_than_a_byte_is_an_error_not_another_byte() -> None:
    with pytest.raises(TemplateError, match="cell becomes 256"):
        parse("10{cell+0xFF}", PLACES).render({"cell": 1})
