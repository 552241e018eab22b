"""The decision: which columns of a window moved away from the reference.

Every column has up to two tests, of its values and of its share of nulls. Those of the data are one family and those
of the predictions another, because the two are reported apart and one answer must not be diluted by 200 features. In
each family Benjamini and Hochberg hold the false discovery rate at `drift.q`: where nothing moved, the chance that a
window names anything at all is at most q a family. A test counts only where the effect is at least `drift.effect`:
with enough rows the smallest difference has a small p.
"""

import difflib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from ci_kit.drift.side import Column, Side
from ci_kit.errors import UserError
from ci_kit.sections import Drift
from ci_kit.stats import Comparison, benjamini_hochberg, compare_levels, compare_numbers, compare_shares

Family = Literal["data", "prediction"]
Subject = Literal["values", "nulls"]
OTHERS = "\ud800"
"""Stands for all levels that are too many to name: no text that can be read has half a surrogate pair."""
MOSTLY, BY_CHANCE = 0.5, 1e-6
"""A column of the reference with a smaller share of nulls than MOSTLY, and no less likely to be all null, is missed."""


@dataclass(frozen=True, kw_only=True)
class Moved:
    """What one test found: `moved` where it was rejected with at least the effect `limit`."""

    column: str
    family: Family
    subject: Subject
    comparison: Comparison
    limit: float
    moved: bool = False


def moved(reference: Side, current: Side, settings: Drift, *, key: Collection[str] = ()) -> list[Moved]:
    """Test every column; with fewer than `min_rows` rows on a side nothing has moved. Pure, with no input or output.

    Numbers are compared on the samples, categories and nulls on the exact counts of all rows. A column that is all
    null on one side has no test of its values: the test of its nulls tells.
    """
    tests: list[Moved] = []
    for column, family in compared(reference, current, settings, key=key).items():
        limit = settings.effects.get(column, settings.effect)
        for subject, comparison in _tests(column, reference, current):
            tests.append(Moved(column=column, family=family, subject=subject, comparison=comparison, limit=limit))
    if not enough(reference, current, settings):
        return tests
    rejected: dict[int, bool] = {}
    for family in ("data", "prediction"):
        places = [place for place, test in enumerate(tests) if test.family == family]
        found = benjamini_hochberg([tests[place].comparison.p for place in places], settings.q)
        rejected |= dict(zip(places, found, strict=True))
    return [
        replace(test, moved=bool(rejected[place] and test.comparison.effect >= test.limit))
        for place, test in enumerate(tests)
    ]


def enough(reference: Side, current: Side, settings: Drift) -> bool:
    """Say whether both sides have the rows that a verdict needs."""
    return min(reference.rows, current.rows) >= settings.min_rows


def compared(reference: Side, current: Side, settings: Drift, *, key: Collection[str] = ()) -> dict[str, Family]:
    """Return the columns that both sides have and the settings ask for, in the reference's order."""
    return {name: family for name, family in wanted(reference, settings, key=key).items() if name in current.columns}


def wanted(reference: Side, settings: Drift, *, key: Collection[str] = ()) -> dict[str, Family]:
    """Return the columns of the reference to compare: those that are configured, else all but key, target and time.

    Raises UserError for one of `drift.columns` or `drift.effects` that the reference does not have. Predictions it may
    lack: training data seldom holds any.
    """
    named = {*settings.columns, *settings.prediction}
    if unknown := sorted({*settings.columns} - reference.columns.keys()):
        what, why = f"the reference has no column {unknown[0]!r:.80}", "`drift.columns` names it"
        raise UserError(
            what, why=why, hint="Type: ci-kit drift --build-reference, or mend the name", code="drift/reference"
        )
    if unknown := sorted(settings.effects.keys() - {*reference.columns, *settings.prediction}):
        close = difflib.get_close_matches(unknown[0], reference.columns, n=1)
        hint = f"Did you mean {close[0]!r:.80}?" if close else "Mend the name"
        what, why = f"the reference has no column {unknown[0]!r:.80}", "`drift.effects` names it"
        raise UserError(what, why=why, hint=hint)
    window = settings.window.column if settings.window else None
    left_out = {*key, settings.target, window} - named
    chosen = settings.columns or [name for name in reference.columns if name not in left_out]
    families: dict[str, Family] = dict.fromkeys(chosen, "data")
    families |= dict.fromkeys(settings.prediction, "prediction")
    return {name: families[name] for name in reference.columns if name in families}


def lost(column: str, reference: Side, current: Side) -> bool:
    """Say whether a column is as good as missing: null in all rows of the window, and not by chance.

    A window's columns are those of the whole log, so one that is written under another name from a day on is all null.
    """
    new, share = current.columns.get(column), reference.columns[column].nulls / max(reference.rows, 1)
    nulls = new is not None and 0 < current.rows == new.nulls
    return nulls and share < MOSTLY and share**current.rows < BY_CHANCE


def alike(reference: Column, current: Column) -> bool:
    """Say whether two columns are of one kind; one without any value may be of any."""
    return reference.kind == current.kind or empty(reference) or empty(current)


def empty(column: Column) -> bool:
    """Say whether no row has a value."""
    return column.low is None and not counted(column) and column.kind != "text"


def counted(column: Column) -> dict[str, int]:
    """Return the rows of each level; those of levels that are too many to name are one more."""
    return {**(column.levels or {}), **({OTHERS: column.others} if column.others else {})}


def _tests(name: str, reference: Side, current: Side) -> Iterator[tuple[Subject, Comparison]]:
    old, new = reference.columns[name], current.columns[name]
    if old.kind == new.kind and not (empty(old) or empty(new)):
        if old.kind == "number":
            yield "values", compare_numbers(reference.sample[name].to_numpy(), current.sample[name].to_numpy())
        if old.kind == "category":
            yield "values", compare_levels(counted(old), counted(new))
    # Where no side has a null there is nothing to test: counting it would only make the others' bar higher.
    if old.nulls or new.nulls:
        yield "nulls", compare_shares((old.nulls, reference.rows), (new.nulls, current.rows))
