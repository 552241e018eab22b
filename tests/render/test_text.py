import re
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from ci_kit.characters import visible
from ci_kit.render.text import cell, code, fence, plain, shorten
from tests.hostile import CORPUS, GREAT, HIDDEN, anything, texts

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


PARAGRAPH = {"paragraph_open", "paragraph_close"}


@settings(max_examples=2500)
@given(texts)
def test_plain_text_is_words_and_code(text: str) -> None:
    assert_harmless(plain(text), structure=PARAGRAPH)
    assert "\n" not in plain(text)


@settings(max_examples=2500)
@given(texts, texts)
def test_cells_keep_the_table_and_code_stays_code(first: str, second: str) -> None:
    table = f"| a | b | c |\n|---|---|---|\n| {cell(first)} | {code(second)} | {cell(second)} |\n| x | y | z |\n"
    assert_harmless(table, structure=TABLE)
    assert [token.type for token in tokens(table)].count("td_open") == 6
    assert [token.type for token in tokens(table)].count("tr_open") == 3


@settings(max_examples=2500)
@given(texts)
def test_nothing_leaves_a_code_span(text: str) -> None:
    found = [token for token in tokens(f"before {code(text)} after\n\nlast")]
    inner = [(token.type, token.content) for token in found if token.type in WORDS]
    assert [kind for kind, _ in inner] == ["text", "code_inline", "text", "text"]
    shown = " ".join(visible(text).split()).replace("|", "│").replace("<!--", "<! --").replace("![](", "! [](")
    assert inner[1][1] == (shown or " ")


@settings(max_examples=2500)
@given(texts, st.sampled_from(["", "text", "mermaid", "c++", "`x", "a b\n"]))
def test_nothing_leaves_a_fence(text: str, language: str) -> None:
    markdown = f"before\n\n{fence(text, language)}\n\nafter"
    assert shape(markdown) == [*SHAPE, "fence", *SHAPE]
    block = next(token for token in GFM.parse(markdown) if token.type == "fence")
    assert not set(block.info) - set("abcdefghijklmnopqrstuvwxyz+")
    assert (
        block.content.split()
        == visible("\n".join(text.splitlines())).replace("<!--", "<! --").replace("![](", "! [](").split()
    )
    assert not MARKER.search(markdown)


SHAPE = ["paragraph_open", "inline", "paragraph_close"]


@settings(max_examples=300)
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


@pytest.mark.parametrize("text", [*CORPUS, *HIDDEN])
def test_the_corpus_is_harmless(text: str) -> None:
    assert_harmless(plain(text), structure=PARAGRAPH)


@pytest.mark.parametrize("text", GREAT, ids=[repr(text[:2]) for text in GREAT])
def test_great_texts_are_quick(text: str) -> None:
    short = shorten(text, 1000)
    assert_harmless(plain(short), structure=PARAGRAPH)
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
        ("thanks @octocat, fixes #1", "thanks `@octocat,` fixes `#1`"),
        ("see https://evil.example/x now", "see `https://evil.example/x` now"),
        ("column petal_width of data.csv", "column `petal_width` of `data.csv`"),
        ("a | b", "a `│` b"),
        ("`x` y", "`` `x` `` y"),
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
