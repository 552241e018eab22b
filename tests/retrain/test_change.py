import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_kit.errors import UserError
from ci_kit.retrain import change
from ci_kit.retrain.change import ALL, FILE, MANY, ONE, Change, fit, load, place, save
from tests.hostile import anything

GOOD = {"base": "a" * 40, "window": "20261120t000000z-1d", "monitor": "default", "started": "2026-11-21T04:20:00+00:00"}


def test_a_change_is_read_as_it_was_written(tmp_path: Path) -> None:
    made = Change(**GOOD, files={"dvc.lock": "é\n", "data/old.csv.dvc": None})
    save(made, tmp_path)
    assert load(tmp_path) == made


def test_without_a_file_there_is_no_change(tmp_path: Path) -> None:
    assert load(tmp_path) is None


@pytest.mark.parametrize(
    "path", ["dvc.lock", "data/raw.csv.dvc", "data/.gitignore", ".dvc/config", "é è/x.txt", "a.github", "x/.gitkeep"]
)
def test_a_plain_path_fits(path: str) -> None:
    place(path)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/passwd",
        "../x",
        "a/../x",
        "a//b",
        "a/",
        ".",
        "a/./b",
        ".git/config",
        "sub/.git/hooks/post-checkout",
        ".GIT/config",
        ".git./config",
        ".git /config",
        "GIT~1/config",
        ".gitmodules",
        ".gitattributes",
        ".GitIgnore",
        ".github/workflows/x.yml",
        ".GitHub/x",
        ".github./x",
        "sub/.github/x",
        ".gitlab-ci.yml",
        "C:/x",
        "a:b",
        "a\\b",
        "a\nb",
        "a\u202eb",
        "a\x00b",
        " a/b",
        "a/ /b",
        "x" * 501,
        "a/\ud800",
    ],
)
def test_a_path_out_of_the_repository_of_git_or_of_its_forge_is_refused(path: str) -> None:
    with pytest.raises(UserError):
        place(path)


@given(anything)
def test_no_hostile_path_gets_out(path: str) -> None:
    try:
        place(path)
    except UserError:
        return
    parts = path.split("/")
    assert path.isprintable()
    assert not {"", ".", ".."} & set(parts)
    assert not any(part.lower().startswith((".git", ".github")) for part in parts if part not in change._KEPT)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({f"{number}.txt": "" for number in range(MANY + 1)}, "101 files"),
        ({"a": "x" * (ONE + 1)}, "65,537 bytes"),
        ({"a": "é" * (ONE // 2 + 1)}, "65,538 bytes"),
        ({f"{number}": "x" * ONE for number in range(ALL // ONE + 1)}, "bytes of text"),
        ({"a": "x\0"}, "no text"),
        ({"a": "\udc80"}, "no text"),
    ],
)
def test_what_is_not_few_and_small_texts_is_refused(files: dict[str, str | None], words: str) -> None:
    with pytest.raises(UserError, match=words):
        fit(files)


def test_at_the_limits_it_fits() -> None:
    fit({f"{number}": "x" * ONE for number in range(ALL // ONE)} | {f"gone{number}": None for number in range(92)})


@pytest.mark.parametrize(
    "document",
    [
        "{",
        "[]",
        "[" * 100_000,
        json.dumps(GOOD | {"schema": 2}),
        json.dumps(GOOD | {"number": 7}),
        json.dumps(GOOD | {"base": "main"}),
        json.dumps(GOOD | {"base": "a" * 40 + "\n"}),
        json.dumps(GOOD | {"window": "../../x"}),
        json.dumps(GOOD | {"monitor": "@octocat"}),
        json.dumps(GOOD | {"seconds": -1}),
        json.dumps(GOOD | {"files": {"../x": ""}}),
        json.dumps(GOOD | {"files": {"x": 7}}),
        json.dumps(GOOD | {"cost": {"amount": -1, "currency": "EUR"}}),
        '{"seconds": NaN}',
        "\udc80",
        " " * (change.MAX_BYTES + 1),
    ],
)
def test_a_hostile_change_is_one_line(tmp_path: Path, document: str) -> None:
    (tmp_path / FILE).write_bytes(document.encode("utf-8", "surrogateescape"))
    with pytest.raises(UserError) as error:
        load(tmp_path)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 500


def test_a_link_is_no_change(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(json.dumps(GOOD))
    (tmp_path / FILE).symlink_to(tmp_path / "secret")
    with pytest.raises(UserError, match="no regular file"):
        load(tmp_path)


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=3))
def test_whatever_fits_can_be_read_again(tmp_path_factory: pytest.TempPathFactory, files: dict[str, str]) -> None:
    folder = tmp_path_factory.getbasetemp()
    made = Change(**GOOD, files=dict(files))
    try:
        save(made, folder)
    except UserError:
        return
    assert load(folder) == made
