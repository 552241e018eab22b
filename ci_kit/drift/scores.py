"""Rows with a prediction and the truth, each with its score: 1 or 0 for a label, the absolute error for a number."""

from collections.abc import Sequence

import polars as pl

from ci_kit.data import reading, scan
from ci_kit.drift.current import dataset as of_role
from ci_kit.errors import UserError
from ci_kit.job import Job

PREDICTION, TRUTH, SCORE = "prediction", "truth", "score"


class Unjudged(Exception):  # noqa: N818 - it reads as what it is
    """Why performance can't be judged, which is no mistake: the check is skipped."""


def keys(count: int) -> list[str]:
    """Return the names under which `count` key columns stand in a table of scores."""
    return [f"key{place}" for place in range(count)]


def pick(frame: pl.LazyFrame, prediction: str | None, truth: str | None, key: Sequence[str] = ()) -> pl.LazyFrame:
    """Return these columns alone, as `key0` …, `prediction` and `truth`: no name of the user's is in the way."""
    named = {**dict(zip(keys(len(key)), key, strict=True)), PREDICTION: prediction, TRUTH: truth}
    return frame.select(pl.col(column).alias(name) for name, column in named.items() if column is not None)


def with_labels(job: Job, rows: pl.LazyFrame, key: Sequence[str], target: str) -> pl.LazyFrame:
    """Add `truth` from the data set `drift.labels` by key, null where it has none; the last label of a key counts.

    Raises UserError if the data set is unknown, unreadable, or lacks the target or a column of the key.
    """
    name, dataset = job.config.drift.labels or "", of_role(job, "labels")
    current = job.config.drift.current
    if not key:
        why = f"data set {current} has no `key`"
        raise UserError(f"{name} can't be joined", why=why, hint=f"Set `data.{current}.key`")
    labels = scan(dataset, job.root)
    with reading(name, quiet=bool(dataset.sensitive)):
        have = labels.collect_schema().names()
    for column in (*key, target):
        if column not in have:
            cure = "Set `drift.target`" if column == target else f"It needs the key of {current}"
            raise UserError(f"{name} has no column {column!r:.80}", hint=cure)
    names = keys(len(key))
    newest = pick(labels, None, target, key).unique(names, keep="last", maintain_order=True)
    left, right = rows.collect_schema(), newest.collect_schema()
    other = [one for one in names if left[one] != right[one]]
    casts = [_text(one, left[one]) for one in other], [_text(one, right[one]) for one in other]
    return rows.with_columns(casts[0]).join(newest.with_columns(casts[1]), on=names, how="left", maintain_order="left")


def scored(rows: pl.LazyFrame, task: str) -> pl.LazyFrame:
    """Return the rows that have both prediction and truth, with `score` as float64.

    Labels are compared whatever their types: as numbers where one of both is, else by their text. What is no finite
    number has no absolute error and is left out.
    """
    known = rows.filter(~_missing(TRUTH, rows), ~_missing(PREDICTION, rows))
    score = _error() if task == "regression" else _right(known.collect_schema())
    return known.with_columns(score.cast(pl.Float64).alias(SCORE)).filter(pl.col(SCORE).is_finite())


def known(rows: pl.LazyFrame) -> pl.Expr:
    """Return which rows have the truth."""
    return ~_missing(TRUTH, rows)


def collected(rows: pl.LazyFrame, task: str) -> pl.DataFrame:
    """Return keys and scores; raise Unjudged where labels are wanted and the predictions are fractions."""
    if task == "classification" and rows.collect_schema()[PREDICTION].is_float():
        value = pl.col(PREDICTION)
        odd = (value.is_finite() & (value != value.floor())).any()
        if rows.select(odd).collect(engine="streaming").item():
            cure = "name the column of labels first in `drift.prediction`, or set `evaluate.task: regression`"
            raise Unjudged(f"The predictions hold fractions, and classification needs labels: {cure}.")
    return rows.drop(PREDICTION, TRUTH).collect(engine="streaming")


def _error() -> pl.Expr:
    return (pl.col(PREDICTION).cast(pl.Float64, strict=False) - pl.col(TRUTH).cast(pl.Float64, strict=False)).abs()


def _right(schema: pl.Schema) -> pl.Expr:
    one, two = schema[PREDICTION], schema[TRUTH]
    left, right = pl.col(PREDICTION), pl.col(TRUTH)
    if one.is_integer() and two.is_integer():
        return left == right
    if one == pl.Boolean and two == pl.Boolean:
        return left == right
    if one.is_temporal() or two.is_temporal() or (_text_like(one) and _text_like(two)):
        return left.cast(pl.String) == right.cast(pl.String)
    if pl.Boolean in (one, two) and (_text_like(one) or _text_like(two)):
        return left.cast(pl.String).str.to_lowercase() == right.cast(pl.String).str.to_lowercase()
    return (_number(left, one) == _number(right, two)).fill_null(False)


def _number(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    return (column.cast(pl.String) if _text_like(dtype) else column).cast(pl.Float64, strict=False)


def _text_like(dtype: pl.DataType) -> bool:
    return dtype == pl.String or isinstance(dtype, (pl.Categorical, pl.Enum))


def _missing(name: str, rows: pl.LazyFrame) -> pl.Expr:
    column = pl.col(name)
    return column.is_null() | column.is_nan() if rows.collect_schema()[name].is_float() else column.is_null()


def _text(name: str, dtype: pl.DataType) -> pl.Expr:
    """Return a key as text: a number that only JSON or a null made a float is written as a whole number."""
    column = pl.col(name)
    if not dtype.is_float():
        return column.cast(pl.String)
    whole = column.is_finite() & (column == column.floor()) & (column.abs() < 2**53)
    return pl.when(whole).then(column.cast(pl.Int64, strict=False).cast(pl.String)).otherwise(column.cast(pl.String))
