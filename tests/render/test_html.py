from html.parser import HTMLParser

import pytest

from ci_kit.render.html import page
from ci_kit.render.view import View
from tests.hostile import GREAT, sweep
from tests.render.samples import check, curve, evaluated, everywhere, passing, result, view


class Elements(HTMLParser):
    """Every tag with its attributes, in order, and nothing else."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[object] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        # A matrix is as wide as its labels: a text may move and turn what is drawn.
        geometry = {"x", "y", "width", "height", "viewbox", "d", "transform", "text-anchor"}
        self.found.append((tag, [(name, "" if name in geometry else value) for name, value in attrs]))

    def handle_endtag(self, tag: str) -> None:
        self.found.append(tag)

    def handle_comment(self, data: str) -> None:
        self.found.append(data)

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def elements(view: View) -> list[object]:
    return Elements(page(view)).found


def test_text_from_outside_makes_no_element_and_no_attribute() -> None:
    texts = sweep(12_000, 9)
    expected = elements(everywhere(f"ord{number}" for number in range(1000)))
    for _ in range(40):
        assert elements(everywhere(texts, lines=True)) == expected


@pytest.mark.parametrize("text", GREAT)
def test_great_texts_are_cut(text: str) -> None:
    assert len(page(everywhere(iter([text] * 1000)))) < 500_000


def test_nothing_is_fetched_and_nothing_runs() -> None:
    found = elements(view(*passing("validate", "train"), evaluated()))
    names = {one[0] for one in found if isinstance(one, tuple)}
    attributes = {name for one in found if isinstance(one, tuple) for name, _ in one[1]}
    assert not names & {"script", "link", "img", "iframe", "object", "a", "base", "form"}
    assert not attributes & {"src", "href", "style", "onclick", "onload", "srcset"}
    assert any("default-src 'none'" in str(one) for one in found)


def test_nothing_is_left_out() -> None:
    checks = [check(f"rule {index}", "fail", detail=f"detail {index}") for index in range(300)]
    words = Elements(page(view(result("validate", *checks)))).words
    assert {f"rule {index}" for index in range(300)} | {f"detail {index}" for index in range(300)} <= set(words)


def test_a_chart_has_a_line_and_a_name_for_each_series() -> None:
    text = page(view(result("train", check("command"), charts=(curve(),))))
    assert text.count('class="l c0"') == text.count('class="l c1"') == 1
    assert text.count('class="k c') == 2
