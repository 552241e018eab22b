import re
from dataclasses import replace
from html import unescape

import pytest
from markdown_it import MarkdownIt

from ci_kit.render.shared import inline, shared
from tests.hostile import HIDDEN, MARKDOWN, sweep
from tests.render.samples import URL, check, evaluated, everywhere, gated, passing, result, view
from tests.render.test_markdown import assert_harmless, crowd

GFM = MarkdownIt("gfm-like", {"html": True, "linkify": True})
OURS = re.compile(r"<code>(?:[\w\s]|&#\d+;|[^\x00-\x7f])*</code>")


def same(text: str) -> str:
    return text


def test_a_report_in_one_row_and_in_pieces() -> None:
    more = gated(0.918, 0.921, -0.01, 0.02, name="accuracy", unit="share")
    one = evaluated("fail")
    shown = shared(view(*passing("validate", "train"), one.model_copy(update={"metrics": one.metrics | more})), same)
    assert shown.title == "digits"
    assert shown.says == "the candidate is worse than main"
    assert shown.numbers == "log loss 0.142 → 0.171 · accuracy 91.8 % → 92.1 %".replace(" ", "\u00a0").replace(
        "\u00a0·\u00a0", " · "
    )
    assert shown.pieces[0] == (
        0,
        "**log loss 0.142 → 0.171 (+0.029, likely +0.017 to +0.041)** on the same 450 rows; the limit is +5 %.",
    )
    assert [rank for rank, _ in shown.pieces[:3]] == [0, 1, 2]


def test_no_piece_is_longer_than_people_read() -> None:
    assert max(len(text.encode()) for _, text in shared(crowd(), same).pieces) <= 8_000


def assert_inline(text: str) -> None:
    html = inline(text)
    outside = OURS.sub("", html)
    assert "\n" not in html
    assert not re.search(r"[<>@#`|*_\[\]\\$]|://", outside)
    for token in GFM.parseInline(html)[0].children or ():
        assert token.type in {"text", "html_inline", "text_special"}, html
        assert token.type != "html_inline" or token.content in {"<code>", "</code>"}


@pytest.mark.parametrize("text", [*MARKDOWN, *HIDDEN])
def test_the_corpus_in_a_row(text: str) -> None:
    assert_inline(text)


def test_any_text_in_a_row_is_words_and_code() -> None:
    for text in sweep(1500, 11):
        assert_inline(text)
    assert inline("a < b `c|d` @e") == "a &lt; b <code>c│d</code> <code>&#64;e</code>"


@pytest.mark.parametrize("text", [*MARKDOWN, *HIDDEN])
def test_the_corpus_in_every_piece(text: str) -> None:
    shown = shared(everywhere(iter([text] * 1000), lines=True), same)
    assert_harmless("\n\n".join(said for _, said in shown.pieces))
    assert_inline(shown.says)


def test_what_must_not_be_shown_is_taken_out_before_it_is_written_otherwise() -> None:
    secret = "correct-horse-battery"
    bad = view(result("train", check("x", "fail", observed=secret)), damaged={f"evaluate-{secret}": "x"})
    one = replace(bad, title=f"@{secret}")
    shown = shared(one, lambda text: text.replace(secret, "***"))
    said = " ".join((shown.title, shown.says, shown.numbers, *(text for _, text in shown.pieces)))
    assert secret not in unescape(said)
    assert said.count("***") + said.count("&#42;&#42;&#42;") >= 3
    assert URL in said
