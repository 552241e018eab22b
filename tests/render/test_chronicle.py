import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from ci_kit.render import chronicle as module
from ci_kit.render.chronicle import CHARTS, ROWS, harmless, page
from ci_kit.render.commits import Chronicle, Value
from ci_kit.render.html import document
from tests.hostile import CORPUS, GREAT, sweep
from tests.render.past import chronicle, commit

FIRST = re.compile(r"\d+(\.\d+)?")


class Elements(HTMLParser):
    """Every tag with its attributes, in order, and what stands between the tags."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[object] = []
        self.words: list[str] = []
        self.scripts: dict[str, str] = {}
        self.inside: str | None = None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, attrs))
        self.inside = str(dict(attrs).get("id", "code")) if tag == "script" else None

    def handle_endtag(self, tag: str) -> None:
        self.found.append(tag)
        self.inside = None

    def handle_comment(self, data: str) -> None:
        self.found.append(data)

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.scripts[self.inside] = self.scripts.get(self.inside, "") + data
        else:
            self.words.append(data)


def data(shown: Chronicle) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Elements(page(shown)).scripts["data"])
    return found


def test_text_from_outside_makes_no_element_and_no_attribute() -> None:
    texts = sweep(12_000, 3)
    # What begins with a word of its own keeps names apart, as they are keys.
    hostile = (f"{number} {text}" for number, text in enumerate(texts))
    expected = Elements(page(chronicle(1, iter(f"w{number}" for number in range(100))))).found
    for _ in range(100):
        assert Elements(page(chronicle(1, hostile))).found == expected


@pytest.mark.parametrize(
    "text", ["</script><script>alert(1)</script>", "<!--", "<!--<script>", "]]>", "&lt;", "\u2028"]
)
def test_no_text_ends_the_element_of_the_data(text: str) -> None:
    shown = chronicle(1)
    shown = replace(shown, commits=(replace(shown.commits[0], subject=text, metrics={text: Value(value=1)}),))
    found = Elements(page(shown))
    assert sorted(found.scripts) == ["code", "data"]
    read = json.loads(found.scripts["data"])
    assert read["subject"] == [text.replace("\u2028", "\\u2028")]
    assert read["charts"][0]["title"] == text.replace("\u2028", "\\u2028")


def test_json_keeps_every_text_and_has_nothing_that_html_reads() -> None:
    made = harmless(list(CORPUS))
    assert json.loads(made) == list(CORPUS)
    assert not set(made) & set("<>&")
    assert made.isascii()


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_not_finite_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        harmless([number])


@pytest.mark.parametrize("text", GREAT)
def test_great_texts_are_cut(text: str) -> None:
    count = iter(range(100))
    assert len(page(chronicle(2, (f"{next(count)} {text}" for _ in range(100))))) < 150_000


def test_the_policy_lets_our_script_run_and_nothing_else() -> None:
    found = Elements(page(chronicle(3)))
    policy = next(
        dict(one[1])["content"]
        for one in found.found
        if isinstance(one, tuple) and one[0] == "meta" and dict(one[1]).get("http-equiv") == "Content-Security-Policy"
    )
    digest = base64.b64encode(hashlib.sha256(found.scripts["code"].encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"


def test_nothing_is_fetched() -> None:
    text = page(chronicle(3))
    assert set(re.findall(r"[a-z]+://[^\s\"']*", text)) == {"http://www.w3.org/2000/svg"}  # a name, not an address
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", text))
    found = Elements(text).found
    attributes = {name for one in found if isinstance(one, tuple) for name, _ in one[1]}
    assert not attributes & {"src", "href", "srcset", "style", "onclick", "onload", "action"}
    assert not {one[0] for one in found if isinstance(one, tuple)} & {"link", "img", "iframe", "object", "base", "a"}


def test_a_page_without_a_script_still_lets_none_run() -> None:
    assert "script" not in document("t", "<p>x</p>")


def test_the_script_writes_no_markup() -> None:
    code = Elements(page(chronicle(1))).scripts["code"]
    words = (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "Function(",
        "fetch(",
        "import(",
    )
    assert [word for word in words if word in code] == []


def test_every_line_is_as_long_as_there_are_commits() -> None:
    shown = chronicle(4)
    gap = replace(shown.commits[1], metrics={}, seconds={}, costs={})
    found = data(replace(shown, commits=(shown.commits[0], gap, *shown.commits[2:])))
    assert [chart["title"] for chart in found["charts"]] == ["accuracy ↑", "time", "cost"]
    for chart in found["charts"]:
        for line in chart["lines"]:
            assert len(line["value"]) == len(found["at"]) == 4
            assert [value is None for value in line["value"]] == [False, True, False, False]
    accuracy = found["charts"][0]["lines"][0]
    assert (accuracy["value"][3], accuracy["low"][3], accuracy["high"][3]) == (0.90003, 0.8, 0.99)
    assert [line["name"] for line in found["charts"][1]["lines"]] == ["validate", "train"]
    assert [mark["kind"] for mark in found["marks"]] == ["release", "drift", "retrain"]


def test_money_of_two_currencies_is_never_added_or_drawn_together() -> None:
    shown = chronicle(2)
    other = replace(shown.commits[1], costs={"train": (9.0, "USD"), "evaluate": (1.0, "EUR")})
    found = data(replace(shown, commits=(shown.commits[0], other)))
    costs = {chart["unit"]: chart["lines"] for chart in found["charts"] if chart["title"] == "cost"}
    assert {unit: {line["name"]: line["value"] for line in lines} for unit, lines in costs.items()} == {
        "USD": {"train": [None, 9.0]},
        "EUR": {"train": [0.4, None], "evaluate": [None, 1.0]},
    }
    assert "$9.00, €1.00" in Elements(page(replace(shown, commits=(other,)))).words


def test_the_table_has_the_newest_commits_first_and_says_how_many_are_missing() -> None:
    words = Elements(page(chronicle(ROWS + 50))).words
    subjects = [word for word in words if word.startswith("Change ") and word.removeprefix("Change ").isdecimal()]
    assert subjects == [f"Change {number}" for number in range(ROWS + 49, 49, -1)]
    assert f"The newest {ROWS} of {ROWS + 50}; the charts show all." in words
    assert "charts show all" not in page(chronicle(ROWS))


def test_data_that_changed_stand_out() -> None:
    shown = chronicle(2)
    new = replace(shown.commits[1], data={"evaluation": "md5:ffff"})
    words = Elements(page(replace(shown, commits=(shown.commits[0], new)))).words
    assert "evaluation ffff, new" in words
    assert "evaluation 0a1b" in words


def test_more_metrics_than_can_be_drawn_are_counted() -> None:
    many = replace(commit(1), metrics={f"m{number}": Value(value=number) for number in range(CHARTS + 2)})
    shown = replace(chronicle(1), commits=(many,))
    assert (
        len([chart for chart in data(shown)["charts"] if chart["lines"][0]["tone"] == 0 and "low" in chart["lines"][0]])
        == CHARTS
    )
    assert "2 more metrics can't be shown here." in Elements(page(shown)).words


def test_the_script_is_part_of_the_package() -> None:
    assert module.__file__
    assert Elements(page(chronicle(1))).scripts["code"].startswith("// Draws the charts of the history.")
