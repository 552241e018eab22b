import json
import math
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_kit.train.metrics import MAX_METRICS, direction, read


def read_text(folder: Path, text: str | bytes) -> tuple[dict[str, float], str, str]:
    path = folder / "metrics.json"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    metrics, check = read(path, "metrics.json")
    return {name: metric.value for name, metric in metrics.items()}, check.status, check.observed or ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"accuracy": 0.9, "loss": 1}', {"accuracy": 0.9, "loss": 1.0}),
        ('{"step": 7, "train": {"loss": 0.1, "step": 2}, "eval": {"acc": {"top1": 1}}}',
         {"train/loss": 0.1, "train/step": 2.0, "eval/acc/top1": 1.0}),
        ('{"mAP@0.5": 1, "@a": 2, "_a": 3, "c": {"d@baseline": 4}, "e@change": 5, "f@baseline": {"g": 6}}',
         {"mAP@0.5": 1.0, "@a": 2.0, "_a": 3.0, "c/d_baseline": 4.0, "e_change": 5.0, "f@baseline/g": 6.0}),
        ('{"name": "resnet", "done": true, "none": null, "list": [1], "acc": 0.5}', {"acc": 0.5}),
    ],
)  # fmt: skip
def test_flat_and_nested_metrics(tmp_path: Path, text: str, expected: dict[str, float]) -> None:
    assert read_text(tmp_path, text) == (expected, "pass", f"{len(expected)} read")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"train": {"loss": NaN}, "acc": 1}', "train/loss is nan"),
        ('{"a": Infinity, "b": -Infinity}', "a is inf, b is -inf"),
        ('{"a": 1e999}', "a is inf"),
        ('{"a": 1' + "0" * 400 + "}", "a is inf"),
        ("[1, 2]", "it holds list, not an object"),
        ("3", "it holds int"),
        ("", "it is not JSON"),
        ("{", "it is not JSON"),
        (b"\xff\xfe\x00", "it is not JSON"),
        ('{"a":' * 100_000, "it is nested too deeply"),
        ('{"a": "' + "x" * 2**20 + '"}', "bytes, more than 1,048,576"),
    ],
)
def test_what_is_not_finite_numbers_is_refused_in_one_line(tmp_path: Path, text: str | bytes, said: str) -> None:
    metrics, status, observed = read_text(tmp_path, text)
    assert (metrics, status) == ({}, "fail")
    assert said in observed
    assert "\n" not in observed


@pytest.mark.parametrize(
    ("text", "kept", "said"),
    [
        (
            '{"b": {"c": 1}, "b/c": 7}',
            {"b/c": 1.0},
            'b/c: 1 from "c" in "b" is kept, 7 from "b/c" is lost',
        ),
        (
            '{"a@change": 1, "a_change": 2}',
            {"a_change": 1.0},
            'a_change: 1 from "a@change" is kept, 2 from "a_change" is lost',
        ),
        ('{"a": 1, "a": 2}', {"a": 1.0}, 'a: 1 from "a" is kept, 2 from "a" is lost'),
    ],
)
def test_names_that_become_one_are_both_named(tmp_path: Path, text: str, kept: dict[str, float], said: str) -> None:
    assert read_text(tmp_path, text) == (kept, "warn", "1 read; 1 lost, another has the name")
    assert read(tmp_path / "metrics.json", "metrics.json")[1].detail == said


def test_long_names_that_a_result_would_cut_to_one_are_named(tmp_path: Path) -> None:
    metrics, status, observed = read_text(tmp_path, json.dumps({"x" * 300 + "a": 1, "x" * 300 + "b": 2, "y": 3}))
    assert (list(metrics.values()), status, observed) == ([1, 3], "warn", "2 read; 1 lost, another has the name")


def test_the_same_number_twice_is_no_loss(tmp_path: Path) -> None:
    assert read_text(tmp_path, '{"b": {"c": 1}, "b/c": 1}') == ({"b/c": 1}, "pass", "1 read")


def test_many_lost_names_are_counted(tmp_path: Path) -> None:
    both = {str(index): {"x": 1} for index in range(30)} | {f"{index}/x": 2 for index in range(30)}
    assert read_text(tmp_path, json.dumps(both))[2] == "30 read; 30 lost, another has the name"
    detail = read(tmp_path / "metrics.json", "metrics.json")[1].detail or ""
    assert detail.splitlines()[-1] == "and 10 more"


def test_what_is_no_file_fails_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    for name in (".", "pipe", "loop", "none"):
        assert read(tmp_path / name, name)[1].status == "fail"


def test_a_flood_of_metrics_is_cut_and_said(tmp_path: Path) -> None:
    metrics, status, observed = read_text(tmp_path, json.dumps({f"m{index}": index for index in range(2000)}))
    assert len(metrics) == MAX_METRICS
    assert (status, observed) == ("warn", "500 read; the first 500 of 2,000 are kept")


def test_a_file_without_numbers_warns(tmp_path: Path) -> None:
    assert read_text(tmp_path, '{"note": "x"}')[1:] == ("warn", "0 read")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("accuracy", "up"), ("val/acc", "up"), ("f1_macro", "up"), ("roc_auc", "up"), ("R2", "up"),
        ("average_precision", "up"), ("top5", "up"), ("neg_mean_squared_error", "up"),
        ("loss", "down"), ("val_log_loss", "down"), ("RMSE", "down"), ("train/perplexity", "down"),
        ("fit_time", "down"),
        ("mean_absolute_error", "down"), ("max.error", "down"),
        ("precision_loss", None), ("learning_rate", None), ("count", None), ("glossary", None), ("", None),
    ],
)  # fmt: skip
def test_direction_follows_well_known_words(name: str, expected: str | None) -> None:
    assert direction(name) == expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(document=JSON)
def test_any_json_gives_finite_metrics_or_one_line(tmp_path_factory: pytest.TempPathFactory, document: object) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_text(json.dumps(document))
    metrics, check = read(path, "any.json")
    assert all(math.isfinite(metric.value) for metric in metrics.values())
    assert not any(name.endswith(("@baseline", "@change")) for name in metrics)
    assert not (check.status == "fail" and metrics)
