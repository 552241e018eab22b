"""The parts of a training on a Ray cluster that need no cluster."""

import asyncio
import fcntl
import importlib.util
import io
import json
import os
import select
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import AsyncIterator, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from ci_kit import config
from ci_kit.errors import UserError
from ci_kit.sections import Train
from ci_kit.train import launch
from ci_kit.train.around import stall
from ci_kit.train.cluster import client, jobs, parcel
from ci_kit.train.cluster.follow import Follower
from ci_kit.train.cluster.order import Order
from ci_kit.train.cluster.trouble import Trouble


def train(**more: object) -> Train:
    return Train.model_validate({"command": "python train.py", "launcher": "ray"} | more)


def test_the_command_becomes_an_order() -> None:
    ray = {"address": "http://127.0.0.1:8265", "gpus": 0.5, "cpus": 2, "wait": "1m", "exclude": "*.csv"}
    words = launch.command(train(command="a | b", ray=ray), 8, ("out/model.onnx", "out", "metrics.json"))
    assert words[:4] == [sys.executable, "-P", "-m", "ci_kit.train.cluster"]
    order = Order.parse(words[4])
    assert order == Order(
        command=("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", "a | b"),
        outputs=("out", "metrics.json"),
        exclude=("*.csv",),
        address="http://127.0.0.1:8265",
        gpus=0.5,
        cpus=2.0,
        wait=60.0,
    )
    assert order.resources == "0.5 GPUs and 2 CPUs"


def test_dvc_starts_its_own() -> None:
    with pytest.raises(UserError, match=r"^train\.launcher needs train\.command \(the stages of DVC"):
        launch.command(train(command=None), 0)


def test_a_gpu_that_is_required_must_be_asked_for() -> None:
    with pytest.raises(UserError, match=r"^no GPU is asked of the Ray cluster .*Set `train\.ray\.gpus`"):
        launch.command(train(gpu="required"), 0)
    launch.command(train(gpu="required", ray={"gpus": 1}), 0)


def test_ray_that_is_not_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"^train\.launcher: ray needs Ray\. Type: pip install 'ray\[default\]'"):
        launch.command(train(), 0)
    monkeypatch.setitem(sys.modules, "ray.job_submission", None)
    with pytest.raises(Trouble, match=r"^Ray is not all there .*Type: pip install 'ray\[default\]'"):
        jobs.Jobs("http://127.0.0.1:1")


@pytest.mark.parametrize("address", ["auto", "ray://a:1", "127.0.0.1:8265", "http://me:secret@a:1", "http://a b"])
def test_an_address_is_that_of_a_dashboard(address: str) -> None:
    with pytest.raises(UserError, match=r"train\.ray\.address.*http://127\.0\.0\.1:8265"):
        config.read(yaml.safe_dump({"train": {"ray": {"address": address}}}).encode())


@pytest.mark.parametrize("ray", [{"gpus": -1}, {"gpus": float("nan")}, {"cpus": "many"}, {"wait": "10"}, {"pip": []}])
def test_what_makes_no_sense_is_refused(ray: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        train(ray=ray)


def test_a_stall_on_a_cluster_counts_only_where_it_was_asked_for() -> None:
    assert stall(train()) is None
    assert stall(train(stall="5m")) == 300
    assert stall(train(launcher="local")) == 1800


def test_what_travels(tmp_path: Path) -> None:
    root = tmp_path / "repo"
    stay = (".git/HEAD", ".ci-kit/train.json", ".dvc/cache/ab", "env/pyvenv.cfg", "env/lib/x.py", "a/__pycache__/x.pyc")
    for name in (*stay, "train.py", ".dvc/config", "data/x.csv", "data/big/y", "a/b.py"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    (root / "train.py").chmod(0o755)
    (root / "link.csv").symlink_to("data/x.csv")
    (root / "loop").symlink_to(".")
    parcel.pack(root, tmp_path / "zip", ("data/big", "*.py2"), {"name": "x"})
    with zipfile.ZipFile(tmp_path / "zip") as file:
        ours = {".ci-kit/ray_job.py", ".ci-kit/ray_order.json"}
        assert set(file.namelist()) == {"train.py", ".dvc/config", "data/x.csv", "a/b.py", "link.csv"} | ours
        assert file.read("link.csv") == b"data/x.csv"
        assert json.loads(file.read(".ci-kit/ray_order.json")) == {"name": "x"}


def test_what_is_too_much_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parcel, "MOST", 2**20)
    root = tmp_path / "repo"
    root.mkdir()
    (root / "data.bin").write_bytes(os.urandom(2**21))
    with pytest.raises(Trouble, match=r"more than the 1 MiB .*data\.bin \(2 MiB\).*`train\.ray\.exclude`"):
        parcel.pack(root, tmp_path / "zip", (), {})
    parcel.pack(root, tmp_path / "zip", ("data.*",), {})


class Node:
    """A node of a cluster: our script and its order in Ray's copy of the repository."""

    def __init__(self, folder: Path, command: str, **env: str) -> None:
        self.root, self.exchange, self.env = folder / "copy", folder / "x.ray", os.environ | env
        self.parcel = self.exchange / "job-1"
        (self.root / ".ci-kit").mkdir(parents=True, exist_ok=True)
        self.exchange.mkdir(exist_ok=True)
        (self.exchange / "job-1.go").touch()
        order = {"command": ["bash", "-c", command], "outputs": ["out", "m.json"], "name": "job-1"}
        order["exchange"] = str(self.exchange)
        (self.root / ".ci-kit/ray_order.json").write_text(json.dumps(order))
        source = Path(parcel.__file__).with_name("ray_job.py").read_text()
        (self.root / ".ci-kit/ray_job.py").write_text(source)

    def start(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-I", ".ci-kit/ray_job.py"]
        return subprocess.Popen(
            command, cwd=self.root, env=self.env, stdout=subprocess.PIPE, text=True, start_new_session=True
        )

    def run(self) -> tuple[int, str]:
        with self.start() as running:
            said = running.communicate(timeout=60)[0]
        return running.returncode, said


def test_what_the_command_has_written_comes_back(tmp_path: Path) -> None:
    # A second name of one file, too, and a link, which is no result.
    node = Node(tmp_path, "mkdir -p out/sub; echo 1 > out/sub/a; ln out/sub/a out/b; ln -s /etc/passwd out/c")
    (node.root / "m.json").write_text("old")
    assert node.run() == (0, "")
    home = tmp_path / "home"
    (home / "out").mkdir(parents=True)
    (home / "out/old").touch()
    (home / "m.json").write_text("of before")
    parcel.fetch(node.parcel, home, ("out", "m.json"))
    found = {str(path.relative_to(home)): path.read_text() for path in home.rglob("*") if path.is_file()}
    assert found == {"out/sub/a": "1\n", "out/b": "1\n", "m.json": "of before"}


@pytest.mark.parametrize(("command", "code"), [("exit 3", 3), ("kill -9 $$", 137), ("nothing-of-this-name", 127)])
def test_a_failure_brings_nothing(tmp_path: Path, command: str, code: int) -> None:
    node = Node(tmp_path, f"echo 1 > m.json; {command}")
    assert node.run() == (code, "")
    assert {path.name for path in node.exchange.iterdir()} == {"job-1.go", "lock"}


def test_a_job_without_leave_does_not_begin(tmp_path: Path) -> None:
    node = Node(tmp_path, "echo began")
    (node.exchange / "job-1.go").unlink()
    code, said = node.run()
    assert code == 78
    assert said.startswith(f"ray: {node.exchange}/job-1.go is not there on ")
    assert said.endswith(
        "set `train.checkpoints` to a folder that all nodes share with the machine of `ci-kit train`\n"
    )


def test_two_jobs_of_one_training_wait_for_each_other(tmp_path: Path) -> None:
    node = Node(tmp_path, "echo began")
    with (node.exchange / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with node.start() as second:
            assert second.stdout
            assert select.select([second.stdout], [], [], 0.7)[0] == []
            fcntl.flock(lock, fcntl.LOCK_UN)
            assert second.stdout.readline() == "began\n"


@pytest.mark.parametrize("killed", [True, False])
def test_nothing_of_a_job_outlives_it(tmp_path: Path, killed: bool) -> None:
    """What it has started says by the end of its output that it has ended; the last of it holds the lock."""
    node = Node(tmp_path, f"sleep 60 & echo began; {'sleep 60' if killed else 'exit 4'}")
    with node.start() as running:
        assert running.stdout
        assert running.stdout.readline() == "began\n"
        if killed:
            running.kill()
        assert running.wait(timeout=20) == (-9 if killed else 4)
        assert select.select([running.stdout], [], [], 10)[0]
        assert running.stdout.read() == ""
    assert Node(tmp_path, "echo next").run() == (0, "next\n")


@pytest.mark.e2e
@pytest.mark.parametrize("deaf", [False, True])
def test_a_stop_waits_for_the_last_process_but_not_for_ever(tmp_path: Path, deaf: bool) -> None:
    """As Ray stops a job: SIGTERM to all of it at once, of which a shell dies and leaves its child alone."""
    ask = "signal.SIG_IGN" if deaf else "lambda *_: (time.sleep(1), open('saved', 'w').close(), exit())"
    text = f"import signal, time; signal.signal(15, {ask}); print('ready', flush=True); time.sleep(60)"
    node = Node(tmp_path, f'{sys.executable} -c "{text}" && true')
    with node.start() as running:
        assert running.stdout
        assert running.stdout.readline() == "ready\n"
        began = time.monotonic()
        os.killpg(running.pid, signal.SIGTERM)
        code = running.wait(timeout=20)
    took = time.monotonic() - began
    assert (code, (node.root / "saved").exists()) == ((-9, False) if deaf else (143, True))
    assert 3.5 < took < 6 if deaf else 0.9 < took < 3


@pytest.mark.e2e
def test_near_its_deadline_a_stop_leaves_time_to_save(tmp_path: Path) -> None:
    node = Node(tmp_path, "trap '' TERM; echo ready; sleep 60", CI_KIT_DEADLINE=str(time.time() + 9))
    with node.start() as running:
        assert running.stdout
        assert running.stdout.readline() == "ready\n"
        os.killpg(running.pid, signal.SIGTERM)
        running.wait(timeout=20)
    assert 5 < time.time() - float(node.env["CI_KIT_DEADLINE"]) + 9 < 9


def sent(path: Path, *members: tuple[str, bytes, str]) -> None:
    """Write the parcel of a job with these members: name, type and, for a link, what it leads to."""
    with tarfile.open(f"{path}.tar", "w") as tar:
        for name, kind, target in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.size = kind, target, 1 if kind == tarfile.REGTYPE else 0
            tar.addfile(info, io.BytesIO(b"x"))
    Path(f"{path}.sha256").write_text(sha256(Path(f"{path}.tar").read_bytes()).hexdigest())


@pytest.mark.parametrize(
    "member",
    [
        ("../outside", tarfile.REGTYPE, ""),
        ("out/../../outside", tarfile.REGTYPE, ""),
        ("/tmp/outside", tarfile.REGTYPE, ""),
        ("ci-kit.yaml", tarfile.REGTYPE, ""),
        ("out/link", tarfile.SYMTYPE, "/etc/passwd"),
        ("out/link", tarfile.LNKTYPE, "out/a"),
        ("out/pipe", tarfile.FIFOTYPE, ""),
    ],
)
def test_a_parcel_that_reaches_further_changes_nothing(tmp_path: Path, member: tuple[str, bytes, str]) -> None:
    home = tmp_path / "home"
    (home / "out").mkdir(parents=True)
    (home / "out/a").write_text("before")
    sent(tmp_path / "p", ("out/a", tarfile.REGTYPE, ""), member)
    with pytest.raises(Trouble, match=r"which is no file of an output$"):
        parcel.fetch(tmp_path / "p", home, ("out",))
    assert (home / "out/a").read_text() == "before"
    assert [path.name for path in tmp_path.iterdir() if path.name == "outside"] == []


def test_a_link_out_of_the_repository_is_not_followed(tmp_path: Path) -> None:
    home, other = tmp_path / "home", tmp_path / "other"
    home.mkdir()
    other.mkdir()
    (home / "out").symlink_to(other)
    sent(tmp_path / "p", ("out/a", tarfile.REGTYPE, ""))
    with pytest.raises(Trouble, match="the output out/a lies behind a link out of the repository"):
        parcel.fetch(tmp_path / "p", home, ("out/a",))
    assert list(other.iterdir()) == []


@pytest.mark.parametrize(("break_it", "what"), [("sha256", "are not there"), ("tar", "are not what was written")])
def test_a_parcel_that_did_not_come_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, break_it: str, what: str
) -> None:
    monkeypatch.setattr(parcel, "SEEN", 0.3)
    sent(tmp_path / "p", ("out/a", tarfile.REGTYPE, ""))
    path = tmp_path / f"p.{break_it}"
    path.unlink() if break_it == "sha256" else path.write_bytes(path.read_bytes()[:-512])
    with pytest.raises(Trouble, match=f"its outputs {what}"):
        parcel.fetch(tmp_path / "p", tmp_path / "home", ("out",))


def test_a_log_is_shown_once_also_over_a_lost_connection() -> None:
    shown: list[str] = []
    tries: Iterator[list[str | None]] = iter([["a\n", "b\n", None], [None], ["a\nb\nc", "d\n"]])

    async def tail() -> AsyncIterator[str]:
        for text in next(tries):
            await asyncio.sleep(0)
            if text is None:
                raise ConnectionError
            yield text

    log = Follower(tail, shown.append, pause=0.01)
    log.start()
    assert log.finish(10)
    assert "".join(shown) == "a\nb\ncd\n"


def test_a_call_without_an_answer_ends() -> None:
    began = time.monotonic()
    with pytest.raises(jobs.Silent, match=r"^no answer within 0\.2 s$"):
        jobs.bounded(lambda: time.sleep(30), 0.2)
    assert time.monotonic() - began < 5
    assert jobs.bounded(lambda: 7, 5) == 7
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_jobs_of_other_checkpoints_have_other_names(tmp_path: Path) -> None:
    names = {client.stem(tmp_path / name) for name in ("a", "a-2", "b/a")}
    assert len(names) == 3
    assert not any(one.startswith(other) for one in names for other in names - {one})
