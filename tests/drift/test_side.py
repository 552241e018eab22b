"""Columns that only go on, as ids and times do, and what is said of them."""

from typing import Any

import pytest

from ci_kit.drift.charts import charts
from ci_kit.drift.checks import facts
from ci_kit.drift.decide import counted, moved
from ci_kit.drift.wording import seen
from ci_kit.parts import Chart
from ci_kit.sections import Drift
from tests.drift.sides import like, normal, side


def test_days_that_are_later_do_not_move() -> None:
    days = [f"{year}-{1 + one // 28:02}-{1 + one % 28:02}" for year in (2025, 2026) for one in range(300)]
    reference = side(day=days[:300] * 4)
    assert moved(reference, like(reference, day=days[300:] * 4), Drift()) == []


@pytest.mark.parametrize("quiet", [False, True])
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (range(1000), range(1000, 2000), True),
        ([float(one) for one in range(1000)], [float(one) for one in range(980, 1980)], True),
        (range(1000), range(500, 1500), False),
        (range(1000), [one // 2 + 2000 for one in range(1000)], False),
        (normal(1), normal(2, shift=99), False),
    ],
    ids=["ids", "as floats", "overlap", "twice", "no ids"],
)
def test_a_column_that_counts_on_moves_and_is_said_to_look_like_an_id(
    old: Any, new: Any, said: bool, quiet: bool
) -> None:
    reference = side(n=old)
    current = like(reference, n=new)
    [test] = moved(reference, current, Drift())
    hint = "which looks like an id or a clock: name it as `key`, or list `drift.columns`"
    assert test.moved
    assert (hint in seen(test, reference, current, quiet=quiet)) == said


def test_a_level_of_the_name_that_stands_for_all_others_is_a_level_like_any() -> None:
    reference = side(kind=["(all others)"] * 600 + ["a"] * 600)
    current = like(reference, kind=["(all others)"] * 600 + [f"new {one}" for one in range(600)])
    assert sum(counted(current.columns["kind"]).values()) == 1200
    [test] = moved(reference, current, Drift())
    assert test.comparison.effect == pytest.approx(0.5)
    assert "'a' 50.0 % → 0 %" in seen(test, reference, current, quiet=False)
    [check] = facts(["kind"], reference, current)
    assert "more than 100 new, 50.0 % of rows" in (check.observed or "")
    [chart] = charts([test], reference, current, ())
    assert Chart.model_validate_json(chart.model_dump_json()) == chart
    assert chart.series[1].y[0] == pytest.approx(0.5)


def test_all_other_levels_are_named_where_they_moved_most() -> None:
    reference = side(kind=["a"] * 500 + ["b"] * 700)
    current = like(reference, kind=["a"] * 250 + ["b"] * 350 + [f"new {one}" for one in range(700)])
    [test] = moved(reference, current, Drift())
    assert "(all others) 0 % → 46.2 %" in seen(test, reference, current, quiet=False)
