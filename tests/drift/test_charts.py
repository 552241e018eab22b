"""Pictures, numbers and words of what moved: bounded, finite, comparable, and silent about sensitive values."""

import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_kit.drift.charts import MOST, charts, worst_first
from ci_kit.drift.checks import decided, facts, new, schema, spaced, unchecked
from ci_kit.drift.decide import lost, moved
from ci_kit.drift.measures import measures
from ci_kit.drift.side import Column, Side
from ci_kit.drift.wording import LONGEST, label
from ci_kit.parts import Chart, Check, Metric
from ci_kit.sections import Alarm, Drift
from tests.drift.sides import letters, like, normal, side

ALL = Drift(min_rows=20, q=0.999999, effect=0)
VALUE = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True), st.integers(-5, 5).map(float))


def drawn(reference: Side, current: Side, **more: Any) -> tuple[Chart, ...]:
    return charts(moved(reference, current, Drift()), reference, current, **more)


def said(reference: Side, current: Side, sensitive: tuple[str, ...] = ()) -> list[Check]:
    tests = moved(reference, current, Drift())
    found = [*decided(tests, reference, current, "2026-11-20", [], Alarm(), sensitive)]
    return [*found, *facts(current.columns, reference, current, sensitive)]


@settings(max_examples=8)
@given(st.lists(VALUE, min_size=30, max_size=30), st.lists(VALUE, min_size=30, max_size=60))
def test_whatever_the_numbers_are_the_picture_is_finite_and_on_the_same_bins(old: list[Any], now: list[Any]) -> None:
    reference = side(x=pl.Series(old, dtype=pl.Float64))
    current = like(reference, x=pl.Series(now, dtype=pl.Float64))
    tests = moved(reference, current, ALL)
    for chart in charts(tests, reference, current):
        first, second = chart.series
        assert first.x == second.x
        assert all(math.isclose(sum(one.y), 1) and min(one.y) >= 0 for one in chart.series)
    assert all(math.isfinite(one.value) for one in measures(tests, reference, current).values())
    assert all(check.observed for check in decided(tests, reference, current, "now", [], Alarm()))


def test_numbers_are_drawn_between_their_outer_percentiles() -> None:
    reference = side(x=[*normal(1), 1e9])
    [chart] = drawn(reference, like(reference, x=normal(2, shift=1)))
    assert (chart.kind, chart.title, [one.name for one in chart.series]) == ("histogram", "x", ["reference", "current"])
    edges = [float(x) for x in chart.series[0].x]
    assert -3 < edges[0] < edges[-1] < 4
    assert np.ptp(np.diff(edges)) < 1e-9
    assert np.average(edges, weights=chart.series[1].y) - np.average(edges, weights=chart.series[0].y) > 0.8


def test_whole_numbers_of_a_small_range_have_a_bin_each() -> None:
    reference = side(x=[1, 2, 3, 5] * 300)
    [chart] = drawn(reference, like(reference, x=[1, 1, 1, 2] * 300))
    assert chart.kind == "histogram"
    assert [one.x for one in chart.series] == [(1.0, 2.0, 3.0, 4.0, 5.0)] * 2
    assert [one.y for one in chart.series] == [(0.25, 0.25, 0.25, 0, 0.25), (0.75, 0.25, 0, 0, 0)]


def test_categories_are_bars_and_those_that_do_not_fit_one_more() -> None:
    reference = side(kind=letters(1, 1200))
    [chart] = drawn(reference, like(reference, kind=[str(number % 60) for number in range(1200)]))
    names = chart.series[0].x
    assert (chart.kind, len(names), names[-1]) == ("bar", 20, "(all others)")
    assert sum(chart.series[1].y) == pytest.approx(1)


def test_names_of_categories_that_look_like_numbers_stay_names() -> None:
    reference = side(kind=["100", "7"] * 600)
    [chart] = drawn(reference, like(reference, kind=["100", "7", "7"] * 400))
    assert Chart.model_validate_json(chart.model_dump_json()).series[0].x == ("7", "100")


def test_a_column_whose_nulls_alone_moved_shows_them() -> None:
    reference = side(x=normal(1))
    [chart] = drawn(reference, like(reference, x=[None] * 500 + normal(2, 500)))
    assert chart.series[1].x == ("null", "not null")
    assert chart.series[1].y == (0.5, 0.5)


def test_the_worst_come_first_and_not_too_many() -> None:
    reference = side(**{f"x{number}": normal(number) for number in range(20)})
    current = like(reference, **{f"x{number}": normal(50, shift=0.5 + number / 10) for number in range(20)})
    tests = moved(reference, current, Drift())
    effects = [test.comparison.effect for test in worst_first(tests)]
    assert effects == sorted(effects, reverse=True)
    assert [chart.title for chart in drawn(reference, current)] == [f"x{number}" for number in range(19, 19 - MOST, -1)]


def test_values_of_sensitive_columns_are_shown_nowhere() -> None:
    reference = side(salary=[50_001.5, 50_002.5] * 600, place=["Springfield"] * 600 + ["Shelbyville"] * 600)
    columns = {"salary": [90_003.5, 10.25] * 600, "place": ["Ogdenville"] * 1000 + ["Springfield"] * 200}
    current, hidden = like(reference, **columns), ("salary", "place")
    checks = said(reference, current, hidden)
    told = " ".join(check.model_dump_json() for check in checks) + str(
        measures(moved(reference, current, Drift()), reference, current, hidden)
    )
    assert {check.id for check in checks} == {"data/salary", "data/place", "levels/place", "range/salary"}
    assert not any(word in told for word in ("5000", "50,00", "9000", "90,00", "10.2", "ville", "field"))
    assert drawn(reference, current, sensitive=hidden) == ()
    open_text = " ".join(check.model_dump_json() for check in said(reference, current))
    assert all(word in open_text for word in ("Ogdenville", "90,0"))


def test_a_check_says_how_far_a_column_moved() -> None:
    reference = side(x=[1.0, 2.0] * 600, kind=["a", "b", "b"] * 400, gap=[1] * 1200)
    current = like(reference, x=[2.0, 3.0] * 600, kind=["a", "a", "b"] * 400, gap=[None, 1, 1, 1] * 300)
    found = {check.id: check for check in said(reference, current)}
    assert found["data/x"].observed == "KS 0.5, p < 1e-9; mean 1.5 → 2.5"
    assert found["data/kind"].observed == "TV 0.33, p < 1e-9; 'a' 33.3 % → 66.7 %"
    assert found["nulls/gap"].observed == "0 % → 25.0 %, p < 1e-9"
    assert found["range/x"].observed == "maximum 2 → 3"
    assert found["data/x"].title == "x moved"
    detail = "in this window, since 2026-11-20; an alarm needs 2 of 2 windows"
    assert (found["data/x"].status, found["data/x"].detail) == ("warn", detail)
    assert (found["data/gap"].title, found["data/gap"].status) == ("gap has not moved", "pass")


@pytest.mark.parametrize(
    ("levels", "status", "observed"),
    [
        (["a"] * 500 + ["b"] * 500, None, None),
        (["a"] * 500 + ["b"] * 498 + ["new"] * 2, "pass", "1 new, 0.2 % of rows: 'new'"),
        (["a"] * 500 + ["b"] * 490 + ["new"] * 10, "warn", "1 new, 1.0 % of rows: 'new'"),
        (["a"] * 1000, "warn", "1 gone: 'b'"),
    ],
)
def test_new_and_vanished_levels_are_told_and_warn_where_chance_does_not_bring_them(
    levels: list[str], status: str | None, observed: str | None
) -> None:
    reference = side(kind=["a"] * 500 + ["b"] * 500)
    found = {check.id: check for check in said(reference, like(reference, kind=levels))}.get("levels/kind")
    assert (found and found.status, found and found.observed) == (status, observed)


def test_a_column_that_is_gone_or_of_another_kind_fails_at_once() -> None:
    reference = side(x=normal(1), kind=letters(1), empty=normal(1))
    current = like(reference, kind=normal(1), empty=[None] * 1000, more=[1] * 1000)
    found = {check.id: check for check in schema(reference.columns, reference, current)}
    assert {name: check.status for name, check in found.items()} == dict.fromkeys(
        ("schema/x", "schema/kind", "schema/empty"), "fail"
    )
    assert found["schema/empty"].title == "empty is missing"
    assert "Null in all 1,000" in str(found["schema/empty"].detail)
    assert found["schema/kind"].observed == "category (String) → number (Float64)"
    assert [check.id for check in schema(reference.columns, reference, reference)] == ["schema"]
    nothing = side(x=[None] * 1000, kind=[None] * 1000)
    now = like(nothing, x=normal(1), kind=letters(1))
    assert [check.id for check in schema(nothing.columns, nothing, now)] == ["schema"]
    assert [check.id for check in new(["more"])] == ["schema/more"]


@pytest.mark.parametrize(
    ("nulls", "rows", "expected"),
    [(0, 1, True), (0, 0, False), (450, 1000, True), (450, 5, False), (600, 1000, False)],
    ids=["one row", "no row", "many nulls", "by chance", "mostly null"],
)
def test_a_column_that_is_all_null_is_missing_unless_it_often_is(nulls: int, rows: int, expected: bool) -> None:
    reference = side(x=[None] * nulls + normal(1, 1000 - nulls))
    current = like(reference, x=pl.Series([None] * rows, dtype=pl.Float64))
    assert lost("x", reference, current) is expected
    assert not lost("x", reference, like(reference, x=[None] * rows + [1.0]))


def test_a_column_whose_values_are_not_compared_says_why() -> None:
    texts = [f"text {number}" for number in range(2000)]
    times = pl.datetime_range(pl.datetime(2026, 1, 1), pl.datetime(2026, 3, 31), "1h", eager=True)[:2000]
    reference = side(note=texts, at=times, x=normal(1, 2000), list=[[1]] * 2000)
    found = {check.id: (check.status, check.observed) for check in unchecked(reference.columns, reference)}
    assert found == {
        "values/note": ("pass", "more than 1,000 different texts: only its nulls are compared"),
        "values/at": ("pass", "times: only its nulls are compared"),
        "values/list": ("pass", "values of List(Int64): only its nulls are compared"),
    }


@pytest.mark.parametrize(
    ("texts", "warned"),
    [
        ([" 39", "40", " 1e3"], True),
        ([" -0.5 "], True),
        ([" 39", " ?"], False),
        (["39", "40"], False),
        ([" State-gov", " Private"], False),
        ([" ", ""], False),
        ([], False),
    ],
)
def test_texts_that_are_numbers_but_for_their_spaces_are_asked_about(texts: list[str], warned: bool) -> None:
    assert [(check.id, check.status) for check in spaced({"x": texts})] == [("spaces/x", "warn")] * warned


HOSTILE = [
    "x",
    "y" * 300,
    "y" * 299 + "z",
    "",
    " ",
    "a@baseline",
    "a",
    "a@change",
    "::error::x",
    "\x1b[31m",
    "a\nb",
    "💥",
]


def test_hostile_names_of_columns_neither_collide_nor_break() -> None:
    reference = side(**{name: [*normal(1, 900), *[None] * 100] for name in HOSTILE})
    current = like(reference, **{name: [*normal(2, 800, shift=1), *[None] * 200] for name in HOSTILE})
    tests = moved(reference, current, Drift())
    found = said(reference, current)
    assert len({check.id for check in found}) == len(found) >= 2 * len(HOSTILE)
    metrics = measures(tests, reference, current)
    assert len({name[:200] for name in metrics}) == len(metrics) == 1 + 6 * len(HOSTILE)
    assert all(isinstance(one, Metric) for one in metrics.values())
    assert len({chart.title for chart in charts(tests, reference, current)}) == len(HOSTILE)


@given(st.text(max_size=2 * LONGEST), st.text(max_size=2 * LONGEST))
def test_labels_are_printable_short_and_as_different_as_the_names(one: str, other: str) -> None:
    assert label(one).isprintable()
    assert 0 < len(label(one)) <= LONGEST + 10
    assert (label(one) == label(other)) == (one == other)


def test_of_too_many_columns_those_that_moved_are_measured_first() -> None:
    def wide(last: float) -> Side:
        sample = pl.DataFrame({f"x{number:03d}": [1.0, 2.0] * 20 for number in range(500)})
        sample = sample.with_columns(pl.col("x499") + last)
        columns = {name: Column(kind="number", dtype="Float64", nulls=0, low=1, high=2) for name in sample.columns}
        return Side(rows=40, columns=columns, sample=sample)

    tests = moved(wide(0), wide(5), Drift(min_rows=20))
    metrics = measures(tests, wide(0), wide(5))
    assert len(metrics) <= 1900 < 1 + 4 * len(tests)
    assert list(metrics)[:2] == ["moved", "drift/x499"]
