import re
from dataclasses import replace
from itertools import cycle

import pytest

from ci_kit.parts import Check, File
from ci_kit.render.terminal import WIDTH, terminal, verdict
from tests.actions import runner
from tests.hostile import CORPUS, GREAT, sweep
from tests.render.drifting import drifted, texts, told
from tests.render.samples import check, evaluated, everywhere, gated, reads, result, view


def assert_harmless(text: str) -> None:
    for line in runner.lines(text):
        assert runner.command(line) is None, line
        assert len(line) <= WIDTH
        assert not re.search(r"[\x00-\x1f\x7f-\x9f]", line), repr(line)


def test_no_line_is_a_command_too_wide_or_moves_the_cursor() -> None:
    texts = sweep(12_000, 10)
    for _ in range(60):
        for one in everywhere(texts, lines=True).results.values():
            assert_harmless(terminal(one, colour=False))


@pytest.mark.parametrize("text", [*CORPUS, *GREAT])
def test_the_corpus_in_every_field(text: str) -> None:
    for one in everywhere(iter([text] * 1000), lines=True).results.values():
        assert_harmless(terminal(one, colour=False))


def test_a_drift_check_is_told_by_what_moved_and_harmless() -> None:
    words = terminal(drifted(), colour=False).splitlines()
    assert words[:5] == [
        "✗ drift: 5 failed, 3 warnings of 23 checks, 4.2 s",
        "  | 3 columns and the predictions have drifted since 18 November; accuracy fell from 96.1 to 91.2 %",
        "  | rows        1,240 rows",
        "  | accuracy ↑  96.1 % → 91.2 %  −4.9 pp ± 1.7  worse",
        "  ✗ ink moved: mean 41.2 → 47.9; since 18 November, in 2 of the last 2 windows; KS 0.31, p < 1e-9",
    ]
    assert len(words) == 14
    names = {name: f"{CORPUS[index]}"[:150] for index, name in enumerate(("ink", "pen", "colour", "answer"))}
    for start in range(0, len(CORPUS), 40):
        assert_harmless(terminal(drifted(texts(cycle(CORPUS[start:])), names), colour=False))


def test_a_new_reference_is_told_by_what_was_written() -> None:
    profile = Check(id="profile", title="Stored", status="pass", observed="32,561 rows", detail="Keep it: git add prof")
    paths = ("prof/profile.json", "prof/sample.parquet")
    files = tuple(File(path=path, sha256="a" * 64, bytes=1, role="profile") for path in paths)
    words = terminal(result("drift", profile).model_copy(update={"files": files}), colour=False)
    assert "  | written: prof/profile.json, prof/sample.parquet: 32,561 rows. Keep it: git add prof" in words
    assert "quiet" not in words


def test_a_replay_lists_no_window_again() -> None:
    windows = (Check(id=f"window/{day}", title=f"{day}: would have alarmed", status="warn") for day in range(9))
    first = Check(id="first", title="The first alarm would have come after 0", status="warn", observed="ink")
    words = terminal(result("drift", first, *windows), colour=False)
    assert words.count("The first alarm would have come after 0") == 1
    assert "would have alarmed" not in words


def test_a_column_that_is_new_or_gone_is_told_in_sentences() -> None:
    gone = Check(id="schema/ink", title="ink is missing", status="fail", detail="The reference has it.")
    lines = terminal(told(gone), colour=False).splitlines()
    assert lines[-2:] == ["  ✗ ink is missing", "    | The reference has it."]


def test_it_says_the_verdict_the_numbers_and_what_needs_attention() -> None:
    bad = check("tests/slices", "fail", observed="84.9 %", limit="88 %", detail="assert 0.849 >= 0.88\nwriter 9")
    assert terminal(evaluated("fail", bad), colour=False).splitlines() == [
        "✗ evaluate: 2 failed of 2 checks, 38.2 s",
        "  | log loss ↓  0.142 → 0.171  +0.029 ± 0.012  worse",
        "  ✗ gate/log_loss: limit +5 %",
        "    at tests/test_model.py:31",
        "    | 450 rows show changes of 11 % or more.",
        "  ✗ tests/slices: 84.9 %, limit 88 %",
        "    at tests/test_model.py:31",
        "    | assert 0.849 >= 0.88",
        "    | writer 9",
    ]


@pytest.mark.parametrize(
    "number",
    ["limit −0.5 pp", "+0.029 ± 0.012", "−1.3 pp ± 1.6", "4 min 10 s", "1.2 × 10⁻⁷", "2.0 %", "p < 1e-9", "TV 0.34"],
)
def test_a_line_never_ends_within_a_number(number: str) -> None:
    texts = (f"{'x' * (76 + before)} {number} and more words that follow" for before in range(20))
    lines = terminal(result("validate", *(check(text, "fail") for text in texts)), colour=False).splitlines()
    assert sum(number.removeprefix("limit ") in line for line in lines) == 20
    assert not any("\u00a0" in line for line in lines)


def test_a_change_without_a_gate_is_shown_with_its_interval() -> None:
    metrics = gated(0.0101, 0.0125, 0.0021, 0.0027, name="latency_p50", unit="s") | gated(
        0.91, 0.9, -0.02, 0.0, name="macro_f1", unit="share"
    )
    lines = terminal(result("evaluate", check("x"), metrics=metrics), colour=False).splitlines()
    assert lines[1:] == [
        "  | median latency ↓  10.1 ms → 12.5 ms  +2.4 ms ± 300 µs  worse",
        "  | macro F1 ↑        91.0 % → 90.0 %    −1.0 pp ± 1.0",
    ]


def test_the_verdict_of_a_run_is_one_harmless_line() -> None:
    assert verdict(view(*(result(step, check("x")) for step in ("validate", "train", "evaluate")))) == (
        "✅ digits: all checks pass"
    )
    for text in (*CORPUS, *GREAT):
        shown = view(
            reads(result("validate"), **{f"a{text}"[:150]: "1"}), reads(result("train"), **{f"a{text}"[:150]: "2"})
        )
        shown = replace(shown, title=text)
        assert_harmless(verdict(shown))
        assert "\n" not in verdict(shown)


def test_many_failures_are_counted() -> None:
    lines = terminal(result("validate", *(check(f"rule {index}", "fail") for index in range(99))), colour=False)
    assert lines.count("✗ rule") == 20
    assert lines.endswith("  and 79 more in .ci-kit/validate.json")


def test_colour_is_for_terminals_that_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[32m" in terminal(evaluated())
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in terminal(evaluated())
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setattr("sys.stdout.isatty", lambda: False, raising=False)
    assert "\x1b" not in terminal(evaluated())
