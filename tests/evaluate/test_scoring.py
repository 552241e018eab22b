import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hn

from ci_kit.errors import UserError
from ci_kit.evaluate.gate import judge
from ci_kit.evaluate.scoring import Scores, macro_f1, metrics, pack, score, unpack, unusable
from ci_kit.models.dataset import Dataset, target
from ci_kit.models.model import Model
from ci_kit.sections import Gate


def dataset(truth: list[Any], task: str = "classification") -> Dataset:
    frame = pl.DataFrame({"x": range(len(truth))})
    return Dataset(
        name="d", frame=frame, truth=target(np.array(truth), task, "d.t"), features=("x",), target="t", task=task
    )


def model(answers: Any, task: str = "classification") -> Model:
    return Model(name="m", task=task, features=("x",), answer=lambda frame: np.array(answers)[frame["x"].to_numpy()])


def scored(answers: Any, truth: list[Any], task: str = "classification") -> tuple[Scores, Dataset, Model, Any]:
    data, one = dataset(truth, task), model(answers, task)
    predicted = one.bind(data.frame, data.truth)
    return score(one, data, predicted), data, one, predicted


def test_classification_scores_by_hand() -> None:
    scores, data, one, predicted = scored([[0.8, 0.2], [0.4, 0.6], [0.7, 0.3]], ["a", "b", "b"])
    assert scores.loss is not None
    np.testing.assert_allclose(scores.loss, -np.log([0.8, 0.6, 0.3]), rtol=1e-6)
    assert scores.correct is not None
    assert scores.correct.tolist() == [1, 1, 0]
    found = metrics(scores, data)
    assert found["accuracy"].value == pytest.approx(2 / 3)
    assert found["accuracy"].unit == "share"
    assert found["log_loss"].direction == "down"
    assert macro_f1(one, data, predicted) == pytest.approx((2 * 1 / 3 + 2 * 1 / 3) / 2)


def test_regression_scores_by_hand() -> None:
    scores, data, one, predicted = scored([[1.0], [2.0], [5.0]], [1.0, 3.0, 3.0], "regression")
    assert scores.error is not None
    assert scores.error.tolist() == [0, -1, 2]
    found = metrics(scores, data)
    assert {name: round(found[name].value, 6) for name in found} == {
        "mae": 1.0,
        "rmse": round((5 / 3) ** 0.5, 6),
        "r2": round(1 - 5 / (8 / 3), 6),
    }
    assert macro_f1(one, data, predicted) is None


def test_a_constant_target_has_no_r2() -> None:
    scores, data, *_ = scored([1.0, 2.0], [3.0, 3.0], "regression")
    assert set(metrics(scores, data)) == {"mae", "rmse"}


@pytest.mark.parametrize("truth", [["b", "a", "b"], [1, 0, 1], [1.0, 0.0, 1.0], [True, False, True]])
def test_labels_alone_are_scored_without_log_loss(truth: list[Any]) -> None:
    answers = ["b", "b", "b"] if truth[0] == "b" else [1, 1, 1]
    scores, data, one, predicted = scored(answers, truth)
    assert scores.loss is None
    assert scores.correct is not None
    assert scores.correct.tolist() == [1, 0, 1]
    assert set(metrics(scores, data)) == {"accuracy"}
    assert macro_f1(one, data, predicted) == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("predicted", "bad"),
    [
        (np.array([[0.5, 0.5], [np.nan, 1]]), 1),
        (np.array([np.inf, 1.0, -np.inf]), 2),
        (np.array([1, 2]), 0),
        (np.array(["a", "b"]), 0),
        (np.array(["a", None], dtype=object), 1),
    ],
)
def test_rows_without_an_answer_are_counted(predicted: np.ndarray, bad: int) -> None:
    assert unusable(predicted) == bad


@pytest.mark.parametrize(
    ("values", "task", "says"),
    [
        (np.array([1.0, np.nan]), "classification", "d.t is missing in 1 of 2 rows"),
        (np.array(["a", None], dtype=object), "classification", "d.t is missing in 1 of 2 rows"),
        (np.array([1.0, np.nan]), "regression", "d.t is missing in 1 of 2 rows"),
        (np.array([0.5, 1.0]), "classification", "d.t holds fractions"),
        (np.array(["1", "2"]), "regression", "d.t is no column of finite numbers"),
        (np.array([1.0, np.inf]), "regression", "d.t is no column of finite numbers"),
    ],
)
def test_a_target_that_can_not_be_scored_is_named(values: np.ndarray, task: str, says: str) -> None:
    with pytest.raises(UserError) as error:
        target(values, task, "d.t")
    assert str(error.value).startswith(says)


columns = hn.arrays(np.float32, st.integers(1, 30), elements=st.floats(0, 7, width=32))


@settings(max_examples=15)
@given(columns)
def test_packed_scores_come_back_the_same(loss: np.ndarray) -> None:
    correct = (loss < 1).astype(np.float32)
    back = unpack(pack(Scores(truth="ab", loss=loss, correct=correct)), len(loss))
    assert back.truth == "ab"
    assert back.error is None
    np.testing.assert_array_equal(back.loss, loss)
    np.testing.assert_array_equal(back.correct, correct)


@settings(max_examples=15)
@given(columns)
def test_packing_is_deterministic(loss: np.ndarray) -> None:
    assert pack(Scores(truth="x", loss=loss)) == pack(Scores(truth="x", loss=loss))


@given(st.data())
def test_no_damage_to_stored_scores_raises_anything_but_one_line(data: st.DataObject) -> None:
    raw = bytearray(pack(Scores(truth="ab", loss=np.ones(9, np.float32), correct=np.ones(9, np.float32))))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(raw)))
    try:
        scores = unpack(bytes(raw[:cut] if data.draw(st.booleans()) else raw), 9)
    except UserError:
        return
    assert scores.loss is None or (scores.loss.shape == (9,) and np.isfinite(scores.loss).all())


def archive(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **({"format": np.array(1), "truth": np.array("t")} | arrays))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "damaged"),
        (b"PK\x03\x04", "damaged"),
        (archive(format=np.array(2)), "another format"),
        (archive(loss=np.ones(2, np.float32)), "have 2 rows, not 3"),
        (archive(loss=np.ones((3, 1), np.float32)), "damaged (loss is float32 of shape (3, 1))"),
        (archive(loss=np.ones(3)), "damaged (loss is float64"),
        (archive(loss=np.float32(1)), "have 0 rows, not 3"),
        (archive(loss=np.ones(2000, np.float32)), "damaged"),
        (archive(loss=np.array([1, np.nan, 1], np.float32)), "1 impossible values of loss"),
        (archive(loss=np.array([1, -1, 1], np.float32)), "1 impossible values of loss"),
        (archive(correct=np.array([1, 0.5, 1], np.float32)), "1 impossible values of correct"),
    ],
)
def test_stored_scores_that_are_not_scores_are_refused(content: bytes, says: str) -> None:
    with pytest.raises(UserError) as error:
        unpack(content, 3)
    assert says in str(error.value)


def test_a_pickle_inside_stored_scores_is_not_loaded(tmp_path: Path) -> None:
    class Canary:
        def __reduce__(self) -> tuple[object, tuple[str, str]]:
            return open, (str(tmp_path / "ran"), "w")

    inner = io.BytesIO()
    np.save(inner, np.array([Canary()], dtype=object), allow_pickle=True)
    buffer = io.BytesIO(archive())
    with zipfile.ZipFile(buffer, "a") as file:
        file.writestr("loss.npy", inner.getvalue())
        file.writestr("more.npy", pickle.dumps(Canary()))
    (tmp_path / "ran").unlink(missing_ok=True)
    with pytest.raises(UserError, match="damaged"):
        unpack(buffer.getvalue(), 1)
    assert not (tmp_path / "ran").exists()


def test_an_archive_that_promises_too_much_is_refused_before_it_is_unpacked() -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (10**12,)})
    buffer = io.BytesIO(archive())
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as file:
        file.writestr("loss.npy", header.getvalue() + bytes(2**20))
    with pytest.raises(UserError, match="damaged"):
        unpack(buffer.getvalue(), 1)


def wobble(rows: int, seed: int, size: float) -> np.ndarray:
    return np.abs(np.random.default_rng(seed).normal(size=rows)).astype(np.float32) * np.float32(size)


def test_a_worse_model_fails_the_gate_and_the_check_says_by_how_much() -> None:
    data = dataset([0, 1] * 200)
    loss, right = wobble(400, 0, 1), np.ones(400, np.float32)
    worse = np.where(np.arange(400) % 5, 1, 0).astype(np.float32)
    checks, found = judge(
        Scores(truth="t", loss=loss * 2, correct=worse), Scores(truth="t", loss=loss, correct=right), data, Gate()
    )
    assert [(one.id, one.status) for one in checks] == [("gate/log_loss", "fail"), ("gate/accuracy", "fail")]
    assert checks[0].observed is not None
    assert checks[0].observed.endswith("(+100 %, likely +100 % to +100 %)")
    assert checks[0].limit == "+5 %"
    assert checks[1].observed is not None
    assert checks[1].observed.startswith("100 % → 80")
    assert checks[1].limit == "−0.5 pp"
    assert set(found) == {f"{name}@{kind}" for name in ("log_loss", "accuracy") for kind in ("baseline", "change")}


def test_the_same_scores_pass_the_gate() -> None:
    one = Scores(truth="t", loss=wobble(4, 0, 1), correct=np.ones(4, np.float32))
    assert {check.status for check in judge(one, one, dataset([0, 1, 0, 1]), Gate())[0]} == {"pass"}


def test_few_rows_are_unsure_and_the_check_says_what_it_would_take() -> None:
    old, new = (Scores(truth="t", loss=wobble(40, seed, 1), correct=np.ones(40, np.float32)) for seed in (1, 2))
    checks, _ = judge(new, old, dataset([0, 1] * 20), Gate())
    assert checks[0].status == "unsure"
    assert checks[0].detail is not None
    assert checks[0].detail.startswith("40 rows show changes of ")
    assert "a decision would take about" in checks[0].detail


@pytest.mark.parametrize(("loss", "status"), [(None, "skip"), (np.ones(40, np.float32), "warn")])
def test_labels_alone_are_gated_on_accuracy_and_the_report_says_so(loss: Any, status: str) -> None:
    ones = np.ones(40, np.float32)
    old = Scores(truth="t", correct=ones, loss=loss)
    checks, _ = judge(Scores(truth="t", correct=ones), old, dataset([0, 1] * 20), Gate())
    assert {check.id: check.status for check in checks} == {"gate/accuracy": "pass", "gate/log_loss": status}


@pytest.mark.parametrize(
    ("headline", "ids"),
    [
        (None, ["gate/mae", "gate/rmse"]),
        ("rmse", ["gate/mae", "gate/rmse"]),
        ("mae", ["gate/mae"]),
        ("r2", ["gate/mae", "gate/r2"]),
    ],
)
def test_regression_is_gated_on_absolute_error_and_the_headline(headline: Any, ids: list[str]) -> None:
    data = dataset(list(np.linspace(0, 9, 200)), "regression")
    new, old = (Scores(truth="t", error=wobble(200, 3, size)) for size in (2, 1))
    checks, _ = judge(new, old, data, Gate(headline=headline))
    assert [check.id for check in checks] == ids
    assert {check.status for check in checks} == {"fail"}
