import hashlib
import subprocess
import time
from pathlib import Path

import pytest

from ci_kit.errors import UserError
from ci_kit.forge import history
from ci_kit.forge.git import Git
from ci_kit.forge.history import entries, find, recent
from ci_kit.forge.local import LocalForge
from ci_kit.forge.objects import contents_of
from ci_kit.result import File
from tests.forge.repository import git, linear, result

# Real git and real processes: a matter of seconds, not of milliseconds.
pytestmark = pytest.mark.e2e


def scores(root: Path, content: bytes, name: str = ".ci-kit/scores.npz") -> File:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return File(path=name, sha256=hashlib.sha256(content).hexdigest(), bytes=len(content), role="scores")


def test_the_nearest_ancestor_with_a_result_is_found(repo: Path) -> None:
    main = linear(repo, 5)
    files = entries(repo, [result(main[0], value=0.1)], main[0]) | entries(repo, [result(main[2], value=0.2)], main[2])
    linear(repo, 1, files, branch="ci-kit")
    found = find(Git(repo), main[4], "evaluate")
    assert found is not None
    assert (found.sha, found.distance, found.result) == (main[2], 2, result(main[2], value=0.2))
    assert find(Git(repo), main[4], "train") is None
    same = find(Git(repo), main[0], "evaluate")
    assert same is not None
    assert same.distance == 0


def test_scores_come_back_byte_for_byte(repo: Path) -> None:
    main = linear(repo, 1)
    content = bytes(range(256)) * 10
    one = result(main[0], files=(scores(repo, content),))
    linear(repo, 1, entries(repo, [one], main[0]), branch="ci-kit")
    found = find(Git(repo), main[0], "evaluate")
    assert found is not None
    assert found.scores == content


def test_scores_that_were_changed_on_the_branch_are_left_out(repo: Path) -> None:
    main = linear(repo, 1)
    files = entries(repo, [result(main[0], files=(scores(repo, b"scores"),))], main[0])
    linear(repo, 1, files | {f"results/{main[0]}/evaluate.scores.npz": b"forged"}, branch="ci-kit")
    found = find(Git(repo), main[0], "evaluate")
    assert found is not None
    assert found.scores is None


@pytest.mark.parametrize(
    "damaged",
    [b"", b"{", b"[]", b"\xff\xfe", b'{"schema": 99}', b"[" * 100_000],
    ids=["empty", "cut", "list", "binary", "newer", "deep"],
)
def test_a_damaged_entry_is_named_and_the_next_ancestor_tried(repo: Path, damaged: bytes) -> None:
    main = linear(repo, 2)
    files = entries(repo, [result(main[0])], main[0]) | {f"results/{main[1]}/evaluate.json": damaged}
    linear(repo, 1, files, branch="ci-kit")
    said: list[str] = []
    found = find(Git(repo), main[1], "evaluate", said.append)
    assert found is not None
    assert found.sha == main[0]
    assert len(said) == 1
    assert main[1][:12] in said[0]
    assert "\n" not in said[0]


def test_an_entry_of_another_step_or_commit_is_damaged(repo: Path) -> None:
    main = linear(repo, 2)
    other_step = entries(repo, [result(main[1], step="train")], main[1])[f"results/{main[1]}/train.json"]
    other_commit = entries(repo, [result(main[1])], main[1])[f"results/{main[1]}/evaluate.json"]
    files = {f"results/{main[1]}/evaluate.json": other_step, f"results/{main[0]}/evaluate.json": other_commit}
    linear(repo, 1, files, branch="ci-kit")
    said: list[str] = []
    assert find(Git(repo), main[1], "evaluate", said.append) is None
    assert ["result of train" in said[0], "result of commit" in said[1]] == [True, True]


def test_an_entry_beyond_the_size_limit_is_not_read(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    main = linear(repo, 1)
    linear(repo, 1, entries(repo, [result(main[0])], main[0]), branch="ci-kit")
    monkeypatch.setattr(history, "MAX_BYTES", 100)
    assert find(Git(repo), main[0], "evaluate") is None


def test_only_our_own_small_and_unchanged_files_are_recorded(repo: Path) -> None:
    sha = "a" * 40
    (repo / "secret").write_bytes(b"secret")
    (repo / ".ci-kit").mkdir()
    (repo / ".ci-kit/link").symlink_to(repo / "secret")
    outside = File(path="secret", sha256=hashlib.sha256(b"secret").hexdigest(), bytes=6, role="scores")
    link = outside.model_copy(update={"path": ".ci-kit/link"})
    big = scores(repo, b"x" * (2**20 + 1), ".ci-kit/big.npz")
    changed = scores(repo, b"before", ".ci-kit/changed.npz")
    (repo / ".ci-kit/changed.npz").write_bytes(b"after")
    gone = outside.model_copy(update={"path": ".ci-kit/gone"})
    good = scores(repo, b"good", ".ci-kit/good.npz")
    html = scores(repo, b"html", ".ci-kit/report.html").model_copy(update={"role": "report"})
    made = entries(repo, [result(sha, files=(outside, link, big, changed, gone, good, html))], sha)
    assert sorted(made) == [f"results/{sha}/evaluate.good.npz", f"results/{sha}/evaluate.json"]
    with pytest.raises(UserError, match="not a commit id"):
        entries(repo, [], "../../etc")


def test_the_branch_is_fetched_when_it_is_missing_and_shared_results_win(repo: Path, tmp_path: Path) -> None:
    main = linear(repo, 1)
    git(tmp_path, "clone", "--quiet", "--branch=main", str(repo), "clone")
    linear(repo, 1, entries(repo, [result(main[0], value=0.7)], main[0]), branch="ci-kit")
    clone = tmp_path / "clone"
    found = find(Git(clone), main[0], "evaluate")
    assert found is not None
    assert found.result.metrics["accuracy"].value == 0.7
    linear(clone, 1, entries(repo, [result(main[0], value=0.1)], main[0]), branch="ci-kit")
    assert find(Git(clone), main[0], "evaluate") == found


def test_no_remote_and_an_unreachable_remote_mean_none(repo: Path, tmp_path: Path) -> None:
    main = linear(repo, 1)
    assert find(Git(repo), main[0], "evaluate") is None
    git(repo, "remote", "add", "origin", str(tmp_path / "nowhere"))
    assert find(Git(repo), main[0], "evaluate") is None


def test_ten_thousand_commits_are_searched_quickly(repo: Path) -> None:
    main = linear(repo, 10_000)
    linear(repo, 1, entries(repo, [result(main[0])], main[0]), branch="ci-kit")
    started = time.process_time()
    found = find(Git(repo), main[-1], "evaluate")
    assert found is not None
    assert found.distance == 9_999
    assert time.process_time() - started < 0.5


def test_models_in_different_folders_of_a_repository_keep_their_own_results(repo: Path) -> None:
    sha = linear(repo, 1)[0]
    for folder, value in (("ml/bike", 0.7), ("ml/taxi", 0.8)):
        one = result(sha, value=value)
        one = one.model_copy(update={"source": one.source.model_copy(update={"directory": folder})})
        LocalForge(repo).record(entries(repo, [one], sha), "record")
        (repo / folder).mkdir(parents=True)
    for folder, value in (("ml/bike", 0.7), ("ml/taxi", 0.8)):
        past = find(Git(repo / folder), sha, "evaluate")
        assert past is not None
        assert past.result.metrics["accuracy"].value == value
    assert find(Git(repo), sha, "evaluate") is None


def test_the_newest_commits_with_a_result_come_oldest_first(repo: Path) -> None:
    main = linear(repo, 9)
    files: dict[str, bytes] = {}
    for place, value in ((0, 0.1), (2, 0.2), (3, 0.3), (7, 0.7), (8, 0.8)):
        files |= entries(repo, [result(main[place], value=value)], main[place])
    files[f"results/{main[7]}/evaluate.json"] = b"{"
    files |= entries(repo, [result(main[5], step="train", value=0.5)], main[5])
    linear(repo, 1, files, branch="ci-kit")
    said: list[str] = []
    found = recent(Git(repo), main[8], ("evaluate",), 4, said.append)["evaluate"]
    assert [one.metrics["accuracy"].value for one in found] == [0.2, 0.3, 0.8]
    (line,) = said
    assert line.startswith(f"history: skipped evaluate of {main[7][:12]}: ")
    assert [one.metrics["accuracy"].value for one in recent(Git(repo), main[2], ("evaluate",), 9)["evaluate"]] == [
        0.1,
        0.2,
    ]
    assert recent(Git(repo), main[8], ("validate",), 9) == {"validate": []}


def test_blobs_are_read_by_one_process_and_missing_ones_left_out(repo: Path) -> None:
    linear(repo, 1, {"a": b"one\n\ntwo", "folder/b": b"", "cü": b"blob 3\n"})
    names = ["main:a", "main:none", "main:folder", "main:folder/b", "main:cü", "0" * 40]
    assert contents_of(Git(repo), names) == {"main:a": b"one\n\ntwo", "main:folder/b": b"", "main:cü": b"blob 3\n"}
    assert contents_of(Git(repo), []) == {}


def test_a_long_history_is_read_quickly_and_by_few_processes(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    main = linear(repo, 5000)
    one = result(None).model_dump_json().encode()
    linear(repo, 1, {f"results/{sha}/{step}.json": one for sha in main for step in ("evaluate", "train")}, "ci-kit")
    calls: list[tuple[str, ...]] = []
    original = Git.run

    def run(self: Git, *words: str, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
        calls.append(words)
        return original(self, *words, stdin=stdin)

    monkeypatch.setattr(Git, "run", run)
    found = recent(Git(repo), main[-1], ("evaluate", "train"), 12)
    assert {step: len(results) for step, results in found.items()} == {"evaluate": 12, "train": 0}
    assert len(calls) <= 8
