import re
from collections.abc import Iterator

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from ci_kit.parts import Cost, Metric, Series
from ci_kit.render.html import page
from ci_kit.render.markdown import COMMENT, RESERVED, markdown
from ci_kit.render.view import Change, Took, View
from tests.hostile import GREAT, HIDDEN, MARKDOWN, sweep
from tests.render.samples import (
    PICTURE,
    URL,
    check,
    curve,
    evaluated,
    everywhere,
    gated,
    matrix,
    passing,
    points,
    reads,
    result,
    table,
    view,
)

GFM = MarkdownIt("gfm-like", {"html": True, "linkify": True})
OURS = re.compile(
    r"(<details><summary><b>(Charts|A closer look|All [\d,]+ checks?|All metrics|Reproduce it, and facts of the run"
    r"|What changed beside the code: [\w, ]+)</b></summary>"
    r"|</details>)\n?"
)
TABLE = {f"{name}_{end}" for name in ("table", "thead", "tbody", "tr", "th", "td") for end in ("open", "close")}
BLOCKS = {f"{name}_{end}" for name in ("heading", "paragraph", "bullet_list", "list_item") for end in ("open", "close")}
WORDS = {"text", "code_inline", "softbreak", "hardbreak", "strong_open", "strong_close", "em_open", "em_close"}
LINK = {"link_open", "link_close"}
GITHUB = re.compile(r"@|#|(?i:\bGH-\d)|(?i:GHSA-)|(?i:www\.)|://|:\w+:|\$|[<>]\w|&\w")
# An image is shown from the repository itself, at a commit and by its content, or from a file beside the report.
PLACE = r"pictures/[0-9a-f]{2}/[0-9a-f]{64}\.svg"
IMAGE = re.compile(rf"https://github\.com/octo/digits/blob/[0-9a-f]{{40}}/{PLACE}\?raw=true|(\.\./)?{PLACE}")
TEXT, NUMBER = r'"[^"`{}<>%;#]+"', r"-?[\d.]+"
CHART = re.compile(
    rf"---|config:|  xyChart: {{height: 300, width: 720}}"
    rf'|  themeVariables: {{xyChart: {{backgroundColor: "transparent", plotColorPalette: "[#\w, ]+"}}}}'
    rf"|xychart-beta|  title {TEXT}"
    rf"|  [xy]-axis {TEXT} ({NUMBER} --> {NUMBER}|\[{TEXT}(, {TEXT})*\])|  (line|bar) \[{NUMBER}(, {NUMBER})*\]"
)


def tokens(text: str) -> Iterator[Token]:
    for token in GFM.parse(text):
        yield token
        yield from token.children or ()


def shape(text: str) -> list[str]:
    return [token.type for token in GFM.parse(text)]


def assert_harmless(text: str) -> None:
    found = list(tokens(text))
    assert {one.type for one in found} <= TABLE | BLOCKS | WORDS | LINK | {"inline", "fence", "html_block", "image"}
    assert [one.attrs["href"] for one in found if one.type == "link_open"] == [URL]
    for one in found:
        if one.type == "image":
            assert IMAGE.fullmatch(str(one.attrs["src"])), one.attrs
            assert {*one.attrs} == {"src", "alt"}
            assert not set(one.content) & set("@#$`<>&[]\\!"), one.content
        if one.type == "html_block":
            assert all(OURS.fullmatch(line) for line in one.content.splitlines()), one.content
        if one.type == "text":
            assert not GITHUB.search(one.content), one.content
        if one.type == "fence" and one.info:
            assert one.info == "mermaid"
            assert all(CHART.fullmatch(line) for line in one.content.splitlines()), one.content
    assert "<!--" not in text
    assert "![](" not in text


def test_text_from_outside_changes_nothing_but_words() -> None:
    texts = sweep(12_000, 7)
    expected = shape(markdown(everywhere(f"ord{number}" for number in range(1000))))
    for _ in range(25):
        report = markdown(everywhere(texts))
        assert_harmless(report)
        assert shape(report) == expected


def test_details_of_many_lines_stay_in_their_fence() -> None:
    texts = sweep(6000, 8)
    for _ in range(15):
        assert_harmless(markdown(everywhere(texts, lines=True)))


@pytest.mark.parametrize("text", [*MARKDOWN, *HIDDEN])
def test_the_corpus_in_every_field(text: str) -> None:
    assert_harmless(markdown(everywhere(iter([text] * 1000), lines=True)))


def fits(text: str, budget: int = COMMENT) -> bool:
    return len(text.encode()) <= budget - RESERVED


@pytest.mark.parametrize("text", GREAT)
def test_great_texts_fit(text: str) -> None:
    report = markdown(everywhere(iter([text] * 1000)))
    assert fits(report)
    assert_harmless(report)


def crowd(text: str = "漢`|<" * 40) -> View:
    checks = [check(f"{index} {text}", "fail", observed=text, detail=f"{text}\n" * 3) for index in range(5000)]
    metrics = {f"m{index}{text}"[:200]: Metric(value=index, direction="up") for index in range(2000)}
    many = result("evaluate", *checks, charts=(curve(points=200),) * 50, metrics=metrics)
    return view(*passing("validate", "train"), many)


def test_five_thousand_checks_fit_and_the_report_says_what_is_missing() -> None:
    report = markdown(crowd(), COMMENT)
    assert fits(report)
    assert_harmless(report)
    assert "4,980 more" in report
    assert "Shortened to fit: charts, all checks, all metrics" in report
    assert "All of it: `.ci-kit/report.html`" in report
    assert report.startswith("## ❌ digits: evaluate fails 5,000 checks")


def test_what_matters_least_gives_way_first() -> None:
    one = view(*passing("validate"), result("train", check("command"), charts=(curve(),)), evaluated("fail"))
    whole = markdown(one)
    assert "Shortened" not in whole
    budget, lost = len(whole.encode()) + RESERVED, list[str]()
    while len(lost) < 4:
        budget -= 50
        report = markdown(one, budget)
        assert fits(report, budget)
        assert GFM.render(report).count("<details>") == GFM.render(report).count("</details>")
        gone = [
            name
            for name in ("<b>Charts", "<b>All metrics", "<b>All 3 checks", "<b>Reproduce")
            if name not in report and name not in lost
        ]
        lost += gone
        assert not gone or "_Shortened to fit: " in report
    assert lost == ["<b>All 3 checks", "<b>Charts", "<b>All metrics", "<b>Reproduce"]
    assert "❌ **log loss" in report


def test_the_summary_has_room_for_what_the_comment_leaves_out() -> None:
    checks = [check(f"rule {index}", "fail") for index in range(300)]
    one = view(result("validate", *checks))
    assert "and 280 more" in markdown(one)
    assert "and 280 more" not in markdown(one, 2**20)
    assert markdown(one, 2**20).count("- ❌ **rule") == 300


def test_the_first_lines_say_how_much_how_sure_and_on_how_many_rows() -> None:
    report = markdown(view(*passing("validate", "train"), evaluated("fail")))
    assert report.split("\n\n")[:2] == [
        "## ❌ digits: the candidate is worse than main",
        "**log loss 0.142 → 0.171 (+0.029, likely +0.017 to +0.041)** on the same 450 rows; the limit is +5 %.",
    ]
    assert "| ❌ **log loss ↓** | 0.142 → 0.171 | +0.029 ± 0.012 worse |" in report.replace("\u00a0", " ")


def test_tables_are_folded_and_shortened_and_say_so() -> None:
    one = view(result("evaluate", check("rows")).model_copy(update={"tables": (table(rows=12),)}))
    comment, summary = markdown(one), markdown(one, 2**20)
    assert "<b>A closer look</b>" in comment
    assert "**slices**\n\n| slice | accuracy |\n|:--|:--|\n| writer 9 | 91.8 % → 84.9 % |" in comment
    assert (comment.count("| writer 9"), summary.count("| writer 9")) == (10, 12)
    assert "and 2 more\n\nof 25" in comment
    assert "and 2 more" not in summary


def test_it_can_be_reproduced_by_one_command() -> None:
    report = markdown(view(*passing("validate", "train"), evaluated()))
    assert "```\ngit checkout 9d1e77c0a1a1 && ci-kit run check\n```" in report
    assert "| commit | `9d1e77c0a1a1` |" in report


def test_without_a_baseline_there_is_nothing_to_compare() -> None:
    loss = Metric(value=0.142, direction="down")
    alone = result("evaluate", check("baseline", "warn"), metrics={"log_loss": loss})
    report = markdown(view(*passing("validate", "train"), alone))
    assert "| | this change |" in report
    assert "difference" not in report


def test_of_many_metrics_those_that_surely_changed_come_first() -> None:
    ways = {"same": (-0.01, 0.01), "better": (0.01, 0.03), "worse": (-0.03, -0.01)}
    found = [gated(0.8, 0.8 + sum(way) / 2, *way, name=name, unit="share") for name, way in ways.items()]
    many = result("evaluate", check("rows"), metrics={key: one for each in found for key, one in each.items()})
    lines = [line.split(" ")[1] for line in markdown(view(many)).splitlines() if line.startswith("| ")]
    assert [name for name in lines if name in ways][:3] == ["worse", "better", "same"]


def test_metrics_with_an_at_sign_in_their_name_are_shown() -> None:
    names = {"mAP@0.5": Metric(value=0.5), "loss@baseline": Metric(value=0.25)}
    text = markdown(view(result("train", check("x"), metrics=names)))
    assert "mAP@0.5" in text
    assert "loss@baseline" not in text


def test_both_fingerprints_of_changed_data_are_among_the_facts() -> None:
    one, two = reads(result("validate", check("x")), a="sha256:1"), reads(result("train", check("x")), a="sha256:2")
    text = markdown(view(one, two))
    assert text.startswith("## ❌ digits: the data that was tested is not the data that was scored: a")
    assert all(f"| data `a` | `sha256:{number}` |" in text for number in (1, 2))


def test_a_change_without_a_gate_has_its_difference() -> None:
    metrics = gated(0.0101, 0.0125, 0.0021, 0.0027, name="latency_p50", unit="s")
    shown = view(result("evaluate", check("x"), metrics=metrics))
    row = "| median latency ↓ | 10.1 ms → 12.5 ms | +2.4 ms ± 300 µs worse |"
    assert row in markdown(shown).replace("\u00a0", " ")
    assert '<td class="n">+2.4 ms ± 300 µs</td>' in page(shown)


def test_the_last_values_on_the_base_branch_stand_beside_a_metric() -> None:
    past = {"log_loss": (0.2, 0.16, 0.142), "other": (1.0, 2.0)}
    lines = markdown(view(*passing("validate", "train"), evaluated("fail"), past=past)).splitlines()
    head = next(number for number, line in enumerate(lines) if "→ this change" in line)
    assert lines[head].endswith("| difference | last 3 on `main` |")
    assert lines[head + 1] == "|:--|:--|:--|:--|"
    assert lines[head + 2].endswith("| `█▃▁` |")
    assert "last" not in markdown(view(*passing("validate", "train"), evaluated("fail")))


def test_what_changed_beside_the_code_is_counted_and_listed() -> None:
    moved = (
        Change(kind="parameter", name="train.lr", before="0.001", after="0.01"),
        Change(kind="parameter", name="train.width", before="64", after=""),
        Change(kind="dependency", name="torch", before="2.12.0", after="2.13.0"),
    )
    text = markdown(view(*passing("validate", "train"), evaluated("pass"), changes=moved))
    assert "<b>What changed beside the code: 2 parameters, no data, 1 dependency</b>" in text
    assert "| `train.lr` | 0.001 | 0.01 |" in text
    assert "| `train.width` | 64 | — |" in text
    for nothing in ((), None):
        assert "What changed" not in markdown(view(*passing("validate", "train"), evaluated("pass"), changes=nothing))


def test_a_list_is_one_piece_of_code() -> None:
    moved = (Change(kind="parameter", name="columns", before="['age', 'job']", after="0.1"),)
    assert "| columns | `['age', 'job']` | 0.1 |" in markdown(view(*passing("validate"), changes=moved))


def test_what_a_step_took_stands_beside_what_is_usual() -> None:
    often = {"train": Took(seconds=30.0, cost=Cost(amount=0.01, currency="EUR")), "validate": Took(seconds=95.0)}
    text = markdown(view(*passing("validate", "train"), usual=often))
    assert "€0.012 (usually €0.01) · 38.2 s (usually 30 s)" in text
    assert "€0.012 · 38.2 s (usually 1 min 35 s)" in text
    assert "**This change took** 1 min 16 s, €0.024\n" in text


def test_what_the_change_took_is_one_line_beside_what_is_usual() -> None:
    metrics = {
        "gpu_time": Metric(value=720, unit="s"),
        "bytes_pulled": Metric(value=34 * 2**20, unit="bytes"),
        "stage/prepare": Metric(value=0, unit="s"),
        "stage/train": Metric(value=30, unit="s"),
    }
    often = Took(seconds=30.0, gpu=660.0, pulled=2**20)
    whole = Took(seconds=350.0, gpu=660.0, cost=Cost(amount=0.11, currency="EUR"))
    trained = result("train", check("command"), metrics=metrics)
    text = markdown(
        view(*passing("validate"), trained, usual={"train": often}, altogether=whole, saved={"train": 240.0})
    )
    cell = (
        "GPU 12 min (usually 11 min) · 1 of 2 stages not run again, 4 min saved · "
        "pulled 34 MiB (usually 1 MiB) · €0.012 · 38.2 s (usually 30 s)"
    )
    line = "1 min 16 s, GPU 12 min, €0.024, pulled 34 MiB, 4 min saved; usually 5 min 50 s, GPU 11 min, €0.11"
    assert f" {cell} |" in text
    assert f"**This change took** {line}\n" in text
    html = page(view(*passing("validate"), trained, usual={"train": often}, altogether=whole, saved={"train": 240.0}))
    assert f"<td>{cell}</td>" in html
    assert f"<p><b>This change took</b> {line}</p>" in html


def test_what_a_fork_says_it_took_never_ends_the_report() -> None:
    run = passing("validate")[0].run
    run = run.model_copy(update={"seconds": 1.7e308, "cost": Cost(amount=1.7e308, currency="EUR")})
    endless = [one.model_copy(update={"run": run}) for one in passing("validate", "train")]
    assert "**This change took**" in markdown(view(*endless))
    assert "This change took" in page(view(*endless))


def test_what_a_fork_says_it_took_is_no_number_that_can_not_be() -> None:
    for value in (-1.0, 1e300):
        odd = result("train", metrics={"gpu_time": Metric(value=value, unit="s"), "stage/a": Metric(value=value)})
        text = markdown(view(odd, odd.model_copy(update={"step": "validate"})))
        assert "GPU 0" not in text
        assert "**This change took** 1 min 16 s, €0.024\n" in text


def drawn(**more: object) -> str:
    return markdown(view(result("evaluate", check("rows"), charts=(curve(), matrix(), points())), **more))


def test_what_mermaid_can_not_draw_is_an_image_of_our_own() -> None:
    text = drawn(pictures={"evaluate/1": PICTURE, "evaluate/2": PICTURE})
    assert_harmless(text)
    said = "95 right, 5 wrong, most often dog as cat (3), cat as dog (2)"
    assert f"![what was answered: rows are true, columns answered: {said}]({PICTURE})" in text
    assert f"\n\n![residuals: 3 points of this change]({PICTURE})" in text
    assert text.count("```mermaid") == 1
    assert "report.html" not in text


def test_without_pictures_the_most_frequent_confusions_are_listed() -> None:
    text = drawn()
    assert_harmless(text)
    table = "**what was answered**\n\n| true → answered | rows |\n|:--|--:|\n| dog → cat | 3 |\n| cat → dog | 2 |"
    assert table in text
    assert "_2 pictures are in `.ci-kit/report.html`, and with `contents: write` here._" in text
    assert "residuals" not in text
    assert "!" not in text


def test_five_confusions_are_enough() -> None:
    names = tuple(f"c{index}" for index in range(4))
    rows = tuple(Series(name=name, x=names, y=(1.0, 2.0, 3.0, 4.0)) for name in names)
    big = matrix().model_copy(update={"series": rows})
    text = markdown(view(result("evaluate", check("rows"), charts=(big,))))
    assert text.count(" → c") == 5
    assert "and 7 more" in text
    assert "_The picture is in `.ci-kit/report.html`" in text


def test_a_forks_report_promises_no_picture() -> None:
    text = drawn(fork=True)
    assert "| dog → cat | 3 |" in text
    assert "report.html" not in text
