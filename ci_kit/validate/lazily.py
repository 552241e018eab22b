"""A table in polars: one column in memory at a time, whole plans only for the user's own checks."""

import warnings
from collections.abc import Sequence
from typing import Any

import polars as pl

from ci_kit.data import reading
from ci_kit.validate.faults import faults_of, run
from ci_kit.validate.flavour import ready, structural
from ci_kit.validate.plans import duplicated, pick, repeated
from ci_kit.validate.table import Fault, Tally
from ci_kit.validate.texts import FIRST, explained, read, spaces
from ci_kit.validate.wording import value


class Lazily:
    """The Table of a LazyFrame."""

    def __init__(self, frame: pl.LazyFrame, *, quiet: bool = False) -> None:
        """Look at the names and the number of rows only; `quiet` keeps values out of errors."""
        self.frame, self._quiet = frame, quiet
        self.columns = frame.collect_schema().names()
        self.height: int = frame.select(pl.len()).collect().item()
        self._name: str | None = None
        self._held = pl.DataFrame()

    def parse(self, schema: Any) -> list[Fault]:
        """Coerce column by column (pandera would collect the whole table for each), then let pandera judge."""
        given, known = dict(self.frame.collect_schema()), self._known(schema)
        coerced, faults = self._coerce(schema)
        bad = frozenset(fault.column or "" for fault in faults)
        parsed, errors = run(_uncoerced(structural(schema, bad)), coerced, quiet=self._quiet)
        if errors:
            faults += [self._explained(fault, given) for fault in faults_of(errors, schema, given, known)]
            unfit = frozenset(fault.column or "" for fault in faults)
            parsed, _ = run(_uncoerced(structural(schema, unfit, lenient=True)), coerced, quiet=self._quiet)
        self.frame, self._held = parsed, pl.DataFrame()
        self.columns = parsed.collect_schema().names()
        return faults

    def matching(self, column: Any) -> list[str]:
        """See Table."""
        names = pl.LazyFrame(schema=dict.fromkeys(self.columns, pl.Null)).select(pl.col(column.selector))
        return names.collect_schema().names()

    def _known(self, schema: Any) -> set[str]:
        regexes = [column for column in schema.columns.values() if column.regex]
        return set(schema.columns) | {name for column in regexes for name in self.matching(column)}

    def _coerce(self, schema: Any) -> tuple[pl.LazyFrame, list[Fault]]:
        frame, faults = self.frame, []
        types = frame.collect_schema()
        for column in schema.columns.values():
            dtype = schema.dtype or column.dtype
            if dtype is None or not (schema.coerce or column.coerce):
                continue
            for name in self.matching(column) if column.regex else [column.name] * (column.name in types):
                if dtype.check(types[name]) is True:
                    continue
                frame, fault = self._read(frame, dtype, name) if types[name] == pl.String else (frame, None)
                fault = fault or self._coercible(frame, dtype, name)
                if fault:
                    faults.append(fault)
                else:
                    frame = dtype.coerce(_data(frame, name))
        return frame, faults

    def _explained(self, fault: Fault, given: dict[str, pl.DataType]) -> Fault:
        if fault.rule != "dtype" or fault.column is None or given.get(fault.column) != pl.String:
            return fault
        return explained(fault, self._column(fault.column).to_series())

    def _read(self, frame: pl.LazyFrame, dtype: Any, name: str) -> tuple[pl.LazyFrame, Fault | None]:
        """Turn a column of text into what polars does not cast text to."""
        how = read(name, str(dtype))
        if how is None:
            return frame, None
        column = self._column(name)
        good = column.select(how.is_not_null() | pl.col(name).is_null())
        if not good.to_series().all():
            return frame, _unfit(column.to_series(), good, str(dtype))
        return frame.with_columns(how.alias(name)), None

    def _coercible(self, frame: pl.LazyFrame, dtype: Any, name: str) -> Fault | None:
        source = self._column(name)
        try:
            dtype.try_coerce(_data(frame.select(name), name)).collect()
        except Exception as error:  # noqa: BLE001 - a type of the user's own raises whatever it likes
            return _unfit(source.to_series(), getattr(error, "parser_output", None), str(dtype))
        return None

    def nulls(self, column: str) -> Tally:
        """See Table."""
        one = self._column(column)[column]
        if not one.dtype.is_float() and not one.null_count():
            return Tally(bad=0)
        return _tally(one.is_null() | one.is_nan().fill_null(True) if one.dtype.is_float() else one.is_null())

    def duplicates(self, columns: Sequence[str], keep: str) -> Tally:  # noqa: ARG002
        """See Table; `keep` means nothing to pandera's polars flavour, which counts every one."""
        if len(columns) == 1:
            return _tally(repeated(self._column(columns[0]).to_series()))
        return _tally(duplicated(self.frame, columns))

    def check(self, check: Any, column: str | None) -> Tally:
        """See Table."""
        check, builtin = ready(check)
        # Pandera's own checks see their column alone; the user's may look at any other.
        alone = column is not None and (check.element_wise or builtin)
        source = self._column(column).lazy() if alone and column is not None else self.frame
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            answer = check.get_backend(source)(check).apply(_data(source, column or "*"))
            if isinstance(answer, bool):
                return Tally(bad=int(not answer), whole=True)
            good = answer.collect().to_series()
        if good.dtype == pl.Boolean and not good.null_count() and good.all():
            return Tally(bad=0, whole=len(good) != self.height)
        bad = (~good).fill_null(not check.ignore_na)
        return _tally(bad) if len(bad) == self.height else Tally(bad=int(bad.any()), whole=True)

    def values(self, columns: Sequence[str], rows: Sequence[int]) -> list[tuple[Any, ...]]:
        """See Table."""
        if [*columns] == self._held.columns:
            return self._held[list(rows)].rows()
        return pick(self.frame, columns, rows)

    def _column(self, name: str) -> pl.DataFrame:
        if self._name != name or name not in self._held.columns:
            self._held = pl.DataFrame()
            with reading(f"column {name!r}", quiet=self._quiet):
                self._held, self._name = self.frame.select(pl.col(name)).collect(), name
        return self._held


def _unfit(values: pl.Series, good: pl.DataFrame | pl.LazyFrame | None, dtype: str) -> Fault:
    """Return the fault of a column with values that can't be coerced; nulls are not among them."""
    count, why, samples = "some values", "", tuple[str, ...]()
    if good is not None:
        bad = ~good.lazy().collect().to_series() & values.is_not_null()
        rows = bad.arg_true().head(FIRST).to_list()
        count = f"{bad.sum():,} of {len(values):,} values"
        why = spaces(values.filter(bad), dtype)
        samples = tuple(f"row {row}: {value(one)}" for row, one in zip(rows, values.gather(rows), strict=True))
    observed = f"{count} of {values.dtype} do not fit{why}"
    return Fault(column=values.name, rule="coerced", observed=observed, limit=dtype, samples=samples, unusable=True)


def _data(frame: pl.LazyFrame, column: str) -> Any:
    from pandera.api.polars.types import PolarsData

    return PolarsData(frame, column)


def _uncoerced(schema: Any) -> Any:
    if schema.columns:
        schema.coerce = False
    for column in schema.columns.values():
        column.coerce = False
    return schema


def _tally(bad: pl.Series) -> Tally:
    return Tally(bad=int(bad.sum()), rows=tuple(bad.arg_true().head(FIRST).to_list())) if bad.any() else Tally(bad=0)
