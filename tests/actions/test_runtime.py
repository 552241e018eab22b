from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings

from ci_kit.actions import active, annotate, group, mask, output, runtime, summary
from ci_kit.characters import visible
from tests.actions import runner
from tests.hostile import sweep, texts


@pytest.fixture
def actions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "output"))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    monkeypatch.setattr(runtime, "_shown", Counter())
    monkeypatch.setattr("atexit.register", lambda function: None)
    return tmp_path


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_ACTIONS", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)


def test_outputs_come_back_as_they_went(actions: Path) -> None:
    values = list(sweep(1500))
    for number, value in enumerate(values):
        output(f"out-{number}", value)
    expected = [(f"out-{number}", value.encode("utf-8", "replace").decode()) for number, value in enumerate(values)]
    assert runner.pairs((actions / "output").read_bytes().decode()) == expected


def test_an_output_can_not_guess_the_delimiter(actions: Path) -> None:
    output("status", "pass")
    delimiter = (actions / "output").read_text().splitlines()[0].removeprefix("status<<")
    output("result", f"x\n{delimiter}\nevil=1")
    pairs = runner.pairs((actions / "output").read_text())
    assert pairs == [("status", "pass"), ("result", f"x\n{delimiter}\nevil=1")]


@pytest.mark.parametrize("name", ["", "A", "a=b", "a<<b", "a\nb", "1", "é"])
def test_a_bad_output_name_is_our_bug(actions: Path, name: str) -> None:
    with pytest.raises(ValueError, match="can't name an output"):
        output(name, "x")


def test_a_great_output_is_cut_and_said_so(actions: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output("a", "x" * 1_000_000)
    assert runner.pairs((actions / "output").read_text()) == [("a", "x" * runtime.OUTPUT_CHARACTERS)]
    assert "was cut at 250,000 of 1,000,000" in capsys.readouterr().out


@pytest.mark.parametrize("level", ["error", "warning", "notice"])
def test_an_annotation_is_one_command_that_says_what_was_meant(
    level: runtime.Level, actions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(runtime, "_write", shown.append)
    monkeypatch.setattr(runtime, "ANNOTATIONS", 10**6)
    drawn = zip(sweep(800, 1), sweep(800, 2), sweep(800, 3), strict=True)
    for message, title, file in drawn:
        annotate(level, message, title=title, file=file, line=7)
        line = shown.pop()
        found = runner.command(line)
        assert runner.lines(line) == [line]
        assert found is not None
        assert found.name == level
        assert set(found.properties) <= {"title", "file", "line"}
        assert found.properties.get("line") == ("7" if file.strip() else None)
        assert found.data == as_shown(message)
        assert found.properties.get("title", "").strip() == as_shown(title).lstrip("=").strip()
    assert shown == []


def as_shown(text: str) -> str:
    return visible("\n".join(text.splitlines()))


def test_ten_annotations_per_level_are_shown_and_the_rest_is_counted(
    actions: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(13):
        annotate("error", f"e{number}")
    annotate("notice", "n")
    runtime._say_left_out()
    shown = capsys.readouterr().out.splitlines()
    assert shown == [
        *(f"::error::e{n}" for n in range(10)),
        "::notice::n",
        "Not shown as annotations: 3 of level error",
    ]


def test_a_great_annotation_is_cut(actions: Path, capsys: pytest.CaptureFixture[str]) -> None:
    annotate("error", "x" * 1_000_000, title="y" * 1_000_000)
    assert len(capsys.readouterr().out) < 4500


@pytest.mark.usefixtures("outside")
def test_outside_actions_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert not active()
    output("a", "b")
    summary("x")
    mask("secret")
    annotate("error", "x")
    with group("title"):
        pass
    assert capsys.readouterr().out == ""


@settings(max_examples=40)
@given(texts)
def test_group_and_mask_are_one_command_a_line(text: str) -> None:
    shown: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GITHUB_ACTIONS", "true")
        patch.setattr(runtime, "_write", shown.append)
        mask(text)
        with group(text):
            pass
    found = [runner.command(line) for line in shown]
    assert [item.name for item in found if item][-2:] == ["group", "endgroup"]
    masks = [item.data for item in found if item and item.name == "add-mask"]
    assert masks == [part for part in dict.fromkeys((text, *text.splitlines())) if part.strip()]
    assert all(runner.lines(line) == [line] for line in shown)


def test_a_group_ends_when_its_body_fails(actions: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError), group("a"):
        raise RuntimeError
    assert capsys.readouterr().out.splitlines() == ["::group::a", "::endgroup::"]


def test_summaries_are_appended(actions: Path) -> None:
    summary("# a")
    summary("b\n")
    assert (actions / "summary").read_text() == "# a\nb\n"


@pytest.mark.parametrize(
    "before", [0, 100, runtime.SUMMARY_BYTES - 300, runtime.SUMMARY_BYTES - 10, runtime.SUMMARY_BYTES]
)
def test_a_summary_never_exceeds_the_limit(actions: Path, before: int) -> None:
    (actions / "summary").write_bytes(b"x" * before)
    summary("é line\n" * 200_000)
    written = (actions / "summary").read_bytes()
    assert len(written) <= runtime.SUMMARY_BYTES
    written.decode()
    assert ("Cut here" in written.decode()) == (before < runtime.SUMMARY_BYTES - 100)


def test_text_that_the_terminal_can_not_show_is_escaped(actions: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import io
    import sys

    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    annotate("error", "é→")
    sys.stdout.flush()
    assert raw.getvalue() == b"::error::\\xe9\\u2192\n"
