"""A hash of rows that samples by it: the same rows give the same hash, whatever their order and the threads.

Whole numbers, truth values, dates and times are mixed in plain 64-bit arithmetic, two rounds of shift, xor and product
as in MurmurHash3's finalizer, so their hash holds for every version of polars. Text and floats go through polars' own
hash first, which may change with its version: then the sample is another one, and as good.
"""

from collections.abc import Sequence

import polars as pl

_FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xC4CEB9FE1A85EC53


def hashed(key: Sequence[str], schema: pl.Schema) -> pl.Expr:
    """Return one UInt64 for the values of the key's columns (at least one), a null being a value of its own."""
    total = mixed(_bits(key[0], schema[key[0]]))
    for column in key[1:]:
        total = mixed(total ^ _bits(column, schema[column]))
    return total


def mixed(one: pl.Expr) -> pl.Expr:
    """Return a UInt64 in whose upper bits every bit of the given one counts; the products wrap."""
    for factor in (_FIRST, _SECOND):
        one = (one ^ (one // 2**32)) * pl.lit(factor, pl.UInt64)
    return one


def _bits(column: str, dtype: pl.DataType) -> pl.Expr:
    one = pl.col(column)
    if isinstance(dtype, pl.Datetime) or dtype == pl.Date:
        one = one.cast(pl.Datetime("us")).cast(pl.Int64)
    elif not (dtype.is_integer() or dtype == pl.Boolean):
        one = one.hash(seed=0)
    return one.cast(pl.UInt64, wrap_numerical=True).fill_null(_SECOND)
