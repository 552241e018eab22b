"""The text of schemas.py: no name becomes code, it passes on its own data, and planted faults fail."""

import ast
import re
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ci_kit import config
from ci_kit.init import texts
from ci_kit.init.facts import gather
from ci_kit.init.infer import Rule, rule
from ci_kit.init.measure import Guess
from ci_kit.init.schema import source
from ci_kit.init.texts import Plan
from ci_kit.sections import DataSet
from tests.validate.conftest import bad, validate  # noqa: F401

HOSTILE = [
    'x"; import os #',
    "a\nimport os",
    "a\r\nb",
    "__import__('os')",
    "\\",
    '\\"',
    "'''",
    '"""',
    "{x}",
    "%s",
    "a\u2028b",
    "\u202etxt",
    "\x0cimport os",
    "class",
    "pa",
    "pl",
    "Config",
    "config",
    "int",
    "validate",
    "to_schema",
    "__class__",
    "_private",
    "größe",
    "ﬁ",
    "column_2",
    "column_1",
    "day_is_a_date",
    "# look",
    "a b",
    "A B",
    "a_b",
    "",
    " ",
    "^x$",
    "😀",
    "text",
    "data",
    "cls",
    "None",
]
SAFE = re.compile(r"[a-z][a-z0-9_]*")
NAMES = {"pa", "pl", "Annotated", "int", "float", "str", "bool", "cls", "data", "text", "date", "None", "True"}


def columns(names: list[str], values: Callable[[str], list[Any]]) -> list[Rule]:
    return [rule(gather(name, {"data": pl.Series(values(name), strict=False)}, bare=True)) for name in names]


@settings(max_examples=60)
@given(st.lists(st.text(max_size=20) | st.sampled_from(HOSTILE), unique=True, min_size=1, max_size=12))
@example(HOSTILE)
@example(["a", "column_3", "int"])
@example(["day_is_a_date", "day", "Day"])
def test_a_name_is_a_string_and_never_code(names: list[str]) -> None:
    kinds: list[Callable[[str], list[Any]]] = [
        lambda name: [name, name + "!"] * 9,  # hostile categories, too
        lambda name: ["2026-01-31"] * 3,
        lambda name: [1.5, None],
        lambda name: [[name]],
    ]
    for values in kinds:
        rules = columns(names, values)
        tree = ast.parse(source({"Rows": rules}))
        assert [type(one) for one in tree.body if not isinstance(one, ast.Import | ast.ImportFrom)] == [
            ast.Expr,
            ast.ClassDef,
        ]
        imported = [alias.name for one in ast.walk(tree) if isinstance(one, ast.Import) for alias in one.names]
        assert {*imported} <= {"pandera.polars", "polars"}
        (model,) = [one for one in tree.body if isinstance(one, ast.ClassDef)]
        fields = [
            one.target.id for one in model.body if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)
        ]
        assert len({*fields}) == len(fields) == sum(bool(one.kind) for one in rules)
        assert all(SAFE.fullmatch(field) for field in fields)
        used = {one.id for one in ast.walk(tree) if isinstance(one, ast.Name)}
        assert used <= NAMES | {*fields} | {"strict"}
        calls = {ast.unparse(one.func) for one in ast.walk(tree) if isinstance(one, ast.Call)}
        assert {one.rpartition(".")[2] for one in calls} <= {
            "Field", "check", "col", "select", "is_null", "is_not_null", "to_date", "to_datetime",
        }  # fmt: skip


@given(st.text(max_size=30) | st.sampled_from([*HOSTILE, "true", "Null", "no", "on", "a ", "a: b", "a #b", "-", "y"]))
def test_a_text_in_the_configuration_is_read_as_itself(text: str) -> None:
    import yaml

    line = texts.scalar(text)
    assert "\n" not in line
    assert yaml.safe_load(f"a: {line}\nb: [{line}] # c") == {"a": text, "b": [text]}


@settings(max_examples=60)
@given(st.text(max_size=20) | st.sampled_from(HOSTILE))
def test_no_name_becomes_code_of_a_model_test_or_a_key(name: str) -> None:
    plan = Plan(
        base=name or "main",
        sets={"evaluation": DataSet(path=(name or "x",), columns=(name, "y"), key=(name,))},
        heights={"evaluation": 9},
        models={"evaluation": "Rows"},
        evaluation="evaluation",
        key=name,
        by=None,
        common=0,
        command=name or "x",
        model=name or "x",
        target=name,
        untold=0,
        classes=True,
        features=(name, "z"),
        guess=Guess(score=0.5, slice=name or "x", worst=0.4),
        report="",
        tests="tests/model",
    )
    calls = [one for one in ast.walk(ast.parse(texts.tests(plan))) if isinstance(one, ast.Call)]
    assert [ast.unparse(one.func) for one in calls] == ["assert_metric", "assert_properties", "assert_slices"]
    assert ast.literal_eval(calls[2].args[2]) == (name or "x")
    told = config.read(texts.config(plan).encode())
    assert (told.base, told.train.command, told.evaluate.target) == (name or "main", name or "x", name)
    assert told.data["evaluation"].columns == (name, "y")
    assert told.evaluate.features == (name, "z")


GOOD = pl.DataFrame(
    {
        "id": range(40),
        "age": [20 + (n * 7) % 40 for n in range(40)],
        "share": [n / 40 for n in range(40)],
        "gaps": [None if n % 4 == 0 else float(n) for n in range(40)],
        "nan": [float("nan") if n % 5 == 0 else n / 3 for n in range(40)],
        "city": ["Oslo", "Rome"] * 20,
        "a day": [f"2026-01-{n % 28 + 1:02d}" for n in range(40)],
        "at": [f"2026-01-31T08:{n:02d}:00Z" for n in range(40)],
        "flag": [True, False] * 20,
        "constant": [3] * 40,
        "mixed": ["n/a" if n == 7 else str(n) for n in range(40)],
        "free text": [f"row {n} says {'so' * n}" for n in range(40)],
        "class": [0, 1, 2, 1] * 10,
        "größe": [150.5 + n for n in range(40)],
        'quo"te\n': [n * 7 for n in range(40)],
    }
)


def text_of(frame: pl.DataFrame) -> str:
    rules = [rule(gather(name, {"d": frame[name]}, bare=False)) for name in frame.columns]
    return source({"schema": rules})


def test_a_schema_passes_on_the_rows_that_it_was_made_of(validate: Callable[..., Any]) -> None:  # noqa: F811
    assert bad(validate(GOOD, text_of(GOOD))) == {}


@pytest.mark.parametrize(
    ("column", "value", "rule_", "rows"),
    [
        ("age", 99, "le", 1),
        ("share", 1.2, "le", 1),
        ("nan", -99.0, "ge", 1),
        ("gaps", -9.0, "ge", 1),
        ("city", "Paris", "isin", 1),
        ("city", None, "not_null", 1),
        ("age", None, "not_null", 1),
        ("id", 5, "unique", 2),
        ("a day", "2026-02-30", "a_day_is_a_date", 1),
        ("at", "noon", "at_is_a_date", 1),
        ("constant", 4, "le", 1),
        ('quo"te\n', -1, "ge", 1),
    ],
)
def test_a_planted_fault_fails(validate: Callable[..., Any], column: str, value: Any, rule_: str, rows: int) -> None:  # noqa: F811
    spoiled = GOOD.with_columns(GOOD[column].scatter([11], value))
    found = bad(validate(spoiled, text_of(GOOD)))
    assert list(found.values()) == [f"{rows} of 40 rows ({rows / 0.4:.1f} %)"], found
    assert next(iter(found)).endswith(f"/{rule_}")


def test_another_type_and_another_column_fail(validate: Callable[..., Any]) -> None:  # noqa: F811
    wrong = GOOD.with_columns(pl.col("age").cast(pl.String), new=1)
    found = bad(validate(wrong, text_of(GOOD)))
    assert any(name.startswith("age/") for name in found)
    assert any("new" in name or "new" in str(told) for name, told in found.items()), found


def test_the_lines_are_short_enough_to_read() -> None:
    values = [f"some rather long category {n % 8}" for n in range(40)]
    assert max(map(len, text_of(pl.DataFrame({"x" * 50: values, "y": values})).splitlines())) <= 120
    assert max(map(len, text_of(GOOD).splitlines())) <= 120
