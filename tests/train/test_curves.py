import json
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_kit.parts import Chart
from ci_kit.train.curves import MAX_CHARTS, POINTS, draw, read, thin


def lines(path: Path, *records: object) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def shape(charts: tuple[Chart, ...]) -> dict[str, list[str]]:
    return {chart.title: [series.name for series in chart.series] for chart in charts}


def test_json_lines_become_one_chart_a_metric_with_train_and_val_together(tmp_path: Path) -> None:
    records = [{"epoch": n, "train_loss": 1 / n, "val_loss": 2 / n, "lr": 0.1, "note": "x"} for n in (1, 2, 4)]
    charts, check = read(lines(tmp_path / "log.jsonl", *records), "log.jsonl")
    assert shape(charts) == {"loss": ["train_loss", "val_loss"], "lr": ["lr"]}
    assert charts[0].x == "epoch"
    assert charts[0].series[1].x == (1, 2, 4)
    assert charts[0].series[1].y == (2, 1, 0.5)
    assert (check.status, check.observed) == ("pass", "3 curves")


def test_lines_without_a_step_count_themselves(tmp_path: Path) -> None:
    charts, _ = read(lines(tmp_path / "log.jsonl", {"loss": 3}, {"loss": 2}), "log.jsonl")
    assert (charts[0].x, charts[0].series[0].x) == ("line", (1, 2))


def test_dvclive_tables_become_charts(tmp_path: Path) -> None:
    for name, values in {"train/loss": (3, 2), "val/loss": (4, 3), "acc": (0.1, 0.2)}.items():
        table = tmp_path / f"{name}.tsv"
        table.parent.mkdir(exist_ok=True)
        table.write_text(f"step\t{table.stem}\n" + "".join(f"{step}\t{y}\n" for step, y in enumerate(values)))
    charts, check = read(tmp_path, "plots")
    assert shape(charts) == {"acc": ["acc"], "loss": ["train/loss", "val/loss"]}
    assert check.status == "pass"


def test_a_resumed_run_overwrites_the_steps_it_repeats(tmp_path: Path) -> None:
    records = [{"step": 1, "a": 1}, {"step": 2, "a": 9}, {"step": 2, "a": 2}, {"step": 3, "a": 3}]
    charts, _ = read(lines(tmp_path / "log.jsonl", *records), "log.jsonl")
    assert charts[0].series[0].y == (1, 2, 3)


def test_values_that_are_not_finite_are_left_out_and_named(tmp_path: Path) -> None:
    path = lines(tmp_path / "log.jsonl", {"step": 1, "loss": 1.0}, {"step": 2, "loss": float("nan")})
    charts, check = read(path, "log.jsonl")
    assert charts[0].series[0].y == (1.0,)
    assert check.status == "warn"
    assert "loss is nan at step 2" in (check.observed or "")


@pytest.mark.parametrize(
    ("text", "status", "said"),
    [
        ('{"step": 1, "a": 1}\n{"step": 2, "a"', "pass", "1 curves"),
        ('{"a": 1}\nnope\n', "fail", "line 2 is not JSON"),
        ("[1]\n", "fail", "line 1 is not an object"),
        ("", "warn", "0 curves"),
    ],
)
def test_damaged_json_lines(tmp_path: Path, text: str, status: str, said: str) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(text)
    check = read(path, "log.jsonl")[1]
    assert check.status == status
    assert said in (check.observed or "")


@pytest.mark.parametrize("text", ["", "a\tb\n1\t2\n", "step\tloss\n1\tx\n", "step\tloss\n1\n"])
def test_damaged_tables_fail(tmp_path: Path, text: str) -> None:
    (tmp_path / "loss.tsv").write_text(text)
    assert read(tmp_path, "plots")[1].status == "fail"


def test_bytes_that_are_no_text_fail(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_bytes(b"\xff\xfe")
    assert read(tmp_path / "log.jsonl", "log.jsonl")[1].status == "fail"


def test_a_flood_of_curves_is_cut_and_said(tmp_path: Path) -> None:
    charts, check = read(lines(tmp_path / "log.jsonl", {f"m{index}": 1 for index in range(30)}), "log.jsonl")
    assert len(charts) == MAX_CHARTS
    assert "10 charts were left out" in (check.observed or "")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("loss/train", "loss/val"), {"loss": ["loss/train", "loss/val"]}),
        (("loss", "val_loss"), {"loss": ["loss", "val_loss"]}),
        (("value", "validity"), {"value": ["value"], "validity": ["validity"]}),
        (("train", "val"), {"train": ["train"], "val": ["val"]}),
    ],
)
def test_grouping_by_what_is_left_without_the_split(names: tuple[str, ...], expected: dict[str, list[str]]) -> None:
    assert shape(draw({name: {0.0: 1.0} for name in names}, "step")) == expected


@settings(max_examples=25)
@given(count=st.integers(POINTS + 1, 5 * POINTS), seed=st.integers(0, 2**32))
def test_thinning_keeps_ends_and_extremes_in_order(count: int, seed: int) -> None:
    random = Random(seed)
    values = [random.choice((random.gauss(), 0.0)) for _ in range(count)]
    points = [(float(x), y) for x, y in enumerate(values)]
    kept = thin(points)
    assert len(kept) <= POINTS
    assert kept == sorted(set(kept))
    assert (kept[0], kept[-1]) == (points[0], points[-1])
    assert {min(values), max(values)} <= {y for _, y in kept}
