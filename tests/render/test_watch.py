import re
from collections.abc import Iterator
from itertools import cycle

import pytest

from ci_kit.parts import Check, File, Metric, Status
from ci_kit.render.drift_words import headline
from ci_kit.render.watch import page, proposal, summary
from ci_kit.render.watch.pull import BODY, TITLE, inert
from ci_kit.result import Findings, Result
from tests.hostile import CORPUS, GREAT, sweep
from tests.render.drifting import column, drifted, evaluated, few, quiet, texts, told, trained
from tests.render.samples import URL, Write, same
from tests.render.test_html import Elements
from tests.render.test_markdown import BLOCKS, CHART, GITHUB, LINK, TABLE, WORDS, shape, tokens

FOLDS = re.compile(
    r"(<details><summary><b>(More pictures|All [\d,]+ columns?|Facts of the check)</b></summary>|</details>)\n?"
)
LISTS = {"ordered_list_open", "ordered_list_close", "inline", "fence", "html_block"}
# What closes, mentions or refers wherever it stands: also in a commit's message, where no code span protects.
ALIVE = re.compile(r"(?<!\w)@\w|#\d+(?!\w)|(?i:\bGH-\d)|/(issues|pull|discussions)/\d")
CHANGE = {"data/train.dvc": 96, "dvc.lock": 812}
DRIFTED = drifted()
COMMANDS = ["dvc update data/train.dvc", "ci-kit train"]


def assert_harmless(text: str) -> None:
    found = list(tokens(text))
    assert {one.type for one in found} <= TABLE | BLOCKS | WORDS | LINK | LISTS
    assert {one.attrs["href"] for one in found if one.type == "link_open"} <= {URL}
    for one in found:
        if one.type == "html_block":
            assert all(FOLDS.fullmatch(line) for line in one.content.splitlines()), one.content
        if one.type == "text":
            assert not GITHUB.search(one.content), one.content
        if one.type == "fence" and one.info:
            assert one.info == "mermaid"
            assert all(CHART.fullmatch(line) for line in one.content.splitlines()), one.content
    assert "<!--" not in text
    assert "![](" not in text


def everywhere(words: Iterator[str]) -> tuple[Result, Write]:
    """Put the next text into every field and every column's name."""
    write = texts(words)
    names = {one: f"{index}{next(words)}"[:150] for index, one in enumerate(("ink", "pen", "colour", "answer", "calm"))}
    return drifted(write, names), write


def pull(drift: Result, write: Write = same, checked: bool = False, **scored: Result) -> tuple[str, str]:
    new, old = (0.912, 0.958), (0.973, 0.971)
    both = {"evaluation": evaluated("old", "unsure", *old, write), "recent": evaluated("new", "pass", *new, write)}
    return proposal(
        drift,
        compared={write(name): result for name, result in (scored or both).items()},
        train=trained(write),
        files={write(name): size for name, size in CHANGE.items()},
        commands=[write(command) for command in COMMANDS],
        checked=checked,
        title=write("digits"),
        url=URL,
    )


def test_text_from_outside_changes_nothing_but_words() -> None:
    plain, known = everywhere(f"ord{number}" for number in range(1000))
    expected = shape(summary(plain, title="ord", url=URL)), shape(pull(plain, known)[1])
    # Every text of the corpus stands in some field, and then cuttings of all of them.
    for words in (cycle(CORPUS), cycle(CORPUS[::-1]), *(sweep(1000, seed) for seed in range(21, 25))):
        drift, write = everywhere(f"w{word}" for word in words)
        told, (title, body) = summary(drift, title=write(""), url=URL), pull(drift, write)
        assert (shape(told), shape(body)) == expected
        for text in (told, body):
            assert_harmless(text)
        # A squash may take both for a commit's message, where no code span protects.
        assert not ALIVE.search(f"{title}\n{body}")


@pytest.mark.parametrize("text", [*CORPUS, *GREAT])
def test_the_title_is_a_few_plain_words(text: str) -> None:
    parts = [column(text[:150], "fail"), column("ink", "fail")]
    drift = told(*(check for check, _ in parts))
    for names, what in ((drift, "digits"), (DRIFTED, text)):
        title = proposal(names, compared={}, train=None, files={}, commands=(), checked=True, title=what, url=None)[0]
        assert re.fullmatch(r"Retrain [\w ,:-]+", title)
        assert len(title) <= TITLE
        assert not ALIVE.search(title)


@pytest.mark.parametrize("text", GREAT)
def test_great_texts_fit(text: str) -> None:
    drift, write = everywhere(iter([text] * 1000))
    assert len(pull(drift, write)[1].encode()) <= BODY
    assert len(summary(drift, title=text)) < 200_000
    assert len(page(drift, title=text)) < 500_000


def test_of_a_thousand_columns_the_worst_are_shown() -> None:
    parts = [column(f"漢`|<{index}" * 5, "fail", effect=index / 1000) for index in range(300)]
    metrics = {name: metric for _, found in parts for name, metric in found.items() if name.startswith("drift/")}
    many = told(*(check for check, _ in parts), metrics=metrics)
    title, body = pull(many)
    assert title == "Retrain digits: 300 columns drifted since 18 November"
    assert len(body.encode()) <= BODY
    assert "and 288 more" in body
    assert "漢`│<299" in body
    assert "and 240 more, below" in page(many, title="t")


def test_a_body_that_is_too_long_gives_up_pictures_first(monkeypatch: pytest.MonkeyPatch) -> None:
    body = pull(DRIFTED)[1]
    monkeypatch.setattr("ci_kit.render.watch.pull.BODY", len(body.encode()) - 1)
    shorter = pull(DRIFTED)[1]
    assert "_Shortened to fit: more pictures. All of it: [in the run](" in shorter
    assert body.count("```mermaid") - shorter.count("```mermaid") == 1


def test_text_from_outside_makes_no_element() -> None:
    words = sweep(6000, 22)
    expected = Elements(page(everywhere(f"ord{number}" for number in range(1000))[0], title="t", url=URL)).found
    for _ in range(12):
        drift, write = everywhere(f"w{word}" for word in words)
        assert Elements(page(drift, title=write(""), url=URL)).found == expected


def test_the_page_fetches_and_runs_nothing() -> None:
    found = Elements(page(DRIFTED, title="digits", url=URL)).found
    assert not {one[0] for one in found if isinstance(one, tuple)} & {"script", "link", "img", "iframe", "base", "form"}
    assert [one[1] for one in found if isinstance(one, tuple) and one[0] == "a"] == [
        [("href", URL), ("rel", "noreferrer")]
    ]
    assert any("default-src 'none'" in str(one) for one in found)


NEW = Check(id="schema/job", title="job is new", status="warn", detail="It is not compared.")
SCHEMA = Check(id="schema/ink", title="ink is missing", status="fail", detail="The reference has it: number (float64).")


@pytest.mark.parametrize(
    ("drift", "expected"),
    [
        (
            DRIFTED,
            "3 columns and the predictions have drifted since 18 November; accuracy fell from 96.1 to 91.2 %",
        ),
        (told(column("ink", "fail")[0]), "1 column has drifted since 18 November"),
        (told(column("p", "fail", "prediction")[0]), "the predictions have drifted since 18 November"),
        (told(SCHEMA), "the schema of 1 column changed"),
        (
            told(SCHEMA, column("pen", "fail")[0]),
            "1 column has drifted since 18 November; the schema of 1 column changed",
        ),
        (told(column("ink", "warn")[0], column("pen")[0]), "1 column moved; an alarm needs the same in 2 of 2 windows"),
        (quiet(), "quiet"),
        (
            quiet(Check(id="levels/x", title="x has other values", status="warn", observed="1 new")),
            "quiet, with 1 warning",
        ),
        (quiet(NEW), "quiet, with 1 warning"),
        (few(), "inconclusive: 412 rows"),
        (few(1), "inconclusive: 1 row"),
        (told(Check(id="performance", title="Performance", status="unsure")), "inconclusive: Performance"),
        (told(Check(id="error", title="broken", status="fail")), "the drift check could not judge"),
        (Findings(), "nothing was checked"),
    ],
)
def test_the_headline_says_the_verdict(drift: Result | Findings, expected: str) -> None:
    assert headline(drift) == expected
    assert f" {expected}</h1>" in page(drift, title="t").replace("\u00a0", " ")


def test_the_page_says_in_this_order_what_how_much_since_when_and_what_next() -> None:
    words = " ".join(Elements(page(DRIFTED, title="digits", url=URL)).words).replace("\u00a0", " ")
    order = [
        "3 columns and the predictions have drifted since 18 November",
        "2025-11-20 00:00 to 2025-11-21 00:00 UTC, 1,240 rows",
        "accuracy fell from 96.1 to 91.2 %",
        "answer drifted",
        "3 of 15 columns drifted: ink, colour, pen",
        "What moved",
        "mean 41.2 → 47.9",
        "since 18 November, in 2 of the last 2 windows; KS 0.31, p < 1e-9, limit 0.05",
        "1 new, 13 % of rows: 'violet'",
        "nulls 0.2 % → 9.1 %",
        "What to do next",
        "Unreadable lines",
        "a1a1a1a1",
    ]
    at = 0
    for text in order:
        at = words.index(text, at)


def test_a_column_is_counted_once_and_the_same_everywhere() -> None:
    nulls = Check(id="nulls/ink", title="ink: nulls moved", status="fail", observed="0 % → 9 %, p < 1e-9")
    drift = told(column("ink", "fail")[0], nulls, SCHEMA.model_copy(update={"id": "schema/pen"}), NEW, *COUNTED)
    said = "4 columns and the predictions have drifted since 18 November; the schema of 1 column changed"
    assert headline(drift) == said
    assert "4 of 6 columns drifted: a, b, c, ink; 1 more moved; the schema of 1 column changed" in page(
        drift, title="t"
    )
    assert "4 of 6 columns drifted" in summary(drift, title="t")
    assert "All 7 columns" in summary(drift, title="t")
    assert pull(drift)[0] == (
        "Retrain digits: 4 columns and the predictions drifted since 18 November, the schema of 1 column changed"
    )


COUNTED = [column(name, "fail")[0] for name in "abc"]
COUNTED += [column("colour", "warn")[0], column("answer", "fail", "prediction")[0]]


def test_a_new_column_is_noted_and_has_not_moved() -> None:
    shown = summary(quiet(NEW), title="t")
    assert "**job is new** It is not compared." in shown
    assert "Moved, but no alarm yet" not in shown
    assert "All 20 columns" in shown


def test_answers_that_were_not_compared_are_not_said_to_stand_still() -> None:
    skipped = Check(id="prediction/answer", title="answer was not compared", status="skip")
    assert "answer was not compared" in page(quiet(skipped), title="t")


def test_the_page_leads_to_evidentlys_report_only_where_it_is() -> None:
    drawn = File(path=".ci-kit/evidently.html", sha256="a" * 64, bytes=1, role="evidently")
    link = '<a href="evidently.html">'
    assert link in page(DRIFTED.model_copy(update={"files": (drawn,)}), title="t")
    assert link not in page(DRIFTED, title="t")
    other = drawn.model_copy(update={"role": "model"})
    assert link not in page(DRIFTED.model_copy(update={"files": (other,)}), title="t")


def test_what_our_own_sentences_name_is_code_on_the_page() -> None:
    detail = "There is no truth. Set `drift.target`."
    skipped = Check(id="performance", title="Performance was not compared", status="skip", detail=detail)
    said = "Performance was not compared. There is no truth. Set <code>drift.target</code>."
    assert said in page(quiet(skipped), title="t")
    assert "`" not in page(quiet(skipped, NEW), title="t")


def test_the_distances_are_explained_once_where_they_are_named() -> None:
    for shown in (page(DRIFTED, title="t"), summary(DRIFTED, title="t"), pull(DRIFTED)[1]):
        assert shown.count("KS: the ") == 1
        assert "TV: " not in shown
    assert "KS: the " not in page(quiet(), title="t")


def test_of_a_column_that_alarmed_for_its_nulls_these_are_listed() -> None:
    nulls = Check(id="nulls/ink", title="ink: nulls moved", status="fail", observed="0 % → 16.7 %, p < 1e-9")
    calm, metrics = column("ink")
    shown = summary(told(calm, nulls, metrics=metrics), title="t").replace("\u00a0", " ")
    assert "| ❌ ink | nulls 0 % → 16.7 % | < 1e-9 | 41.2 | 47.9 |" in shown
    moved, _ = column("ink", "fail")
    small = {**metrics, "p/ink": Metric(value=0)}
    assert "| ❌ ink | 0.21 | < 1e-9 | 41.2 | 47.9 |" in summary(told(moved, metrics=small), title="t")


@pytest.mark.parametrize(
    ("names", "seasonal"),
    [(["ink"], False), (["dew_week"], True), (["a", "b", "c"], True), (["a", "b"], False)],
)
def test_where_many_columns_move_or_the_calendar_does_it_says_what_helps(names: list[str], seasonal: bool) -> None:
    drift = told(*(column(name, "warn")[0] for name in names), column("calm")[0])
    assert ("a reference of the same season" in page(drift, title="t")) is seasonal


@pytest.mark.parametrize(("name", "expected"), [("ride_id", True), ("id", True), ("humid", False), ("index", True)])
def test_a_column_that_numbers_rows_belongs_to_the_key(name: str, expected: bool) -> None:
    advised = "it belongs to the data set&#x27;s <code>key</code>" in page(told(column(name, "fail")[0]), title="t")
    assert advised is expected


def test_the_title_of_the_summary_does_not_say_drift_twice() -> None:
    assert summary(DRIFTED, title="digits: drift").startswith("## ❌ digits: 3 columns")
    assert summary(quiet(), title="digits: drift").startswith("## ✅ digits: drift: quiet\n")


def test_findings_and_results_are_told_alike() -> None:
    drift = DRIFTED
    found = Findings(checks=drift.checks, metrics=drift.metrics, charts=drift.charts, data=dict(drift.source.data))
    assert (
        summary(found, title="digits").partition("Facts of")[0]
        == summary(drift, title="digits").partition("Facts of")[0]
    )
    assert "`b2`" in summary(found, title="digits")


def test_reference_and_current_share_one_picture_in_the_same_colours() -> None:
    told, shown = summary(DRIFTED, title="digits"), page(DRIFTED, title="digits")
    assert told.count("```mermaid") == shown.count("<svg") == 3
    assert re.findall(r'title "(.*)"', told) == [
        "ink: reference grey, current blue",
        "colour: reference grey bars, current blue line",
        "answer: reference grey bars, current blue line",
    ]
    assert shown.count('class="a c1"') == shown.count('class="l c0"') == 1
    assert shown.count('class="b c1"') == shown.count('class="b c0"') == 8


def test_a_quiet_check_asks_for_nothing() -> None:
    told = summary(quiet(), title="digits")
    assert told.startswith("## ✅ digits: quiet\n")
    assert "1. Nothing.\n" in told
    assert "What moved" not in told


@pytest.mark.parametrize(
    ("status", "first"),
    [
        ("fail", "## ❌ The challenger is not good enough"),
        ("unsure", "## ❔ Whether the challenger is good enough can't be told"),
        ("pass", "## ✅ The challenger is better than the champion on both data sets"),
    ],
)
def test_the_pull_request_says_first_whether_the_challenger_is_good_enough(status: Status, first: str) -> None:
    body = pull(DRIFTED, recent=evaluated("recent", status, 0.96, 0.97), old=evaluated("old", "pass", 0.9, 0.95))[1]
    assert body.startswith(first)
    asked = "The challenger did not pass on `recent`" in body
    assert asked == (status != "pass")


AGAIN = Check(
    id="baseline",
    title="The evaluation data is not the baseline's",
    status="warn",
    observed="its result names no data set recent, so its model was scored again",
)


def test_that_the_champion_was_scored_again_is_a_fact_and_no_warning() -> None:
    better = evaluated("recent", "pass", 0.90, 0.95)
    scored = {name: better.model_copy(update={"checks": (*better.checks, AGAIN)}) for name in ("old", "recent")}
    body = pull(DRIFTED, same, False, **scored)[1]
    assert body.startswith("## ✅ The challenger is better than the champion on both data sets\n")
    assert "- The champion on recent: its result names no data set recent" in body
    assert "⚠️ on recent" not in body


def test_that_there_is_nothing_to_compare_with_stays_a_warning() -> None:
    first = AGAIN.model_copy(update={"title": "No comparable baseline"})
    alone = evaluated("recent", "pass", 0.90, 0.95)
    alone = alone.model_copy(update={"checks": (first,), "metrics": {"accuracy": alone.metrics["accuracy"]}})
    body = pull(DRIFTED, recent=alone)[1]
    assert body.startswith("## ⚠️ The challenger is good enough, with warnings\n")
    assert "nothing to compare with" in body


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        ([0.95], "The challenger is better than the champion on d0"),
        ([0.95, 0.9], "The challenger is better than the champion on 1 of 2 data sets, and not worse elsewhere"),
        ([0.95, 0.95, 0.95], "The challenger is better than the champion on all 3 data sets"),
        ([0.9], "The challenger is good enough"),
        ([0.95, 0.88], "The challenger is good enough"),
    ],
)
def test_where_the_challenger_passes_it_is_said_on_which_data(scores: list[float], said: str) -> None:
    found = {f"d{index}": evaluated(f"d{index}", "pass", 0.9, after) for index, after in enumerate(scores)}
    assert pull(DRIFTED, same, False, **found)[1].startswith(f"## ✅ {said}\n")


def test_without_an_evaluation_the_pull_request_says_so() -> None:
    body = proposal(DRIFTED, compared={}, train=None, files={}, commands=(), checked=True, title="digits", url=None)[1]
    assert body.startswith("## ❔ Retrained, but not compared")


def test_both_models_stand_beside_each_other_on_every_data_set() -> None:
    body = pull(DRIFTED)[1]
    assert "| evaluation | **accuracy ↑** | 97.3 % | 97.1 % | −0.2 pp ± 0.8 | ❔ unsure |" in body
    assert "| recent | **accuracy ↑** | 91.2 % | 95.8 % | +4.6 pp ± 0.8 | ✅ better |" in body


def test_what_else_an_evaluation_found_stands_below_the_table() -> None:
    flaky = Check(id="tests/test_flip", title="test_flip", status="warn", observed="flaky: 1 of 3 runs")
    recent = evaluated("recent", "pass", 0.912, 0.958)
    recent = recent.model_copy(update={"checks": (*recent.checks, flaky)})
    assert "- ⚠️ on recent: `test_flip`: flaky: 1 of 3 runs" in pull(DRIFTED, recent=recent)[1]


def test_what_to_click_is_said_only_where_checks_wait() -> None:
    assert "Approve and run workflows" in pull(DRIFTED, checked=False)[1]
    assert "Approve and run workflows" not in pull(DRIFTED, checked=True)[1]


def test_the_reviewer_is_asked_three_to_five_things_that_follow_from_what_was_found() -> None:
    asked = re.findall(r"^- \[ \] (.*)$", pull(DRIFTED)[1], re.MULTILINE)
    assert asked == [
        "The challenger did not pass on `evaluation`: is what it gains elsewhere worth that?",
        "Performance was lost (accuracy fell from 96.1 to 91.2 %): does the challenger win it back on new data?",
        "`pen`: nulls 0.2 % → 9.1 %. Is that a fault upstream, which must not be learned?",
        "Is the move of `ink` real (mean 41.2 → 47.9), or a fault in how it is measured?",
        "colour has other values: does the training data hold enough rows of them?",
    ]


def test_what_was_run_can_be_repeated() -> None:
    body = pull(DRIFTED)[1]
    assert "```\ngit checkout 9d1e77c0a1a1\ndvc update data/train.dvc\nci-kit train\n```" in body
    assert "| `data/train.dvc` | 96 bytes |" in body
    assert "train 4 min 12 s · evaluate old 3.1 s · evaluate new 3.1 s · €0.12" in body


def test_what_refers_is_broken_by_a_space_and_everything_else_stays() -> None:
    assert inert("fixes #12, GH-3, @a, /issues/4") == "fixes # 12, GH- 3, @ a, /issues/ 4"
    kept = "pip install git+https://host/x@v1, user@host, #2f81f7, C#, ## Title"
    assert inert(kept) == kept
