"""What a command is busy with is seen on a terminal, and nowhere else."""

import ast
import os
import pty
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from ci_kit.cli import STEPS
from ci_kit.progress import busy, each, progress
from tests.init.made import both, lay, train

ROOT = Path(__file__).parents[1]
LONG = "[bold]a long line " + "x" * 150
HALF = "[bold]half a line"
WAIT = """
import time
from ci_kit import progress
def wait():
    for bar in [line for line in progress._lines if progress.DELAY < 9]:
        while not (bar._bar and bar._bar.live.is_started):
            time.sleep(0.01)
    time.sleep(0.3)  # it is drawn ten times a second
"""
WORK = f"""{WAIT}
progress.DELAY = 0.1
with progress.progress("evaluate"):
    progress.busy("reading")
    wait()
    print({LONG!r}, flush=True)
    print({HALF!r}, end="", flush=True)
    print()
    progress.busy("asking [red] of a\x1b[2Jhostile name", 3, 12)
    wait()
    progress.busy("")
    print("as it is", flush=True)
    time.sleep(0.3)
    progress.busy("comparing")
    wait()
print("the end")
"""


def seen(code: str, *, stdout: Path | None = None, **env: str) -> str:
    """Return all that a terminal of 80 columns is sent."""
    main, other = pty.openpty()
    known = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "CI")}
    with stdout.open("wb") if stdout else os.fdopen(os.dup(other), "wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code)],
            env=known | {"TERM": "xterm", "COLUMNS": "80"} | env,
            stdin=other,
            stdout=out,
            stderr=other,
        )
    os.close(other)
    said = b""
    try:
        while part := os.read(main, 65536):
            said += part
    except OSError:  # how Linux says that nobody writes there any more
        pass
    os.close(main)
    assert process.wait(60) == 0, said.decode()
    return said.decode()


def test_a_terminal_shows_it_and_keeps_what_was_printed() -> None:
    shown = seen(WORK)
    reading, asking, printed, again = (shown.index(one) for one in ("reading", "asking", "as it is", "comparing"))
    assert reading < shown.index(f"{LONG}\r\n") < shown.index(f"{HALF}\r\n") < asking < printed < again
    assert "evaluate: asking [red] of a\\u001b[2Jhostile… " in shown
    assert "3/12" in shown
    assert "\x1b[2J" not in shown
    assert not re.search(r"\x1b\[[39]1m", shown), "red is for what failed"
    assert "asking" not in shown[printed:], "it stays away while another program has the terminal"
    assert "\x1b[2K" in shown[printed - 20 : printed]
    drawn = [re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", one) for one in re.split(r"[\r\n]+", shown) if "evaluate:" in one]
    assert len(drawn) > 5
    assert max(map(len, drawn)) <= 80
    # The last thing before the end: the line is erased, and the cursor is back.
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")
    assert shown.endswith("\x1b[2Kthe end\r\n")


def test_without_colour_where_nobody_wants_it() -> None:
    assert "\x1b[32m" in seen(WORK)
    shown = seen(WORK, NO_COLOR="1")
    assert "reading" in shown
    assert "\x1b[3" not in shown


def test_what_goes_elsewhere_is_left_as_it_is(tmp_path: Path) -> None:
    shown = seen(WORK, stdout=tmp_path / "out")
    assert "reading" in shown
    assert "as it is" not in shown
    assert (tmp_path / "out").read_text() == f"{LONG}\n{HALF}\nas it is\nthe end\n"


def test_what_is_over_soon_a_dumb_terminal_and_a_runner_show_nothing() -> None:
    plain = f"{LONG}\r\n{HALF}\r\nas it is\r\nthe end\r\n"
    assert seen(WORK.replace("DELAY = 0.1", "DELAY = 60")) == plain
    assert seen(WORK, TERM="dumb") == plain
    assert seen(WORK, CI="true") == plain, "some runners hand a terminal to a job, and keep all that it is sent"


def test_without_a_terminal_nothing_is_said(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ci_kit.progress.DELAY", 0.0)
    with progress("train"):
        busy("nothing")
    busy("nobody listens")
    assert capfd.readouterr() == ("", "")


def test_each_item_is_said_with_how_many_came_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[tuple[str, int, int]] = []
    monkeypatch.setattr("ci_kit.progress.busy", lambda *one: said.append(one))
    assert [*each(("a", "b"), str.upper)] == ["a", "b"]
    assert said == [("A", 0, 2), ("B", 1, 2)]


def test_an_error_passes_and_leaves_the_terminal_as_it_was() -> None:
    shown = seen(f"""{WAIT}
import contextlib
progress.DELAY = 0.1
with contextlib.suppress(KeyboardInterrupt), progress.progress("drift"):
    wait()
    raise KeyboardInterrupt
progress.busy("over")
time.sleep(0.3)
""")
    assert "drift" in shown
    assert "over" not in shown
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")


@pytest.mark.parametrize("word", [*STEPS, "init", "doctor"])
def test_each_command_says_what_it_is_busy_with(word: str) -> None:
    calls = [
        node
        for path in (ROOT / "ci_kit" / word).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "busy"
    ]
    assert len(calls) > 1


@pytest.mark.e2e
@pytest.mark.parametrize("words", [["validate"], ["validate", "--json"], ["doctor"], ["init", "--yes"]])
def test_a_command_shows_it(tmp_path: Path, words: list[str]) -> None:
    folder = lay(tmp_path / "houses", {**both(), "train.py": train(), "requirements.txt": "scikit-learn\n"})
    (folder / "ci-kit.yaml").write_text("data: {train: {path: data/train.csv}}\n")
    shown = seen(f"""
        import os, sys
        from ci_kit import progress
        from ci_kit.__main__ import main
        say, progress.DELAY = progress._Line.say, 0
        def drawn(self, *said):
            self._timer.join()
            say(self, *said)
            self._bar.refresh()
        progress._Line.say = drawn
        os.chdir({str(folder)!r})
        sys.argv = ["ci-kit", *{words!r}]
        try:
            main()
        except SystemExit:
            pass
    """)
    assert f"{words[0]}: " in shown
    assert "/" in shown[shown.index(f"{words[0]}: ") :].partition("\x1b[?25h")[0], "it counts"
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")
