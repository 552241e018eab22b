"""A command that crashes goes on from its checkpoint, as long as it gets further."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from ci_kit import config
from ci_kit.errors import UserError
from ci_kit.job import Job
from ci_kit.parts import Check
from ci_kit.result import Findings
from ci_kit.train import attempts, place, step
from ci_kit.train.identity import identity

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]
# Counts to the number given, one checkpoint a step; ends with the code that `crashes` has for a step, once or always.
COUNT = """
import json, os, pathlib, sys, time
place = pathlib.Path(os.environ["CI_KIT_CHECKPOINT_DIR"])
crashes = json.loads(os.environ["CRASHES"])
done = max([int(path.name) for path in place.iterdir()], default=0)
with open("../started", "a") as log:
    print(done, os.environ["CI_KIT_RESUME"], file=log)
while done < 5:
    once = pathlib.Path(f"../crashed-{done}")
    if str(done) in crashes and (crashes[str(done)] == "always" or not once.exists()):
        once.touch()
        if crashes[str(done)] == "stall":
            time.sleep(60)
        os.kill(os.getpid(), 9)
    time.sleep(float(os.environ.get("SLOW", "0")))
    done += 1
    (place / str(done)).touch()
pathlib.Path("model.onnx").write_text("5")
"""


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "PAUSES", (0.0,))


class Project:
    """A repository with a training that counts."""

    def __init__(self, folder: Path) -> None:
        self.root, self.base, self.said = folder / "repo", folder / "checkpoints", list[str]()
        self.root.mkdir()
        (self.root / "count.py").write_text(COUNT)
        (self.root / "data.csv").write_text("a\n1\n")
        self.settings: dict[str, Any] = {
            "data": {"train": {"path": "data.csv"}},
            "train": {
                "command": "python count.py",
                "outputs": "model.onnx",
                "gpu": "none",
                "checkpoints": str(self.base),
            },
        }
        self.git("init", "--quiet")
        self.commit()

    def git(self, *words: str) -> None:
        who = ("-c", "user.name=a", "-c", "user.email=a@b.invalid")
        subprocess.run(["git", *who, *words], cwd=self.root, check=True, capture_output=True)

    def commit(self) -> None:
        self.git("add", "count.py", "data.csv")
        self.git("commit", "--quiet", "--allow-empty", "--message", "x")

    def job(self) -> Job:
        found = config.read(yaml.safe_dump(self.settings).encode())
        return Job(root=self.root, config=found, say=self.said.append)

    def train(self) -> dict[str, Check]:
        found: Findings = step.run(self.job())
        return {check.id: check for check in found.checks}

    def started(self) -> list[tuple[int, str]]:
        """Return from which step each attempt went on, and what it was told."""
        lines = (self.root.parent / "started").read_text().splitlines()
        return [(int(done), resume) for done, resume in map(str.split, lines)]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("CRASHES", "{}")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    return Project(tmp_path)


def crashes(monkeypatch: pytest.MonkeyPatch, **steps: str) -> None:
    monkeypatch.setenv("CRASHES", json.dumps({name.removeprefix("at"): how for name, how in steps.items()}))


def test_it_goes_on_from_its_last_checkpoint_and_leaves_nothing(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    crashes(monkeypatch, at2="once", at4="once")
    found = project.train()
    assert project.started() == [(0, "0"), (2, "1"), (4, "1")]
    assert found["command"].status == "pass"
    assert (found["crashes"].status, found["crashes"].title) == (
        "warn",
        "It crashed 2 times and went on from its checkpoint",
    )
    assert (found["crashes"].detail or "").count("killed by SIGKILL") == 2
    assert "attempt 3 of 5" in "\n".join(project.said)
    assert list(project.base.iterdir()) == []


def test_one_that_stalls_goes_on_as_well(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    crashes(monkeypatch, at2="stall")
    project.settings["train"]["stall"] = "2s"
    found = project.train()
    assert project.started() == [(0, "0"), (2, "1")]
    assert found["command"].status == "pass"
    assert "no output, and no CPU or GPU at work for 2 s" in (found["crashes"].detail or "")


def test_what_runs_out_of_time_goes_on_in_the_next_run(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLOW", "0.7")
    project.settings["train"] |= {
        "limit": "3s",
        "command": "echo $CI_KIT_DEADLINE >> ../deadlines; exec python count.py",
    }
    (project.root / "ci-kit.yaml").write_text(yaml.safe_dump(project.settings))
    (project.root.parent / "output").touch()
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_OUTPUT", str(project.root.parent / "output"))
    began = time.time()
    found = [run(project) for _ in range(2)]
    assert [code for code, _ in found] == [75, 0], found
    assert "The time is up: the next run goes on from the checkpoint" in found[0][1]
    assert "unfinished" in (project.root.parent / "output").read_text()
    (zero, fresh), (done, resume) = project.started()
    assert (zero, fresh, resume) == (0, "0", "1")
    assert 2 <= done <= 4
    deadlines = [float(line) for line in (project.root.parent / "deadlines").read_text().split()]
    assert began + 2 < deadlines[0] < began + 8
    assert deadlines[0] < deadlines[1]


def test_time_that_is_up_without_a_checkpoint_is_a_failure(project: Project) -> None:
    project.settings["train"] |= {"limit": "1s", "command": "sleep 60"}
    found = project.train()
    assert found["command"].status == "fail"
    assert found["command"].observed == "its time was up (`train.limit`), and it has left no checkpoint"
    assert "unfinished" not in found


def run(project: Project) -> tuple[int, str]:
    command = [sys.executable, "-m", "ci_kit", "train"]
    done = subprocess.run(command, cwd=project.root, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


def test_what_fails_twice_at_the_same_place_is_not_tried_again(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    crashes(monkeypatch, at3="always")
    found = project.train()
    assert project.started() == [(0, "0"), (3, "1")]
    assert found["command"].status == "fail"
    # The checkpoint is still there for a repaired run, and the next run of the same begins with it.
    crashes(monkeypatch)
    found = project.train()
    assert project.started()[2:] == [(3, "1")]
    assert found["resumed"].status == found["command"].status == "pass"
    assert list(project.base.iterdir()) == []


def test_without_a_checkpoint_a_failure_is_a_failure(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    crashes(monkeypatch, at0="once")
    assert project.train()["command"].status == "fail"
    assert project.started() == [(0, "0")]
    assert list(project.base.iterdir()) == []


def test_attempts_are_bounded(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    crashes(monkeypatch, at1="once", at2="once", at3="once")
    project.settings["train"]["attempts"] = 2
    assert project.train()["command"].status == "fail"
    assert project.started() == [(0, "0"), (1, "1")]


def test_times_of_all_attempts_add_up(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    crashes(monkeypatch, at2="once")
    project.settings["train"] |= {"command": "sleep 0.4; python count.py", "price": {"per-hour": 3600}}
    found = step.run(project.job())
    assert found.metrics["wall_time"].value > 0.8
    assert found.cost
    assert found.cost.amount > 0.8


def test_the_same_training_is_known_again_and_another_is_not(project: Project) -> None:
    made = ("model.onnx",)
    known = identity(project.job(), made)
    (project.root / "model.onnx").write_text("made")
    (project.root / "notes.txt").write_text("untracked")
    (project.root / "ci-kit.yaml").write_text(yaml.safe_dump(project.settings))
    project.git("add", "ci-kit.yaml")
    project.commit()
    project.settings["train"]["budget"] = 100
    (project.root / "ci-kit.yaml").write_text(yaml.safe_dump(project.settings))
    assert identity(project.job(), made) == known
    others = []
    (project.root / "count.py").write_text(f"{COUNT}\n")
    others.append(identity(project.job(), made))  # not committed yet
    project.commit()
    others.append(identity(project.job(), made))
    (project.root / "data.csv").write_text("a\n2\n")
    others.append(identity(project.job(), made))
    project.settings["train"]["command"] = "python count.py --more"
    others.append(identity(project.job(), made))
    (project.root / "data.csv").unlink()
    others.append(identity(project.job(), made))
    assert len({known, *others}) == 6


def test_a_tracked_output_does_not_make_it_another_training(project: Project) -> None:
    (project.root / "model.onnx").write_text("old")
    project.git("add", "model.onnx")
    project.commit()
    known = identity(project.job(), ("model.onnx",))
    (project.root / "model.onnx").write_text("half written")
    assert identity(project.job(), ("model.onnx",)) == known
    assert identity(project.job(), ()) != known


def test_two_at_the_same_time_keep_out_of_each_other_s_way(tmp_path: Path) -> None:
    with place.place(tmp_path, "abc") as one, place.place(tmp_path, "abc") as two:
        assert one.folder != two.folder
        (two.folder / "checkpoint").touch()
        assert one.environment()["CI_KIT_RESUME"] == "0"
        assert two.environment()["CI_KIT_RESUME"] == "1"
    with place.place(tmp_path, "abc") as again:
        assert again.folder == one.folder


def test_old_checkpoints_go_but_not_those_in_use(tmp_path: Path) -> None:
    with place.place(tmp_path, "gone") as old:
        (old.folder / "checkpoint").touch()
    with place.place(tmp_path, "kept") as used:
        (used.folder / "checkpoint").touch()
        past = time.time() - place.AGE - 60
        for path in (*tmp_path.iterdir(), *tmp_path.glob("*/*")):
            os.utime(path, (past, past))
        with place.place(tmp_path, "new"):
            assert {path.name for path in tmp_path.iterdir()} == {"kept", "kept.lock", "new", "new.lock"}


def test_a_folder_that_can_not_be_made_is_one_line(project: Project) -> None:
    (project.base.parent / "file").touch()
    project.settings["train"]["checkpoints"] = str(project.base.parent / "file" / "x")
    with pytest.raises(UserError, match=r"^no checkpoints can be kept in .*file/x \(Not a directory\)"):
        project.train()


def test_a_cancelled_training_says_that_it_goes_on(project: Project) -> None:
    project.settings["train"]["command"] = "touch $CI_KIT_CHECKPOINT_DIR/1; echo ready; sleep 60"
    (project.root / "ci-kit.yaml").write_text(yaml.safe_dump(project.settings))
    command = [sys.executable, "-m", "ci_kit", "train"]
    with subprocess.Popen(
        command, cwd=project.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as ran:
        assert ran.stdout
        said = ""
        while "ready" not in said.splitlines():
            said += ran.stdout.readline()
        ran.send_signal(signal.SIGINT)
        said += ran.stdout.read()
    assert ran.returncode == 130
    assert "The same training goes on from its last checkpoint: type the same again" in said
