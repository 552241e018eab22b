"""Rows in, answers out."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_kit.serving.contract import Column, Contract
from ci_kit.serving.engine import MODEL, Engine
from ci_kit.serving.golden import Gap, Golden
from ci_kit.serving.request import Refused, reader
from tests.models.made import linear, save
from tests.serving.made import ROW, contract, write


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return Engine(write(tmp_path_factory.mktemp("served")))


def test_each_column_reaches_its_input_and_a_missing_number_is_nan(engine: Engine) -> None:
    rows = [ROW, ROW | {"weight": 2.0}, ROW | {"count": 0, "size": 0.25}]
    assert engine.answers(rows) == [{"prediction": 4.5}, {"prediction": 6.5}, {"prediction": 0.25}]


@given(st.lists(st.tuples(st.integers(0, 16), st.floats(0.0625, 50, width=32)), min_size=1, max_size=5))
def test_a_row_is_answered_the_same_alone_and_among_others(engine: Engine, drawn: list[tuple[int, float]]) -> None:
    rows = [ROW | {"count": count, "size": size} for count, size in drawn]
    alone = [engine.answers([row])[0] for row in rows]
    assert engine.answers(rows) == alone


def classifier(folder: Path, reading: str, classes: tuple[Any, ...], weights: np.ndarray, columns: int = 2) -> Engine:
    folder.mkdir(exist_ok=True)
    save(linear(weights), folder / MODEL)
    named = tuple(Column(name=f"c{number}", kind="number") for number in range(columns))
    made = Contract(name="c", task="classification", columns=named, output="y", reading=reading, classes=classes)
    (folder / "contract.json").write_text(made.dump())
    return Engine(folder)


def test_logits_become_probabilities_under_the_names_of_the_classes(tmp_path: Path) -> None:
    engine = classifier(tmp_path, "logits", ("no", "yes"), np.array([[1.0, -1.0], [0.0, 0.0]]))
    (answer,) = engine.answers([{"c0": 0.5, "c1": 9.0}])
    assert answer["prediction"] == "no"
    assert answer["probabilities"] == pytest.approx({"no": 0.7310586, "yes": 0.2689414})


def test_a_single_probability_is_that_of_the_second_class(tmp_path: Path) -> None:
    engine = classifier(tmp_path, "probability", (0, 1), np.array([[1.0], [0.0]]))
    (answer,) = engine.answers([{"c0": 0.75, "c1": 0.0}])
    assert answer == {"prediction": 1, "probabilities": {"0": 0.25, "1": 0.75}}


def test_one_column_is_a_matrix_of_one_column(tmp_path: Path) -> None:
    engine = classifier(tmp_path, "logits", (0, 1), np.array([[1.0, 0.0]]), columns=1)
    assert [one["prediction"] for one in engine.answers([{"c0": 1.0}, {"c0": -1.0}])] == [0, 1]


def test_answers_that_are_not_finite_are_refused_with_their_rows(tmp_path: Path) -> None:
    engine = classifier(tmp_path, "numbers", (), np.array([[3e38], [0.0]]))
    with pytest.raises(Refused) as caught:
        engine.answers([{"c0": 1.0, "c1": 0.0}, {"c0": 3e38, "c1": 0.0}, {"c0": -3e38, "c1": 0.0}])
    assert caught.value.status == 422
    assert [one["row"] for one in caught.value.problems] == [1, 2]


def test_a_request_and_its_answer_are_json_all_the_way(engine: Engine) -> None:
    rows = reader(contract())(json.dumps({"rows": [ROW]}).encode())
    assert json.loads(json.dumps(engine.answers(rows))) == [{"prediction": 4.5}]


GOLDEN = Golden(
    rows=({"x": 1}, {"x": 2}),
    answers=({"prediction": "a", "probabilities": {"a": 0.9, "b": 0.1}}, {"prediction": 2.0}),
    atol=1e-3,
    rtol=1e-3,
)


@pytest.mark.parametrize(
    ("given_", "broken", "said"),
    [
        ([{"prediction": "a", "probabilities": {"a": 0.9, "b": 0.1}}, {"prediction": 2.0}], False, ""),
        ([{"prediction": "a", "probabilities": {"a": 0.9015, "b": 0.1}}, {"prediction": 2.0029}], False, "row 1"),
        ([{"prediction": "a", "probabilities": {"a": 0.903, "b": 0.1}}, {"prediction": 2}], True, "probabilities.a"),
        ([{"prediction": "b", "probabilities": {"a": 0.9, "b": 0.1}}, {"prediction": 2.0}], True, "'b' instead of 'a'"),
        ([{"prediction": "a"}, {"prediction": 2.0}], True, "other keys"),
        ([{"prediction": "a", "probabilities": {"a": 0.9, "b": None}}, {"prediction": 2.0}], True, "probabilities.b"),
        ([{"prediction": "a", "probabilities": {"a": 0.9, "b": 0.1}}, {"prediction": True}], True, "row 1"),
        ([{"prediction": "a", "probabilities": {"a": 0.9, "b": float("nan")}}, {"prediction": 2.0}], True, "nan"),
        ([{"prediction": "a", "probabilities": {"a": 0.9, "b": 0.1}}], True, "no list"),
        ("no list", True, "no list"),
        (None, True, "no list"),
    ],
)
def test_answers_are_compared_value_by_value(given_: Any, broken: bool, said: str) -> None:
    gap = GOLDEN.compare(given_)
    assert gap.broken is broken
    assert said in str(gap)


def test_no_gap_is_no_error() -> None:
    assert (Gap().broken, Gap().error) == (False, 0.0)


def test_golden_rows_survive_their_file_and_are_cut_into_batches(tmp_path: Path) -> None:
    (tmp_path / "golden.json").write_text(GOLDEN.dump())
    assert Golden.load(tmp_path) == GOLDEN
    assert GOLDEN.batches(1) == [(0, [{"x": 1}]), (1, [{"x": 2}])]
    assert GOLDEN.batches(7) == [(0, [{"x": 1}, {"x": 2}])]
