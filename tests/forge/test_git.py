import subprocess
from pathlib import Path

import pytest

from ci_kit.errors import Unavailable, UserError
from ci_kit.forge import git as module
from ci_kit.forge.git import Git, base
from tests.forge.repository import git, linear

# Real git and real processes: a matter of seconds, not of milliseconds.
pytestmark = pytest.mark.e2e


def checkout(repo: Path, branch: str) -> None:
    git(repo, "checkout", "--quiet", "--force", branch)


def test_a_subfolder_answers_for_its_own_files(repo: Path) -> None:
    first, second = linear(repo, 2, {"sub/data.csv": b"a\0b", "top": b"t"})
    checkout(repo, "main")
    ours = Git(repo / "sub")
    assert ours.is_repository()
    assert (ours.sha(), ours.parent(), ours.branch()) == (second, first, "main")
    assert ours.show(first, "data.csv") == b"a\0b"
    assert ours.show("HEAD", "../turn") == b"1"
    assert ours.show("HEAD", "top") is None
    assert ours.show("HEAD", ".") is None
    assert ours.show("f" * 40, "data.csv") is None
    assert list(ours.ancestors("HEAD")) == [second, first]
    assert list(ours.ancestors("nothing")) == []


@pytest.mark.parametrize(
    ("path", "dirty"),
    [
        (".ci-kit/evaluate.json", False),
        ("sub/.ci-kit/evaluate.json", False),
        ("new/sub/.ci-kit/evaluate.json", False),
        ("sub/new.py", True),
        ("turn", True),
        ("ignored.pyc", False),
    ],
)
def test_only_what_is_not_ours_makes_the_tree_dirty(repo: Path, path: str, dirty: bool) -> None:
    linear(repo, 1, {"sub/a": b"", ".gitignore": b"*.pyc"})
    checkout(repo, "main")
    (repo / path).parent.mkdir(parents=True, exist_ok=True)
    (repo / path).write_text("changed")
    assert Git(repo / "sub").dirty() is dirty


@pytest.mark.parametrize(
    ("url", "slug"),
    [
        ("https://github.com/octo/demo.git", "octo/demo"),
        ("https://github.com/octo/demo", "octo/demo"),
        ("https://x-access-token:secret@ghe.example:8443/octo/demo.git/", "octo/demo"),
        ("git@github.com:octo/de.mo.git", "octo/de.mo"),
        ("ssh://git@ssh.github.com:443/octo/demo.git", "octo/demo"),
        ("/srv/git/demo.git", ""),
        ("file:///srv/git/demo.git", ""),
        ("../demo", ""),
        (None, ""),
    ],
)
def test_slug_is_read_from_the_remote(repo: Path, url: str | None, slug: str) -> None:
    if url:
        git(repo, "remote", "add", "origin", url)
    assert Git(repo).slug() == slug


def test_errors_say_what_to_do(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"not in a git repository\. Try: git init$"):
        Git(tmp_path).sha()
    with pytest.raises(UserError, match="has no commit yet"):
        Git(repo).sha()
    with pytest.raises(UserError, match="'--help'"):
        Git(repo).sha("--help")
    with pytest.raises(UserError, match="no folder"):
        Git(tmp_path / "missing").sha()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert Git(repo).is_repository() is False
    with pytest.raises(UserError, match="git can't be run"):
        Git(repo).branch()


def test_a_folder_of_another_user_is_named(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(UserError, match=f"safe.directory {repo}"):
        Git(repo).is_repository()


def test_a_hanging_git_is_unavailable(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "git").write_text("#!/bin/sh\nexec sleep 5\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(module, "TIMEOUT", 0.1)
    with pytest.raises(Unavailable, match="did not end within"):
        Git(repo).branch()


def test_hooks_and_foreign_variables_do_not_reach_us(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    linear(repo, 1)
    hook = repo / ".git/hooks/post-index-change"
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    assert Git(repo).run("reset", "--hard", "--quiet").returncode == 0
    assert not (tmp_path / "ran").exists()


class TestBase:
    def test_a_branch_is_compared_with_the_merge_base(self, repo: Path) -> None:
        main = linear(repo, 3)
        git(repo, "branch", "feat", main[1])
        checkout(repo, "feat")
        git(repo, *IDENTITY, "commit", "--quiet", "--allow-empty", "-m", "x")
        assert base(Git(repo), None, "main") == (main[1], "merge base with main")
        assert base(Git(repo), main[2], "other") == (main[1], f"merge base with {main[2]}")
        git(repo, "update-ref", "refs/remotes/origin/main", main[0])
        assert base(Git(repo), None, "main") == (main[0], "merge base with origin/main")

    def test_the_merge_commit_of_a_pull_request_is_compared_with_its_base(self, repo: Path) -> None:
        main = linear(repo, 3)
        git(repo, "branch", "feat", main[0])
        checkout(repo, "feat")
        git(repo, *IDENTITY, "commit", "--quiet", "--allow-empty", "-m", "x")
        git(repo, *IDENTITY, "merge", "--quiet", "-m", "m", "main")
        assert base(Git(repo), main[2], "main")[0] == main[2]

    def test_the_base_branch_is_compared_with_its_first_parent(self, repo: Path) -> None:
        main = linear(repo, 2)
        checkout(repo, "main")
        assert base(Git(repo), None, "main") == (main[0], "first parent")
        git(repo, "update-ref", "refs/remotes/origin/main", main[1])
        git(repo, "checkout", "--quiet", "--detach")
        assert base(Git(repo), None, "main") == (main[0], "first parent")

    def test_unpushed_commits_on_the_base_branch_are_compared_one_by_one(self, repo: Path) -> None:
        main = linear(repo, 3)
        checkout(repo, "main")
        git(repo, "update-ref", "refs/remotes/origin/main", main[0])
        assert base(Git(repo), None, "main") == (main[1], "first parent")

    def test_a_missing_base_branch_is_fetched(self, repo: Path, tmp_path: Path) -> None:
        main = linear(repo, 2)
        git(tmp_path, "clone", "--quiet", "--branch=main", str(repo), "clone")
        clone = tmp_path / "clone"
        git(clone, "checkout", "--quiet", "-b", "feat")
        git(clone, *IDENTITY, "commit", "--quiet", "--allow-empty", "-m", "x")
        git(clone, "branch", "-D", "main")
        git(clone, "update-ref", "-d", "refs/remotes/origin/main")
        assert base(Git(clone), None, "main")[0] == main[1]

    def test_every_reason_for_none_is_named(self, repo: Path, tmp_path: Path) -> None:
        assert base(Git(tmp_path), None, "main") == (None, "not a git repository")
        assert base(Git(repo), None, "main") == (None, "the repository has no commit yet")
        main = linear(repo, 1)
        checkout(repo, "main")
        assert base(Git(repo), None, "main") == (None, "this is the first commit")
        assert base(Git(repo), None, "trunk") == (None, "no branch 'trunk'")
        assert base(Git(repo), "f" * 40, "main") == (None, f"the base commit {'f' * 40} is unknown")
        other = linear(repo, 1, {"unrelated": b""}, branch="island")
        assert base(Git(repo), other[0], "main") == (None, f"no common ancestor with {other[0]}")
        assert main != other

    def test_a_shallow_checkout_is_named(self, repo: Path, tmp_path: Path) -> None:
        main = linear(repo, 3)
        checkout(repo, "main")
        subprocess.run(
            ["git", "clone", "--quiet", "--depth=1", f"file://{repo}", tmp_path / "shallow"],
            check=True,
            capture_output=True,
        )
        shallow = Git(tmp_path / "shallow")
        assert shallow.shallow()
        for event_sha in (None, main[0]):
            found, reason = base(shallow, event_sha, "main")
            assert found is None
            assert "fetch-depth: 0" in reason


IDENTITY = ("-c", "user.name=x", "-c", "user.email=x@localhost")
