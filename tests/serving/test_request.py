"""What a model may be asked, and how a refusal says what is wrong."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_kit.serving.contract import Column, Contract
from ci_kit.serving.request import Refused, reader, request_model
from tests.serving.made import COLUMNS, HOSTILE, ROW, contract

READ = reader(contract())


def refused(body: bytes) -> Refused:
    with pytest.raises(Refused) as caught:
        READ(body)
    return caught.value


def test_there_are_many_hostile_requests() -> None:
    assert len(HOSTILE) >= 60


@pytest.mark.parametrize("name", [name for name in HOSTILE if name != "a body that is too large"])
def test_a_hostile_request_is_refused_and_what_is_wrong_is_named(name: str) -> None:
    body, named = HOSTILE[name]
    error = refused(body)
    assert error.status == 400
    assert named in json.dumps(error.document), error.document
    assert len(json.dumps(error.document)) < 8000


def test_a_good_request_is_read_with_its_columns_in_the_models_order() -> None:
    turned = dict(reversed({**ROW, "id": 7}.items()))
    (row,) = READ(json.dumps({"rows": [turned]}).encode())
    assert list(row) == [*(column.name for column in COLUMNS), "id"]
    assert row == {**ROW, "id": 7}


@pytest.mark.parametrize(
    ("name", "value"), [("size", 2), ("weight", -5.5), ("weight", None), ("count", 16), ("code 1", 1)]
)
def test_a_value_within_its_bounds_is_accepted(name: str, value: Any) -> None:
    (row,) = READ(json.dumps({"rows": [ROW | {name: value}]}).encode())
    assert row[name] == value


def test_a_whole_number_may_have_a_point_as_json_has_it() -> None:
    rows = [ROW | {"count": 3.0, "code 1": 2.0, "id": -5.0}, ROW]
    read = READ(json.dumps({"rows": rows}).encode())
    assert read == [ROW | {"count": 3, "code 1": 2, "id": -5}, ROW]
    assert [type(read[0][name]) for name in ("count", "code 1", "id")] == [int, int, int]
    assert list(read[0]) == [*(column.name for column in COLUMNS), "id"]


def test_a_refusal_lists_problems_up_to_a_number_and_counts_the_rest() -> None:
    rows = [ROW | {"count": -1, "size": "x", "colour": "pink", "ok": 0, "label": ""} for _ in range(5)]
    error = refused(json.dumps({"rows": rows}).encode())
    assert (len(error.problems), error.more) == (20, 5)
    assert error.problems[0] == {"row": 0, "column": "count", "why": "Input should be greater than or equal to 0"}


def test_a_refusal_repeats_no_value() -> None:
    error = refused(json.dumps({"rows": [ROW | {"label": "SECRET", "count": "hunter2", "colour": "S3CRET"}]}).encode())
    assert not [word for word in ("SECRET", "hunter2", "S3CRET") if word in json.dumps(error.document)]


def test_a_name_that_is_very_long_is_cut() -> None:
    error = refused(json.dumps({"rows": [ROW | {"x" * 3000: 1}]}).encode())
    assert "x" * 100 in json.dumps(error.document)
    assert "x" * 101 not in json.dumps(error.document)


def only(column: Column) -> Contract:
    return Contract(name="one", task="regression", columns=(column,), output="y", reading="numbers")


@given(st.floats(allow_nan=True, allow_infinity=True), st.floats(-1e6, 1e6), st.floats(0, 1e6), st.booleans())
def test_a_number_is_accepted_just_within_its_bounds(value: float, low: float, span: float, open_: bool) -> None:
    column = Column(name="x", kind="number", low=low, high=low + span, above=open_, below=open_)
    within = (low < value < low + span) if open_ else (low <= value <= low + span)
    try:
        reader(only(column))(json.dumps({"rows": [{"x": value}]}).encode())
    except Refused:
        assert not within
    else:
        assert within


@given(st.integers(-(2**70), 2**70), st.integers(-50, 50), st.integers(0, 50), st.booleans())
def test_a_whole_number_is_accepted_just_within_its_bounds(value: int, low: int, span: int, open_: bool) -> None:
    column = Column(name="x", kind="whole", low=low, high=low + span, above=open_, below=open_)
    within = (low < value < low + span) if open_ else (low <= value <= low + span)
    try:
        reader(only(column))(json.dumps({"rows": [{"x": value}]}).encode())
    except Refused:
        assert not within
    else:
        assert within


@given(st.text(max_size=8), st.integers(0, 4), st.integers(0, 4))
def test_a_text_is_accepted_when_it_has_the_characters(text: str, short: int, more: int) -> None:
    column = Column(name="x", kind="text", short=short, long=short + more)
    body = json.dumps({"rows": [{"x": text}]}).encode()
    try:
        reader(only(column))(body)
    except Refused:
        assert not short <= len(text) <= short + more
    else:
        assert short <= len(text) <= short + more


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        ("a+", "aab", "baa"),
        ("^a+$", "aa", "aab"),
        (r"\d{3}", "123x", "x123"),
        ("(?=ab)a", "ab", "ac"),
        ("a|b", "b!", "cb"),
    ],
)
def test_a_pattern_matches_from_the_start_as_pandera_does(pattern: str, good: str, bad: str) -> None:
    read = reader(only(Column(name="x", kind="text", patterns=(pattern,))))
    assert read(json.dumps({"rows": [{"x": good}]}).encode()) == [{"x": good}]
    with pytest.raises(Refused):
        read(json.dumps({"rows": [{"x": bad}]}).encode())


def test_a_float_category_is_one_of_its_values() -> None:
    read = reader(only(Column(name="x", kind="number", among=(0.5, 1.0), nullable=True)))
    assert read(b'{"rows": [{"x": 0.5}, {"x": null}, {"x": 1}]}') == [{"x": 0.5}, {"x": None}, {"x": 1.0}]
    with pytest.raises(Refused):
        read(b'{"rows": [{"x": 0.6}]}')


def test_names_that_are_no_identifiers_are_columns_like_others() -> None:
    columns = tuple(Column(name=name, kind="whole") for name in ("class", "a b", "é", "1", "__init__", "model_config"))
    made = Contract(name="odd", task="regression", columns=columns, output="y", reading="numbers")
    row = dict.fromkeys(made.features, 1)
    assert reader(made)(json.dumps({"rows": [row]}).encode()) == [row]


def test_the_request_is_described_as_json_schema() -> None:
    schema = request_model(contract()).model_json_schema()
    row = schema["$defs"]["Row"]
    assert row["additionalProperties"] is False
    assert set(row["required"]) == {column.name for column in COLUMNS}
    assert row["properties"]["count"] == {"maximum": 16, "minimum": 0, "title": "Count", "type": "integer"}
    assert schema["properties"]["rows"]["maxItems"] == 5


def test_a_contract_survives_its_file(tmp_path: Any) -> None:
    made = contract(classes=("a", "b"), own="service:Mine")
    (tmp_path / "contract.json").write_text(made.dump())
    assert Contract.load(tmp_path) == made


def test_no_number_of_json_is_taken_for_infinity() -> None:
    assert math.isinf(json.loads("1e400"))
    refused(b'{"rows": [' + json.dumps(ROW).replace("1.5", "1e400").encode() + b"]}")
