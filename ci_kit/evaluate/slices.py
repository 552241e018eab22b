"""Where the change helps and where it harms: the rows cut by columns, the most harmed slice first."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ci_kit.errors import UserError
from ci_kit.evaluate.evidence import LABELS, Evidence
from ci_kit.evaluate.scoring import Rows
from ci_kit.models.frames import names
from ci_kit.models.reading import MANY as LABELS_AT_MOST
from ci_kit.models.slices import Cut, cut, few
from ci_kit.parts import Table
from ci_kit.render import numbers
from ci_kit.render.text import shorten
from ci_kit.stats import MIN_ROWS, Group, benjamini_hochberg, grouped

SHOWN = 25
WIDTH = 80  # characters of a slice's name
NEARLY = 0.9
"""Unless it was asked for, a slice of a greater share of all rows is left out: it is as they are."""
FALSE = 0.05
"""In at most this share of runs in which nothing changed is any slice called surely worse or better."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A metric that is a mean over rows: of the baseline, where it is compared, and of the change."""

    name: str
    unit: str
    rows: tuple[Rows, ...]


@dataclass(frozen=True, kw_only=True)
class Slice:
    """Its change as a group (without a baseline, its score), and each metric's mean: the baseline's, if any; now."""

    name: str
    group: Group
    metrics: tuple[tuple[float, ...], ...]
    sure: bool = False

    @property
    def harm(self) -> float:
        """By how much the scores of its rows rose, summed; without a baseline their mean."""
        return self.group.mean.value * (self.group.rows if len(self.metrics[0]) > 1 else 1)

    @property
    def word(self) -> str:
        """What can be said of it."""
        value = self.group.mean.value
        return ("surely worse" if value > 0 else "surely better") if self.sure else "unsure" if value else "the same"


def cuts(evidence: Evidence) -> tuple[list[Cut], list[str]]:
    """Return how the rows are cut, and what of `evaluate.slices` can't be, and why.

    Where nothing is asked for: by the target of a classification, then by each column of few values, but for keys and
    sensitive ones. Slices of sensitive columns are asked for by name, and numbered.
    """
    dataset = evidence.dataset
    if evidence.slices:
        found, refused = [], []
        for name in evidence.slices:
            try:
                found.append(cut(dataset, name, quiet=True))
            except UserError as error:
                refused.append(str(error))
        return found, refused
    hidden = {*dataset.sensitive, *evidence.key, dataset.target}
    labels = dataset.task == "classification" and not evidence.secret
    some = [few(dataset, dataset.target, LABELS_AT_MOST)] if labels else []
    some += [few(dataset, name) for name in names(dataset.frame) if name not in hidden]
    return [one for one in some if one is not None], []


def table(evidence: Evidence, found: list[Cut]) -> Table | None:
    """Return the table of slices; where no row changed, that of the change alone, the worst slice first."""
    kind, new, _ = evidence.proper
    change = evidence.change
    compared = change is not None and bool(change.any())
    measured = change if change is not None and compared else new
    metrics = _metrics(evidence, compared=compared)
    all_slices = [one for each in found for one in _slices(each, measured, metrics)]
    most = len(new) if evidence.slices else NEARLY * len(new)
    slices = [one for one in all_slices if MIN_ROWS <= one.group.rows <= most]
    if not slices:
        return None
    told = benjamini_hochberg([one.group.p for one in slices], FALSE) if compared else [False] * len(slices)
    slices = [replace(one, sure=sure) for one, sure in zip(slices, told, strict=True)]
    slices.sort(key=lambda one: one.harm, reverse=True)
    heads = [f"{one.name}, baseline → now" if compared else one.name for one in metrics]
    last = (f"change of {LABELS[kind]}", "verdict") if compared else (f"{LABELS[kind]}, 95 % interval",)
    unit = "share" if kind == "mistakes" else ""
    return Table(
        title=f"Slices, the {'most harmed' if compared else 'worst'} first",
        head=("slice", "rows", *heads, *last),
        rows=tuple(_row(one, metrics, unit, compared=compared) for one in slices[:SHOWN]),
        note=_note(len(slices), sum(0 < one.group.rows < MIN_ROWS for one in all_slices), compared=compared) or None,
    )


def _metrics(evidence: Evidence, *, compared: bool) -> list[Measured]:
    """Return what is shown of each slice: what both have, where they are compared."""
    new, old = evidence.scores, evidence.baseline.scores if compared else None
    columns = (("accuracy", "share", "correct"), ("log loss", "", "loss"), ("mean absolute error", "", "error"))
    found = []
    for name, unit, column in columns:
        now, before = getattr(new, column), None if old is None else getattr(old, column)
        if now is not None and (old is None or before is not None):
            rows = tuple(np.abs(one.astype(np.float64)) for one in ((now,) if before is None else (before, now)))
            found.append(Measured(name=name, unit=unit, rows=rows))
    return found


def _slices(one: Cut, measured: Rows, metrics: list[Measured]) -> Iterator[Slice]:
    count = len(one.names)
    rows = np.maximum(np.bincount(one.codes, minlength=count), 1)
    means = [
        [np.bincount(one.codes, weights=values, minlength=count) / rows for values in metric.rows] for metric in metrics
    ]
    for index, group in enumerate(grouped(measured, one.codes, count)):
        values = tuple(tuple(float(side[index]) for side in metric) for metric in means)
        yield Slice(name=one.names[index], group=group, metrics=values)


def _row(one: Slice, metrics: list[Measured], unit: str, *, compared: bool) -> tuple[str, ...]:
    cells = []
    for values, metric in zip(one.metrics, metrics, strict=True):
        texts = (
            numbers.pair(values[0], values[1], metric.unit) if compared else (numbers.number(values[0], metric.unit),)
        )
        cells.append(" → ".join(texts))
    mean = one.group.mean
    low, high = (mean.value if end is None else end for end in (mean.low, mean.high))
    if compared:
        alone = numbers.change(mean.value, unit)
        last = [numbers.spread(low, mean.value, high, unit) if low < high else alone, one.word]
    else:
        last = [" to ".join(numbers.number(max(end, 0.0), unit, 2) for end in (low, high))]
    return (shorten(one.name, WIDTH), f"{one.group.rows:,}", *cells, *last)


def _note(count: int, small: int, *, compared: bool) -> str:
    """Say what is not shown, and how to read what is."""
    notes = [f"{count - SHOWN:,} more slices are not shown."] if count > SHOWN else []
    if small:
        notes.append(f"{small:,} of fewer than {MIN_ROWS} rows are left out.")
    if compared:
        many = f"all {count:,} slices together" if count > 1 else "a single slice"
        notes.append(f"Intervals are of 95 % each; what is sure is so for {many} (Benjamini–Hochberg, 5 %).")
    return " ".join(notes)
