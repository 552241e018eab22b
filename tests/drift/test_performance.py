from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from ci_kit.config import Config, read
from ci_kit.drift.performance import performance
from ci_kit.drift.side import Side
from ci_kit.errors import UserError
from ci_kit.forge.history import entries
from ci_kit.job import Job
from ci_kit.parts import Check, Metric
from ci_kit.stats import mae, proportion
from tests.forge.repository import git, linear, result

EMPTY = Side(rows=0, columns={}, sample=pl.DataFrame())


def rows(count: int, right: float, *, seed: int = 1, start: int = 0) -> pl.DataFrame:
    """Return rows with a key, a label and an answer that is right in about that share."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, 10, count)
    answer = np.where(random.random(count) < right, truth, (truth + 1) % 10)
    return pl.DataFrame({"id": np.arange(start, start + count), "answer": answer, "label": truth})


def job(tmp_path: Path, reference: pl.DataFrame | None = None, late: pl.DataFrame | None = None, **drift: Any) -> Job:
    """Return a job whose data sets are these; `task` is the one of evaluate."""
    sets = {"train": reference, "late": late, "current": pl.DataFrame({"id": [0]})}
    task = drift.pop("task", "classification")
    config = ["data:"]
    for name, frame in sets.items():
        if frame is not None:
            frame.write_parquet(tmp_path / f"{name}.parquet")
            config.append(f"  {name}: {{path: {name}.parquet, key: id}}")
    settings = {"prediction": "answer", **({} if late is None else {"labels": "late"}), **drift}
    config += [f"evaluate: {{task: {task}}}", "drift:", *(f"  {key}: {value}" for key, value in settings.items())]
    loaded: Config = read("\n".join(config).encode())
    return Job(root=tmp_path, config=loaded, say=lambda _: None)


def judged(one: Job, window: pl.DataFrame, reference: Side = EMPTY) -> tuple[Check, dict[str, Metric]]:
    checks, metrics = performance(one, window.lazy(), reference)
    assert [check.id for check in checks] == ["performance"]
    return checks[0], metrics


@pytest.mark.parametrize(("right", "status"), [(0.95, "pass"), (0.7, "fail"), (0.93, "unsure")])
def test_accuracy_against_other_rows_of_the_reference(tmp_path: Path, right: float, status: str) -> None:
    reference, window = rows(5000, 0.95), rows(4000, right, seed=2, start=10_000)
    check, metrics = judged(job(tmp_path, reference, target="label"), window)
    assert check.status == status
    assert check.detail is not None
    assert "against the reference train, 5,000 rows" in check.detail
    exact = float((window["answer"] == window["label"]).mean())  # type: ignore[arg-type]
    assert metrics["accuracy"].value == pytest.approx(exact)
    assert metrics["accuracy"].n == 4000
    assert metrics["accuracy@change"].value == pytest.approx(exact - metrics["accuracy@baseline"].value)


def test_the_truth_is_that_of_evaluate_where_drift_names_none(tmp_path: Path) -> None:
    reference, window = (frame.rename({"label": "target"}) for frame in (rows(900, 0.95), rows(900, 0.7, seed=2)))
    check, _ = judged(job(tmp_path, reference), window)
    assert check.status == "fail"


def test_the_same_rows_are_compared_pair_by_pair(tmp_path: Path) -> None:
    reference = rows(600, 0.95)
    window = reference.with_columns(pl.when(pl.col("id") < 30).then(99).otherwise("answer").alias("answer"))
    check, _ = judged(job(tmp_path, reference, target="label"), window)
    assert check.status == "fail"  # 30 of 600 lost and none won; as two samples it would be unsure
    assert "pair by pair with the reference train" in str(check.detail)
    elsewhere = window.with_columns(pl.col("id") + 10_000)
    assert judged(job(tmp_path, reference, target="label"), elsewhere)[0].status == "unsure"


def test_keys_are_paired_whatever_their_types(tmp_path: Path) -> None:
    reference = rows(600, 0.95)
    window = reference.with_columns(pl.col("id").cast(pl.String))
    assert "pair by pair" in str(judged(job(tmp_path, reference, target="label"), window)[0].detail)


def test_only_rows_with_truth_count_and_it_says_how_many(tmp_path: Path) -> None:
    window = rows(1000, 0.9, seed=2, start=10_000)
    labels = window.select(pl.col("id").cast(pl.Float64), "label").head(700)
    check, metrics = judged(job(tmp_path, rows(1000, 0.9), labels, target="label"), window.drop("label"))
    assert "On 700 of 1,000 rows" in str(check.detail)
    assert metrics["accuracy"].n == 700
    head = window.head(700)
    assert metrics["accuracy"].value == pytest.approx((head["answer"] == head["label"]).mean())


def test_the_last_label_of_a_key_counts(tmp_path: Path) -> None:
    window = pl.DataFrame({"id": range(20), "answer": [1] * 20})
    labels = pl.DataFrame({"id": [*range(20), *range(20)], "label": [0] * 20 + [1] * 20})
    _, metrics = judged(job(tmp_path, rows(100, 0.9), labels, target="label"), window)
    assert (metrics["accuracy"].value, metrics["accuracy"].n) == (1.0, 20)


def test_where_labels_are_late_the_newest_labelled_rows_are_judged(tmp_path: Path) -> None:
    everything = rows(3000, 0.9, start=10_000)
    late = everything.head(2000).select("id", "label")
    one = job(tmp_path, rows(1000, 0.9), late, target="label")
    window = everything.tail(1000).lazy()
    assert performance(one, window, EMPTY)[0][0].status == "skip"
    checks, metrics = performance(one, window, EMPTY, before=everything.lazy())
    assert metrics["accuracy"].n == 1000
    middle = everything.slice(1000, 1000)
    assert metrics["accuracy"].value == pytest.approx((middle["answer"] == middle["label"]).mean())
    assert "On the newest 1,000 rows with truth (0 of them in this window's 1,000)" in str(checks[0].detail)


def test_a_window_with_labels_enough_is_judged_by_them_alone(tmp_path: Path) -> None:
    everything = rows(5000, 0.9, start=10_000)
    labels = everything.filter(pl.col("id") % 2 == 0).select("id", "label")
    one = job(tmp_path, rows(1000, 0.9), labels, target="label")
    checks, metrics = performance(one, everything.tail(2000).lazy(), EMPTY, before=everything.lazy())
    assert (metrics["accuracy"].n, str(checks[0].detail)[:20]) == (1000, "On 1,000 of 2,000 ro")


def test_the_newest_rows_are_those_of_the_column_of_times(tmp_path: Path) -> None:
    everything = rows(200, 0.9).with_columns(pl.Series("at", [f"2026-01-01T00:{n % 60:02}:00Z" for n in range(200)]))
    labels = everything.filter(pl.col("at") < "2026-01-01T00:30").select("id", "label")
    window = everything.filter(pl.col("at") >= "2026-01-01T00:40")
    one = job(tmp_path, rows(100, 0.9), labels, target="label", window="{column: at, every: 20m}")
    _, metrics = performance(one, window.lazy(), EMPTY, before=everything.lazy())
    newest = everything.join(labels, on="id").sort("at", maintain_order=True).tail(window.height)
    assert metrics["accuracy"].n == window.height == 60
    assert metrics["accuracy"].value == pytest.approx((newest["answer"] == newest["label"]).mean())


@pytest.mark.parametrize(
    ("answers", "truth", "right"),
    [
        ([1, 2, 3], ["1", "2.0", "x"], 2 / 3),
        ([1.0, 2.0, None], [1, 3, 3], 0.5),
        (["1", "b"], ["1", "B"], 0.5),
        ([True, False], [1, 1], 0.5),
        ([True, False], ["True", "false"], 1.0),
        ([2**53, 2**53 + 1], [2**53, 2**53], 0.5),
        ([1, 2, 2], [1.0, float("nan"), 2.0], 1.0),
    ],
)
def test_labels_are_compared_whatever_their_types(
    tmp_path: Path, answers: list[Any], truth: list[Any], right: float
) -> None:
    window = pl.DataFrame({"id": range(len(answers)), "answer": answers, "label": truth}, strict=False)
    _, metrics = judged(job(tmp_path, rows(100, 0.9), target="label"), window)
    assert metrics["accuracy"].value == pytest.approx(right)


@pytest.mark.parametrize(("scale", "status"), [(1.0, "pass"), (1.5, "fail")])
def test_a_regression_is_judged_by_its_absolute_error(tmp_path: Path, scale: float, status: str) -> None:
    random = np.random.default_rng(1)

    def side(noise: float, start: int) -> pl.DataFrame:
        truth = random.normal(size=5000)
        return pl.DataFrame(
            {"id": range(start, start + 5000), "answer": truth + noise * random.normal(size=5000), "label": truth}
        )

    one = job(tmp_path, side(1.0, 0), target="label", task="regression", drop=0.1)
    check, metrics = judged(one, side(scale, 9000))
    assert check.status == status
    assert check.limit == "+10 %"
    assert metrics["mae"].value == pytest.approx(0.798 * scale, rel=0.05)
    assert (metrics["mae"].direction, metrics["mae@baseline"].n) == ("down", 5000)


def test_a_stored_profile_is_compared_by_its_sample(tmp_path: Path) -> None:
    sample = rows(3000, 0.95)
    one = job(tmp_path, None, target="label", profile="profile")
    side = Side(rows=3000, columns={}, sample=sample)
    assert judged(one, rows(3000, 0.7, seed=2), side)[0].status == "fail"


@pytest.mark.parametrize(
    ("drift", "window", "why"),
    [
        ({}, rows(9, 1), "There is no truth: current has no column 'target'. Set `drift.target`"),
        ({"target": "label", "prediction": "[]"}, rows(9, 1), "Set `drift.prediction`"),
        ({"target": "label"}, rows(9, 1).with_columns(label=pl.lit(None, dtype=pl.Int64)), "None of 9 rows has both"),
        ({"target": "label"}, rows(9, 1).with_columns(pl.col("answer") / 7), "The predictions hold fractions"),
        ({"target": "label"}, rows(9, 1), "There is nothing to compare with: train has no rows with"),
    ],
)
def test_what_can_not_be_judged_is_skipped_with_the_reason(
    tmp_path: Path, drift: dict[str, Any], window: pl.DataFrame, why: str
) -> None:
    check, metrics = judged(job(tmp_path, rows(9, 1).drop("answer"), **drift), window)
    assert check.status == "skip"
    assert str(check.detail).startswith(why)
    assert ("accuracy" in metrics) == why.startswith("There is nothing")


@pytest.mark.parametrize(
    ("drift", "late", "what"),
    [
        ({"target": "truth"}, None, "current has no column 'truth'"),
        ({"target": "label", "prediction": "score"}, None, "current has no column 'score'"),
        ({"target": "truth"}, rows(9, 1), "late has no column 'truth'"),
        ({"target": "label", "labels": "later"}, None, "no labels data set 'later'.*Set `drift.labels`"),
    ],
)
def test_a_mistake_is_one_clear_line(
    tmp_path: Path, drift: dict[str, Any], late: pl.DataFrame | None, what: str
) -> None:
    with pytest.raises(UserError, match=what):
        performance(job(tmp_path, rows(9, 1), late, **drift), rows(9, 1).lazy(), EMPTY)


def evaluated(root: Path, **metrics: Metric) -> None:
    """Make a repository whose history holds an evaluation of its only commit."""
    git(root, "init", "--quiet", "--initial-branch=main")
    main = linear(root, 1)
    found = result(main[0]).model_copy(update={"metrics": metrics})
    linear(root, 1, entries(root, [found], main[0]), branch="ci-kit")


@pytest.mark.e2e
@pytest.mark.parametrize(("right", "status"), [(0.95, "pass"), (0.7, "fail")])
def test_the_newest_evaluation_stands_in_for_a_reference(tmp_path: Path, right: float, status: str) -> None:
    known = proportion([1] * 4750 + [0] * 250)
    evaluated(tmp_path, accuracy=Metric(value=known.value, low=known.low, high=known.high, n=5000))
    check, metrics = judged(job(tmp_path, target="label"), rows(5000, right))
    assert check.status == status
    assert "against the evaluation of" in str(check.detail)
    assert "made before" not in str(check.detail)
    late = job(tmp_path, rows(5000, 1).drop("label"), target="label")
    git(tmp_path, "add", "train.parquet")
    git(tmp_path, "-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "--quiet", "--message=new")
    head = git(tmp_path, "rev-parse", "--short=7", "HEAD")
    again, _ = judged(late, rows(5000, right))
    assert f", made before the reference changed in {head}" in str(again.detail)
    assert metrics["accuracy@baseline"].value == known.value


@pytest.mark.e2e
def test_an_evaluation_gives_the_spread_of_errors_too(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    known = mae(random.normal(size=2000))
    evaluated(tmp_path, mae=Metric(value=known.value, low=known.low, high=known.high, n=2000))
    window = pl.DataFrame({"id": range(2000), "answer": 1.5 * random.normal(size=2000), "label": [0.0] * 2000})
    check, metrics = judged(job(tmp_path, target="label", task="regression"), window)
    assert check.status == "fail"
    low, high = metrics["mae@change"].low, metrics["mae@change"].high
    assert low is not None
    assert high is not None
    assert high - low == pytest.approx(2 * 1.96 * 0.603 * (1 + 1.5**2) ** 0.5 / 2000**0.5, rel=0.05)


@pytest.mark.e2e
@pytest.mark.parametrize("metrics", [{}, {"accuracy": Metric(value=0.9)}, {"accuracy": Metric(value=1.0, n=1)}])
def test_an_evaluation_without_its_interval_is_no_reference(tmp_path: Path, metrics: dict[str, Metric]) -> None:
    evaluated(tmp_path, **metrics)
    check, _ = judged(job(tmp_path, target="label"), rows(100, 0.9))
    assert check.status == "skip"
    assert "the history has no accuracy with its interval" in str(check.detail)
