from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_kit.drift.window import CATCH_UP, Cut, cuts
from ci_kit.errors import UserError
from ci_kit.sections import Window, duration

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAILY = Window(column="ts", every="1d")


def at(*hours: float) -> list[datetime]:
    """Return times so many hours before noon."""
    return [NOON - timedelta(hours=one) for one in hours]


def cut(times: Any, window: Window | None = DAILY, *, after: str | None = None, **more: Any) -> list[Cut]:
    frame = times if isinstance(times, pl.LazyFrame) else pl.LazyFrame({"ts": times})
    return cuts(frame, window, mark="sha256:0123456789abcdef", now=more.pop("now", NOON), after=after, **more)


def ids(found: list[Cut]) -> list[str]:
    return [one.id for one in found]


def test_windows_are_aligned_to_utc_and_complete() -> None:
    found = cut(at(1, 13, 14, 37, 60), last=2)
    assert ids(found) == ["20261118t000000z-1d", "20261119t000000z-1d"]
    assert [one.frame.collect().height for one in found] == [one.rows for one in found] == [2, 2]
    newest = found[-1]
    assert newest.words == "2026-11-19 00:00 to 2026-11-20 00:00 UTC"
    assert datetime.fromtimestamp(newest.start, UTC) == datetime(2026, 11, 19, tzinfo=UTC)
    assert newest.end - newest.start == 86400


@pytest.mark.parametrize(
    ("every", "expected"),
    [
        ("6h", "20261120t060000z-6h"),
        ("1w", "20261109t000000z-1w"),
        ("90s", "20261120t115830z-90s"),
        ("45m", "20261120t111500z-45m"),
        ("7d", "20261112t000000z-7d"),
    ],
)
def test_the_newest_complete_window_of_each_length(every: str, expected: str) -> None:
    times = [NOON - duration(every) / 4 * one for one in range(1, 20)]
    (found,) = cut(times, Window(column="ts", every=every))
    assert found.id == expected
    begin = datetime.fromtimestamp(found.start, UTC)
    assert begin.weekday() == 0 or not every.endswith("w")
    inside = [one for one in times if found.start <= one.timestamp() < found.end]
    assert found.frame.collect().height == found.rows == len(inside)
    assert found.end <= NOON.timestamp() < found.end + (found.end - found.start)


SAME = [datetime(2026, 11, 19, 0, 0), datetime(2026, 11, 19, 23, 59, 59), datetime(2026, 11, 18, 23, 59, 59)]
SECONDS = [int(one.replace(tzinfo=UTC).timestamp()) for one in SAME]


@pytest.mark.parametrize(
    "times",
    [
        pl.Series(SAME),
        pl.Series(SAME, dtype=pl.Datetime("ns")),
        pl.Series(SAME, dtype=pl.Datetime("ms")).dt.replace_time_zone("UTC"),
        pl.Series(SAME).dt.replace_time_zone("UTC").dt.convert_time_zone("Asia/Kolkata"),
        pl.Series([one.date() for one in SAME]),
        pl.Series([one.isoformat() for one in SAME]),
        pl.Series(["2026-11-19T05:30:00+05:30", "2026-11-19T23:59:59Z", "2026-11-18 23:59"]),
        pl.Series([one + 0.25 for one in SECONDS]),
        pl.Series(SECONDS, dtype=pl.Int64),
        pl.Series([one * 10**3 for one in SECONDS], dtype=pl.Int64),
        pl.Series([one * 10**6 for one in SECONDS], dtype=pl.Int64),
        pl.Series([one * 10**9 for one in SECONDS], dtype=pl.UInt64),
    ],
    ids=lambda one: str(one.dtype),
)
def test_times_of_any_type_fall_into_the_same_window(times: pl.Series) -> None:
    (found,) = cut(pl.LazyFrame({"ts": times, "n": [0, 1, 2]}))
    assert found.frame.collect()["n"].to_list() == [0, 1]
    assert (found.id, found.rows, found.unplaced) == ("20261119t000000z-1d", 2, 0)


@pytest.mark.parametrize("text", [True, False])
def test_midnight_belongs_to_the_day_that_begins(text: bool) -> None:
    times = [datetime(2026, 11, 19), datetime(2026, 11, 20), datetime(2026, 11, 18, 23, 59, 59, 999_999)]
    (found,) = cut([one.isoformat() for one in times] if text else times)
    assert found.frame.collect().height == found.rows == 1


def test_rows_without_a_readable_time_are_counted() -> None:
    times = ["2026-11-19", None, "yesterday", "19.11.2026", "2026-11-19T08:00:00Z"]
    (found,) = cut(times)
    assert (found.rows, found.unplaced) == (2, 3)
    (found,) = cut([*map(float, SECONDS), float("nan"), float("inf"), -1e300, None])
    assert (found.rows, found.unplaced) == (2, 4)


def test_a_run_judges_what_it_missed_and_is_idempotent() -> None:
    times = at(*range(1, 24 * 6))
    assert ids(cut(times, after="20261117t000000z-1d")) == ["20261118t000000z-1d", "20261119t000000z-1d"]
    assert ids(cut(times, after="20261119t000000z-1d")) == ["20261119t000000z-1d"]
    assert ids(cut(times, after="20261121t000000z-1d")) == ["20261119t000000z-1d"]
    assert cut(times, after="20261117t000000z-1d")[0].left == 0


def test_another_length_goes_on_where_the_last_window_ended() -> None:
    times = at(*range(1, 24 * 6))
    assert ids(cut(times, after="20261118t060000z-6h")) == ["20261119t000000z-1d"]
    assert ids(cut(times, Window(column="ts", every="6h"), after="20261118t000000z-1d"))[0] == "20261119t000000z-6h"
    assert len(cut(times, after="000000000100-50", last=3)) == 3


def test_a_hundred_missed_windows_are_the_newest_sixty() -> None:
    found = cut(at(*range(1, 24 * 120)), after="20260811t000000z-1d")
    assert (len(found), found[0].left) == (CATCH_UP, 40)
    assert (found[0].id, found[-1].id) == ("20260921t000000z-1d", "20261119t000000z-1d")


def test_an_empty_window_between_has_no_rows() -> None:
    found = cut(at(13, 72), after="20261116t000000z-1d")
    assert [(one.id[:8], one.rows, one.frame.collect().height) for one in found] == [
        ("20261117", 1, 1),
        ("20261118", 0, 0),
        ("20261119", 1, 1),
    ]


@pytest.mark.parametrize("after", [None, "20261117t000000z-1d", "20261118t000000z-1d", "20261119t000000z-1d"])
def test_one_empty_newest_window_is_judged(after: str | None) -> None:
    newest = cut(at(1, 37), after=after)[-1]
    assert (newest.id, newest.rows, newest.frame.collect().height) == ("20261119t000000z-1d", 0, 0)


def test_empty_windows_of_a_night_are_judged_where_the_day_has_rows() -> None:
    hourly = Window(column="ts", every="1h")
    found = cut(at(10, 30), hourly, after="20261119t110000z-1h")
    assert (found[-1].rows, sum(one.rows for one in found)) == (0, 1)
    what = r"no rows between 2026-11-20 03:00 and .* 12:00 UTC .* \(the newest row is of 2026-11-20 02:00 UTC\)"
    with pytest.raises(UserError, match=what):
        cut(at(10, 30), hourly, after="20261120t030000z-1h")


@pytest.mark.parametrize("after", [None, "20261117t000000z-1d", "20261118t000000z-1d", "20261119t000000z-1d"])
def test_a_second_empty_window_is_a_log_that_ended(after: str | None) -> None:
    what = "no rows between 2026-11-18 00:00 and 2026-11-20 00:00 UTC in the current data"
    with pytest.raises(UserError, match=what):
        cut(at(1, 72), after=after)


@pytest.mark.parametrize("hours", [0.1, 1, 24 * 365 * 900])
def test_times_that_all_lie_in_the_future_are_not_waited_for(hours: float) -> None:
    with pytest.raises(UserError, match=r"all times of the current data lie in the future .* their unit, or .* zone"):
        cut(at(-hours, -hours - 1))


def test_rows_that_lie_in_the_future_are_counted_and_a_clock_that_is_a_little_ahead_is_right() -> None:
    (found,) = cut(at(13, 1, -0.01, -0.1, -24, -48), last=1)
    assert (found.rows, found.future) == (1, 3)
    assert cut(at(13, 1, -0.01))[0].future == 0


def test_what_has_not_ended_is_not_judged() -> None:
    with pytest.raises(
        UserError, match=r"no complete window of 1d .* \(the first row is of the one that ends 2026-11-21"
    ):
        cut(at(1, 2))
    with pytest.raises(UserError, match=r"no complete window of 3 rows yet \(2 in the current data\)"):
        cut(at(1, 2), Window(rows=3))


@pytest.mark.parametrize(
    ("frame", "what"),
    [
        (pl.LazyFrame({"time": ["2026-11-19"]}), "no column 'ts' in the current data"),
        (pl.LazyFrame({"ts": ["soon", None]}), r"no times in the column 'ts' of the current data \(2 rows\)"),
        (pl.LazyFrame({"ts": [True]}), "no times in the column 'ts'"),
        (pl.LazyFrame({"ts": [[1]]}), "no times in the column 'ts'"),
        (pl.LazyFrame({"ts": []}, schema={"ts": pl.Date}), r"no times in the column 'ts' .* \(0 rows\)"),
    ],
)
def test_a_column_without_times_is_named(frame: pl.LazyFrame, what: str) -> None:
    with pytest.raises(UserError, match=what):
        cut(frame)


def test_a_replay_gets_all_windows_with_rows() -> None:
    found = cut([*at(1, 13, 24 * 300), datetime(1970, 1, 1, tzinfo=UTC)], last=None)
    assert [one.id[:8] for one in found] == ["19700101", "20260124", "20261119"]
    assert ids(cut(at(*range(7)), Window(rows=3), last=None)) == ["000000000000-3", "000000000003-3"]


def test_rows_are_counted_in_the_order_of_the_data() -> None:
    window, frame = Window(rows=100), pl.LazyFrame({"n": range(450)})
    found = cut(frame, window, after="000000000100-100")
    assert ids(found) == ["000000000200-100", "000000000300-100"]
    assert [one.frame.collect()["n"][0] for one in found] == [200, 300]
    assert (found[0].start, found[0].end, found[0].words) == (200, 300, "rows 201 to 300")
    assert ids(cut(frame, window, after="000000000300-100")) == ["000000000300-100"]
    assert ids(cut(frame, window, after="000000000000-250")) == ["000000000300-100"]


@pytest.mark.parametrize("rows", [0, 50, 320, 399])
def test_rows_that_begin_again_are_not_taken_for_those_that_were_judged(rows: int) -> None:
    frame = pl.LazyFrame({"n": range(rows)})
    said = rf"rows of the log are gone \(it has {rows} rows, but windows up to row 400 were judged\)\. Was it rotated\?"
    with pytest.raises(UserError, match=said):
        cut(frame, Window(rows=100), after="000000000300-100", name="the log")


def test_all_data_is_one_window_named_by_its_content() -> None:
    (found,) = cut(at(1, 2), None)
    assert (found.id, found.start, found.end, found.rows) == ("all-0123456789ab", 0, 2, 2)
    with pytest.raises(UserError, match="no rows in the current data"):
        cut(pl.LazyFrame({"a": []}), None)


@settings(max_examples=15)
@given(
    st.lists(st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)), min_size=1, max_size=30),
    st.sampled_from(["1h", "7h", "1d", "3d", "1w", "1000s"]),
    st.booleans(),
)
def test_every_row_is_in_one_window(times: list[datetime], every: str, text: bool) -> None:
    values = [one.isoformat() for one in times] if text else times
    frame = pl.LazyFrame({"ts": values, "n": range(len(times))})
    found = cut(frame, Window(column="ts", every=every), last=None, now=datetime(2027, 6, 1, tzinfo=UTC))
    seen = [row for one in found for row in one.frame.collect()["n"]]
    assert sorted(seen) == list(range(len(times)))
    assert sum(one.rows for one in found) == len(times)
    assert ids(found) == sorted(ids(found))


def test_days_are_dates() -> None:
    assert cut([date(2026, 11, 19)])[0].rows == 1
