import hashlib
import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from ci_kit.config import Config
from ci_kit.drift import profile
from ci_kit.drift.reference import build, outdated, reference
from ci_kit.drift.side import Side
from ci_kit.errors import UserError
from ci_kit.files import digest
from ci_kit.job import Job

AGAIN = r"Type: ci-kit drift --build-reference"


def job(root: Path, *, data: dict[str, Any] | None = None, **drift: Any) -> Job:
    train = {"path": "train.parquet", "key": "id"} | (data or {})
    return Job(root=root, config=Config.model_validate({"data": {"train": train}, "drift": {"profile": "ref"} | drift}))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    random = np.random.default_rng(1)
    frame = pl.DataFrame(
        {
            "id": range(3000),
            "x": [math.inf, -math.inf, math.nan, *random.normal(size=2997)],
            "n": random.integers(0, 9, 3000),
            "c": random.choice(["a", "ü\n|`", ""], 3000),
            "ok": random.random(3000) < 0.5,
            "mail": [f"{one}@example.org" for one in range(3000)],
            "day": pl.Series([*range(3000)], dtype=pl.Int32).cast(pl.Date),
            "empty": pl.Series([None] * 3000, dtype=pl.String),
        }
    )
    frame.write_parquet(tmp_path / "train.parquet")
    return tmp_path


def same(one: Side, other: Side) -> bool:
    return (one.rows, one.columns, one.mark) == (other.rows, other.columns, other.mark) and one.sample.equals(
        other.sample
    )


def test_a_stored_reference_says_what_the_data_set_says(root: Path) -> None:
    build(job(root))
    stored = reference(job(root))
    assert same(stored, reference(job(root, profile=None)))
    assert (stored.rows, stored.sample.height) == (3000, 3000)
    assert (stored.columns["x"].low, stored.columns["x"].nulls) == (-math.inf, 1)
    assert stored.columns["mail"].kind == "text"


def test_the_same_data_gives_the_same_files(root: Path) -> None:
    found = build(job(root, sample=1000))
    before = [(root / file.path).read_bytes() for file in found.files]
    frame = pl.read_parquet(root / "train.parquet").reverse()
    assert build(job(root, sample=1000)).files == found.files
    frame.write_parquet(root / "train.parquet")
    build(job(root, sample=1000))
    assert (root / "ref/sample.parquet").read_bytes() == before[1]
    assert json.loads((root / "ref/profile.json").read_text())["mark"] != json.loads(before[0])["mark"]


def test_build_says_what_to_commit(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = build(job(root))
    assert [file.path for file in found.files] == ["ref/profile.json", "ref/sample.parquet"]
    (check,) = found.checks
    assert check.observed == "3,000 rows, 7 columns, a sample of 3,000"
    assert check.detail is not None
    assert "git add ref" in check.detail
    monkeypatch.setattr("ci_kit.drift.reference.LARGE", 1000)
    found = build(job(root, data={"sensitive": ["x", "mail"]}, **{"min-rows": 5000}))
    assert [(check.id, check.status) for check in found.checks] == [
        ("profile", "pass"),
        ("rows", "warn"),
        ("sensitive", "warn"),
    ]
    assert "dvc add ref" in str(found.checks[0].detail)
    assert found.checks[2].observed == "x"  # of `mail` only nulls are kept


def test_where_there_is_dvc_the_profile_belongs_to_it(root: Path) -> None:
    (root / ".dvc").mkdir()
    (check,) = build(job(root)).checks
    assert "dvc add ref" in str(check.detail)


def test_only_the_configured_columns_are_kept(root: Path) -> None:
    asked = job(root, columns=["x"], prediction=["c"], target="n")
    build(asked)
    assert [*reference(asked).columns] == ["x", "n", "c"]
    with pytest.raises(UserError, match=r"the profile ref has no column 'ok' \(it was made for other columns"):
        reference(job(root, columns=["x", "ok"]))


@pytest.mark.parametrize(
    ("asked", "what"),
    [
        (
            {"reference": "gone", "profile": None},
            r"no reference data set 'gone' \(`data` has train\)\. Set `drift.reference`",
        ),
        ({"columns": ["x", "y"], "profile": None}, r"data.train has no column 'y' \(`drift.columns` names it\)"),
        ({}, rf"no reference at ref \(`drift.profile` names it\)\. {AGAIN}"),
    ],
)
def test_a_reference_that_is_not_there_is_one_clear_line(root: Path, asked: dict[str, Any], what: str) -> None:
    with pytest.raises(UserError, match=what):
        reference(job(root, **asked))


def test_a_profile_needs_a_place_and_rows(root: Path) -> None:
    with pytest.raises(UserError, match=r"no place for the profile\. Set `drift.profile`"):
        build(job(root, profile=None))
    pl.read_parquet(root / "train.parquet").clear().write_parquet(root / "train.parquet")
    with pytest.raises(UserError, match=r"no rows in data.train"):
        build(job(root))


def change(root: Path, **keys: Any) -> None:
    path = root / "ref/profile.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | keys))


def column(root: Path, **keys: Any) -> None:
    path = root / "ref/profile.json"
    document = json.loads(path.read_text())
    document["columns"]["x"] |= keys
    path.write_text(json.dumps(document))


DAMAGE: dict[str, tuple[Any, str]] = {
    "newer": (lambda root: change(root, schema=2), r"ref/profile.json was written by a newer ci-kit \(it has schema 2"),
    "unknown": (lambda root: change(root, more=1), "is not a valid profile .more: Extra inputs"),
    "negative": (lambda root: change(root, rows=-1), "is not a valid profile .rows: "),
    "less": (lambda root: change(root, rows=7), "ref/sample.parquet is not the sample of ref/profile.json"),
    "kind": (lambda root: column(root, kind="tensor"), "is not a valid profile .columns.x.kind: "),
    "other": (lambda root: column(root, kind="category"), "ref/sample.parquet is not the sample of ref/profile.json"),
    "text": (lambda root: column(root, kind="text"), "ref/sample.parquet is not the sample of ref/profile.json"),
    "nan": (lambda root: column(root, low="NaN"), "is not a valid profile .columns.x.low: "),
    "levels": (lambda root: column(root, levels={str(one): 1 for one in range(2000)}), "is not a valid profile"),
    "digest": (
        lambda root: change(root, sample={"rows": 3000, "sha256": "0" * 64}),
        "does not belong to ref/profile.json",
    ),
    "list": (lambda root: (root / "ref/profile.json").write_text("[]"), "is not a valid profile .profile: "),
    "broken": (lambda root: (root / "ref/profile.json").write_text("{"), "ref/profile.json is not a profile"),
    "deep": (lambda root: (root / "ref/profile.json").write_text("[" * 10**5), "ref/profile.json is not a profile"),
    "bytes": (lambda root: (root / "ref/profile.json").write_bytes(b"\xff\xfe"), "ref/profile.json is not a profile"),
    "huge": (lambda root: os.truncate(root / "ref/profile.json", profile.MAX_BYTES + 1), "a profile has at most"),
    "sample": (lambda root: (root / "ref/sample.parquet").write_bytes(b"PAR1"), "does not belong to ref/profile.json"),
    "no sample": (lambda root: (root / "ref/sample.parquet").unlink(), "no ref/sample.parquet"),
    "no profile": (lambda root: (root / "ref/profile.json").unlink(), "no reference at ref/profile.json"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_or_hostile_profile_is_one_clear_line(root: Path, damage: str) -> None:
    build(job(root))
    spoil, what = DAMAGE[damage]
    spoil(root)
    with pytest.raises(UserError, match=what) as failed:
        reference(job(root))
    assert "\n" not in str(failed.value)
    assert len(str(failed.value)) < 600


def test_bytes_that_are_no_parquet_are_one_clear_line(root: Path) -> None:
    build(job(root))
    (root / "ref/sample.parquet").write_bytes(b"no parquet")
    change(root, sample={"rows": 3000, "sha256": digest(root / "ref/sample.parquet")})
    with pytest.raises(UserError, match=r"ref/sample.parquet can't be read"):
        reference(job(root))


def test_a_profile_of_other_data_is_noticed_where_that_is_cheap(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(job(root))
    built = reference(job(root))
    assert not list(outdated(job(root), built))
    data = root / "train.parquet"
    pl.read_parquet(data).head(2999).write_parquet(data)
    assert [(check.id, check.status) for check in outdated(job(root), built)] == [("profile", "warn")]
    assert not list(outdated(job(root, profile=None), built))
    monkeypatch.setattr("ci_kit.drift.reference.SMALL", 10)
    assert not list(outdated(job(root), built))
    data.unlink()
    assert not list(outdated(job(root), built))


def test_a_profile_of_other_data_is_noticed_by_the_name_that_dvc_gives_it(root: Path) -> None:
    md5 = hashlib.md5((root / "train.parquet").read_bytes(), usedforsecurity=False).hexdigest()
    out = {"path": "train.parquet", "md5": md5}
    (root / "train.parquet.dvc").write_text(json.dumps({"outs": [out]}))
    build(job(root))
    built = reference(job(root))
    assert built.mark == f"md5:{md5}"
    assert not list(outdated(job(root), built))
    (root / "train.parquet.dvc").write_text(json.dumps({"outs": [out | {"md5": "0" * 32}]}))
    assert [check.id for check in outdated(job(root), built)] == ["profile"]
    (root / "train.parquet.dvc").unlink()
    assert not list(outdated(job(root), built))


def dvc(root: Path, *arguments: str) -> None:
    environment = os.environ | {"DVC_NO_ANALYTICS": "1"}
    subprocess.run(
        (sys.executable, "-m", "dvc", *arguments), cwd=root, env=environment, check=True, capture_output=True
    )


@pytest.mark.e2e
def test_a_profile_in_dvc_is_pulled_and_one_whose_remote_is_away_is_named(root: Path) -> None:
    build(job(root))
    expected = reference(job(root))
    remote = root.parent / f"{root.name}-remote"
    subprocess.run(("git", "init", "--quiet"), cwd=root, check=True)
    dvc(root, "init", "--quiet")
    dvc(root, "remote", "add", "--default", "store", str(remote))
    dvc(root, "add", "ref")
    dvc(root, "push")
    shutil.rmtree(root / "ref")
    shutil.rmtree(root / ".dvc/cache")
    assert same(reference(job(root)), expected)
    for folder in (root / "ref", root / ".dvc/cache", remote):
        shutil.rmtree(folder)
    with pytest.raises(UserError, match=r"no data at ref \(DVC tracks it and can't bring it: .*\)\. Try: dvc pull ref"):
        reference(job(root))
