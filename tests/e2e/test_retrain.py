"""`ci-kit retrain` on real git repositories: one proposal with small text files, and the user's work tree as before."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ci_kit import config
from ci_kit.errors import Unavailable, UserError
from ci_kit.forge import watched
from ci_kit.forge.git import Git
from ci_kit.forge.history import entries
from ci_kit.forge.local import LocalForge
from ci_kit.result import Result, load, result_path
from ci_kit.retrain.change import FILE, ONE
from ci_kit.retrain.scratch import BRANCH
from ci_kit.steps import step
from tests.forge.conftest import _plain_git  # noqa: F401 - a fixture for all tests here
from tests.forge.repository import git
from tests.models.made import classifier, project
from tests.retrain.made import drift

pytestmark = pytest.mark.e2e

PULL = "ci-kit-retrain/default"
SETTINGS = "retrain: {{train: false, cool-down: 1s, update: {update}}}\n"


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """Return a repository with a commit on main."""
    folder = tmp_path / "repo"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    for key, value in {"user.name": "t", "user.email": "t@localhost"}.items():
        git(folder, "config", key, value)
    (folder / "params.txt").write_text("1\n")
    (folder / "old.txt").write_text("old\n")
    (folder / "model.bin").write_bytes(bytes(range(256)))
    (folder / ".gitignore").write_text("*.log\n")
    return folder


def commit(root: Path, update: str = "echo 2 > params.txt", settings: str = SETTINGS) -> str:
    """Write the configuration with this update command and commit everything."""
    (root / config.FILE).write_text(settings.format(update=json.dumps(update)))
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "Start")
    return git(root, "rev-parse", "HEAD")


def watch(root: Path, result: Result) -> None:
    """Leave behind what a drift check does: its Result, and the window by its own name."""
    found = result.model_copy(
        update={"source": result.source.model_copy(update={"sha": git(root, "rev-parse", "HEAD")})}
    )
    found.save(root)
    name = next(check.observed for check in result.checks if check.id == "window")
    folder = root / ".ci-kit" / "windows"
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    text = found.model_copy(update={"name": name}).model_dump_json(exclude_none=True)
    (folder / f"{name}.json").write_text(text)


def retrain(root: Path, entry: str = "run", cool_down: str | None = None) -> dict[str, str]:
    """Run the step and return its checks' statuses."""
    flags = {"retrain.cool-down": cool_down} if cool_down else None
    done = step("retrain", root, flags, entry=entry, label=None if entry == "run" else entry)
    return {check.id: check.status for check in done.checks}


def told(root: Path, name: str, entry: str | None = None) -> str:
    """Return all that a check of the last run says."""
    found = next(check for check in load(result_path(root, "retrain", entry)).checks if check.id == name)
    return " ".join(part for part in (found.title, found.observed, found.detail) if part)


def as_before(root: Path, sha: str) -> None:
    assert Git(root).branch() == "main"
    assert git(root, "rev-parse", "HEAD") == sha
    assert not Git(root).dirty()
    assert not Git(root).find(BRANCH)


def attempts(root: Path) -> list[str]:
    return [f"{one.name} {one.status}" for one in watched.past(Git(root), "retrain", "default")]


def test_drift_becomes_one_proposal_and_the_work_tree_is_as_before(repo: Path) -> None:
    sha = commit(repo, "echo 2 > params.txt; git rm -q old.txt; mkdir new; echo x > new/a.txt; echo noise > x.log")
    watch(repo, drift())
    assert retrain(repo) == {
        "plan": "pass",
        "update/1": "pass",
        "change": "pass",
        "record": "pass",
        "publish": "pass",
    }
    as_before(repo, sha)
    assert git(repo, "rev-parse", f"{PULL}^") == sha
    assert git(repo, "diff", "--name-status", "--no-renames", sha, PULL).split() == [
        *("A", "new/a.txt"),
        *("D", "old.txt"),
        *("M", "params.txt"),
    ]
    assert (repo / "params.txt").read_text() == "1\n"
    assert attempts(repo) == ["20261120t000000z-1d pass"]
    assert [one.name for one in watched.past(Git(repo), "drift", "default")] == ["20261120t000000z-1d"]


def test_the_same_window_is_not_retrained_for_again(repo: Path) -> None:
    sha = commit(repo)
    watch(repo, drift())
    retrain(repo)
    before = git(repo, "rev-parse", PULL)
    assert retrain(repo) == {"plan": "skip", "record": "pass", "publish": "skip"}
    assert "stays as it is" in told(repo, "publish")
    assert git(repo, "rev-parse", PULL) == before
    as_before(repo, sha)


def test_the_same_window_is_retrained_for_again_where_the_cool_down_is_zero(repo: Path) -> None:
    commit(repo, "date +%s%N > params.txt")
    watch(repo, drift())
    retrain(repo)
    before = git(repo, "rev-parse", PULL)
    assert retrain(repo)["plan"] == "skip"
    assert "ci-kit retrain --cool-down 0s" in told(repo, "publish")
    assert retrain(repo, cool_down="0s")["publish"] == "pass"
    assert git(repo, "rev-parse", PULL) != before


def test_a_later_window_updates_the_same_proposal(repo: Path) -> None:
    commit(repo, "date +%s%N > params.txt")
    watch(repo, drift(day=20))
    retrain(repo)
    before = git(repo, "rev-parse", PULL)
    time.sleep(1.1)  # the cool-down
    watch(repo, drift(day=21))
    assert retrain(repo)["publish"] == "pass"
    assert git(repo, "rev-parse", PULL) != before
    assert git(repo, "rev-parse", f"{PULL}^") == git(repo, "rev-parse", "main")
    assert len(git(repo, "branch", "--list", "ci-kit-retrain/*").splitlines()) == 1


def test_drift_that_has_gone_closes_the_proposal(repo: Path) -> None:
    commit(repo)
    watch(repo, drift(day=20))
    retrain(repo)
    watch(repo, drift("warn", day=21))
    assert retrain(repo) == {"plan": "skip", "record": "pass", "publish": "skip"}
    assert Git(repo).find(PULL)
    watch(repo, drift("pass", day=22))
    assert retrain(repo) == {"plan": "skip", "record": "pass", "publish": "pass"}
    assert not Git(repo).find(PULL)
    assert "closed" in told(repo, "publish")
    assert retrain(repo)["publish"] == "pass"
    assert "no pull request is open" in told(repo, "publish")


def test_a_proposal_that_a_person_works_on_stays_open_when_drift_has_gone(repo: Path) -> None:
    commit(repo)
    watch(repo, drift(day=20))
    retrain(repo)
    git(repo, "checkout", "--quiet", PULL)
    git(repo, "commit", "--quiet", "--allow-empty", "--message", "Mine")
    git(repo, "checkout", "--quiet", "main")
    watch(repo, drift("pass", day=22))
    assert retrain(repo) == {"plan": "skip", "record": "pass", "publish": "skip"}
    assert Git(repo).find(PULL)
    assert "is left alone" in told(repo, "publish")
    assert "a person has pushed to its branch: close it by hand" in told(repo, "publish")


def test_without_a_drift_check_it_says_what_to_run_first(repo: Path) -> None:
    commit(repo)
    with pytest.raises(UserError, match="Run ci-kit drift first"):
        retrain(repo)


def test_without_a_repository_it_says_how_to_make_one(repo: Path) -> None:
    commit(repo)
    watch(repo, drift())
    shutil.rmtree(repo / ".git")
    with pytest.raises(UserError, match="Try: git init && git add"):
        retrain(repo)


def test_the_log_says_in_one_line_what_was_done_or_why_nothing_was(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    commit(repo, settings="retrain: {{train: false, update: {update}}}\n")

    def said(day: int) -> str:
        watch(repo, drift(day=day))
        retrain(repo)
        (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("retrain: "))
        return line

    url = str(repo / ".ci-kit/pulls/ci-kit-retrain--default.md")
    assert said(20) == f"retrain: The retraining pull request is open: {url}."
    assert said(21).startswith(
        f"retrain: The retraining pull request stays as it is: {url}. The last retraining is too"
    )


def test_a_drift_check_of_another_commit_is_refused(repo: Path) -> None:
    commit(repo)
    watch(repo, drift())
    commit(repo, "echo 3 > params.txt")
    with pytest.raises(UserError, match="is of another commit"):
        retrain(repo)


def test_a_drift_check_that_could_not_judge_changes_nothing(repo: Path) -> None:
    commit(repo)
    watch(repo, drift())
    retrain(repo)
    broken = json.loads((repo / ".ci-kit/drift.json").read_text())
    broken["checks"] = [{"id": "error", "title": "The step could not judge", "status": "fail"}]
    (repo / ".ci-kit/drift.json").write_text(json.dumps(broken))
    assert retrain(repo) == {"plan": "skip", "record": "pass", "publish": "skip"}
    assert Git(repo).find(PULL)


def test_a_work_tree_with_changes_is_left_alone(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    commit(repo)
    watch(repo, drift())
    (repo / "params.txt").write_text("mine\n")
    with pytest.raises(UserError, match=r"the work tree has changes \(params\.txt; a"):
        retrain(repo, "update")
    assert (repo / "params.txt").read_text() == "mine\n"
    assert retrain(repo) == {"publish": "skip"}
    cure = "params.txt. Commit or remove them, then type: ci-kit run watch"
    assert cure in told(repo, "publish")
    assert cure in capsys.readouterr().out
    for number in range(4):
        (repo / f"{number}.txt").write_text("mine\n")
    assert retrain(repo) == {"publish": "skip"}
    assert "params.txt, 0.txt, 1.txt and 2 more." in told(repo, "publish")
    for number in range(4):
        (repo / f"{number}.txt").unlink()
    (repo / "params.txt").write_text("1\n")
    (repo / "notes.txt").write_text("mine\n")
    with pytest.raises(UserError, match="the work tree has changes"):
        retrain(repo, "update")


def test_on_another_branch_nothing_is_run(repo: Path) -> None:
    commit(repo)
    git(repo, "switch", "--quiet", "--create", "feature")
    watch(repo, drift())
    assert retrain(repo) == {"publish": "skip"}
    assert "feature is checked out, not main" in told(repo, "publish")
    assert not (repo / ".ci-kit" / FILE).exists()


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("echo x >> model.bin", "'model.bin' is no text"),
        (f"head -c {ONE + 1} /dev/zero | tr '\\0' x > big.txt", f"'big.txt' has {ONE + 1:,} bytes"),
        (f"head -c {ONE + 1} /dev/zero | tr '\\0' x > params.txt; git commit -qam x", f"has {ONE + 1:,} bytes"),
        ("mkdir -p .github/workflows; echo x > .github/workflows/x.yml", "changes no workflow"),
        ("echo '* filter=x' > .gitattributes", "nothing of git's own"),
        ("ln -s /etc/passwd link.txt", "'link.txt' is a link"),
        ("echo x > run.sh; chmod +x run.sh", "'run.sh' is executable"),
        ("for i in $(seq 101); do echo x > f$i.txt; done", "101 files"),
        ("printf 'version https://git-lfs.github.com/spec/v1\\noid sha256:0' > params.txt", "is in Git LFS"),
        ("git switch -q --detach", "left the branch"),
        ("printf 'caf\\351' > latin.txt", "'latin.txt' is no text"),
    ],
)
def test_a_change_that_is_not_small_and_text_is_one_line_and_nothing_is_proposed(
    repo: Path, command: str, words: str
) -> None:
    sha = commit(repo, command)
    watch(repo, drift())
    with pytest.raises(UserError) as error:
        retrain(repo)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    assert git(repo, "rev-parse", "HEAD") == sha
    assert Git(repo).branch() == "main"
    assert not Git(repo).find(BRANCH)
    assert not Git(repo).find(PULL)
    assert git(repo, "status", "--porcelain") == ("?? big.txt" if "big.txt" in command else "")
    assert attempts(repo) == ["20261120t000000z-1d fail"]


def test_a_command_that_fails_ends_the_attempt(repo: Path) -> None:
    sha = commit(repo, "echo 2 > params.txt; echo why >&2; exit 7")
    watch(repo, drift())
    assert retrain(repo) == {"plan": "pass", "update/1": "fail", "record": "pass", "publish": "skip"}
    assert "exit 7" in told(repo, "update/1")
    assert "why" in told(repo, "update/1")
    as_before(repo, sha)
    assert attempts(repo) == ["20261120t000000z-1d fail"]
    assert retrain(repo, cool_down="7d") == {"plan": "skip", "record": "pass", "publish": "skip"}
    assert "failed on this very commit" in told(repo, "plan")
    retrain(repo, cool_down="0s")
    retrain(repo, cool_down="0s")
    assert retrain(repo, cool_down="0s") == {"plan": "warn", "record": "pass", "publish": "skip"}
    assert "used up" in told(repo, "plan")


def test_what_cannot_be_proposed_is_told_before_the_training_and_the_next_run_does_not_train(repo: Path) -> None:
    settings = "train: {{command: 'echo 3 >> trained.log'}}\nretrain: {{update: {update}}}\n"
    commit(repo, "echo x >> model.bin", settings)
    watch(repo, drift())
    with pytest.raises(UserError, match=r"'model.bin' is no text"):
        retrain(repo)
    assert not (repo / "trained.log").exists()
    assert retrain(repo)["plan"] == "skip"
    commit(repo, "echo 2 > params.txt", settings)
    watch(repo, drift())
    assert retrain(repo)["publish"] == "pass"


def test_an_update_without_anything_new_proposes_nothing(repo: Path) -> None:
    sha = commit(repo, "echo 1 > params.txt; echo x > a.log")
    watch(repo, drift())
    assert retrain(repo) == {"plan": "pass", "update/1": "pass", "change": "warn", "record": "pass", "publish": "skip"}
    assert "nothing new" in told(repo, "publish")
    as_before(repo, sha)
    assert attempts(repo) == ["20261120t000000z-1d warn"]


def test_the_commands_of_an_update_see_no_token(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_" + "x" * 36)
    commit(repo, "echo token=$GITHUB_TOKEN. > params.txt")
    watch(repo, drift())
    retrain(repo)
    assert git(repo, "show", f"{PULL}:params.txt") == "token=."


def test_in_a_folder_of_a_monorepo_paths_are_those_of_the_repository(repo: Path) -> None:
    home = repo / "models" / "churn"
    home.mkdir(parents=True)
    (home / "params.txt").write_text("1\n")
    sha = commit(home)
    watch(home, drift())
    assert retrain(home)["publish"] == "pass"
    assert git(repo, "diff", "--name-only", sha, "ci-kit-retrain/models-churn-default") == "models/churn/params.txt"
    as_before(repo, sha)


def test_a_training_that_fails_ends_the_attempt(repo: Path) -> None:
    settings = "train: {{command: 'echo 2 > params.txt; exit 3'}}\nretrain: {{cool-down: 1s}}\n"
    sha = commit(repo, settings=settings)
    watch(repo, drift())
    assert retrain(repo) == {"plan": "pass", "train": "fail", "record": "pass", "publish": "skip"}
    assert "exit 3" in told(repo, "train")
    as_before(repo, sha)


def test_a_challenger_that_fails_is_evidence_and_is_proposed_all_the_same(repo: Path) -> None:
    (repo / "eval.csv").write_text("a,target\n" + "1,0\n2,1\n" * 20)
    (repo / "model.py").write_text("def predict(frame):\n    return frame['a'].to_numpy() - 1\n")
    settings = "data: {{evaluation: {{path: eval.csv}}}}\nevaluate: {{model: 'model.py:predict'}}\n" + SETTINGS
    commit(repo, settings=settings)
    watch(repo, drift())
    found = retrain(repo)
    assert (found["compare/evaluation"], found["publish"]) == ("warn", "pass")
    assert "No comparable baseline" in told(repo, "compare/evaluation")


def test_in_a_clone_it_warns_of_a_history_that_is_not_there_and_of_commits_that_are_not_pushed(repo: Path) -> None:
    (repo / "eval.csv").write_text("a,target\n" + "1,0\n2,1\n" * 20)
    (repo / "model.py").write_text("def predict(frame):\n    return frame['a'].to_numpy() - 1\n")
    settings = "data: {{evaluation: {{path: eval.csv}}}}\nevaluate: {{model: 'model.py:predict'}}\n" + SETTINGS
    pushed = commit(repo, settings=settings)
    clone = repo.parent / "clone"
    git(repo.parent, "clone", "--quiet", str(repo), str(clone))
    for key, value in {"user.name": "t", "user.email": "t@localhost"}.items():
        git(clone, "config", key, value)
    (clone / "more.txt").write_text("more\n")
    sha = commit(clone, settings=settings)
    watch(clone, drift())
    found = retrain(clone)
    assert (found["history"], found["publish"]) == ("warn", "pass")
    assert f"Compared with {pushed[:12]}, not with {sha[:12]}" in told(clone, "compare/evaluation")


def test_a_secret_in_a_changed_file_is_refused(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORE_PASSWORD", "correct-horse")
    commit(repo, "echo key=$STORE_PASSWORD > params.txt")
    watch(repo, drift())
    with pytest.raises(UserError, match="quotes a secret"):
        retrain(repo)
    assert not Git(repo).find(PULL)


def test_a_forge_that_refuses_is_a_failed_check_and_the_evidence_is_in_the_summary(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha = commit(repo)
    watch(repo, drift())
    retrain(repo, "update")
    (tmp_path / "event.json").write_text('{"schedule": "17 4 * * *"}')
    for name, value in {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "schedule",
        "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
        "GITHUB_REF": "refs/heads/main",
        "GITHUB_REPOSITORY": "octo/demo",
        "GITHUB_SHA": sha,
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        "GITHUB_TOKEN": "",
    }.items():
        monkeypatch.setenv(name, value)
    assert retrain(repo, "publish") == {"record": "fail", "publish": "fail"}
    assert "no token to publish with" in told(repo, "publish", "publish")
    summary = (tmp_path / "summary.md").read_text()
    assert "no token to publish with" in summary
    assert "What to look at" in summary
    assert (repo / ".ci-kit" / FILE).exists()


def test_a_retraining_that_could_not_be_published_is_made_again(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(repo, settings="retrain: {{train: false, update: {update}}}\n")
    watch(repo, drift())

    def away(*_: object) -> None:
        raise Unavailable("GitHub did not answer")

    with monkeypatch.context() as forge:
        forge.setattr(LocalForge, "propose", away)
        assert retrain(repo)["publish"] == "fail"
    assert attempts(repo) == ["20261120t000000z-1d fail"]
    assert retrain(repo)["publish"] == "pass"
    assert Git(repo).find(PULL)
    assert attempts(repo) == ["20261120t000000z-1d pass"]


def test_publishing_the_same_change_again_counts_one_attempt(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(repo)
    watch(repo, drift())
    retrain(repo, "update")

    def away(*_: object) -> None:
        raise Unavailable("GitHub did not answer")

    with monkeypatch.context() as forge:
        forge.setattr(LocalForge, "propose", away)
        assert retrain(repo, "publish") == {"record": "pass", "publish": "fail"}
    assert retrain(repo, "publish") == {"record": "pass", "publish": "pass"}
    (made,) = watched.past(Git(repo), "retrain", "default")
    assert (made.status, made.metrics["attempts"].value) == ("pass", 1)


def command(root: Path, *arguments: str) -> subprocess.Popen[str]:
    program = [sys.executable, "-P", "-m", "ci_kit", "retrain", *arguments]
    return subprocess.Popen(program, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_an_update_that_was_killed_is_told_with_what_to_type(repo: Path) -> None:
    sha = commit(repo, "echo 2 > params.txt; touch started.log; sleep 30")
    watch(repo, drift())
    process = command(repo)
    until((repo / "started.log").exists)
    process.kill()
    process.communicate()
    for entry in ("run", "update"):
        with pytest.raises(UserError, match="in the middle of a retraining") as error:
            retrain(repo, entry)
    typed = error.value.hint.removeprefix("Type: ")
    subprocess.run(typed, shell=True, cwd=repo, check=True, capture_output=True)
    as_before(repo, sha)
    assert retrain(repo, "publish") == {"record": "pass", "publish": "skip"}
    assert attempts(repo) == ["20261120t000000z-1d fail"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_cancel_puts_everything_back(repo: Path, number: int) -> None:
    sha = commit(repo, "echo 2 > params.txt; touch started.log; sleep 30")
    watch(repo, drift())
    process = command(repo)
    until((repo / "started.log").exists)
    process.send_signal(number)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "the retraining was stopped" in out
    as_before(repo, sha)
    assert not Git(repo).find(PULL)


@pytest.mark.parametrize(
    "hostile",
    [
        {"files": {".github/workflows/x.yml": "on: push"}},
        {"files": {"../x": "x"}},
        {"files": {"a": "x" * (ONE + 1)}},
        {"base": "b" * 40},
        {"window": "20261119t000000z-1d"},
        {"monitor": "other"},
        {"number": 7},
    ],
)
def test_a_hostile_change_is_refused_and_what_was_seen_is_recorded(repo: Path, hostile: dict[str, object]) -> None:
    commit(repo)
    watch(repo, drift())
    retrain(repo, "update")
    path = repo / ".ci-kit" / FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | hostile))
    assert retrain(repo, "publish") == {"change": "fail", "record": "pass", "publish": "skip"}
    assert not Git(repo).find(PULL)
    assert len(watched.past(Git(repo), "drift", "default")) == 1


def test_the_cost_that_a_hostile_change_claims_breaks_no_record(repo: Path) -> None:
    commit(repo)
    watch(repo, drift())
    retrain(repo, "update")
    path = repo / ".ci-kit" / FILE
    change = json.loads(path.read_text()) | {"files": None, "cost": {"amount": 1.7e308, "currency": "EUR"}}
    for second in (1, 2):
        path.write_text(json.dumps(change | {"started": f"2026-11-21T04:00:0{second}+00:00"}))
        assert retrain(repo, "publish")["record"] == "pass"
    assert attempts(repo) == ["20261120t000000z-1d fail"]


def test_a_change_of_an_older_window_is_nothing_to_publish_when_drift_has_gone(repo: Path) -> None:
    commit(repo)
    watch(repo, drift(day=20))
    retrain(repo, "update")
    watch(repo, drift("pass", day=21))
    assert retrain(repo, "publish") == {"record": "pass", "publish": "pass"}


def test_windows_that_are_none_are_named_and_left_out(repo: Path) -> None:
    commit(repo)
    watch(repo, drift("pass"))
    folder = repo / ".ci-kit/windows"
    good = json.loads(next(folder.iterdir()).read_text())
    (folder / "evil.json").write_text(json.dumps(good))
    (folder / "torn.json").write_text("{")
    (folder / "link.json").symlink_to("/etc/passwd")
    other = good | {"name": "other", "source": good["source"] | {"sha": "b" * 40}}
    (folder / "other.json").write_text(json.dumps(other))
    assert retrain(repo, "publish")["record"] == "warn"
    assert len(told(repo, "record", "publish").splitlines()) == 4
    assert len(watched.past(Git(repo), "drift", "default")) == 1


def test_publishing_needs_nothing_but_the_core(repo: Path) -> None:
    commit(repo)
    watch(repo, drift())
    retrain(repo, "update")
    heavy = "duckdb evidently numpy onnx onnxruntime pandas pandera polars psutil pyarrow pynvml pytest scipy torch"
    code = (
        "import sys\n"
        f"for name in {heavy.split()}: sys.modules[name] = None\n"
        "sys.argv = ['ci-kit', 'retrain', '--publish']\n"
        "from ci_kit.__main__ import main\n"
        "main()"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], cwd=repo, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert Git(repo).find(PULL)


def dvc(root: Path, *arguments: str) -> None:
    program = [sys.executable, "-m", "dvc", *arguments]
    subprocess.run(program, cwd=root, check=True, capture_output=True, env=os.environ | {"DVC_NO_ANALYTICS": "1"})


MODEL = """\
data:
  evaluation: {path: eval.csv}
  new: {path: new.csv}
train: {command: "cp better.bin model.onnx; DVC add --quiet model.onnx", outputs: model.onnx, price: {per-hour: 3600}}
retrain: {update: "cat more.txt >> new.csv; DVC add --quiet new.csv", compare: [evaluation, new], cool-down: 1s}
""".replace("DVC", f"{sys.executable} -m dvc")
_made: list[Path] = []


@pytest.fixture
def tracked(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a repository whose model and new data lie in DVC, with a remote in the folder `store` beside it."""
    if not _made:
        _made.append(model_repository(tmp_path_factory.mktemp("template") / "repo"))
    root = Path(shutil.copytree(_made[0], tmp_path / "repo"))
    shutil.copytree(_made[0].parent / "store", tmp_path / "store")
    (root / ".dvc/config.local").write_text(f"['remote \"store\"']\n    url = {tmp_path / 'store'}\n")
    watch(root, drift())
    return root


def model_repository(root: Path) -> Path:
    """Make a repository with a weak model on main whose evaluation the history knows."""
    project(root, weight=0.2)
    git(root, "init", "--quiet", "--initial-branch=main")
    for key, value in {"user.name": "t", "user.email": "t@localhost"}.items():
        git(root, "config", key, value)
    dvc(root, "init", "--quiet")
    dvc(root, "remote", "add", "--quiet", "--default", "store", str(root.parent / "store"))
    shutil.copy(root / "model.onnx", root / "weak")
    classifier(root, 4.0)
    shutil.move(root / "model.onnx", root / "better.bin")
    shutil.move(root / "weak", root / "model.onnx")
    (root / "new.csv").write_text((root / "eval.csv").read_text())
    (root / "more.txt").write_text("1.0,-1.0,1\n" * 20)
    dvc(root, "add", "--quiet", "model.onnx", "new.csv")
    dvc(root, "push", "--quiet")
    sha = commit(root, settings=MODEL.replace("{", "{{").replace("}", "}}"))
    done = step("evaluate", root, {"evaluate.first-run": "allow"})
    LocalForge(root).record(entries(root, [done], sha), "Record")
    return root


def test_the_challenger_is_compared_on_old_and_new_data_and_its_bytes_come_first(tracked: Path, tmp_path: Path) -> None:
    sha, rows = git(tracked, "rev-parse", "HEAD"), (tracked / "new.csv").read_text()
    found = retrain(tracked)
    good = ("update/1", "train", "change", "compare/evaluation", "compare/new", "push", "record", "publish")
    assert {name: found[name] for name in good} == dict.fromkeys(good, "pass")
    as_before(tracked, sha)
    assert (tracked / "new.csv").read_text() == rows
    assert git(tracked, "diff", "--name-only", sha, PULL).split() == ["model.onnx.dvc", "new.csv.dvc"]
    for name in ("evaluation", "new"):
        compared = load(result_path(tracked, "evaluate", name))
        assert compared.metrics["log_loss@change"].value < -0.1
        assert compared.source.base_sha == sha
    assert load(result_path(tracked, "evaluate", "new")).metrics["rows"].value == rows.count("\n") - 1 + 20
    cost = load(result_path(tracked, "retrain")).run.cost
    assert cost is not None
    assert cost == load(result_path(tracked, "train")).run.cost
    assert watched.past(Git(tracked), "retrain", "default")[0].run.cost == cost
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", "--branch", PULL, str(tracked), str(clone))
    shutil.copy(tracked / ".dvc/config.local", clone / ".dvc/config.local")
    dvc(clone, "pull", "--quiet")
    assert (clone / "new.csv").read_text().startswith(rows + "1.0,-1.0,1")
    assert (clone / "model.onnx").read_bytes() == (tracked / "better.bin").read_bytes()


def again(root: Path, old: str, new: str) -> str:
    """Change the configuration and commit it, as if the drift check had judged the new commit."""
    path = root / config.FILE
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "Change")
    watch(root, drift())
    return git(root, "rev-parse", "HEAD")


def test_what_a_training_writes_over_is_recorded_and_the_old_model_is_back_afterwards(
    tracked: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    sha = again(tracked, f"; {sys.executable} -m dvc add --quiet model.onnx", "")
    old, new = (tracked / "model.onnx").read_bytes(), (tracked / "better.bin").read_bytes()
    found = retrain(tracked)
    assert (found["push"], found["compare/evaluation"], found["publish"]) == ("pass", "pass", "pass")
    assert "could not bring back" not in capfd.readouterr().out
    as_before(tracked, sha)
    assert (tracked / "model.onnx").read_bytes() == old
    assert git(tracked, "diff", "--name-only", sha, PULL).split() == ["model.onnx.dvc", "new.csv.dvc"]
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", "--branch", PULL, str(tracked), str(clone))
    shutil.copy(tracked / ".dvc/config.local", clone / ".dvc/config.local")
    dvc(clone, "pull", "--quiet")
    assert (clone / "model.onnx").read_bytes() == new


def test_an_output_that_neither_git_nor_dvc_has_is_a_failed_check_and_nothing_is_proposed(tracked: Path) -> None:
    (tracked / ".gitignore").write_text((tracked / ".gitignore").read_text() + "plan.bin\n")
    made = "cp better.bin model.onnx; echo x > plan.bin"
    sha = again(tracked, "cp better.bin model.onnx", made)
    sha = again(tracked, "outputs: model.onnx", "outputs: [model.onnx, plan.bin]")
    assert retrain(tracked)["outputs"] == "fail"
    assert "train.outputs plan.bin is not part of this change" in told(tracked, "outputs")
    assert "dvc add plan.bin" in told(tracked, "outputs")
    as_before(tracked, sha)
    assert not Git(tracked).find(PULL)


def test_without_dvc_an_ignored_model_is_a_warning_and_the_data_is_proposed(repo: Path) -> None:
    settings = "train: {{command: 'echo x > model.log', outputs: model.log}}\nretrain: {{update: {update}}}\n"
    commit(repo, settings=settings)
    watch(repo, drift())
    found = retrain(repo)
    assert (found["outputs"], found["publish"]) == ("warn", "pass")
    assert "train.outputs model.log is not part of this change" in told(repo, "outputs")


def test_data_of_dvc_with_changes_of_the_users_own_is_left_alone(tracked: Path) -> None:
    (tracked / "new.csv").write_text("mine\n")
    with pytest.raises(UserError, match=r"the work tree has changes.*new.csv") as error:
        retrain(tracked)
    assert "dvc checkout --force" in str(error.value)
    assert (tracked / "new.csv").read_text() == "mine\n"
    assert attempts(tracked) == []


def test_data_that_only_the_work_tree_has_is_not_put_at_risk(tracked: Path) -> None:
    shutil.rmtree(tracked / ".dvc/cache")
    with pytest.raises(UserError, match=r"could lose data.*model.onnx.*Type: dvc commit --force"):
        retrain(tracked)
    assert attempts(tracked) == []


def test_a_failed_training_that_wrote_over_the_model_leaves_the_old_one(tracked: Path) -> None:
    sha = again(tracked, "cp better.bin model.onnx;", "cp better.bin model.onnx; exit 3;")
    old = (tracked / "model.onnx").read_bytes()
    assert retrain(tracked)["train"] == "fail"
    as_before(tracked, sha)
    assert (tracked / "model.onnx").read_bytes() == old


def test_a_remote_that_is_away_is_one_line_and_nothing_is_proposed(tracked: Path, tmp_path: Path) -> None:
    sha, rows = git(tracked, "rev-parse", "HEAD"), (tracked / "new.csv").read_text()
    shutil.move(tmp_path / "store", tmp_path / "away")
    (tmp_path / "store").write_text("no folder")
    with pytest.raises(UserError, match="DVC can't push") as error:
        retrain(tracked)
    assert "\n" not in str(error.value)
    as_before(tracked, sha)
    assert (tracked / "new.csv").read_text() == rows
    assert not Git(tracked).find(PULL)
    assert attempts(tracked) == ["20261120t000000z-1d fail"]
