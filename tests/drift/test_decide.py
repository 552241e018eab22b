"""Which columns of a window moved, and which are compared at all."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from ci_kit.drift.decide import compared, moved, wanted
from ci_kit.drift.side import Column, Side
from ci_kit.errors import UserError
from ci_kit.sections import Drift
from tests.drift.sides import letters, like, normal, side


def names(reference: Side, current: Side, **settings: Any) -> set[str]:
    return {f"{test.column}:{test.subject}" for test in moved(reference, current, Drift(**settings)) if test.moved}


def test_nothing_moves_between_two_samples_of_one_distribution() -> None:
    reference = side(x=normal(1), kind=letters(2))
    assert names(reference, like(reference, x=normal(3), kind=letters(4))) == set()


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"x": normal(3, shift=0.5)}, {"x:values"}),
        ({"kind": letters(4, a=5, b=1, c=1)}, {"kind:values"}),
        ({"kind": letters(4, new=1)}, {"kind:values"}),
        ({"x": [None] * 200 + normal(3, 800)}, {"x:nulls"}),
        ({"x": [float("nan")] * 200 + normal(3, 800)}, {"x:nulls"}),
        ({"x": [None] * 1000}, {"x:nulls"}),
        ({"x": [float("inf")] * 100 + normal(3, 900)}, {"x:values"}),
    ],
    ids=["shift", "mix", "all new", "nulls", "nan", "all null", "infinite"],
)
def test_what_moved_is_named(changed: dict[str, Any], expected: set[str]) -> None:
    reference = side(x=normal(1), kind=letters(2))
    current = like(reference, **({"x": normal(3), "kind": letters(4)} | changed))
    assert names(reference, current) == expected


def test_a_small_effect_moves_nothing_however_certain_it_is() -> None:
    reference = side(x=normal(1, 50_000))
    current = like(reference, x=normal(2, 50_000, shift=0.05))
    [test] = moved(reference, current, Drift())
    assert test.comparison.p < 1e-6
    assert not test.moved
    assert names(reference, current, effects={"x": 0.01}) == {"x:values"}


def test_with_too_few_rows_on_either_side_nothing_moves() -> None:
    many, few = side(x=normal(1)), side(x=normal(2, 999, shift=3))
    assert names(many, few) == set()
    assert names(few, many) == set()
    assert names(many, few, min_rows=999) == {"x:values"}


def test_predictions_are_a_family_of_their_own() -> None:
    """A shift that 200 quiet features would hide in one family is found among the predictions."""
    still = {f"x{number}": np.arange(1000) for number in range(200)}
    reference = side(**still, answer=letters(1, yes=50, no=50))
    current = like(reference, **still, answer=letters(2, yes=58, no=42))
    assert names(reference, current) == set()
    assert names(reference, current, prediction="answer") == {"answer:values"}


def test_a_family_holds_its_false_discovery_rate() -> None:
    """Twenty equal p-values are rejected together or not at all: the bar of the largest is q itself."""
    many = {f"x{number}": letters(9, a=50, b=50) for number in range(20)}
    moving = {f"x{number}": letters(10, a=55, b=45) for number in range(20)}
    reference = side(**many)
    current = like(reference, **moving)
    p = moved(reference, current, Drift())[0].comparison.p
    assert 0 < p < 0.05
    assert len(names(reference, current, q=p * 1.01, effect=0)) == 20
    assert names(reference, current, q=p * 0.99, effect=0) == set()


def test_what_names_a_row_or_is_its_time_or_truth_is_not_compared_unless_asked_for() -> None:
    columns: dict[str, Any] = {"id": range(1000), "at": range(1000), "truth": letters(1), "x": normal(1)}
    reference = side(**columns)
    settings = Drift.model_validate({"target": "truth", "window": {"column": "at", "every": "1d"}})
    assert compared(reference, reference, settings, key=["id"]) == {"x": "data"}
    settings = Drift(target="truth", columns=("id", "x"), prediction=("truth",))
    assert wanted(reference, settings, key=["id"]) == {"id": "data", "truth": "prediction", "x": "data"}


def test_times_and_free_text_are_compared_by_their_nulls_alone() -> None:
    texts = [f"text {number}" for number in range(2000)]
    times = pl.datetime_range(pl.datetime(2026, 1, 1), pl.datetime(2026, 3, 31), "1h", eager=True)[:2000]
    reference = side(note=texts, at=times)
    current = like(reference, note=[None] * 500 + texts[:1500], at=times.reverse())
    assert [(test.column, test.subject) for test in moved(reference, current, Drift())] == [("note", "nulls")]
    assert names(reference, current) == {"note:nulls"}


def test_levels_that_are_too_many_to_name_count_as_one() -> None:
    def of(levels: dict[str, int], others: int) -> Side:
        column = Column(kind="category", dtype="String", nulls=0, levels=levels, others=others)
        return Side(rows=sum(levels.values()) + others, columns={"x": column}, sample=pl.DataFrame())

    [test] = moved(of({"a": 2000}, 0), of({"a": 1000}, 1000), Drift())
    assert test.comparison.effect == pytest.approx(0.5)
    assert test.moved


def test_a_column_that_the_reference_lacks_is_named() -> None:
    reference = side(x=normal(1))
    with pytest.raises(UserError, match=r"no column 'y'.*drift\.columns"):
        moved(reference, reference, Drift(columns=("y",)))


@pytest.mark.parametrize(
    ("name", "hint"), [("temperatur", r"Did you mean 'temperature'\?"), ("zzz", "Mend the name"), ("id", "Mend")]
)
def test_an_effect_of_a_column_that_the_reference_lacks_is_named(name: str, hint: str) -> None:
    reference = side(temperature=normal(1))
    with pytest.raises(UserError, match=rf"no column '{name}' \(`drift\.effects` names it\)\. {hint}"):
        wanted(reference, Drift(effects={name: 0.1}))
    assert wanted(reference, Drift(effects={"answer": 0.1, "temperature": 0.1}, prediction=("answer",)))


def test_a_prediction_that_the_reference_lacks_is_not_compared() -> None:
    reference = side(x=normal(1))
    assert wanted(reference, Drift(prediction=("y",))) == {"x": "data"}


def test_deciding_is_deterministic() -> None:
    reference = side(x=normal(1), kind=letters(2))
    current = like(reference, x=normal(3), kind=letters(4))
    assert moved(reference, current, Drift()) == moved(reference, current, Drift())
