import math
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_kit.drift.hashing import hashed
from ci_kit.drift.side import MAX_LEVELS, MAX_NEW, Column, Kind
from ci_kit.drift.survey import kind_of, survey

INF, NAN = math.inf, math.nan
DECIMALS = pl.Series([1, 3], dtype=pl.Decimal(9, 2))
CODES = pl.Series(["b", "a"], dtype=pl.Categorical)
UNFAIR = {
    "one": [0] * 20_000,
    "null": [None] * 20_000,
    "ten": [*range(10)] * 2000,
    "half": [*([7] * 10_000), *range(10_000)],
}


def column(values: Any, kind: Kind | None = None, *, levels: list[str] | None = None, sample: int = 1000) -> Column:
    """Survey one column of the current side, or of the reference where no kind is given."""
    frame = pl.LazyFrame({"x": values})
    known = {"x": levels} if levels is not None else None
    return survey(frame, {"x": kind} if kind else None, sample=sample, levels=known).columns["x"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3, None, -1], Column(kind="number", dtype="Int64", nulls=1, low=-1, high=3)),
        ([1.5, NAN, None, -0.5], Column(kind="number", dtype="Float64", nulls=2, low=-0.5, high=1.5)),
        ([NAN, NAN], Column(kind="number", dtype="Float64", nulls=2)),
        ([INF, -INF, NAN], Column(kind="number", dtype="Float64", nulls=1, low=-INF, high=INF)),
        ([2**63, 1], Column(kind="number", dtype="UInt64", nulls=0, low=1, high=2.0**63)),
        (
            pl.Series([1, 3], dtype=pl.Decimal(9, 2)),
            Column(kind="number", dtype="Decimal(precision=9, scale=2)", nulls=0, low=1, high=3),
        ),
        (["b", "a", None, "b"], Column(kind="category", dtype="String", nulls=1, levels={"b": 2, "a": 1})),
        (
            pl.Series(["b", "a"], dtype=pl.Categorical),
            Column(kind="category", dtype="Categorical", nulls=0, levels={"a": 1, "b": 1}),
        ),
        ([True, False, None, True], Column(kind="category", dtype="Boolean", nulls=1, levels={"true": 2, "false": 1})),
        ([True, True], Column(kind="category", dtype="Boolean", nulls=0, levels={"true": 2})),
        ([None, None], Column(kind="text", dtype="Null", nulls=2)),
        (pl.Series([None], dtype=pl.String), Column(kind="category", dtype="String", nulls=1, levels={})),
        (["", " "], Column(kind="category", dtype="String", nulls=0, levels={"": 1, " ": 1})),
        ([date(1970, 1, 2), None], Column(kind="time", dtype="Date", nulls=1, low=86400, high=86400)),
        ([[1], None], Column(kind="text", dtype="List(Int64)", nulls=1)),
        ([{"a": 1}], Column(kind="text", dtype="Struct({'a': Int64})", nulls=0)),
        (pl.Series([], dtype=pl.Float64), Column(kind="number", dtype="Float64", nulls=0)),
    ],
    ids=str,
)
def test_the_facts_of_a_column(values: Any, expected: Column) -> None:
    found = column(values)
    assert found == expected
    assert list(found.levels or ()) == list(expected.levels or ())


def test_times_are_seconds_since_1970() -> None:
    when = datetime(2026, 11, 20, 12, tzinfo=UTC)
    side = survey(pl.LazyFrame({"t": [when, None]}), None, sample=10)
    assert side.columns["t"].low == side.columns["t"].high == when.timestamp()
    assert set(side.sample["t"]) == {when.timestamp(), None}
    assert column([when.isoformat(), "soon"], "time").nulls == 1
    assert column([when.isoformat()], "time").low == when.timestamp()


DAYS = [f"2026-{1 + one // 28:02}-{1 + one % 28:02}" for one in range(300)]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (DAYS, "time"),
        ([f"{one}T08:00:00Z" for one in DAYS] + [None], "time"),
        ([*DAYS, "unknown"], "category"),
        (["1-2-3", "10-10-10"], "category"),
        (["2026", "2025"], "category"),
        ([None, None], "text"),
    ],
    ids=str,
)
def test_text_that_is_a_time_in_every_row_is_time(values: Any, kind: Kind) -> None:
    found = column(values)
    assert found.kind == kind
    assert found.nulls == values.count(None)
    assert (found.low is None) == (kind != "time")


def test_the_kind_of_text_that_is_a_time_is_that_of_the_reference() -> None:
    frame = pl.LazyFrame({"day": DAYS})
    reference = survey(frame, None, sample=100)
    assert reference.sample["day"].dtype == pl.Float64
    assert survey(frame, {"day": "time"}, sample=100).sample.equals(reference.sample)
    # As a profile of before has it.
    assert survey(frame, {"day": "category"}, sample=100, levels={"day": DAYS}).columns["day"].kind == "category"


@pytest.mark.parametrize(
    ("values", "asked", "kind"),
    [
        ([1, 2], "category", "category"),
        ([True], "category", "category"),
        ([1.5], "category", "number"),
        (["a"], "number", "category"),
        (["1"], "number", "category"),
        ([1], "text", "text"),
        ([[1]], "category", "text"),
        ([date(2026, 1, 1)], "number", "time"),
        ([None], "number", "number"),
        ([None], "category", "category"),
        (pl.Series([None], dtype=pl.String), "number", "number"),
        (pl.Series([None], dtype=pl.Float64), "category", "category"),
    ],
)
def test_a_column_has_the_kind_of_the_reference_where_it_can(values: Any, asked: Kind, kind: Kind) -> None:
    assert column(values, asked).kind == kind


def test_classes_that_look_like_numbers_are_counted_by_their_text() -> None:
    assert column([1, 10, 1], "category", levels=["1", "2"]).levels == {"1": 2, "10": 1}


def test_a_text_with_too_many_levels_is_no_category() -> None:
    levels = [f"level {one}" for one in range(MAX_LEVELS)]
    assert column(levels * 3).levels == dict.fromkeys(sorted(levels), 3)
    # One more than the sample can show: only the exact count tells.
    found = column([*levels, "one more", None], sample=1000)
    assert (found.kind, found.nulls, found.levels) == ("text", 1, None)
    assert column([f"{one}" for one in range(5000)], sample=5000).kind == "text"


@pytest.mark.parametrize("new", [1, MAX_NEW, MAX_NEW + 7, 5000])
def test_new_levels_are_counted_in_truth_and_named_up_to_a_number(new: int) -> None:
    values = ["a"] * 10 + [f"new {one}" for one in range(new)] * 2 + ["often"] * 5 + [None]
    found = column(values, "category", levels=["a", "b"], sample=4000)
    assert found.levels is not None
    assert len(found.levels) == 1 + min(new + 1, MAX_NEW)
    assert list(found.levels.items())[:2] == [("a", 10), ("often", 5)]
    assert sum(found.levels.values()) + found.others + found.nulls == len(values)
    assert found.others == 2 * max(0, new + 1 - MAX_NEW)


def test_columns_that_the_frame_lacks_are_left_out_and_a_key_is_no_column() -> None:
    frame = pl.LazyFrame({"id": [1, 2], "a": [1, 2], "new": [1, 2]})
    assert list(survey(frame, {"a": "number", "gone": "number"}, sample=10).columns) == ["a"]
    side = survey(frame, None, sample=10, key=["id"])
    assert (side.rows, list(side.columns), side.sample.columns) == (2, ["a", "new"], ["a", "new"])
    assert survey(frame, {}, sample=10).columns == {}


def test_the_sample_holds_no_text_and_no_nan() -> None:
    frame = pl.LazyFrame({"text": [f"{one}@example.org" for one in range(1500)], "x": [NAN] * 1500, "b": [True] * 1500})
    side = survey(frame, None, sample=1500)
    assert side.sample.columns == ["x", "b"]
    assert side.sample["x"].null_count() == 1500
    assert side.sample["b"].unique().to_list() == ["true"]


def rows(count: int, seed: int = 1) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "id": np.arange(count) * 3,
            "name": [f"row {one}" for one in range(count)],
            "x": random.normal(size=count),
            "c": random.choice(["a", "b", "c"], count),
        }
    )


@pytest.mark.parametrize("key", [["id"], ["name"], ["id", "name"]])
def test_a_sample_by_key_is_the_same_in_any_order_and_number_of_files(tmp_path: Path, key: list[str]) -> None:
    frame = rows(20_000)
    expected = survey(frame.lazy(), None, sample=1000, key=key).sample
    frame.sample(fraction=1, shuffle=True, seed=2).write_parquet(tmp_path / "a.parquet", row_group_size=1000)
    assert expected.height == 1000
    assert survey(pl.scan_parquet(tmp_path / "a.parquet"), None, sample=1000, key=key).sample.equals(expected)
    (tmp_path / "b").mkdir()
    for number, part in enumerate(frame.iter_slices(3000)):
        part.write_parquet(tmp_path / "b" / f"{number}.parquet")
    assert survey(pl.scan_parquet(tmp_path / "b/*.parquet"), None, sample=1000, key=key).sample.equals(expected)


def test_a_sample_without_a_key_is_by_the_number_of_the_row(tmp_path: Path) -> None:
    frame = rows(20_000)
    expected = survey(frame.lazy(), None, sample=1000).sample
    frame.write_parquet(tmp_path / "a.parquet", row_group_size=700)
    assert survey(pl.scan_parquet(tmp_path / "a.parquet"), None, sample=1000).sample.equals(expected)
    assert expected["id"].n_unique() == 1000
    window = frame.lazy().filter(pl.col("id") >= 3000)
    assert survey(window, None, sample=1000).sample.height == 1000


@pytest.mark.parametrize(
    "keys", [[0] * 20_000, [None] * 20_000, [*range(10)] * 2000, [*([7] * 10_000), *range(10_000)]]
)
def test_a_key_that_does_not_name_rows_is_not_sampled_by(keys: list[int | None]) -> None:
    frame = rows(20_000).with_columns(pl.Series("id", keys, dtype=pl.Int64)).lazy()
    side = survey(frame, None, sample=1000, key=["id"])
    assert side.sample.height == 1000
    assert side.sample.equals(survey(frame.drop("id"), None, sample=1000).sample)


def test_a_sample_is_fair() -> None:
    frame = pl.LazyFrame({"id": np.arange(200_000), "x": np.arange(200_000)})
    for side in (survey(frame, None, sample=20_000, key=["id"]), survey(frame, None, sample=20_000)):
        counts = np.histogram(side.sample["x"], bins=20, range=(0, 200_000))[0]
        # 19 degrees of freedom: beyond 50 once in 10,000 times.
        assert ((counts - 1000.0) ** 2 / 1000).sum() < 50
        odd = side.sample.select((pl.col("x") % 2).mean()).item()
        assert abs(odd - 0.5) < 0.02


def test_the_hash_of_whole_numbers_is_plain_arithmetic() -> None:
    def expected(value: int) -> int:
        for factor in (0x9E3779B97F4A7C15, 0xC4CEB9FE1A85EC53):
            value = (value ^ (value >> 32)) * factor % 2**64
        return value

    values = [0, 1, -1, 2**62, -(2**63), None]
    frame = pl.DataFrame({"id": values})
    *found, null = frame.select(hashed(["id"], frame.schema)).to_series()
    assert found == [expected(one % 2**64) for one in values if one is not None]
    assert null not in found


@settings(max_examples=15)
@given(st.lists(st.one_of(st.none(), st.floats(), st.integers(-5, 5).map(float)), max_size=50))
def test_facts_are_those_of_plain_python(values: list[float | None]) -> None:
    found = column(pl.Series(values, dtype=pl.Float64))
    good = [one for one in values if one is not None and not math.isnan(one)]
    assert found.nulls == len(values) - len(good)
    assert (found.low, found.high) == ((min(good), max(good)) if good else (None, None))


@settings(max_examples=15)
@given(st.lists(st.one_of(st.none(), st.text(max_size=3)), min_size=1, max_size=50))
def test_levels_nulls_and_others_are_all_rows(values: list[str | None]) -> None:
    found = column(pl.Series(values, dtype=pl.String), "category", levels=["a", "b"])
    assert found.levels == {one: values.count(one) for one in set(values) if one is not None}
    assert found.nulls == values.count(None)


def test_a_kind_is_asked_of_the_type_alone() -> None:
    types = (pl.Int8(), pl.Time(), pl.Duration("us"), pl.Binary())
    assert [kind_of(one) for one in types] == ["number", "text", "text", "text"]


def test_the_mark_is_kept() -> None:
    assert survey(pl.LazyFrame({"a": [1]}), None, sample=10, mark="md5:1").mark == "md5:1"
