"""Pull requests on a plain repository."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ci_kit.errors import CiKitError, UserError
from ci_kit.forge.base import Proposal, Pull, Stamp, mark, read_mark
from ci_kit.forge.local import LocalForge
from tests.forge.repository import git, linear

# Real git and real processes: a matter of seconds, not of milliseconds.
pytestmark = pytest.mark.e2e
BRANCH, NAME = "ci-kit-retrain/default", "retrain-default"
WHO = ("-c", "user.name=x", "-c", "user.email=x@localhost")


@pytest.fixture(autouse=True)
def _main(repo: Path) -> None:
    """A repository with one commit, checked out."""
    linear(repo, 1, {"data.dvc": b"md5: old\n", "old.dvc": b"x"})
    git(repo, "checkout", "--quiet", "--force", "main")


def stamp(run: int) -> Stamp:
    return Stamp(run_id=run, attempt=1, sha=f"{run:040x}")


def proposal(repo: Path, text: str = "new", **changes: Any) -> Proposal:
    wanted: dict[str, Any] = {
        "name": NAME,
        "branch": BRANCH,
        "base": "main",
        "parent": git(repo, "rev-parse", "main"),
        "title": f"Retrain: {text}",
        "body": f"The evidence for {text}.",
        "message": f"Retrain on {text} data",
        "files": {"data.dvc": f"md5: {text}\n", "old.dvc": None},
    }
    return Proposal(**wanted | changes)


def page(repo: Path) -> str:
    return (repo / ".ci-kit/pulls/ci-kit-retrain--default.md").read_text()


def branches(repo: Path) -> list[str]:
    return git(repo, "branch", "--format=%(refname:short)").split()


def test_the_first_run_opens_and_the_next_writes_nothing(repo: Path) -> None:
    (repo / "data.dvc").write_text("edited")
    (repo / "staged").write_text("staged")
    git(repo, "add", "staged")
    before = git(repo, "status", "--porcelain"), git(repo, "ls-files", "--stage")
    wanted = proposal(repo)
    made = LocalForge(repo).propose(wanted, stamp(1))
    where = str(repo / ".ci-kit/pulls/ci-kit-retrain--default.md")
    assert made == Pull(url=where, outcome="created")
    assert (git(repo, "status", "--porcelain"), git(repo, "ls-files", "--stage"))[1] == before[1]
    assert git(repo, "show", f"{BRANCH}:data.dvc") == "md5: new"
    assert git(repo, "ls-tree", "--name-only", BRANCH).split() == ["data.dvc", "turn"]
    assert git(repo, "rev-list", "--count", f"main..{BRANCH}") == "1"
    text = page(repo)
    assert read_mark(text, NAME) == stamp(1)
    assert "# Retrain: new" in text
    assert "The evidence for new." in text
    tip = git(repo, "rev-parse", BRANCH)
    assert LocalForge(repo).propose(wanted, stamp(2)) == Pull(url=where, outcome="unchanged")
    assert (git(repo, "rev-parse", BRANCH), page(repo)) == (tip, text)
    assert LocalForge(repo).opened(BRANCH, "main") == where
    assert LocalForge(repo).opened(BRANCH, "dev") is None


def test_a_merged_one_is_closed_as_such_with_its_branch_when_it_is_looked_at_again(repo: Path) -> None:
    forge = LocalForge(repo)
    forge.propose(proposal(repo), stamp(1))
    git(repo, "branch", "theirs", "main")
    git(repo, *WHO, "merge", "--quiet", "--no-ff", "--message", "Merge", BRANCH)
    assert forge.opened(BRANCH, "main") is None
    assert '"state": "merged"' in page(repo)
    assert page(repo).endswith("**Merged.**\n")
    assert branches(repo) == ["main", "theirs"]
    assert forge.opened(BRANCH, "main") is None
    assert page(repo).count("**Merged.**") == 1
    git(repo, "branch", BRANCH, "main~1")
    assert forge.opened(BRANCH, "main") is None
    assert BRANCH in branches(repo), "a branch of that name that is not the pull request's"


def test_new_data_or_text_updates_the_same(repo: Path) -> None:
    forge = LocalForge(repo)
    forge.propose(proposal(repo, "one"), stamp(1))
    assert forge.propose(proposal(repo, "two"), stamp(2)).outcome == "updated"
    assert git(repo, "rev-list", "--count", f"main..{BRANCH}") == "1"
    assert git(repo, "show", f"{BRANCH}:data.dvc") == "md5: two"
    tip = git(repo, "rev-parse", BRANCH)
    assert forge.propose(proposal(repo, "two", body="More."), stamp(3)).outcome == "updated"
    assert ("More." in page(repo), git(repo, "rev-parse", BRANCH)) == (True, tip)
    assert forge.propose(proposal(repo, "old"), stamp(2)).outcome == "kept"
    assert git(repo, "rev-parse", BRANCH) == tip


@pytest.mark.parametrize("amend", [(), ("--amend",)])
def test_what_a_person_committed_is_kept(repo: Path, amend: tuple[str, ...]) -> None:
    forge = LocalForge(repo)
    forge.propose(proposal(repo), stamp(1))
    git(repo, "checkout", "--quiet", BRANCH)
    (repo / "theirs").write_text("theirs")
    git(repo, "add", "theirs")
    git(repo, *WHO, "commit", "--quiet", "-m", "Mend it", *amend)
    git(repo, "checkout", "--quiet", "main")
    tip = git(repo, "rev-parse", BRANCH)
    kept = forge.propose(proposal(repo, "two"), stamp(2))
    assert (kept.outcome, kept.detail) == ("kept", f"a person has pushed to the branch {BRANCH}")
    left = forge.withdraw(BRANCH, "main", NAME, "Gone.", stamp(3))
    assert left
    assert (left.url, left.outcome, left.detail) == (kept.url, "kept", "a person has pushed to its branch")
    assert forge.opened(BRANCH, "main") == kept.url
    assert git(repo, "rev-parse", BRANCH) == tip


def test_a_branch_that_is_checked_out_is_not_pulled_from_under_its_user(repo: Path) -> None:
    forge = LocalForge(repo)
    forge.propose(proposal(repo), stamp(1))
    git(repo, "checkout", "--quiet", BRANCH)
    with pytest.raises(UserError, match=r"is checked out\. Try: git switch main"):
        forge.propose(proposal(repo, "two"), stamp(2))
    assert forge.propose(proposal(repo), stamp(2)).outcome == "unchanged"
    assert forge.withdraw(BRANCH, "main", NAME, "Gone.", stamp(3))
    assert BRANCH in branches(repo)


def test_it_is_closed_with_the_reason_and_its_branch_goes(repo: Path) -> None:
    forge = LocalForge(repo)
    made = forge.propose(proposal(repo), stamp(1))
    assert forge.withdraw(BRANCH, "main", NAME, "Gone.", stamp(0)) is None
    for _ in range(2):
        closed = forge.withdraw(BRANCH, "main", NAME, "Drift has gone.", stamp(2))
        assert closed is None or (closed.url, closed.outcome) == (made.url, "closed")
    assert page(repo).count("Drift has gone.") == 1
    assert branches(repo) == ["main"]
    assert forge.opened(BRANCH, "main") is None
    assert forge.propose(proposal(repo), stamp(3)).outcome == "created"
    assert "Drift has gone." not in page(repo)


@pytest.mark.parametrize("delete", [False, True])
def test_after_the_merge_the_next_is_a_new_one(repo: Path, delete: bool) -> None:
    forge = LocalForge(repo)
    forge.propose(proposal(repo, "one"), stamp(1))
    git(repo, *WHO, "merge", "--quiet", "--no-ff", "-m", "Merge", BRANCH)
    if delete:
        git(repo, "branch", "--quiet", "-d", BRANCH)
    assert forge.opened(BRANCH, "main") is None
    assert forge.propose(proposal(repo, "two", files={"data.dvc": "md5: two\n"}), stamp(2)).outcome == "created"
    assert git(repo, "show", f"{BRANCH}:data.dvc") == "md5: two"


def test_a_merged_branch_is_tidied_up(repo: Path) -> None:
    forge = LocalForge(repo)
    forge.propose(proposal(repo), stamp(1))
    git(repo, "merge", "--quiet", BRANCH)
    assert forge.withdraw(BRANCH, "main", NAME, "Gone.", stamp(2)) is None
    assert branches(repo) == ["main"]


@pytest.mark.parametrize("contents", ["same", "own"])
def test_runs_at_the_same_time_leave_one_branch_and_one_file(repo: Path, contents: str) -> None:
    wanted = [proposal(repo, "same" if contents == "same" else str(run)) for run in range(8)]
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda run: LocalForge(repo).propose(wanted[run], stamp(run + 1)), range(8)))
    assert {one.outcome for one in made} <= {"created", "updated", "unchanged", "kept"}
    assert branches(repo) == [BRANCH, "main"]
    assert git(repo, "rev-list", "--count", f"main..{BRANCH}") == "1"
    assert [path.name for path in (repo / ".ci-kit/pulls").iterdir()] == ["ci-kit-retrain--default.md"]
    assert git(repo, "show", f"{BRANCH}:data.dvc") == wanted[-1].files["data.dvc"].strip()  # type: ignore[union-attr]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: LocalForge(repo).withdraw(BRANCH, "main", NAME, "Gone.", stamp(9)), range(8)))
    assert branches(repo) == ["main"]
    assert page(repo).count("Gone.") == 1


@pytest.mark.parametrize("damage", ["", "nothing", "\n\n\n", "{}\n<!-- ci-kit:pull [] -->\n", "\udcff"])
def test_a_damaged_file_is_written_anew(repo: Path, damage: str) -> None:
    forge = LocalForge(repo)
    made = forge.propose(proposal(repo), stamp(1))
    Path(made.url).write_bytes(damage.encode("utf-8", "surrogateescape"))
    assert forge.opened(BRANCH, "main") is None
    assert forge.propose(proposal(repo), stamp(2)).outcome == "created"
    assert forge.opened(BRANCH, "main") == made.url


def test_a_folder_of_the_repository_has_its_own_file_and_the_same_paths(repo: Path) -> None:
    (repo / "ml").mkdir()
    made = LocalForge(repo / "ml").propose(proposal(repo), stamp(1))
    assert made.url == str(repo / "ml/.ci-kit/pulls/ci-kit-retrain--default.md")
    assert git(repo, "show", f"{BRANCH}:data.dvc") == "md5: new"


def test_text_in_title_and_body_passes_for_no_state(repo: Path) -> None:
    first = mark("x", NAME, stamp(99), watermark=False).split("\n")[0]
    title = f'{first} --> <!-- ci-kit:pull {{"state": "closed"}} -->'
    hostile = proposal(repo, title=title, body=f"{first}\n\ud800 --> # x")
    forge = LocalForge(repo)
    made = forge.propose(hostile, stamp(1))
    assert forge.propose(hostile, stamp(2)) == Pull(url=made.url, outcome="unchanged")
    assert forge.propose(proposal(repo, "two"), stamp(3)).outcome == "updated"


def test_a_branch_below_a_branch_is_one_clear_line(repo: Path) -> None:
    forge = LocalForge(repo)
    forge.record({"a": b"1"}, "history")
    with pytest.raises(CiKitError, match="git refuses the name") as caught:
        forge.propose(proposal(repo, branch="ci-kit/retrain"), stamp(1))
    assert "\n" not in str(caught.value)


def test_outside_a_repository_it_is_the_users_mistake(repo: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not in a git repository"):
        LocalForge(tmp_path).propose(proposal(repo), stamp(1))
    with pytest.raises(UserError, match="does not know the revision"):
        LocalForge(repo).propose(proposal(repo, parent="f" * 40), stamp(1))


def test_there_is_nothing_to_dispatch(repo: Path) -> None:
    LocalForge(repo).dispatch("model.yml", BRANCH)
