"""How often each level of a category occurs: exactly, and in bounded memory."""

from collections.abc import Collection, Mapping

import polars as pl

from ci_kit.drift.side import MAX_LEVELS, MAX_NEW


def count(
    frame: pl.LazyFrame, values: Mapping[str, pl.Expr], sample: pl.DataFrame, levels: Mapping[str, Collection[str]]
) -> dict[str, tuple[dict[str, int], int]]:
    """Return each category's exact counts by level, the most frequent first, and the rows of levels not named.

    Named are the reference's levels (`levels`) and the MAX_NEW most frequent others. Where the reference has none, a
    column of more than MAX_LEVELS is left out: it is text.
    """
    asked: dict[str, pl.LazyFrame] = {}
    for column, value in values.items():
        one = frame.select(value.alias("level")).drop_nulls()
        common = sample.select(pl.col(column).alias("level")).drop_nulls().group_by("level").len()
        if common.height > MAX_LEVELS:
            if column not in levels:
                continue
            # Millions of levels would fill the memory: those beyond the most frequent are one group, named null.
            named = {*levels[column], *list(_ordered(common))[:MAX_LEVELS]}
            one = one.select(pl.when(pl.col("level").is_in(sorted(named))).then("level"))
        asked[column] = one.group_by("level").len()
    found = dict(zip(asked, pl.collect_all(list(asked.values()), engine="streaming"), strict=True))
    return {
        column: _cut(counts, levels.get(column, ()))
        for column, counts in found.items()
        if column in levels or counts.height <= MAX_LEVELS
    }


def _ordered(counts: pl.DataFrame) -> dict[str, int]:
    return dict(counts.drop_nulls().sort(["len", "level"], descending=[True, False]).iter_rows())


def _cut(counts: pl.DataFrame, known: Collection[str]) -> tuple[dict[str, int], int]:
    ordered = _ordered(counts)
    new = [level for level in ordered if level not in known][MAX_NEW if known else MAX_LEVELS :]
    named = {level: rows for level, rows in ordered.items() if level not in set(new)}
    return named, int(counts["len"].sum()) - sum(named.values())
