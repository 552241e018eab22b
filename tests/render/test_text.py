import re
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from markdown_it import MarkdownIt
from markdown_it.token import Token

from ci_kit.characters import visible
from ci_kit.render.text import cell, code, fence, plain, shorten
from tests.hostile import CORPUS, GREAT, anything, sweep

GFM = MarkdownIt("gfm-like", {"html": True, "linkify": True})
# What GitHub itself finds in the words outside code, after Markdown: mentions, references, commits, emoji, formulas.
GITHUB = re.compile(
    r"@|#|(?i:\bGH-\d)|(?i:\b[A-Z]+-\d)|(?i:GHSA-)|(?<![^\W_])[0-9a-f]{7,40}(?![^\W_])|(?i:www\.)|://|:\w+:|\$|[<>]\S|&\w|\\"
)
MARKER = re.compile(r"<!--|!\[\]\(")
WORDS = {"text", "code_inline", "softbreak"}
TABLE = {f"{name}_{end}" for name in ("table", "thead", "tbody", "tr", "th", "td") for end in ("open", "close")}


def tokens(markdown: str) -> Iterator[Token]:
    for token in GFM.parse(markdown):
        yield token
        yield from token.children or ()


def shape(markdown: str) -> list[str]:
    return [token.type for token in GFM.parse(markdown)]


def assert_harmless(markdown: str, *, structure: set[str]) -> None:
    found = list(tokens(markdown))
    assert {token.type for token in found} <= structure | WORDS | {"inline"}
    assert not [token.content for token in found if token.type == "text" and GITHUB.search(token.content)]
    assert not MARKER.search(markdown)
    assert visible(markdown) == markdown


SHAPE = ["paragraph_open", "inline", "paragraph_close"]


def shown(text: str) -> str:
    return text.replace("<!--", "<! --").replace("![](", "! [](")


@settings(max_examples=30)
@given(anything)
def test_text_is_words_and_code(text: str) -> None:
    assert_text_is_words_and_code(text)


def test_any_of_many_texts_is_words_and_code() -> None:
    for text in sweep(1500, 4):
        assert_text_is_words_and_code(text)


def assert_text_is_words_and_code(text: str) -> None:
    assert_harmless(plain(text), structure=set(SHAPE))
    assert "\n" not in plain(text)


def test_cells_keep_the_table() -> None:
    rows = [(cell(text), code(text)) for text in sweep(1500, 5)]
    for start in range(0, len(rows), 20):
        lines = [f"| {first} | {second} | x |" for first, second in rows[start : start + 20]]
        table = "| a | b | c |\n|---|---|---|\n" + "\n".join(lines) + "\n"
        assert_harmless(table, structure=TABLE)
        kinds = shape(table)
        assert (kinds.count("tr_open"), kinds.count("td_open")) == (1 + len(lines), 3 * len(lines)), table


def test_nothing_leaves_a_code_span() -> None:
    for text in sweep(1200, 6):
        inner = [(token.type, token.content) for token in tokens(f"before {code(text)} after") if token.type in WORDS]
        expected = shown(" ".join(visible(text).split())).replace("|", "│") or " "
        assert inner == [("text", "before "), ("code_inline", expected), ("text", " after")]


def test_nothing_leaves_a_fence() -> None:
    languages = ("", "text", "mermaid", "c++", "`x", "a b\n")
    for number, text in enumerate(sweep(1200, 7)):
        markdown = f"before\n\n{fence(text, languages[number % len(languages)])}\n\nafter"
        assert shape(markdown) == [*SHAPE, "fence", *SHAPE]
        block = next(token for token in GFM.parse(markdown) if token.type == "fence")
        assert not set(block.info) - set("abcdefghijklmnopqrstuvwxyz+")
        assert block.content.rstrip("\n") == shown(visible("\n".join(text.splitlines()))).rstrip("\n")
        assert not MARKER.search(markdown)


@settings(max_examples=20)
@given(anything, anything)
def test_text_at_the_start_of_any_block_is_still_text(first: str, second: str) -> None:
    head = plain(first) or "x"
    assert shape(f"intro\n{head}\n\n{plain(second) or 'x'}") == SHAPE * 2
    assert shape(f"- {head}") == ["bullet_list_open", "list_item_open", *SHAPE, "list_item_close", "bullet_list_close"]
    assert shape(f"<details>\n\n{head}\n\n{fence(second)}\n\n</details>") == [
        "html_block",
        *SHAPE,
        "fence",
        "html_block",
    ]
    assert shape(f"### {head}") == ["heading_open", "inline", "heading_close"]


@pytest.mark.parametrize("text", CORPUS)
def test_the_corpus_is_harmless(text: str) -> None:
    assert_harmless(plain(text), structure=set(SHAPE))


@pytest.mark.parametrize("text", GREAT, ids=[repr(text[:2]) for text in GREAT])
def test_great_texts_are_quick(text: str) -> None:
    short = shorten(text, 1000)
    assert_harmless(plain(short), structure=set(SHAPE))
    assert len(code(text)) + len(plain(text)) + len(fence(text)) > 1000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a better model", "a better model"),
        ("Accuracy fell by 3.2 % (0.95 → 0.918), it doesn't pass.", None),
        ("pre-trained: don't worry!", None),
        ("loss = 0.31 < 0.4 in 5ms, 1,797 rows", None),
        ("+1.5% vs -2e-05", None),
        ("déjà vu: 漢字 naïve हिन्दी", None),
        ("thanks @octocat, fixes #1", "thanks `@octocat`, fixes `#1`"),
        ("see https://evil.example/x now", "see `https://evil.example/x` now"),
        ("column petal_width of data.csv", "column `petal_width` of `data.csv`"),
        ("a | b", "a `│` b"),
        ("`x` y", "`x` y"),
        ("- item", "`-` item"),
        ("1. item", "`1.` item"),
        ("rows 1. and 2.", None),
        ("deadbeef and 12345678", "`deadbeef` and `12345678`"),
        ("a\n\n# b", "a `#` b"),
        ("x\u202ey", "`x\\u202ey`"),
        ("", ""),
    ],
)
def test_text_stays_readable(text: str, expected: str | None) -> None:
    assert plain(text) == (text if expected is None else expected)


def test_an_empty_cell_is_a_space() -> None:
    assert (cell(""), code(""), plain(" \n")) == (" ", "` `", "")


@pytest.mark.parametrize(("limit", "expected"), [(10, "abcdef"), (6, "abcdef"), (5, "abcd…"), (1, "…"), (0, "…")])
def test_texts_are_shortened(limit: int, expected: str) -> None:
    assert shorten("abcdef", limit) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pass `--first-run allow`.", "pass `--first-run allow`."),
        ("a.b_c: dtype x[ns]; d.e: y", "`a.b_c`: dtype `x[ns]`; `d.e`: y"),
        ("`a``b` c", "``` `a``b` ``` c"),
    ],
)
def test_spans_end_where_a_reader_expects(text: str, expected: str) -> None:
    assert plain(text) == expected
