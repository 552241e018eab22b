import gzip
import json
import tempfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ci_kit.config import Config
from ci_kit.drift import log
from ci_kit.drift.current import current
from ci_kit.errors import UserError
from ci_kit.job import Job

ROWS = [{"a": 1, "b": "x"}, {"a": 2, "c": True}, {"b": "y", "a": 3}]


def job(root: Path, path: str = "log/*", **more: Any) -> Job:
    return Job(root=root, config=Config.model_validate({"data": {"current": {"path": path, **more}}}))


def write(root: Path, *lines: str | bytes, name: str = "log/1.jsonl") -> None:
    path = root / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"".join(line if isinstance(line, bytes) else line.encode() for line in lines))


def good(number: int = 3) -> list[str]:
    return [json.dumps(row) + "\n" for row in ROWS[:number]]


def test_lines_may_have_different_keys(tmp_path: Path) -> None:
    write(tmp_path, *good())
    write(tmp_path, '{"d": 5}\n', name="log/2.jsonl")
    frame, torn, _ = current(job(tmp_path))
    assert frame.collect().to_dicts()[-2:] == [
        {"a": 3, "b": "y", "c": None, "d": None},
        dict.fromkeys("abc") | {"d": 5},
    ]
    assert torn == []


TORN: dict[str, bytes] = {
    "text": b'{"a": 4, "b": "zz',
    "line": b'{"a": 4, "b":',
    "zeros": b"\x00\x00\x00",
    "joined": b'{"a": 4}{"a": 5}',
    "rest": b"4}",
    "number": b"5",
    "null": b"null",
    "list": b'[{"a": 1}]',
    "bytes": b'{"a": "\xff"}',
    "open": b'{"a":' * 2000,
    "deep": b'{"a": ' + b"[" * 1500 + b"]" * 1500 + b"}",
    "huge": b'{"a": 1e999999}',
}


@pytest.mark.parametrize("torn", TORN)
@pytest.mark.parametrize("place", [0, 1, 3])
def test_a_torn_line_is_counted_and_costs_no_other(tmp_path: Path, torn: str, place: int) -> None:
    lines: list[str | bytes] = [*good()]
    lines.insert(place, TORN[torn] + b"\n" * (place < 3))
    write(tmp_path, *lines)
    before = (tmp_path / "log/1.jsonl").read_bytes()
    frame, lost, _ = current(job(tmp_path))
    assert frame.collect()["a"].to_list() == [1, 2, 3]
    assert [(one.file, one.line, one.row) for one in lost] == [("log/1.jsonl", place + 1, place)]
    assert (tmp_path / "log/1.jsonl").read_bytes() == before


@pytest.fixture
def copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Take every log for one that is too large for memory, and return where copies of it are."""
    folder = tmp_path / "copies"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setattr(log, "HELD", 10)
    monkeypatch.setattr(log, "PIECE", 20)
    # Whoever holds such a log in memory asks for it so.
    monkeypatch.setattr(Path, "read_bytes", None)
    return folder


@pytest.mark.parametrize("torn", [None, *TORN])
@pytest.mark.parametrize("place", [0, 1, 3])
@pytest.mark.parametrize("zipped", [False, True])
def test_a_torn_line_of_a_large_log_is_left_out_of_a_copy(
    tmp_path: Path, copies: Path, torn: str | None, place: int, zipped: bool
) -> None:
    lines: list[str | bytes] = [*good()]
    if torn:
        lines.insert(place, TORN[torn] + b"\n" * (place < 3))
        lines.insert(0, b"\xef\xbb\xbf\n" * (place != 3))
    raw = b"".join(line if isinstance(line, bytes) else line.encode() for line in lines)
    name = f"log/1.jsonl{'.gz' * zipped}"
    write(tmp_path, gzip.compress(raw) if zipped else raw, name=name)
    frame, lost = log.scan_log([tmp_path / name], tmp_path)
    assert frame.collect()["a"].to_list() == [1, 2, 3]
    places = [(place + 1 + (place != 3), place)] if torn else []
    assert [(one.line, one.row) for one in lost] == places
    assert len(list(copies.rglob("*.jsonl"))) == bool(torn)
    log._COPIES.close()
    assert list(copies.iterdir()) == []


def test_a_number_that_json_does_not_know_is_a_null_and_no_torn_line(tmp_path: Path) -> None:
    write(tmp_path, '{"a": NaN, "b": "NaN"}\n', '{"a": 2.5}\n', '{"a": -Infinity}\n')
    frame, torn, _ = current(job(tmp_path))
    assert frame.collect().rows() == [(None, "NaN"), (2.5, None), (None, None)]
    assert torn == []


def test_blank_lines_other_line_ends_a_mark_and_gzip_are_no_harm(tmp_path: Path) -> None:
    write(tmp_path, b"\xef\xbb\xbf", *(line.replace("\n", "\r\n\r\n") for line in good()))
    (tmp_path / "log/2.jsonl.gz").write_bytes(gzip.compress("".join([*good(), "{"]).encode()))
    (tmp_path / "log/3.jsonl").touch()
    frame, torn, _ = current(job(tmp_path))
    assert frame.collect()["a"].to_list() == [1, 2, 3, 1, 2, 3]
    assert len(torn) == 1


def test_a_log_of_torn_lines_is_no_log(tmp_path: Path) -> None:
    write(tmp_path, *good(1), *["{oops\n"] * 2)
    with pytest.raises(UserError, match=r"the log can't be read \(2 of 3 lines are no JSON object\)"):
        current(job(tmp_path))
    write(tmp_path, *good(1), "{oops\n")
    assert len(current(job(tmp_path))[1]) == 1


def test_values_of_sensitive_columns_are_in_no_message(tmp_path: Path) -> None:
    write(tmp_path, '{"a": {"x": "secret"}}\n', '{"a": ["secret"]}\n', '{"a": 1}\n')
    with pytest.raises(UserError) as failed:
        current(job(tmp_path, sensitive="a"))
    assert "can't be read" in str(failed.value)
    assert "secret" not in str(failed.value)


def test_other_formats_are_read_as_everywhere(tmp_path: Path) -> None:
    pl.DataFrame({"a": [1, 2]}).write_parquet(tmp_path / "a.parquet")
    frame, torn, mark = current(job(tmp_path, "a.parquet"))
    assert (frame.collect()["a"].to_list(), torn) == ([1, 2], [])
    assert mark.startswith("sha256:")


def test_a_data_set_that_is_not_configured_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no current data set 'current' \(`data` has none\)\. Set `drift.current`"):
        current(Job(root=tmp_path, config=Config()))
