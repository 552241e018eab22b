"""The current data: a data set as elsewhere, or the log that a served model writes."""

import difflib
from typing import Literal

import polars as pl

from ci_kit.data import files, kind, reading, scan
from ci_kit.data.digest import mark
from ci_kit.drift.log import HELD, Torn, scan_log
from ci_kit.errors import UserError
from ci_kit.job import Job
from ci_kit.sections import DataSet


def current(job: Job) -> tuple[pl.LazyFrame, list[Torn], str]:
    """Return the rows of `drift.current`, the lines of a log that are torn and so no rows, and the data's fingerprint.

    Raises UserError when the data set is not configured or can't be read.
    """
    found = dataset(job, "current")
    if kind(found, job.root) == "jsonl":
        frame, torn = scan_log(files(found, job.root), job.root, quiet=bool(found.sensitive))
    else:
        frame, torn = scan(found, job.root), []
    return held(frame, found, job, f"data.{job.config.drift.current}"), torn, mark(found, job.root)


def held(frame: pl.LazyFrame, found: DataSet, job: Job, name: str) -> pl.LazyFrame:
    """Return the rows as they are read fastest again and again; raise UserError when they can't be read."""
    paths = files(found, job.root)
    if kind(found, job.root) == "parquet" or sum(path.stat().st_size for path in paths) > HELD:
        return frame
    with reading(name, quiet=bool(found.sensitive)):
        return frame.collect(engine="streaming").lazy()


def dataset(job: Job, role: Literal["reference", "current", "labels"]) -> DataSet:
    """Return the data set that `drift.<role>` names; raise UserError when there is none of that name."""
    name = getattr(job.config.drift, role)
    found = job.config.data.get(name)
    if found is None:
        known = ", ".join(job.config.data) or "none"
        close = difflib.get_close_matches(str(name), job.config.data, n=1)
        hint = f"Did you mean {close[0]!r}?" if close else f"Set `drift.{role}`"
        raise UserError(
            f"no {role} data set {name!r}", why=f"`data` has {known}", hint=hint, code="config/unknown-name"
        )
    return found
