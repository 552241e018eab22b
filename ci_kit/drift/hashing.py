"""A hash of rows that samples by it: the same rows give the same hash, whatever their order and the threads.

Integers, truth values, dates and times are mixed by SplitMix64's finalizer in plain 64-bit arithmetic (Steele, Lea and
Flood 2014), so their hash holds for every version of polars. Text and floats go through polars' own hash first, which
may change with its version: then the sample is another one, and as good.
"""

from collections.abc import Sequence

import polars as pl

_SEED = 0x9E3779B97F4A7C15
_FIRST, _SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def hashed(key: Sequence[str], schema: pl.Schema) -> pl.Expr:
    """Return one UInt64 for the values of the key's columns, a null being a value of its own."""
    total = pl.lit(_SEED, pl.UInt64)
    for column in key:
        total = mixed(total ^ _bits(column, schema[column]))
    return total


def mixed(one: pl.Expr) -> pl.Expr:
    """Return SplitMix64's finalizer of a UInt64; the products wrap."""
    one = one + pl.lit(_SEED, pl.UInt64)
    one = (one ^ (one // 2**30)) * pl.lit(_FIRST, pl.UInt64)
    one = (one ^ (one // 2**27)) * pl.lit(_SECOND, pl.UInt64)
    return one ^ (one // 2**31)


def _bits(column: str, dtype: pl.DataType) -> pl.Expr:
    one = pl.col(column)
    if dtype.is_integer() or dtype == pl.Boolean:
        plain = one.cast(pl.Int64, strict=False) if dtype != pl.UInt64 else one
    elif isinstance(dtype, pl.Datetime) or dtype == pl.Date:
        plain = one.cast(pl.Datetime("us")).cast(pl.Int64)
    else:
        return one.hash(seed=0)
    return plain.cast(pl.UInt64, wrap_numerical=True).fill_null(_SECOND)
