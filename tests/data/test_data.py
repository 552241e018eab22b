import gzip
import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ci_kit.data import files, fingerprint, frame, reading, scan
from ci_kit.data.digest import mark
from ci_kit.errors import UserError
from ci_kit.sections import DataSet

ROWS = pl.DataFrame({"a": [1, 2, 3], "b": ["x", "ü", ""]})


def data(*path: str, **more: Any) -> DataSet:
    return DataSet(path=path, **more)


def collect(dataset: DataSet, root: Path) -> pl.DataFrame:
    with reading(dataset.path[0]):
        return scan(dataset, root).collect()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    ROWS.write_csv(tmp_path / "a.csv")
    ROWS.write_parquet(tmp_path / "a.parquet")
    ROWS.write_ndjson(tmp_path / "a.jsonl")
    (tmp_path / "z.csv.gz").write_bytes(gzip.compress((tmp_path / "a.csv").read_bytes()))
    (tmp_path / "bom.csv").write_bytes(b"\xef\xbb\xbf" + (tmp_path / "a.csv").read_bytes())
    (tmp_path / "bare.csv").write_text("1,x\n2,ü\n3,y\n")
    (tmp_path / "empty.csv").touch()
    (tmp_path / "header.csv").write_text("a,b\n")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 no")
    (tmp_path / "bad.jsonl").write_text('{"a": 1}\n{"a": \n')
    (tmp_path / "bad.csv.gz").write_bytes(b"\x1f\x8b\x08 no")
    (tmp_path / "latin.csv").write_bytes("a,b\n1,\xfc\n".encode("latin-1"))
    (tmp_path / "other.csv").write_text("a,c\n1,2\n")
    (tmp_path / "note.txt").write_text("a,b\n1,x\n")
    (tmp_path / "void").mkdir()
    parts = tmp_path / "parts"
    (parts / "deep").mkdir(parents=True)
    ROWS[:1].write_csv(parts / "1.csv")
    ROWS[1:].select("b", "a").write_csv(parts / "deep" / "2.csv")
    (parts / "_SUCCESS.csv").touch()
    (parts / ".hidden.csv").touch()
    return tmp_path


@pytest.mark.parametrize(
    "dataset",
    [
        data("a.csv"),
        data("a.parquet"),
        data("a.jsonl"),
        data("z.csv.gz"),
        data("bom.csv"),
        data("parts"),
        data("parts/**/[12].csv"),
        data("parts/1.csv", "parts/deep"),
        data("a.csv", "a.csv"),
    ],
    ids=lambda one: " ".join(one.path),
)
def test_every_format_and_path_gives_the_same_rows(root: Path, dataset: DataSet) -> None:
    rows = scan(dataset, root).collect()
    assert rows.columns == ["a", "b"]
    assert rows.rows()[:2] == [(1, "x"), (2, "ü")]
    assert rows.height == 3
    other = frame(dataset, root)
    assert other["a"].tolist() == [1, 2, 3]
    assert other["b"].tolist()[:2] == ["x", "ü"]
    assert other.index.tolist() == [0, 1, 2]


def test_columns_name_a_file_without_a_header(root: Path) -> None:
    dataset = data("bare.csv", columns=("n", "t"))
    assert scan(dataset, root).collect().rows() == [(1, "x"), (2, "ü"), (3, "y")]
    assert frame(dataset, root).to_dict("list") == {"n": [1, 2, 3], "t": ["x", "ü", "y"]}


def test_a_late_bad_value_is_a_wrong_dtype_and_not_a_crash(root: Path) -> None:
    (root / "late.csv").write_text("a\n" + "1\n" * 20_000 + "oops\n")
    assert scan(data("late.csv"), root).collect()["a"].dtype == pl.String


@pytest.mark.parametrize("tail", ["", "\n", "\n\n\n", "\r\n\r\n"])
@pytest.mark.parametrize("columns", [None, ("n", "t")])
def test_blank_last_lines_are_no_rows(root: Path, tail: str, columns: tuple[str, ...] | None) -> None:
    (root / "tail.csv").write_bytes(("a,b\n" * (not columns) + "1,x\n2,y\n" + tail).encode())
    dataset = data("tail.csv", columns=columns)
    assert scan(dataset, root).collect().rows() == [(1, "x"), (2, "y")]
    assert len(frame(dataset, root)) == 2


def test_a_header_alone_is_a_data_set_without_rows(root: Path) -> None:
    assert scan(data("header.csv"), root).collect().shape == (0, 2)
    assert len(frame(data("header.csv"), root)) == 0


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (data("gone.csv"), "no data at gone.csv"),
        (data("empty.csv"), "empty.csv is empty"),
        (data("void"), "no data files in the folder void"),
        (data("*.nothing"), r"no file matches \*.nothing"),
        (data("note.txt"), "format of note.txt is unknown"),
        (data("a.csv", "a.parquet"), "a.csv and a.parquet have different formats"),
        (data("a.csv", "other.csv"), "a.csv and other.csv have different columns .only one of them has b, c"),
        (data("bad.parquet"), "bad.parquet can't be read"),
        (data("bad.jsonl"), "bad.jsonl can't be read"),
        (data("bad.csv.gz"), "bad.csv.gz can't be read"),
        (data("latin.csv"), "latin.csv can't be read"),
        (data("note.txt", format="parquet"), "note.txt can't be read"),
        (data("bare.csv", columns=("n",)), "2 columns and `columns` names 1"),
        (data("bare.csv", columns=("n", "m", "o")), "2 columns and `columns` names 3"),
    ],
    ids=lambda one: " ".join(one.path) if isinstance(one, DataSet) else "",
)
@pytest.mark.parametrize("read", [collect, frame])
def test_bad_input_is_one_clear_line(root: Path, read: Any, dataset: DataSet, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        read(dataset, root)
    assert "\n" not in str(caught.value)
    assert str(root) not in str(caught.value)


def test_a_missing_file_that_dvc_can_not_bring_says_why(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "big.csv.dvc").write_text("outs:\n- path: big.csv\n  md5: abc\n")
    failing = [sys.executable, "-c", "raise SystemExit('ERROR: no remote')"]
    monkeypatch.setattr("ci_kit.data.dvc.command", lambda: failing)
    with pytest.raises(UserError, match=r"can't bring it: no remote\)\. Try: dvc pull big\.csv"):
        files(DataSet(path=("big.csv",)), root)


@pytest.mark.parametrize("entry", ["big.csv", "sub/big.csv"])
def test_a_missing_file_that_dvc_tracks_is_pulled(root: Path, monkeypatch: pytest.MonkeyPatch, entry: str) -> None:
    (root / "sub").mkdir()
    name = entry.split("/")[0]
    (root / f"{name}.dvc").write_text(f"outs:\n- path: {name}\n  md5: abc\n")
    code = f"import sys; assert sys.argv[-1] == {name!r}; open({entry!r}, 'w').write('a\\n1\\n')"
    bring = [sys.executable, "-c", code]
    monkeypatch.setattr("ci_kit.data.dvc.command", lambda: bring)
    assert files(DataSet(path=(entry,)), root) == [root / entry]


def test_absolute_paths_outside_of_the_root_are_fine(root: Path) -> None:
    assert scan(data(str(root / "a.csv")), root / "void").collect().height == 3


@pytest.mark.parametrize("path", [("a.csv",), ("parts",), ("a.csv", "parts/1.csv")])
def test_the_fingerprint_follows_the_bytes(root: Path, path: tuple[str, ...]) -> None:
    dataset = data(*path)
    first = fingerprint(dataset, root)
    assert first == fingerprint(dataset, root)
    assert re.fullmatch("sha256:[0-9a-f]{64}", first)
    target = files(dataset, root)[-1]
    target.write_bytes(target.read_bytes()[:-2] + b"7\n")
    assert fingerprint(dataset, root) != first


@pytest.mark.parametrize("tracked", ["dvc", "lock"])
def test_dvc_names_the_bytes_as_long_as_they_are_the_same(root: Path, tracked: str) -> None:
    md5 = hashlib.md5((root / "a.csv").read_bytes()).hexdigest()
    outs = {"outs": [{"md5": md5, "hash": "md5", "path": "a.csv"}]}
    if tracked == "dvc":
        (root / "a.csv.dvc").write_text(json.dumps(outs))
    else:
        (root / "dvc.lock").write_text(json.dumps({"schema": "2.0", "stages": {"make": outs}}))
    assert fingerprint(data("a.csv"), root) == f"md5:{md5}"
    (root / "a.csv").write_text("a,b\n7,x\n")
    assert fingerprint(data("a.csv"), root).startswith("sha256:")


@pytest.mark.parametrize("content", ["", "a: [", "outs: 3", "- 1", "outs: [{path: a.csv}]", "outs: [7]"])
def test_a_damaged_dvc_file_is_not_believed(root: Path, content: str) -> None:
    (root / "a.csv.dvc").write_text(content)
    (root / "dvc.lock").write_text(content)
    assert fingerprint(data("a.csv"), root).startswith("sha256:")


def test_a_mark_of_much_data_reads_a_part_and_follows_names_sizes_and_blocks(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = data("big/*.csv")
    (root / "big").mkdir()
    (root / "big/1.csv").write_bytes(b"x" * 100)
    assert mark(dataset, root) == fingerprint(dataset, root)
    monkeypatch.setattr("ci_kit.data.digest.EXACT", 50)
    monkeypatch.setattr("ci_kit.data.digest.BLOCK", 10)
    monkeypatch.setattr("ci_kit.data.digest.PARTS", 3)
    seen = {mark(dataset, root)}
    assert re.fullmatch("blocks:[0-9a-f]{64}", next(iter(seen)))
    for content in (b"y" + b"x" * 99, b"x" * 99 + b"y", b"x" * 50 + b"y" + b"x" * 49, b"x" * 101):
        (root / "big/1.csv").write_bytes(content)
        assert mark(dataset, root) not in seen
        seen.add(mark(dataset, root))
    (root / "big/1.csv").rename(root / "big/2.csv")
    assert mark(dataset, root) not in seen


def test_a_pointer_of_git_lfs_is_not_the_data(root: Path) -> None:
    text = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
    (root / "big.csv").write_text(text)
    with pytest.raises(UserError, match=r"big\.csv is a pointer of Git LFS, not the data\. Type: git lfs pull"):
        files(data("big.csv"), root)


def test_an_empty_log_beside_others_has_no_rows_yet(root: Path) -> None:
    (root / "b.jsonl").touch()
    assert files(data("[ab].jsonl"), root) == [root / "a.jsonl"]
    with pytest.raises(UserError, match=r"b\.jsonl is empty"):
        files(data("b.jsonl"), root)
