"""The port itself: it must see what the runner sees, or the tests that trust it prove nothing."""

import pytest

from tests.actions import runner


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("::error::x", "error"),
        (" \t\u3000::error::x", "error"),
        ("::ERROR::x", "ERROR"),
        ("::error file=a,line=1::x", "error"),
        ("\u200b::error::x", "error"),
        ("a ##[error]x", "error"),
        ("##[add-mask key=a;b=c]x", "add-mask"),
        ("#\u200d#[error]x", "error"),
        ("a ::error::x", None),
        ("::error: :x", None),
        ("::unknown::x", None),
        ("##[unknown]x", None),
        ("# #[error]x", None),
        ("##[error x", None),
    ],
)
def test_commands_are_recognised(line: str, name: str | None) -> None:
    found = runner.command(line)
    assert (found.name if found else None) == name


def test_properties_and_data_are_unescaped() -> None:
    found = runner.command("::error title=a%3Ab%2Cc,file=x.py::1%0A2%253")
    assert found
    assert found.properties == {"title": "a:b,c", "file": "x.py"}
    assert found.data == "1\n2%3"


def test_lines_end_where_readline_ends_them() -> None:
    assert runner.lines("a\rb\nc\r\nd\u2028e\n") == ["a", "b", "c", "d\u2028e"]


def test_pairs_are_read() -> None:
    assert runner.pairs("a=1\n\nb<<E\nx\n\ny\nE\nc=<<\nd<<E\nE\n") == [
        ("a", "1"),
        ("b", "x\n\ny"),
        ("c", "<<"),
        ("d", ""),
    ]


@pytest.mark.parametrize("text", ["a\n", "<<E\nE\n", "a<<\n", "a<<E\nx\n", "a<<E\nx"])
def test_damaged_pairs_are_refused(text: str) -> None:
    with pytest.raises(runner.Damaged):
        runner.pairs(text)
