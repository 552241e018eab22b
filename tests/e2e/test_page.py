"""The script of the history page, run by Node with a document but no browser: what it draws, and what it says."""

import json
import os
import subprocess
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from ci_kit.render.chronicle import page
from ci_kit.render.commits import Chronicle, Value
from tests.e2e.conftest import require
from tests.e2e.hub import HERE, missing, node
from tests.hostile import CORPUS
from tests.render.past import chronicle

pytestmark = pytest.mark.e2e


@pytest.fixture(autouse=True)
def _node() -> None:
    require(missing(), os.environ)


def ran(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "history.html").write_text(text)
    command = [str(node()), "page.mjs", str(folder / "history.html")]
    return subprocess.run(command, cwd=HERE / "node", capture_output=True, text=True, timeout=60, check=False)


def drawn(shown: Chronicle, folder: Path) -> dict[str, Any]:
    done = ran(page(shown), folder)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def growing(count: int) -> Chronicle:
    """Return a history in which the accuracy of each commit is its number in per cent."""
    shown = chronicle(count)
    found = [
        replace(one, metrics={"accuracy": Value(value=number / 100, unit="share", direction="up")})
        for number, one in enumerate(shown.commits)
    ]
    return replace(shown, commits=tuple(found))


def test_every_commit_is_drawn_and_said(tmp_path: Path) -> None:
    told = drawn(growing(10), tmp_path)
    accuracy, time, cost = told["first"]
    assert [one["title"] for one in told["first"]] == ["accuracy ↑", "time", "cost"]
    assert [one["said"] for one in told["first"]] == ["9.0 %", "validate 3 s · train 6.67 min", "train 0.4 EUR"]
    assert [one["dots"] for one in told["first"]] == [10, 20, 10]
    (line,) = accuracy["lines"]
    points = [tuple(map(float, point.split())) for point in line[1:].split("L")]
    assert points == sorted(points, key=lambda point: (point[0], -point[1]))  # to the right and up
    assert len(points) == 10
    assert (len(time["lines"]), len(cost["lines"])) == (2, 1)
    assert {one["marks"] for one in told["first"]} == {3}  # a version, a drift check, a retraining
    assert all(label.endswith(" %") for label in accuracy["axis"])


def test_a_commit_that_is_pointed_at_says_its_values(tmp_path: Path) -> None:
    told = drawn(growing(10), tmp_path)
    assert told["quiet"] is None
    assert told["oldest"][0] == "accuracy ↑: 0 %"
    assert told["newest"][0] == "accuracy ↑: 9.0 %"
    assert told["newest"][1].endswith(", skip, 4,500 rows")
    assert told["newest"][2] == "Change 9"
    assert told["left"] is None


def test_a_drag_zooms_and_a_double_click_goes_back(tmp_path: Path) -> None:
    told = drawn(growing(10), tmp_path)
    assert told["dragged"] == 3  # each chart shows what is chosen
    assert [one["dots"] for one in told["zoomed"]] == [5, 10, 5]
    assert told["zoomed"][0]["ticked"] != told["first"][0]["ticked"]
    assert told["button"] is True
    assert told["back"] == told["first"]


def test_thousands_of_commits_are_lines_without_dots(tmp_path: Path) -> None:
    first = drawn(chronicle(5000), tmp_path)["first"]
    assert [one["dots"] for one in first] == [0, 0, 0]
    assert all(line.count("L") == 4999 for one in first for line in one["lines"])


def test_one_commit_alone_is_drawn(tmp_path: Path) -> None:
    told = drawn(growing(1), tmp_path)
    assert [one["dots"] for one in told["first"]] == [1, 2, 1]
    assert told["oldest"][0] == "accuracy ↑: 0 %"


def test_texts_from_outside_break_nothing(tmp_path: Path) -> None:
    texts = (f"{number} {text}" for number, text in enumerate(cycle(CORPUS)))
    told = drawn(chronicle(60, texts), tmp_path)
    assert all(one["said"] for one in told["first"])
    assert told["newest"][2]


def test_a_script_that_fails_is_noticed(tmp_path: Path) -> None:
    broken = page(growing(10)).replace('"use strict";', '"use strict"; nothing.is = there;')
    done = ran(broken, tmp_path)
    assert done.returncode != 0
    assert "ReferenceError" in done.stderr
