import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from ci_kit import result, schemas
from ci_kit.errors import UserError
from ci_kit.result import Chart, Check, Cost, File, Location, Metric, Result, Run, Series, Source, Status, Table
from tests.schemas import judge

# Short lists and texts: each example builds dozens of them.
statuses = st.sampled_from(("pass", "fail", "warn", "skip", "unsure"))
anything = st.text(alphabet=st.characters(), max_size=20)
finite = st.floats(allow_nan=False, allow_infinity=False)
checks = st.builds(
    Check,
    id=anything,
    title=anything,
    status=statuses,
    detail=st.none() | anything,
    location=st.none() | st.builds(Location, file=anything, line=st.integers(1, 10**6)),
)
metrics = st.builds(Metric, value=finite, direction=st.sampled_from((None, "up", "down")), n=st.none() | st.integers(0))
pairs = st.lists(st.tuples(finite, finite), max_size=5)
series = st.builds(
    lambda name, points: Series(name=name, x=tuple(x for x, _ in points), y=tuple(y for _, y in points)),
    anything,
    pairs,
)
charts = st.builds(
    Chart,
    kind=st.sampled_from(("line", "bar", "histogram", "matrix", "points")),
    title=anything,
    x=anything,
    y=anything,
    series=st.lists(series, min_size=1, max_size=3).map(tuple),
)
results = st.builds(
    Result,
    step=st.just("evaluate"),
    checks=st.lists(checks, max_size=5).map(tuple),
    metrics=st.dictionaries(anything, metrics, max_size=4),
    charts=st.lists(charts, max_size=2).map(tuple),
    source=st.just(Source(sha="abc1234", data={"train": "md5:1"})),
    run=st.builds(
        Run,
        kit=anything,
        started=anything,
        seconds=st.floats(0, 1e9),
        cost=st.none() | st.builds(Cost, amount=st.floats(0, 1e6), currency=st.just("EUR")),
    ),
)


def made(*given: Status, **more: Any) -> Result:
    run = Run(kit="0.1.0", started="2026-01-01T00:00:00+00:00", seconds=1.5)
    listed = tuple(Check(id=f"c{number}", title="t", status=status) for number, status in enumerate(given))
    return Result(step="validate", checks=listed, source=Source(), run=run, **more)


@settings(max_examples=12, suppress_health_check=list(HealthCheck))
@given(results)
def test_what_is_saved_is_what_is_loaded_and_fits_the_published_schema(one: Result) -> None:
    raw = one.model_dump_json(exclude_none=True).encode()
    assert result.parse(raw, "x") == one
    judge(json.loads((schemas.FOLDER / "result.json").read_text())).validate(json.loads(raw))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((), "skip"),
        (("skip", "skip"), "skip"),
        (("skip", "pass"), "pass"),
        (("pass", "warn"), "warn"),
        (("warn", "unsure", "pass"), "unsure"),
        (("unsure", "fail", "pass"), "fail"),
    ],
)
def test_the_worst_check_is_the_status(given: tuple[Status, ...], expected: Status) -> None:
    assert made(*given).status == expected


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("field", ["value", "low", "high"])
def test_numbers_that_are_not_finite_are_refused_by_name(field: str, value: float) -> None:
    with pytest.raises(ValidationError, match=rf"(?s){field}.*finite"):
        Metric(**({"value": 1.0} | {field: value}))


def change(**changes: Any) -> bytes:
    return json.dumps(made("fail").model_dump(mode="json", by_alias=True, exclude_none=True) | changes).encode()


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "not a result"),
        (b"[]", "not a valid result"),
        (b"\xff", "not a result"),
        (b"[" * 100_000, "not a result"),
        (b" " * (result.MAX_BYTES + 1), "at most"),
        (change(schema=2), "newer ci-kit .it has schema 2, this ci-kit reads up to 1.. Upgrade"),
        (change(status="pass"), "status says 'pass' but the checks say 'fail'"),
        (change(surprise=1), "surprise"),
        (change(metrics={"loss": {"value": float("nan")}}), "metrics.loss.value"),
        (change(step="../x"), "step"),
        (change(files=[{"path": "../etc/passwd", "sha256": "0" * 64, "bytes": 1, "role": "x"}]), "files.0.path"),
    ],
)
def test_a_damaged_result_is_refused_in_one_line(raw: bytes, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        result.parse(raw, "validate.json")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("path", ["/a", "..", "a/../b", "../a", "a/..", "a\\b", "a\0", "", "a//b", "a/"])
def test_files_stay_inside_the_repository(path: str) -> None:
    with pytest.raises(ValidationError):
        File(path=path, sha256="0" * 64, bytes=0, role="x")


@pytest.mark.parametrize("path", ["a", "a/b.onnx", ".ci-kit/scores.npz", "..a/b", "a../b", "...", "a b/ü"])
def test_ordinary_relative_paths_are_accepted(path: str) -> None:
    assert File(path=path, sha256="0" * 64, bytes=0, role="x").path == path


def test_long_and_broken_texts_are_shortened_and_say_so() -> None:
    check = Check(id="a", title="\ud800" + "x" * 10_000, status="pass")
    assert len(check.title) <= 500
    assert check.title.startswith("?x")
    assert check.title.endswith("more characters)")


def test_a_series_needs_a_y_for_every_x() -> None:
    with pytest.raises(ValidationError, match="2 x values and 1 y values"):
        Series(name="s", x=(1.0, 2.0), y=(1.0,))


def test_a_table_is_as_wide_as_its_head() -> None:
    with pytest.raises(ValueError, match="a row of 't' has 1 cells where the head has 2"):
        Table(title="t", head=("a", "b"), rows=(("1",),))


def test_saving_replaces_the_whole_file(tmp_path: Path) -> None:
    first = made("fail").save(tmp_path)
    assert made("pass").save(tmp_path) == first == tmp_path / ".ci-kit" / "validate.json"
    assert result.load(first).status == "pass"
    assert sorted(path.name for path in first.parent.iterdir()) == [".gitignore", "validate.json"]


def test_a_missing_result_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no result at train.json .* Run the step first"):
        result.load(tmp_path / "train.json")


def test_the_published_schemas_are_those_of_the_types() -> None:
    for name, text in schemas.published().items():
        assert (schemas.FOLDER / name).read_text() == text, f"{name} is stale: run `make schemas`"
