"""The proof that this run's pandera finds what is bad: by default it checks nothing of a LazyFrame's values."""

from pathlib import Path

import pandera.polars as pa
import polars as pl

from ci_kit.sections import DataSet
from ci_kit.validate.examine import Examination
from ci_kit.validate.lazily import Lazily
from ci_kit.validate.source import Source
from ci_kit.validate.where import Where

# name → (column of the schema, values of which exactly one row, or two duplicates, is bad)
_EXPECTED = {
    "schema/proof/range/ge": "1 of 3 rows (33.3 %)",
    "schema/proof/nulls/not_null": "1 of 3 rows (33.3 %)",
    "schema/proof/unique/unique": "2 of 3 rows (66.7 %)",
    "schema/proof/coerced/coerced": "1 of 3 values of String do not fit",
    "schema/proof/own/positive": "1 of 3 rows (33.3 %)",
    "schema/proof/absent/present": "missing",
}


def prove() -> None:
    """Raise RuntimeError unless a LazyFrame with one fault of each kind fails with exactly these faults."""
    own = pa.Check(lambda data: data.lazyframe.select(pl.col(data.key) > 0), name="positive")
    schema = pa.DataFrameSchema(
        {
            "range": pa.Column(int, pa.Check.ge(0)),
            "nulls": pa.Column(int),
            "unique": pa.Column(int, unique=True),
            "coerced": pa.Column(int, coerce=True),
            "own": pa.Column(int, own),
            "absent": pa.Column(int),
        }
    )
    frame = pl.LazyFrame(
        {"range": [1, -1, 2], "nulls": [1, None, 2], "unique": [1, 1, 2], "coerced": ["1", "x", "2"], "own": [1, 0, 2]}
    )
    source = Source("proof", DataSet(path=("proof",)), Path(), Path())
    checks = Examination(source, schema, Lazily(frame), Where("proof.py:proof", Path()), 1).checks()
    found = {one.id: one.observed for one in checks if one.status != "pass"}
    if found != _EXPECTED:
        raise RuntimeError(f"validate can't be trusted here: a frame that must fail gave {found}")
