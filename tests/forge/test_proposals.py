from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ci_kit.errors import UserError
from ci_kit.forge.base import Proposal, Stamp
from ci_kit.forge.proposals import MAX_TEXT, change_of, check, read_seal, seal

NAME, TREE = "retrain-default", "a" * 40


def proposal(**changes: Any) -> Proposal:
    wanted: dict[str, Any] = {
        "name": NAME,
        "branch": "ci-kit-retrain/default",
        "base": "main",
        "parent": "b" * 40,
        "title": "Retrain",
        "body": "Evidence.",
        "message": "Retrain",
        "files": {"data.dvc": "md5: 1\n", "old.dvc": None},
    }
    return Proposal(**wanted | changes)


@given(message=st.text(), run=st.integers(0, 2**63), attempt=st.integers(0, 10**6))
@example(message=seal("x", NAME, Stamp(run_id=9, attempt=9, sha=""), TREE, "0"), run=1, attempt=1)
def test_a_seal_is_read_back_whatever_the_message_says(message: str, run: int, attempt: int) -> None:
    change = change_of(proposal())
    text = seal(message, NAME, Stamp(run_id=run, attempt=attempt, sha=""), TREE, change)
    found = read_seal(text, TREE, NAME)
    assert found is not None
    assert (found.order, found.change) == ((run, attempt), change)
    assert read_seal(text, "c" * 40, NAME) is None
    assert read_seal(text, TREE, "retrain-default-2") is None
    assert read_seal(f"{text}\nMore.", TREE, NAME) is None


def test_parent_and_files_make_the_change_and_nothing_else_does() -> None:
    same = change_of(proposal())
    assert change_of(proposal(title="x", body="x", message="x", base="dev")) == same
    assert change_of(proposal(files={"old.dvc": None, "data.dvc": "md5: 1\n"})) == same
    others = [
        proposal(parent="c" * 40),
        proposal(files={"data.dvc": "md5: 1\n"}),
        proposal(files={"data.dvc": "md5: 1\n", "old.dvc": ""}),
        proposal(files={"data.dvc": "md5: 2\n", "old.dvc": None}),
    ]
    assert len({same, *map(change_of, others)}) == len(others) + 1


def test_a_plain_proposal_passes() -> None:
    check(proposal())
    check(proposal(branch="ci-kit-retrain/ml-größe_1.x", files={"größe/.gitignore": "", ".github/x y.md": "é"}))


BRANCHES = ["", "@", "HEAD", "-x", "/x", "x/", "x.", ".x", "a/.b", "a//b", "a..b", "a@{1}", "a.lock", "a.lock/b", "a b"]
BRANCHES += [f"a{char}b" for char in "~^:?*[\\\x00\n\x7f\u202e\u2028"]
PATHS = ["", "/etc", "../x", "a/../b", "a//b", "a/", "./a", ".git/config", "a/.GIT/b", "a\nb", "a\0b", "\u202ea"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        *(({"branch": branch}, "no name for a branch") for branch in BRANCHES),
        ({"base": "a b"}, "no name for a branch"),
        *(({"files": {path: "x"}}, "no path of a repository") for path in PATHS),
        ({"files": {"../x": None}}, "no path of a repository"),
        ({"files": {}}, "change nothing"),
        ({"files": {"a": "\ud800"}}, "not text"),
        ({"files": {"a": "a\0"}}, "zero byte"),
        ({"files": {"a": "é" * (MAX_TEXT // 2 + 1)}}, "Keep the data with DVC"),
        ({"parent": "HEAD"}, "not a commit id"),
        ({"parent": "B" * 40}, "not a commit id"),
        ({"base": "ci-kit-retrain/default"}, "into itself"),
        *(({"name": name}, "no name for a pull request") for name in ("", "A", "a b", "a\n", "a->")),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_what_no_repository_takes_is_named_in_one_line(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        check(proposal(**changes))
    assert str(caught.value).isprintable()
