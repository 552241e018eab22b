"""Every kind of rule, in both flavours, with a known number of bad rows."""

import re
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pandera.pandas as pp
import pandera.polars as pa
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pandera.config import config_context
from pandera.errors import SchemaErrors

from ci_kit.parts import Check
from ci_kit.sections import DataSet
from ci_kit.validate.eagerly import Eagerly
from ci_kit.validate.examine import Examination
from ci_kit.validate.lazily import Lazily
from ci_kit.validate.source import Source
from ci_kit.validate.where import Where

N = 20
FRAME = pl.DataFrame(
    {
        "n": [*range(18), None, -5],
        "f": [0.1] * 16 + [None, float("nan"), 2.0, 3.0],
        "s": ["ab"] * 17 + ["", None, "zz"],
        "u": [*range(17), 0, 0, 1],
    }
)


def examine(flavour: str, schema: Any, frame: pl.DataFrame, **more: Any) -> list[Check]:
    table = Lazily(frame.lazy()) if flavour == "polars" else Eagerly(frame.to_pandas(integer_object_nulls=False))
    source = Source("d", DataSet(path=("d",), **more), Path(), Path())
    return Examination(source, schema, table, Where("x.py:x", Path()), 3).checks()


def bad(checks: list[Check]) -> dict[str, str]:
    return {one.id.removeprefix("schema/d/"): str(one.observed) for one in checks if one.status != "pass"}


def count(observed: str) -> int:
    number = re.match(r"([\d,]+) of [\d,]+ (rows|values)", observed)
    return int(number[1].replace(",", "")) if number else -1


def polars_column(check: Any = None, dtype: Any = None, **more: Any) -> Any:
    return pa.Column(dtype, check, **({"nullable": True} | more))


def pandas_column(check: Any = None, dtype: Any = None, **more: Any) -> Any:
    return pp.Column(dtype, check, **({"nullable": True} | more))


FLAVOURS = {"polars": (pa, polars_column), "pandas": (pp, pandas_column)}

# column, what makes the column from (pandera, column), rule → bad rows
PROBES: list[tuple[str, Any, str, int]] = [
    ("n", lambda p, c: c(p.Check.ge(3)), "ge", 4),
    ("n", lambda p, c: c(p.Check.gt(3)), "gt", 5),
    ("n", lambda p, c: c(p.Check.le(10)), "le", 7),
    ("n", lambda p, c: c(p.Check.lt(10)), "lt", 8),
    ("n", lambda p, c: c(p.Check.eq(4)), "eq", 18),
    ("n", lambda p, c: c(p.Check.ne(4)), "ne", 1),
    ("n", lambda p, c: c(p.Check.isin([1, 2])), "isin", 17),
    ("n", lambda p, c: c(p.Check.notin([1, 2, -5])), "notin", 3),
    ("n", lambda p, c: c(p.Check.in_range(0, 5, include_max=False)), "in_range", 14),
    ("f", lambda p, c: c(p.Check.in_range(0, 2)), "in_range", 1),
    ("s", lambda p, c: c(p.Check.str_matches("^a")), "str_matches", 2),
    ("s", lambda p, c: c(p.Check.str_contains("b")), "str_contains", 2),
    ("s", lambda p, c: c(p.Check.str_startswith("z")), "str_startswith", 18),
    ("s", lambda p, c: c(p.Check.str_endswith("z")), "str_endswith", 18),
    ("s", lambda p, c: c(p.Check.str_length(1, 2)), "str_length", 1),
    ("n", lambda p, c: c(nullable=False), "not_null", 1),
    ("f", lambda p, c: c(nullable=False), "not_null", 2),
    ("s", lambda p, c: c(nullable=False), "not_null", 1),
    ("u", lambda p, c: c(unique=True), "unique", 5),
    ("n", lambda p, c: c(p.Check.ge(3, ignore_na=False)), "ge", 5),
    ("u", lambda p, c: c(p.Check(lambda x: x > 3, element_wise=True)), "lambda", 7),
    ("u", lambda p, c: c(p.Check.unique_values_eq([0, 1])), "unique_values_eq", -1),
    ("u", lambda p, c: c(p.Check.ge(3, name="mine")), "mine", 6),
    ("n", lambda p, c: c(p.Check.ge(-9)), "ge", 0),
]


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize(("column", "make", "rule", "expected"), PROBES, ids=lambda one: str(one)[:12])
def test_each_rule_counts_its_bad_rows(flavour: str, column: str, make: Any, rule: str, expected: int) -> None:
    # To polars NaN is a number that is out of every range, to pandas it is a missing one.
    expected += flavour == "polars" and (column, rule) == ("f", "in_range")
    pandera, columns = FLAVOURS[flavour]
    schema = pandera.DataFrameSchema({column: make(pandera, columns)})
    found = bad(examine(flavour, schema, FRAME))
    assert {name: count(seen) for name, seen in found.items()} == ({f"{column}/{rule}": expected} if expected else {})


def polars_table_check(frame: Any) -> Any:
    return frame.lazyframe.select(pl.col("u") < pl.col("n"))


REGEX_POLARS = polars_column(pa.Check.ge(1), regex=True)
REGEX_PANDAS = pandas_column(pp.Check.ge(1), regex=True)
WARM = pp.Check(lambda column: column.mean() > 99)
TABLES: list[tuple[str, str, Any, dict[str, int]]] = [
    ("polars", "table check", pa.DataFrameSchema(checks=pa.Check(polars_table_check)), {"polars_table_check": 18}),
    ("pandas", "table check", pp.DataFrameSchema(checks=pp.Check(lambda f: f["u"] < f["n"])), {"lambda": 19}),
    ("polars", "unique", pa.DataFrameSchema({"u": pa.Column()}, unique=["s", "f"]), {"unique s+f": 16}),
    ("pandas", "unique", pp.DataFrameSchema({"u": pp.Column()}, unique=["s", "f"]), {"unique s+f": 16}),
    (
        "pandas",
        "first of duplicates",
        pp.DataFrameSchema({"u": pp.Column(unique=True, report_duplicates="exclude_first")}),
        {"u/unique": 3},
    ),
    ("polars", "missing", pa.DataFrameSchema({"q": pa.Column(), "z": pa.Column(required=False)}), {"q/present": -1}),
    ("pandas", "missing", pp.DataFrameSchema({"q": pp.Column(), "z": pp.Column(required=False)}), {"q/present": -1}),
    (
        "polars",
        "dtype",
        pa.DataFrameSchema({"s": pa.Column(int, pa.Check.ge(0))}),
        {"s/dtype": -1, "s/not_null": 1, "s/ge": -1},
    ),
    (
        "polars",
        "strict",
        pa.DataFrameSchema({"u": pa.Column()}, strict=True),
        {"n/known": -1, "f/known": -1, "s/known": -1},
    ),
    (
        "pandas",
        "strict",
        pp.DataFrameSchema({"u": pp.Column()}, strict=True),
        {"n/known": -1, "f/known": -1, "s/known": -1},
    ),
    ("polars", "filter", pa.DataFrameSchema({"u": pa.Column(int)}, strict="filter"), {}),
    ("pandas", "filter", pp.DataFrameSchema({"u": pp.Column(int)}, strict="filter"), {}),
    ("polars", "order", pa.DataFrameSchema({"u": pa.Column(), "n": polars_column()}, ordered=True), {"order": -1}),
    ("pandas", "order", pp.DataFrameSchema({"u": pp.Column(), "n": pandas_column()}, ordered=True), {"order": -1}),
    (
        "polars",
        "regex",
        pa.DataFrameSchema({"^[nu]$": polars_column(pa.Check.ge(1), regex=True)}),
        {"n/ge": 2, "u/ge": 3},
    ),
    (
        "pandas",
        "regex",
        pp.DataFrameSchema({"^[nu]$": pandas_column(pp.Check.ge(1), regex=True)}),
        {"n/ge": 2, "u/ge": 3},
    ),
    ("polars", "no match", pa.DataFrameSchema({"^q.*$": pa.Column(regex=True)}), {"^q.*$/present": -1}),
    ("polars", "coerced", pa.DataFrameSchema({"s": pa.Column(int, coerce=True)}), {"s/coerced": 19}),
    ("polars", "coerces", pa.DataFrameSchema({"u": pa.Column(str, pa.Check.ne("0"), coerce=True)}), {"u/ne": 3}),
    ("pandas", "coerces", pp.DataFrameSchema({"u": pp.Column(str, pp.Check.ne("0"), coerce=True)}), {"u/ne": 3}),
    ("polars", "default", pa.DataFrameSchema({"n": pa.Column(int, pa.Check.ge(0), default=-1)}), {"n/ge": 2}),
    ("pandas", "default", pp.DataFrameSchema({"n": pp.Column(float, pp.Check.ge(0), default=-1.0)}), {"n/ge": 2}),
    (
        "polars",
        "the whole column",
        pa.DataFrameSchema({"u": pa.Column(int, pa.Check(lambda d: d.lazyframe.select(pl.col(d.key).mean() > 99)))}),
        {"u/lambda": -1},
    ),
    (
        "pandas",
        "the whole column",
        pp.DataFrameSchema({"u": pp.Column(int, pp.Check(lambda s: s.mean() > 99))}),
        {"u/lambda": -1},
    ),
    (
        "polars",
        "another column",
        pa.DataFrameSchema({"u": pa.Column(int, pa.Check(lambda d: d.lazyframe.select(pl.col(d.key) == pl.col("n"))))}),
        {"u/lambda": 2},
    ),
    ("polars", "broken check", pa.DataFrameSchema({"u": pa.Column(int, pa.Check(lambda d: 1 / 0))}), {"u/lambda": -1}),
    ("pandas", "broken check", pp.DataFrameSchema({"u": pp.Column(int, pp.Check(lambda d: 1 / 0))}), {"u/lambda": -1}),
    (
        "polars",
        "two alike",
        pa.DataFrameSchema({"u": pa.Column(int, [pa.Check.ge(1), pa.Check.le(2)])}),
        {"u/ge": 3, "u/le": 14},
    ),
    (
        "pandas",
        "groups",
        pp.DataFrameSchema(
            {"u": pp.Column(int, pp.Check(lambda g: g["ab"].mean() < 0, groupby="s")), "s": pandas_column()}
        ),
        {"u/lambda": -1},
    ),
]


@pytest.mark.parametrize(("flavour", "name", "schema", "expected"), TABLES, ids=[f"{a} {b}" for a, b, *_ in TABLES])
def test_tables_columns_and_types(flavour: str, name: str, schema: Any, expected: dict[str, int]) -> None:
    found = bad(examine(flavour, schema, FRAME))
    assert {key: count(seen) for key, seen in found.items()} == expected


def test_a_wrong_type_is_one_check_however_many_rows() -> None:
    frame = pl.DataFrame({"s": [f"x{i}" for i in range(1000)]})
    for flavour, pandera in (("polars", pa), ("pandas", pp)):
        for coerce in (False, True):
            schema = pandera.DataFrameSchema({"s": pandera.Column(int, pandera.Check.ge(0), coerce=coerce)})
            checks = examine(flavour, schema, frame)
            assert [one.status for one in checks if one.id.endswith(("dtype", "coerced"))] == ["fail"]
            assert all(len(one.detail or "") < 300 for one in checks)
            assert len(checks) <= 3


CAPITALS = [*"ABCDEFGHIJKL"]


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize(
    ("column", "make", "title", "limit"),
    [
        ("u", lambda p: p.Check.le(2.5), "d.u: ≤ 2.5", None),
        ("u", lambda p: p.Check.le(2.5, name="mine"), "d.u: mine", "≤ 2.5"),
        ("u", lambda p: p.Check.le(2.5, error="too big"), "d.u: too big", "≤ 2.5"),
        ("u", lambda p: p.Check.le(2.5, title="small enough"), "d.u: small enough", "≤ 2.5"),
        ("u", lambda p: p.Check.le(2.5, name="mine", error="too big"), "d.u: too big", "≤ 2.5"),
        ("u", lambda p: p.Check(lambda x: x > 90, element_wise=True, name="mine"), "d.u: mine", None),
        ("u", lambda p: p.Check(lambda x: x > 90, element_wise=True, name="a", error="b"), "d.u: b", None),
        ("u", lambda p: p.Check(lambda x: x > 90, element_wise=True, description="\n c\n d"), "d.u: c", None),
        ("u", lambda p: p.Check(lambda x: x > 90, element_wise=True), "d.u: lambda", None),
        ("u", lambda p: p.Check.in_range(1, 2, include_max=False), "d.u: in [1, 2)", None),
        ("u", lambda p: p.Check.str_length(9), "d.u: str_length(9)", None),
        ("s", lambda p: p.Check.eq(" ?"), "d.s: = ' ?'", None),
        ("s", lambda p: p.Check.isin(["a", "b"]), "d.s: one of 'a', 'b'", None),
        ("s", lambda p: p.Check.isin(CAPITALS), "d.s: one of 12 values: 'A', 'B', 'C', 'D', 'E', …", None),
        ("s", lambda p: p.Check.str_matches("^[0-9]+$"), "d.s: matches '^[0-9]+$'", None),
    ],
)
def test_the_rule_stands_once_and_the_users_words_win(
    flavour: str, column: str, make: Any, title: str, limit: str | None
) -> None:
    pandera, columns = FLAVOURS[flavour]
    checks = examine(flavour, pandera.DataFrameSchema({column: columns(make(pandera))}), FRAME)
    (found,) = [one for one in checks if one.status != "pass"]
    assert (found.title, found.limit) == (title, limit)


def test_what_is_wrong_with_a_type_stands_once() -> None:
    for flavour, pandera in (("polars", pa), ("pandas", pp)):
        schema = pandera.DataFrameSchema({"s": pandera.Column(float), "q": pandera.Column()}, strict=True)
        assert {one.limit for one in examine(flavour, schema, FRAME)} == {None}


SOME = ["1", None, *"345", " 6", "7"]
UNREAD: list[tuple[str, list[str | None], str, str | None]] = [
    ("int", SOME, "1 of 7 values are no whole number (leading spaces)", "row 5: ' 6'"),
    ("int", [*SOME, "8 "], "2 of 8 values are no whole number (spaces around them)", "row 5: ' 6', row 7: '8 '"),
    ("int", ["1", "8 "], "1 of 2 values are no whole number (trailing spaces)", "row 1: '8 '"),
    ("int", ["1", " x", " 2"], "2 of 3 values are no whole number", "row 1: ' x', row 2: ' 2'"),
    ("int", ["1", "2.5", "x", "", "y"], "4 of 5 values are no whole number", "row 1: '2.5', row 2: 'x', row 3: ''"),
    ("float", ["1", "2.5", "1e3", "?"], "1 of 4 values are no number", "row 3: '?'"),
    ("bool", ["true", "False", "no"], "1 of 3 values are not true or false", "row 2: 'no'"),
    ("datetime", ["2026-05-31T08:00:00Z", "soon"], "1 of 2 values are no time", "row 1: 'soon'"),
    ("int", ["1", "2"], "each value can be read as a whole number, set coerce=True", None),
]
TYPES: dict[str, tuple[Any, Any]] = {
    "int": (int, int),
    "float": (float, float),
    "bool": (bool, bool),
    "datetime": (pl.Datetime, "datetime64[ns]"),
}


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize(("kind", "values", "observed", "detail"), UNREAD, ids=lambda one: str(one)[:12])
def test_text_where_no_text_belongs_is_counted_and_shown(
    flavour: str, kind: str, values: list[str | None], observed: str, detail: str | None
) -> None:
    column = FLAVOURS[flavour][1](dtype=TYPES[kind][flavour == "pandas"])
    schema = FLAVOURS[flavour][0].DataFrameSchema({"v": column})
    checks = {one.id: one for one in examine(flavour, schema, pl.DataFrame({"v": values}))}
    assert str(checks["schema/d/v/dtype"].observed).partition(", ")[2] == observed
    assert checks["schema/d/v/dtype"].detail == detail


READ: dict[str, tuple[Any, list[str | None], list[Any]]] = {
    "int": (int, ["1", "2"], [1, 2]),
    "float": (float, ["1", "2.5"], [1.0, 2.5]),
    "bool": (bool, ["true", None, "False"], [True, None, False]),
    "date": (pl.Date, ["2026-05-31", None], [date(2026, 5, 31), None]),
    "time": (pl.Datetime, ["2026-05-31T08:00:00Z"], [datetime(2026, 5, 31, 8)]),
    "zoned": (pl.Datetime("ms", "UTC"), ["2026-05-31 08:00"], [datetime(2026, 5, 31, 8, tzinfo=UTC)]),
}


@pytest.mark.parametrize("kind", READ)
def test_the_remedy_for_text_works(kind: str) -> None:
    dtype, texts, wanted = READ[kind]
    frame = pl.DataFrame({"v": texts}, schema={"v": pl.String})
    (observed,) = bad(examine("polars", pa.DataFrameSchema({"v": pa.Column(dtype, nullable=True)}), frame)).values()
    assert str(observed).endswith("set coerce=True")
    schema = pa.DataFrameSchema({"v": pa.Column(dtype, nullable=True, coerce=True)})
    assert bad(examine("polars", schema, frame)) == {}
    seen = list[Any]()
    schema = pa.DataFrameSchema({"v": pa.Column(dtype, pa.Check(lambda data: _kept(data, seen)), coerce=True)})
    examine("polars", schema, frame.drop_nulls())
    assert seen == [one for one in wanted if one is not None]


def _kept(data: Any, seen: list[Any]) -> pl.LazyFrame:
    found: pl.DataFrame = data.lazyframe.collect()
    seen[:] = found[data.key].to_list()
    return found.lazy().select(pl.lit(value=True))


@pytest.mark.parametrize(("dtype", "value"), [(bool, "no"), (pl.Date, "31/5/2026"), (pl.Datetime, "soon")])
def test_text_that_says_something_else_is_named_by_its_row(dtype: Any, value: str) -> None:
    good = {bool: "true", pl.Date: "2026-05-31", pl.Datetime: "2026-05-31 08:00"}[dtype]
    schema = pa.DataFrameSchema({"v": pa.Column(dtype, nullable=True, coerce=True)})
    checks = {one.id: one for one in examine("polars", schema, pl.DataFrame({"v": [good, None, value]}))}
    assert checks["schema/d/v/coerced"].observed == "1 of 3 values of String do not fit"
    assert checks["schema/d/v/coerced"].detail == f"row 2: {value!r}"


def test_pandas_would_take_every_text_for_true() -> None:
    schema = FLAVOURS["pandas"][0].DataFrameSchema({"v": FLAVOURS["pandas"][1](dtype=bool)})
    found = bad(examine("pandas", schema, pl.DataFrame({"v": ["true", "False"]})))
    assert str(found["v/dtype"]).endswith("can be read as true or false, convert it where it is read")


def test_dates_in_text_are_counted_and_a_type_that_no_text_stands_for_is_not() -> None:
    frame = pl.DataFrame({"v": ["2026-05-31", "31/5/2026"]})
    found = bad(examine("polars", pa.DataFrameSchema({"v": pa.Column(pl.Date)}), frame))
    assert found == {"v/dtype": "String, 1 of 2 values are no date"}
    found = bad(examine("polars", pa.DataFrameSchema({"v": pa.Column(pl.List(pl.Int64))}), frame))
    assert found == {"v/dtype": "String"}


def test_spaces_that_keep_values_from_their_type_are_named() -> None:
    schema = pa.DataFrameSchema({"v": pa.Column(int, coerce=True)})
    found = bad(examine("polars", schema, pl.DataFrame({"v": ["1", " 2", " 3"]})))
    assert found == {"v/coerced": "2 of 3 values of String do not fit (leading spaces)"}


def test_a_warning_stays_a_warning() -> None:
    for flavour, pandera in (("polars", pa), ("pandas", pp)):
        schema = pandera.DataFrameSchema({"u": pandera.Column(int, pandera.Check.ge(1, raise_warning=True))})
        assert [one.status for one in examine(flavour, schema, FRAME) if one.id.endswith("ge")] == ["warn"]


def test_the_users_schema_is_left_as_it_was() -> None:
    for flavour, pandera in (("polars", pa), ("pandas", pp)):
        schema = pandera.DataFrameSchema(
            {"u": pandera.Column(int, pandera.Check.ge(1), unique=True, coerce=True)}, strict=True, unique=["u"]
        )
        before = repr(schema), schema.unique, schema.columns["u"].unique, len(schema.columns["u"].checks)
        examine(flavour, schema, FRAME)
        assert before == (repr(schema), schema.unique, schema.columns["u"].unique, len(schema.columns["u"].checks))
        assert schema.columns["u"].coerce


cells = st.one_of(st.none(), st.integers(-3, 6))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    values=st.lists(cells, min_size=1, max_size=30), low=st.integers(-3, 6), flavour=st.sampled_from(sorted(FLAVOURS))
)
def test_counts_are_those_of_a_naive_count(values: list[int | None], low: int, flavour: str) -> None:
    frame = pl.DataFrame({"v": values}, schema={"v": pl.Int64})
    pandera, column = FLAVOURS[flavour]
    rule = column([pandera.Check.ge(low), pandera.Check.isin([0, low])], nullable=False, unique=True)
    found = {
        key: count(seen) for key, seen in bad(examine(flavour, pandera.DataFrameSchema({"v": rule}), frame)).items()
    }
    times = Counter(values)
    expected = {
        "v/not_null": times[None],
        "v/unique": sum(n for n in times.values() if n > 1),
        "v/ge": sum(one is not None and one < low for one in values),
        "v/isin": sum(one is not None and one not in (0, low) for one in values),
    }
    assert found == {key: value for key, value in expected.items() if value}


@pytest.mark.parametrize(("flavour", "name", "schema", "expected"), TABLES, ids=[f"{a} {b}" for a, b, *_ in TABLES])
def test_the_verdict_is_panderas_own(flavour: str, name: str, schema: Any, expected: dict[str, int]) -> None:
    data: Any = FRAME.lazy() if flavour == "polars" else FRAME.to_pandas()
    with config_context(validation_depth="SCHEMA_AND_DATA"):
        try:
            schema.validate(data, lazy=True)
            passed = True
        except SchemaErrors:
            passed = False
    assert passed == (not expected)


def test_no_sample_is_longer_than_a_line() -> None:
    frame = pl.DataFrame({"s": ["x" * 10_000, "a\n\x1b[31m\x00b"]})
    (check,) = [
        one
        for one in examine("polars", pa.DataFrameSchema({"s": pa.Column(str, pa.Check.eq("q"))}), frame)
        if one.detail
    ]
    assert check.detail is not None
    assert len(check.detail) < 250
    assert "\n" not in check.detail
    assert "\x1b" not in check.detail


def test_pandas_index_of_the_frame_is_the_row_number() -> None:
    frame = pd.DataFrame({"u": [1, -1, 2, -2]})
    schema = pp.DataFrameSchema({"u": pp.Column(int, pp.Check.ge(0))})
    source = Source("d", DataSet(path=("d",)), Path(), Path())
    checks = Examination(source, schema, Eagerly(frame), Where("x.py:x", Path()), 3).checks()
    assert [one.detail for one in checks if one.detail] == ["row 1: -1, row 3: -2"]
