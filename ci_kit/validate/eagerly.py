"""A table in pandas, for those who have pandas schemas."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import polars as pl

from ci_kit.validate.faults import faults_of, run
from ci_kit.validate.flavour import ready, structural
from ci_kit.validate.table import Fault, Tally
from ci_kit.validate.texts import FIRST, explained


class Eagerly:
    """The Table of a DataFrame; its index must count the rows from 0."""

    def __init__(self, frame: pd.DataFrame, *, quiet: bool = False) -> None:
        """Hold the frame; `quiet` keeps values out of errors."""
        self._quiet = quiet
        self.frame, self.columns, self.height = frame, list(map(str, frame.columns)), len(frame)

    def parse(self, schema: Any) -> list[Fault]:
        """See Table."""
        given = {str(name): dtype for name, dtype in self.frame.dtypes.items()}
        regexes = [column for column in schema.columns.values() if column.regex]
        known = set(schema.columns) | {name for column in regexes for name in self.matching(column)}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parsed, errors = run(structural(schema), self.frame, quiet=self._quiet)
            faults = [self._explained(fault) for fault in faults_of(errors, schema, given, known)]
            if errors:
                unfit = frozenset(fault.column or "" for fault in faults)
                parsed, _ = run(structural(schema, unfit, lenient=True), self.frame, quiet=self._quiet)
        self.frame, self.columns = parsed, list(map(str, parsed.columns))
        return faults

    def _explained(self, fault: Fault) -> Fault:
        one = self.frame.get(fault.column) if fault.rule == "dtype" else None
        if not isinstance(one, pd.Series) or not pd.api.types.is_string_dtype(one.dropna()):
            return fault
        texts = [None if gone else text for text, gone in zip(one, one.isna(), strict=True)]
        return explained(fault, pl.Series(texts, dtype=pl.String), polars=False)

    def matching(self, column: Any) -> list[str]:
        """See Table."""
        from pandera.errors import SchemaError

        try:
            return [str(name) for name in column.get_backend(self.frame).get_regex_columns(column, self.frame)]
        except SchemaError:
            return []

    def nulls(self, column: str) -> Tally:
        """See Table."""
        return _tally(self.frame[column].isna())

    def duplicates(self, columns: Sequence[str], keep: str) -> Tally:
        """See Table; `keep` is pandera's `report_duplicates`."""
        which: Any = {"exclude_first": "first", "exclude_last": "last"}.get(keep, False)
        return _tally(self.frame.duplicated(subset=list(columns), keep=which))

    def check(self, check: Any, column: str | None) -> Tally:
        """See Table."""
        check, _ = ready(check)
        backend = check.get_backend(self.frame)(check)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if hasattr(check, "is_one_sample_test"):
                return Tally(bad=int(not check(self.frame, column).check_passed), whole=True)
            given = backend.preprocess(self.frame, column)
            good = backend.apply(given)
        if not isinstance(good, (pd.Series, pd.DataFrame)):
            return Tally(bad=int(not good), whole=True)
        if isinstance(good, pd.DataFrame):
            good = ((good | given.isna()) if check.ignore_na else good).all(axis=1)
        elif isinstance(given, pd.DataFrame) and check.ignore_na and good.index.equals(given.index):
            good = good | given.isna().all(axis=1)
        bad = (~good.astype("boolean")).fillna(False).astype(bool)
        return _tally(bad) if _rows(given, bad) else Tally(bad=int(bad.any()), whole=True)

    def values(self, columns: Sequence[str], rows: Sequence[int]) -> list[tuple[Any, ...]]:
        """See Table."""
        return [tuple(row) for row in self.frame[list(columns)].iloc[list(rows)].astype(object).to_numpy().tolist()]


def _rows(given: Any, bad: pd.Series) -> bool:
    return isinstance(given, (pd.Series, pd.DataFrame)) and given.index.equals(bad.index)


def _tally(bad: "pd.Series[bool]") -> Tally:
    rows = bad.index[np.flatnonzero(bad.to_numpy())[:FIRST]]
    return Tally(bad=int(bad.sum()), rows=tuple(int(row) for row in rows))
