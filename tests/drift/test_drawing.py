import json
import re
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from ci_kit.drift.drawing import HTML, LEVELS, ROWS, draw, harmless
from ci_kit.drift.side import Column, Kind, Side
from ci_kit.errors import UserError
from tests.hostile import GREAT, MARKDOWN

pytestmark = pytest.mark.e2e
HOSTILE = "</script><script>alert(1)</script>"


def side(rows: int, shift: float = 0.0) -> Side:
    index = pl.Series(range(rows))
    columns: dict[str, tuple[Kind, pl.Series]] = {
        "x": ("number", (index % 97).cast(pl.Float64) + shift),
        "whole": ("number", index % 7),
        "bool": ("number", (index % 2).cast(pl.Boolean)),
        "same": ("number", index * 0 + 1),
        "infinite": ("number", pl.select(pl.when(index % 2 == 0).then(float("inf")).otherwise(1.5)).to_series()),
        "holes": ("number", pl.select(pl.when(index % 3 == 0).then(index)).to_series()),
        "nothing": ("number", pl.Series([None] * rows, dtype=pl.Float64)),
        HOSTILE: ("number", index % 5),
        "a b": ("number", index % 3),
        "a <b>": ("number", index % 3),
        "letter": ("category", pl.Series([None if i % 11 == 0 else f"{HOSTILE}{i % 4}" for i in range(rows)])),
        "many": ("category", (index % (3 * LEVELS)).cast(pl.String)),
        "when": ("time", index.cast(pl.Float64)),
    }
    known = {name: Column(kind=kind, dtype=str(values.dtype), nulls=0) for name, (kind, values) in columns.items()}
    known["note"] = Column(kind="text", dtype="String", nulls=0)
    return Side(rows=rows, columns=known, sample=pl.DataFrame({name: values for name, (_, values) in columns.items()}))


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, float]]:
    before, after = side(3000), side(2000, shift=40.0)
    html, document = draw(tmp_path_factory.mktemp("drawn"), before, after, [*before.columns, "unknown"])
    metrics = json.loads(document.read_text())["metrics"]
    return html.read_text(), {one["config"]["column"]: one["value"] for one in metrics}


def test_numbers_and_categories_with_values_are_drawn(drawn: tuple[str, dict[str, float]]) -> None:
    names = {"x", "whole", "bool", "same", "infinite", "holes", "a b", "a b (2)", harmless(HOSTILE), "letter", "many"}
    assert set(drawn[1]) == names


def test_current_is_compared_with_the_reference(drawn: tuple[str, dict[str, float]]) -> None:
    assert drawn[1]["x"] > 1
    assert drawn[1]["same"] == 0


def test_the_page_fetches_nothing_and_runs_nothing_from_the_data(drawn: tuple[str, dict[str, float]]) -> None:
    assert "alert(1)" in drawn[0].replace(" ", "")  # the column is there ...
    assert HOSTILE not in drawn[0]  # ... and harmless
    assert not re.search(r"<(?:script|link|img)[^>]*(?:src|href)=[\"']?https?:", drawn[0])


def test_the_page_costs_the_same_whatever_the_number_of_rows(tmp_path: Path) -> None:
    sizes = []
    for rows in (ROWS, 4 * ROWS):
        html, _ = draw(tmp_path, side(rows), side(rows), ["x", "letter"])
        sizes.append(html.stat().st_size)
    assert abs(sizes[1] - sizes[0]) < 1000


def test_without_anything_to_draw_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing to draw"):
        draw(tmp_path, side(30), side(30), ["note", "when", "nothing"])
    assert not (tmp_path / HTML).exists()


def test_a_missing_evidently_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "evidently", None)
    with pytest.raises(UserError, match=r"ci-kit\[drift\]"):
        draw(tmp_path, side(30), side(30), ["x"])


def test_a_failure_inside_evidently_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import evidently

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("inside")

    monkeypatch.setattr(evidently, "Report", broken)
    with pytest.raises(UserError, match="ZeroDivisionError: inside"):
        draw(tmp_path, side(30), side(30), ["x"])


@pytest.mark.parametrize("text", [*MARKDOWN, *GREAT])
def test_names_are_harmless(text: str) -> None:
    assert not set(harmless(text)) & set("<>&\"'`\\{}\n")
    assert "://" not in harmless(text)
    assert len(harmless(text)) <= 60


def test_nothing_is_imported_before_something_is_drawn() -> None:
    code = "import sys, ci_kit.drift.drawing; sys.exit(bool({'evidently', 'pandas'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
