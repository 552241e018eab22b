"""Evidently's report of a window: it draws what was decided without it.

At most ROWS rows a side and LEVELS levels a category are drawn: the page costs the same whatever the size of the data.
Beside the distributions stand its own distances (Wasserstein, Jensen-Shannon); nothing here reads its verdicts.
"""

import os
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from ci_kit.characters import visible
from ci_kit.drift.side import Side
from ci_kit.errors import UserError
from ci_kit.files import atomic_write

ROWS, LEVELS, LONGEST = 20_000, 50, 60
HTML, JSON = "evidently.html", "evidently.json"
OTHERS = "(all others)"


def draw(folder: Path, reference: Side, current: Side, columns: Sequence[str]) -> tuple[Path, Path]:
    """Write Evidently's HTML and JSON for the numbers and categories among the columns; return where they lie.

    Names and levels are shown without characters that mean something in HTML. Raises UserError when Evidently is
    missing, when no column can be drawn, and when Evidently fails.
    """
    numbers = _alike(reference, current, columns, "number")
    categories = _alike(reference, current, columns, "category")
    names = _names([*numbers, *categories])
    if not names:
        raise UserError("Evidently has nothing to draw", why="no number or category has values on both sides")
    sides = (current, reference)
    frames: list[dict[str, Any]] = [
        {names[name]: _values(side, name, "number").to_numpy() for name in numbers} for side in sides
    ]
    for name in categories:
        for frame, values in zip(frames, _categories(name, sides), strict=True):
            frame[names[name]] = values
    pages = _rendered(frames, [names[name] for name in numbers], [names[name] for name in categories])
    paths = folder / HTML, folder / JSON
    for path, page in zip(paths, pages, strict=True):
        atomic_write(path, page.encode())
    return paths


def _alike(reference: Side, current: Side, columns: Sequence[str], kind: str) -> list[str]:
    """Return the columns of that kind which have a value to draw on both sides."""
    sides = (reference, current)
    return [
        name
        for name in columns
        if all(name in side.columns and side.columns[name].kind == kind for side in sides)
        and all(name in side.sample.columns and _values(side, name, kind).drop_nulls().len() for side in sides)
    ]


def _values(side: Side, name: str, kind: str) -> pl.Series:
    column = side.sample[name].head(ROWS)
    if kind == "category":
        return column.cast(pl.String)
    numbers = column.cast(pl.Float64, strict=False)
    return numbers.set(~numbers.is_finite(), None)


def _names(columns: Sequence[str]) -> dict[str, str]:
    """Return harmless names, no two alike: Evidently writes them into its page as they are."""
    found: dict[str, str] = {}
    for column in columns:
        name = first = harmless(column) or "unnamed"
        number = 1
        while name in found.values():
            number += 1
            name = f"{first} ({number})"
        found[column] = name
    return found


def _categories(column: str, sides: Sequence[Side]) -> list[list[str | None]]:
    """Return the texts of a category on each side, with one name for all levels beyond the most frequent ones."""
    found = [_values(side, column, "category") for side in sides]
    counts = pl.concat(found).drop_nulls().value_counts(sort=True)[column].to_list()
    shown = {level: harmless(level) or "(blank)" for level in counts[:LEVELS]}
    return [[None if level is None else shown.get(level, OTHERS) for level in values] for values in found]


def _rendered(sides: Sequence[Mapping[str, Any]], numbers: Sequence[str], categories: Sequence[str]) -> tuple[str, str]:
    """Return HTML and JSON of the first side against the second."""
    os.environ["DO_NOT_TRACK"] = "1"
    kinds = dict.fromkeys(numbers, "float64") | dict.fromkeys(categories, "object")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pandas as pd
            from evidently import DataDefinition, Dataset, Report
            from evidently.metrics import ValueDrift

            columns = DataDefinition(numerical_columns=[*numbers], categorical_columns=[*categories])
            frames = [
                pd.DataFrame({name: pd.Series(side[name], dtype=kinds[name]) for name in kinds}) for side in sides
            ]
            data = [Dataset.from_pandas(frame, data_definition=columns) for frame in frames]
            drawn = [ValueDrift(column=name, method="wasserstein") for name in numbers]
            drawn += [ValueDrift(column=name, method="jensenshannon") for name in categories]
            report = Report(drawn).run(*data)
            return report.get_html_str(as_iframe=False), report.json()
    except ImportError as error:
        raise UserError(
            "Evidently can't be imported",
            why=str(error),
            hint="Type: pip install 'ci-kit[drift]'",
            code="config/install",
        ) from error
    except Exception as error:  # its hundreds of modules raise what they like, and none of it is a verdict
        raise UserError(
            "Evidently could not draw", why=f"{type(error).__name__}: {error}"[:300], code="data/unreadable"
        ) from error


def harmless(text: str) -> str:
    """Return a text without what HTML, scripts and links are made of."""
    return " ".join(re.sub(r"[<>&\"'`\\{}]|://", " ", visible(text[: 4 * LONGEST])).split())[:LONGEST]
