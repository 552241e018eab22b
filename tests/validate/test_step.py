"""The step as a whole: what it finds, says and never says."""

import json
import math
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ci_kit.config import Config
from ci_kit.errors import UserError
from ci_kit.job import Job
from ci_kit.result import Findings
from ci_kit.sections import DataSet, Freshness, Overlap
from ci_kit.validate import lazily, proof, step
from ci_kit.validate.limits import limits
from ci_kit.validate.overlap import overlap
from ci_kit.validate.source import Source
from ci_kit.validate.table import Tally
from ci_kit.validate.where import Where
from ci_kit.validate.wording import share
from tests.validate.conftest import Validate, bad, named

# Whole runs over real frames: a matter of seconds, not of milliseconds.
pytestmark = pytest.mark.e2e

POLARS = """import pandera.polars as pa
import polars as pl


class Base(pa.DataFrameModel):
    inherited: int = pa.Field(ge=0)


class schema(Base):
    age: int = pa.Field(ge=0, le=120)
    ssn: str = pa.Field(str_matches="^[0-9]+$", unique=True)
    other: str = pa.Field(alias="odd name", nullable=True)

    @pa.check("age")
    def even(cls, data):
        return data.lazyframe.select(pl.col(data.key) % 2 == 0)

    @pa.dataframe_check
    def rows_agree(cls, data):
        return data.lazyframe.select(pl.col("age") > pl.col("inherited"))

    class Config:
        unique = ["age", "ssn"]
"""
PANDAS = """import pandera.pandas as pp

schema = pp.DataFrameSchema(
    {
        "age": pp.Column(int, [pp.Check.in_range(0, 120), pp.Check(lambda s: s % 2 == 0, name="even")]),
        "ssn": pp.Column(
            str, pp.Check.str_matches("^[0-9]+$"), unique=True
        ),
        "odd name": pp.Column(str, nullable=True),
        "inherited": pp.Column(int),
    },
    checks=pp.Check(lambda frame: frame["age"] > frame["inherited"], name="rows_agree"),
    unique=["age", "ssn"],
)
"""
FRAME = pl.DataFrame(
    {
        "age": [2, 2, 200, 5, 8],
        "ssn": ["123", "123", "77", "ohno", "9"],
        "odd name": ["a", None, "b", "c", "d"],
        "inherited": [0, 1, 2, 3, 8],
    }
)


@pytest.mark.parametrize(("schema", "top"), [(POLARS, "age/le"), (PANDAS, "age/in_range")])
def test_all_failures_in_one_run_with_counts_samples_and_lines(validate: Validate, schema: str, top: str) -> None:
    findings = validate(FRAME, schema)
    assert bad(findings) == {
        top: "1 of 5 rows (20 %)",
        "age/even": "1 of 5 rows (20 %)",
        "ssn/str_matches": "1 of 5 rows (20 %)",
        "ssn/unique": "2 of 5 rows (40 %)",
        "unique age+ssn": "2 of 5 rows (40 %)",
        "rows_agree": "1 of 5 rows (20 %)",
    }
    assert named(findings, f"schema/d/{top}").detail == "row 2: 200"
    assert named(findings, "schema/d/ssn/unique").detail == "row 0: '123', row 1: '123'"
    expected = {"age/even": 15, "ssn/unique": 11, "rows_agree": 19, "odd name/dtype": 12, "inherited/dtype": 6}
    if schema == PANDAS:
        expected = {"age/even": 5, "ssn/unique": 6, "rows_agree": 3, "odd name/dtype": 9, "inherited/dtype": 10}
    for path, line in expected.items():
        location = named(findings, f"schema/d/{path}").location
        assert location is not None
        assert (location.file, location.line) == ("schema.py", line), path
    assert findings.metrics["rows/d"].n == 5
    assert findings.data["d"].startswith("sha256:")
    assert {one.status for one in findings.checks} == {"pass", "fail"}
    assert len({one.id for one in findings.checks}) == len(findings.checks)


def dump(findings: Findings) -> str:
    return json.dumps([one.model_dump() for one in findings.checks], ensure_ascii=False) + repr(findings)


@pytest.mark.parametrize("schema", [POLARS, PANDAS])
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(secrets=st.lists(st.text("XYZ", min_size=8, max_size=12), min_size=5, max_size=5))
def test_a_sensitive_value_appears_nowhere(validate: Validate, schema: str, secrets: list[str]) -> None:
    text = schema.replace("pl.col(data.key) % 2 == 0", "pl.col('ssn').cast(int) > 0")
    text = text.replace("lambda s: s % 2 == 0", "lambda s: 1 / 0 if s.empty else [][len(s)]")
    frame = FRAME.with_columns(pl.Series("ssn", secrets))
    section = {"samples": 50, "overlap": [{"between": ["d", "d"]}, {"between": ["d", "d"], "by": "ssn"}]}
    fresh = {"column": "ssn", "within": "1h"}
    findings = validate(frame, text, section=section, sensitive="ssn", key="ssn", fresh=fresh)
    assert len(bad(findings)) >= 7
    written = dump(findings)
    assert not [one for one in secrets if one in written]
    assert "ohno" not in written
    assert "values not shown, sensitive: ssn" in written


@pytest.mark.parametrize("flavour", ["polars", "pandas"])
@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
@pytest.mark.parametrize("coerce", [True, False])
def test_a_sensitive_value_that_can_not_be_coerced_or_read_appears_nowhere(
    tmp_path: Path, flavour: str, suffix: str, coerce: bool
) -> None:
    rows = [{"ssn": "XSECRETX", "n": 1}, {"ssn": "12", "n": 2}]
    frame = pl.DataFrame(rows)
    frame.write_csv(tmp_path / "d.csv")
    frame.write_ndjson(tmp_path / "d.jsonl")
    column = f"pa.Column(int, [pa.Check.ge(0), pa.Check.isin([1])], coerce={coerce})"
    (tmp_path / "schema.py").write_text(
        f"import pandera.{flavour} as pa\nschema = pa.DataFrameSchema({{'ssn': {column}}}, strict=True)"
    )
    document = {"path": f"d.{suffix}", "schema": "schema.py:schema", "sensitive": "ssn"}
    job = Job(root=tmp_path, config=Config.model_validate({"data": {"d": document}}), say=lambda text: None)
    findings = step.run(job)
    assert bad(findings).keys() >= {"ssn/coerced" if coerce else "ssn/dtype", "n/known"}
    assert "XSECRETX" not in dump(findings)


def test_what_holds_for_all_columns_of_a_pattern_is_one_check(validate: Validate) -> None:
    schema = (
        "import pandera.polars as pa\nschema = pa.DataFrameSchema({'^p.$': pa.Column(int, pa.Check.ge(0), regex=True)})"
    )
    findings = validate(pl.DataFrame({"p1": [1], "p2": [-1], "p3": [3]}), schema)
    assert {one.id.removeprefix("schema/d/"): one.observed for one in findings.checks[1:]} == {
        "p2/ge": "1 of 1 rows (100 %)",
        "^p.$/ge": "2 columns",
        "^p.$/not_null": "3 columns",
        "^p.$/dtype": "3 columns",
    }


def test_samples_are_capped_and_can_be_none_at_all(validate: Validate) -> None:
    frame = pl.DataFrame({"age": [-1] * 100})
    schema = "import pandera.polars as pa\nschema = pa.DataFrameSchema({'age': pa.Column(int, pa.Check.ge(0))})"
    three = validate(frame, schema, section={"samples": 3})
    assert named(three, "schema/d/age/ge").detail == "row 0: -1, row 1: -1, row 2: -1"
    assert named(three, "schema/d/age/ge").observed == "100 of 100 rows (100 %)"
    assert named(validate(frame, schema, section={"samples": 0}), "schema/d/age/ge").detail is None


def test_a_data_set_without_a_schema_is_a_warning(validate: Validate) -> None:
    findings = validate(pl.DataFrame({"a": [1]}))
    assert {one.id: one.status for one in findings.checks} == {"rows/d": "pass", "schema/d": "warn"}


def test_many_rules_are_folded_to_those_that_did_not_pass(validate: Validate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step, "FOLD", 10)
    schema = "import pandera.polars as pa\nschema = pa.DataFrameSchema({f'c{i}': pa.Column(int) for i in range(%d)})"
    findings = validate(pl.DataFrame({f"c{i}": [1] for i in range(20)}), schema % 21)
    assert bad(findings) == {"c20/present": "missing"}
    assert [one.title for one in findings.checks[1:]] == ["d: 41 rules hold"]
    findings = validate(pl.DataFrame({"q": [1]}), schema % 21)
    assert len(findings.checks) == 12
    assert "more" in bad(findings)


@pytest.mark.parametrize(
    ("schema", "settings", "message"),
    [
        ("import pandera.polars as pa\n1 / 0", {}, "schema.py:2 can't be imported (ZeroDivisionError"),
        ("x = 1", {}, "schema.py has no 'schema'"),
        ("schema = 3", {}, "schema.py:schema is no pandera schema for polars or pandas (it is a int)"),
        ("class schema: pass", {}, "no pandera schema for polars or pandas (it is the class schema)"),
        (
            "import pandera.polars as pa\nclass schema(pa.DataFrameModel):\n    a: int = pa.Field(alias=3, zzz=1)",
            {},
            "schema.py",
        ),
        (None, {"section": {"overlap": [{"between": ["d", "train"]}]}}, "there is no data set 'train'. There are: d"),
        (None, {"section": {"overlap": [{"between": ["d", "d"], "by": "x"}]}}, "'d' has no column x. It has: a"),
        (
            "import pandera.pandas as pa\nschema = pa.DataFrameSchema(parsers=pa.Parser(lambda frame: 1 / 0))",
            {},
            "a schema can't be run (ZeroDivisionError: division by zero)",
        ),
        (
            "import pandera.polars as pa\nfrom pandera import Parser\nschema = pa.DataFrameSchema(parsers=Parser(len))",
            {},
            "a schema can't be run (NotImplementedError",
        ),
        (None, {"path": "gone.csv"}, "no data at gone.csv"),
    ],
)
def test_bad_input_is_one_clear_line(
    validate: Validate, schema: str | None, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError) as caught:
        validate(pl.DataFrame({"a": [1]}), schema, **settings)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_error_of_the_users_parser_shows_no_sensitive_value(validate: Validate) -> None:
    schema = "import pandera.pandas as pa\nschema = pa.DataFrameSchema(parsers=pa.Parser(lambda f: int(f['ssn'][0])))"
    with pytest.raises(UserError, match="can't be run") as caught:
        validate(pl.DataFrame({"ssn": ["XSECRETX"]}), schema, sensitive="ssn")
    assert "XSECRETX" not in str(caught.value)


def test_no_data_set_at_all_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no data to test"):
        step.run(Job(root=tmp_path, config=Config()))


@pytest.mark.parametrize("faulty", ["parse", "nulls", "duplicates", "check"])
def test_a_run_that_finds_nothing_bad_in_a_bad_frame_is_our_bug(
    validate: Validate, monkeypatch: pytest.MonkeyPatch, faulty: str
) -> None:
    answer: Any = [] if faulty == "parse" else Tally(bad=0)
    monkeypatch.setattr(lazily.Lazily, faulty, lambda *_: answer)
    with pytest.raises(RuntimeError, match="can't be trusted"):
        validate(pl.DataFrame({"a": [1]}))


@pytest.mark.parametrize("name", ["PANDERA_VALIDATION_DEPTH", "PANDERA_VALIDATION_ENABLED"])
def test_the_environment_can_not_switch_the_tests_off(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    from pandera import config

    attribute, off = name.removeprefix("PANDERA_").lower(), {"PANDERA_VALIDATION_ENABLED": False}
    monkeypatch.setattr(config._CONTEXT_CONFIG.get(), attribute, off.get(name, config.ValidationDepth.SCHEMA_ONLY))
    proof.prove()


NOW = datetime(2026, 5, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("values", "status", "observed"),
    [
        ([NOW - timedelta(hours=36), None], "pass", "36.0 h old (2026-05-30 00:00:00 UTC)"),
        ([NOW - timedelta(hours=36, seconds=1), NOW - timedelta(days=9)], "fail", "36.0 h old"),
        ([datetime(2026, 5, 31, 11, 59)], "pass", "60 s old"),
        ([datetime(2026, 5, 30).date()], "pass", "36.0 h old"),
        ([datetime(2026, 5, 29).date()], "fail", "2.5 d old"),
        (["2026-05-31T13:30:00+02:00", "2026-05-01"], "pass", "30.0 min old (2026-05-31 11:30:00 UTC)"),
        (["2026-05-30T00:00:00Z"], "pass", "36.0 h old"),
        (["2026-05-29 23:59:59.5"], "fail", "36.0 h old"),
        (["31/5/2026"], "fail", "no times"),
        (["2026-05-31", "soon"], "fail", "no times"),
        ([NOW + timedelta(hours=3)], "warn", "3.0 h in the future"),
        ([1780000000], "fail", "no times"),
        ([None], "fail", "no times"),
        ([], "fail", "no times"),
    ],
)
def test_freshness(tmp_path: Path, values: list[Any], status: str, observed: str) -> None:
    pl.DataFrame({"t": values}, schema={"t": pl.Datetime} if not values else None).write_parquet(tmp_path / "d.parquet")
    dataset = DataSet(path=("d.parquet",), fresh=Freshness(column="t", within="36h"))
    checks = {one.id: one for one in limits(Source("d", dataset, tmp_path, tmp_path), 5, NOW)}
    assert checks["fresh/d"].status == status
    assert str(checks["fresh/d"].observed).startswith(observed)


@pytest.mark.parametrize(
    ("low", "high", "rows", "status"),
    [
        (1, None, 0, "fail"),
        (0, None, 0, "pass"),
        (2, 3, 1, "fail"),
        (2, 3, 2, "pass"),
        (2, 3, 3, "pass"),
        (2, 3, 4, "fail"),
    ],
)
def test_row_limits(tmp_path: Path, low: int, high: int | None, rows: int, status: str) -> None:
    pl.DataFrame({"a": [1] * rows}, schema={"a": pl.Int64}).write_parquet(tmp_path / "d.parquet")
    source = Source("d", DataSet(path=("d.parquet",), min_rows=low, max_rows=high), tmp_path, tmp_path)
    assert [one.status for one in limits(source, 5, NOW)] == [status]


@pytest.mark.parametrize(
    ("frame", "key", "observed"),
    [
        ({"a": [1, 2, 3]}, "a", "all 3 rows"),
        ({"a": [1, 2, 1]}, "a", "2 of 3 rows (66.7 %) share their key or lack it"),
        ({"a": [1, None, 3]}, "a", "1 of 3 rows (33.3 %) share their key or lack it"),
        ({"a": [1, 1, 2], "b": [1, 2, 2]}, ("a", "b"), "all 3 rows"),
        ({"a": [1, 1, 2], "b": [1, 1, 2]}, ("a", "b"), "2 of 3 rows (66.7 %) share their key or lack it"),
        ({"a": [1]}, "z", "no column z"),
    ],
)
def test_the_key_names_each_row_once(validate: Validate, frame: dict[str, Any], key: str, observed: str) -> None:
    check = named(validate(pl.DataFrame(frame), key=key), "key/d")
    assert (check.observed, check.status) == (observed, "pass" if observed.startswith("all") else "fail")


cells = st.one_of(st.none(), st.integers(0, 2))
tables = st.lists(st.tuples(cells, cells), max_size=12)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(left=tables, right=tables, by=st.sampled_from([(), ("a",), ("row", "a")]))
def test_overlap_is_what_brute_force_finds(
    tmp_path: Path, left: list[tuple[Any, Any]], right: list[tuple[Any, Any]], by: tuple[str, ...]
) -> None:
    schema = {"a": pl.Int64, "row": pl.Int64}  # a name that the check could want for itself
    pl.DataFrame(left, schema=schema, orient="row").write_parquet(tmp_path / "l.parquet")
    backwards = pl.DataFrame(right, schema=schema, orient="row").select(pl.col("row").cast(pl.Int8), "a")
    backwards.write_parquet(tmp_path / "r.parquet")
    sources = [Source(one, DataSet(path=(f"{one}.parquet",)), tmp_path, tmp_path) for one in "lr"]
    check = overlap(Overlap(between=("l", "r"), by=by), sources[0], sources[1], 50)
    take = [0] if by == ("a",) else [0, 1]
    known = {tuple(row[i] for i in take) for row in left}
    shared = [number for number, row in enumerate(right) if tuple(row[i] for i in take) in known]
    assert check.status == ("fail" if shared else "pass")
    assert not shared or str(check.observed).startswith(f"{len(shared)} of {len(right)} rows")
    assert [int(number) for number in re.findall(r"\brow (\d+):", check.detail or "")] == shared


def test_overlap_of_texts_and_numbers_can_not_be_judged(tmp_path: Path) -> None:
    pl.DataFrame({"a": ["1"]}).write_parquet(tmp_path / "l.parquet")
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "r.parquet")
    sources = [Source(one, DataSet(path=(f"{one}.parquet",)), tmp_path, tmp_path) for one in "lr"]
    with pytest.raises(UserError, match=r"'a' can't be compared \(String in 'l', Int64 in 'r'\)"):
        overlap(Overlap(between=("l", "r")), sources[0], sources[1], 5)


@given(st.integers(0, 10**8), st.integers(1, 10**8))
def test_a_share_is_never_rounded_to_nothing_or_to_all(bad: int, total: int) -> None:
    bad = min(bad, total)
    percent = share(bad, total).partition("(")[2]
    assert percent.startswith("0 ") == (bad == 0)
    assert percent.startswith("100 ") == (bad == total)
    assert math.isfinite(float(percent.removeprefix("<").removeprefix(">").removesuffix(" %)")))


def test_a_big_text_file_is_read_once_and_kept_as_parquet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ci_kit.validate.source.IN_MEMORY", 0)
    FRAME.write_csv(tmp_path / "d.csv")
    (tmp_path / "spool").mkdir()
    source = Source("d", DataSet(path=("d.csv",)), tmp_path, tmp_path / "spool")
    assert source.rows.collect().equals(FRAME)
    assert [one.suffix for one in (tmp_path / "spool").iterdir()] == [".parquet"]


@pytest.mark.parametrize(
    ("text", "column", "rule", "line"),
    [
        ("", "a", "", 1),
        ("def (", "a", "", 1),
        ("x = 1\ny = {'a': 1}\nschema = make(y)", "a", "", 2),
        ("x = 1\nschema: object = make(\n {'b': 1,\n  'a': 2})", "a", "", 4),
        ("x = 1\nclass schema:\n    b: int", "a", "", 2),
        ("x = 1\nclass schema:\n    b: int", None, "", 2),
    ],
)
def test_lines_of_odd_files(tmp_path: Path, text: str, column: str | None, rule: str, line: int) -> None:
    (tmp_path / "s.py").write_text(text)
    assert Where("s.py:schema", tmp_path)(column, rule).line == line


@pytest.mark.parametrize(
    ("sections", "tested"),
    [
        ({"drift": {"current": "log", "labels": "truth"}}, {"ours"}),
        ({"drift": {"current": "log"}}, {"ours", "truth"}),
        ({}, {"ours", "truth", "log"}),
        (
            {"drift": {"current": "log", "labels": "truth"}, "validate": {"overlap": [{"between": ["ours", "log"]}]}},
            {"ours", "log"},
        ),
        ({"drift": {"current": "log", "labels": "truth"}, "evaluate": {"data": "truth"}}, {"ours", "truth"}),
    ],
)
def test_what_a_service_saw_is_no_part_of_the_change(tmp_path: Path, sections: Any, tested: set[str]) -> None:
    names = ("ours", "truth", "log")
    for name in tested:  # the others need not even be there
        (tmp_path / f"{name}.csv").write_text(f"id\n{names.index(name)}\n")
    config = Config.model_validate({"data": {name: {"path": f"{name}.csv"} for name in names}} | sections)
    found = step.run(Job(root=tmp_path, config=config))
    assert {name.removeprefix("rows/") for name in found.metrics} == tested
    assert {one.id for one in found.checks if one.status == "skip"} == {f"watched/{n}" for n in set(names) - tested}
