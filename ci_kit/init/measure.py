"""What the rows of the data sets say: the rules of their columns, the key, and what a guess would score."""

import csv
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import polars as pl

from ci_kit.data import kind
from ci_kit.errors import UserError
from ci_kit.init import facts
from ci_kit.init.facts import CATEGORIES, Facts
from ci_kit.progress import each
from ci_kit.sections import DataSet
from ci_kit.validate.plans import row_hash
from ci_kit.validate.source import Source

CLASSES = 20  # more different whole numbers are no classes
SLICED = 12  # more groups are no slices that a person reads
PEOPLE = ("sex", "gender", "race", "ethnicity", "country", "region")
FEW = 30  # rows: fewer say little about a slice
_SEPARATORS = (";", "\t", "|")


def dataset(path: str, root: Path, known: DataSet | None = None) -> DataSet:
    """Return the data set at the path, with names for the columns of a CSV file that has no header.

    Where it is configured already, `known`, it is read as that says. Raises UserError for a CSV file that is not
    separated by commas.
    """
    if known:
        return DataSet(path=known.path, columns=known.columns, format=known.format)
    plain = DataSet(path=(path,))
    file = root / path
    if not file.is_file() or kind(plain, root) != "csv" or file.suffix == ".gz":
        return plain
    with file.open(encoding="utf-8", errors="replace", newline="") as text:
        cells = next(csv.reader(line[:100_000] for line in text), [])
    if len(cells) == 1:
        odd = next((one for one in _SEPARATORS if cells[0].count(one) > 1), None)
        if odd:
            raise UserError(f"{path} is separated by {odd!r}", hint="Write it with commas: ci-kit reads those alone")
    names = tuple(f"column_{number + 1}" for number in range(len(cells)))
    return plain if _header(cells) else DataSet(path=(path,), columns=names)


def _header(cells: list[str]) -> bool:
    """Say whether the first line holds names: numbers are none, unless they count the columns."""
    numbers = [float(one) for one in cells if _number(one)]
    counted = all(right - left == 1 for left, right in itertools.pairwise(numbers))
    return not numbers or (counted and len(numbers) > 1) or len(cells) == 1


def _number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


@dataclass(frozen=True, kw_only=True)
class Rows:
    """The rows of all data sets by name; those whose columns agree share a schema."""

    sources: Mapping[str, Source]

    @cached_property
    def groups(self) -> list[tuple[str, ...]]:
        """The names of the data sets, those with the same columns together."""
        found: dict[frozenset[str], list[str]] = {}
        for name, one in self.sources.items():
            found.setdefault(frozenset(one.columns), []).append(name)
        return [tuple(names) for names in found.values()]

    def facts(self, names: Sequence[str]) -> list[Facts]:
        """Look at each column of the data sets, which have the same ones."""
        sources = {name: self.sources[name] for name in names}
        first = sources[names[0]]
        bare = any(kind(one.dataset, one.root) != "parquet" for one in sources.values())
        found = []
        for column in each(first.columns, lambda _: f"looking at {', '.join(names)}"):
            parts = {name: self.column(name, column) for name in names}
            found.append(facts.gather(column, parts, bare=bare))
        return found

    def column(self, name: str, column: str) -> pl.Series:
        """Return a column of a data set; by its place, as polars reads some names as patterns."""
        one = self.sources[name]
        with one.reading():
            return one.rows.select(pl.nth(one.columns.index(column))).collect().to_series().alias("values")

    def common(self, first: str, second: str, by: Sequence[str]) -> int:
        """Return how many rows of the second data set stand in the first, too, by these columns."""
        known, asked = ((self.sources[one].rows.select(row_hash(by).alias("hash"))) for one in (first, second))
        return int(asked.join(known, on="hash", how="semi").select(pl.len()).collect().item())


def classes(target: Facts, tasks: set[str]) -> bool:
    """Say whether the truth is one of few labels: as its type says, else as the script does, else as the values do."""
    if not target.dtype.is_numeric():
        return True
    if len(tasks) == 1:
        return tasks == {"classification"}
    return target.dtype.is_integer() and target.distinct <= min(CLASSES, max(2, target.rows // 10))


@dataclass(frozen=True, kw_only=True)
class Guess:
    """What always giving one answer scores: the share of the commonest class, or the mean absolute error of the median.

    `worst` is that within the slices of the column `slice`, each with an answer of its own: the least share, or the
    greatest error.
    """

    score: float
    slice: str = ""
    worst: float = 0.0


def guess(rows: Rows, name: str, target: str, known: Sequence[Facts], *, classes: bool) -> Guess:
    """Return what a guess scores on a data set; slices are by a text or flag with a few common values."""
    truth = rows.column(name, target).drop_nulls()
    score = _share(truth) if classes else _error(truth)
    # Where people differ, first.
    for one in sorted(known, key=lambda one: one.name.lower() not in PEOPLE):
        listed = one.dtype in (pl.String, pl.Boolean) or isinstance(one.dtype, pl.Categorical)
        if one.name != target and listed and 2 <= one.distinct <= min(SLICED, CATEGORIES) and not one.form:
            frame = pl.DataFrame({"truth": rows.column(name, target), "by": rows.column(name, one.name)}).drop_nulls()
            parts = [part["truth"] for part in frame.partition_by("by")]
            if len(parts) > 1 and min(map(len, parts)) >= FEW:
                worst = min(map(_share, parts)) if classes else max(map(_error, parts))
                return Guess(score=score, slice=one.name, worst=worst)
    return Guess(score=score)


def _share(truth: pl.Series) -> float:
    counts = truth.value_counts()["count"]
    most = counts.max()
    return float(most) / len(truth) if isinstance(most, int) and len(truth) else 0.0


def _error(truth: pl.Series) -> float:
    numbers = truth.cast(pl.Float64)
    median = numbers.median()
    error = (numbers - median).abs().mean() if isinstance(median, float) else None
    return float(error) if isinstance(error, float) else 0.0
