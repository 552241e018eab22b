"""The state of a torch training: all of it comes back, and nothing but data is read."""

import json
import os
import pickle
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ci_kit.resume.batches import Batches
from ci_kit.resume.torch import Checkpoint
from ci_kit.resume.tree import put_together, taken_apart

ROOT = Path(__file__).parents[2]
FOLDER = "CI_KIT_CHECKPOINT_DIR"


@pytest.fixture(autouse=True)
def own_signals(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.delenv(FOLDER, raising=False)
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def parts(seed: int) -> dict[str, Any]:
    torch.manual_seed(seed)
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1)
    model(torch.ones(3)).sum().backward()
    optimizer.step()
    return {
        "model": model,
        "optimizer": optimizer,
        "scheduler": scheduler,
        "noise": torch.Generator().manual_seed(seed),
    }


def drawn(noise: torch.Generator) -> list[float]:
    return [
        random.random(),
        float(np.random.rand()),
        float(np.random.normal()),
        torch.rand(1).item(),
        torch.rand(1, generator=noise).item(),
    ]


def test_all_of_it_comes_back(tmp_path: Path) -> None:
    was = parts(1)
    was["scheduler"].step()
    np.random.normal()  # the second of a pair waits inside the generator
    checkpoint = Checkpoint(folder=tmp_path, every=0, **was)
    assert checkpoint.step == 0
    checkpoint.save(17)
    expected = drawn(was["noise"])
    now = parts(2)
    assert Checkpoint(folder=tmp_path, **now).step == 17
    assert drawn(now["noise"]) == expected
    assert torch.equal(now["model"].weight, was["model"].weight)
    (momentum,) = {str(one["momentum_buffer"]) for one in list(now["optimizer"].state.values())[:1]}
    assert momentum == str(next(iter(was["optimizer"].state.values()))["momentum_buffer"])
    assert now["optimizer"].param_groups[0]["lr"] == was["optimizer"].param_groups[0]["lr"] != 0.1
    assert now["scheduler"].last_epoch == 1


def test_tied_weights_and_half_precision_are_kept(tmp_path: Path) -> None:
    model = torch.nn.ModuleDict({"a": torch.nn.Linear(2, 2), "b": torch.nn.Linear(2, 2)}).to(torch.bfloat16)
    model["b"].weight = model["a"].weight
    Checkpoint(folder=tmp_path, model=model).save(1, now=True)
    other = torch.nn.ModuleDict({"a": torch.nn.Linear(2, 2), "b": torch.nn.Linear(2, 2)}).to(torch.bfloat16)
    other["b"].weight = other["a"].weight
    assert Checkpoint(folder=tmp_path, model=other).step == 1
    assert torch.equal(other["b"].weight, model["a"].weight)


def test_it_is_written_when_it_is_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    checkpoint = Checkpoint(folder=tmp_path, every=60, model=torch.nn.Linear(1, 1))
    for step, at in ((1, 101.0), (2, 159.9), (3, 160.0), (4, 219.0), (5, 221.0)):
        clock[0] = at
        checkpoint.save(step)
    assert sorted(path.name[-1] for path in tmp_path.iterdir()) == ["3", "5"]
    assert checkpoint.step == 5


def test_without_a_folder_nothing_is_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    checkpoint = Checkpoint(every=0, model=torch.nn.Linear(1, 1))
    checkpoint.save(1, now=True)
    assert (checkpoint.step, list(tmp_path.iterdir())) == (1, [])
    monkeypatch.setenv(FOLDER, str(tmp_path / "given"))
    Checkpoint(every=0, model=torch.nn.Linear(1, 1)).save(1)
    assert (tmp_path / "given").is_dir()


def resealed(step: Path, name: str, content: bytes) -> None:
    """Put other bytes into a checkpoint, and the right digest of them into its manifest."""
    import hashlib

    (step / name).write_bytes(content)
    manifest = json.loads((step / "manifest.json").read_text())
    manifest["files"][name] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    (step / "manifest.json").write_text(json.dumps(manifest))


class Bomb:
    def __reduce__(self) -> Any:
        return os.mkdir, ("exploded",)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("tensors.safetensors", pickle.dumps(Bomb()), "tensors.safetensors is no safetensors file"),
        ("state.json", pickle.dumps(Bomb()), "state.json and tensors.safetensors do not belong together"),
        ("state.json", b'{"a": {"$tensor": "nowhere"}}', "state.json and tensors.safetensors do not belong together"),
        ("state.json", b'{"parts": {}}', "state.json is not that of a Checkpoint"),
        ("state.json", b"[" * 100_000, "state.json and tensors.safetensors do not belong together"),
    ],
    ids=["pickled tensors", "pickled state", "a tensor that is not there", "a part", "endless"],
)
def test_a_pickle_in_disguise_is_refused_and_nothing_of_it_is_run(
    tmp_path: Path,
    name: str,
    content: bytes,
    why: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    checkpoint = Checkpoint(folder=tmp_path / "c", every=0, model=torch.nn.Linear(1, 1))
    checkpoint.save(1)
    checkpoint.save(2)
    resealed(tmp_path / "c" / "step-000000000002", name, content)
    assert Checkpoint(folder=tmp_path / "c", model=torch.nn.Linear(1, 1)).step == 1
    assert capsys.readouterr().err == f"ci-kit: checkpoint step-000000000002 is refused: {why}\n"
    assert not (tmp_path / "exploded").exists()


def test_the_parts_of_another_training_are_told(tmp_path: Path) -> None:
    Checkpoint(folder=tmp_path, model=torch.nn.Linear(1, 1)).save(3, now=True)
    with pytest.raises(
        ValueError,
        match=r"^the checkpoint of step 3 has the parts model, this training has ema, model; ",
    ):
        Checkpoint(folder=tmp_path, model=torch.nn.Linear(1, 1), ema=torch.nn.Linear(1, 1))


def test_what_no_checkpoint_can_hold_is_named(tmp_path: Path) -> None:
    class Odd:
        def state_dict(self) -> Any:
            return {"deep": [0, {"er": len}]}

    with pytest.raises(
        TypeError, match=r"^parts\.odd\.deep\.1\.er is a builtin_function_or_method, which a checkpoint"
    ):
        Checkpoint(folder=tmp_path, odd=Odd()).save(1, now=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "value",
    [
        None,
        {"a": [1, 2.5, "x", True, (1, (2,), [])]},
        {0: {"exp": 1}, 1: {}},
        {"$tensor": "no tensor", "$tuple": 3},
        {("a", 1): {None: 2}},
        [float("inf"), 1e-320, 0.1 + 0.2, 2**80],
        {"": {"": ()}},
    ],
)
def test_what_is_taken_apart_is_put_together_again(value: Any) -> None:
    tensors: dict[str, torch.Tensor] = {}
    text = json.dumps(taken_apart(value, tensors, "v"))
    assert put_together(json.loads(text), tensors) == value
    assert tensors == {}


def stop(tmp_path: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the training of these tests, and send it SIGTERM after some steps."""
    command = [sys.executable, "-m", "tests.resume.training", str(tmp_path / "weights")]
    known = os.environ | {FOLDER: str(tmp_path / "c"), "EVERY": "600", "PAUSE": "0.2", "PYTHONPATH": str(ROOT)} | env
    with subprocess.Popen(command, cwd=tmp_path, env=known, stderr=subprocess.PIPE, text=True) as ran:
        deadline = time.monotonic() + 60
        while not (tmp_path / "weights.steps").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        ran.send_signal(signal.SIGTERM)
        error = ran.communicate(timeout=30)[1]
    return subprocess.CompletedProcess(command, ran.returncode, "", error)


@pytest.mark.e2e
def test_asked_to_end_it_saves_and_ends(tmp_path: Path) -> None:
    done = stop(tmp_path)
    assert done.returncode == 143, done.stderr
    steps = (tmp_path / "weights.steps").read_text().split()
    assert [path.name for path in (tmp_path / "c").iterdir()] == [f"step-{int(steps[-1]):012d}"]
    assert not (tmp_path / "weights").exists()


def test_batches_from_any_step_on_are_those_of_the_whole() -> None:
    whole = Batches(10, 3, seed=4)
    assert len(whole) == 4
    expected = [batch for _ in range(3) for batch in whole]
    assert sorted(row for batch in expected[:4] for row in batch) == list(range(10))
    assert expected[:4] != expected[4:8]
    for start in range(12):
        rest = Batches(10, 3, seed=4, start=start)
        found: list[list[int]] = []
        while len(found) < 12 - start:
            found += list(rest)
        assert found[: 12 - start] == expected[start:]
    assert list(Batches(10, 3, seed=5)) != expected[:4]


@pytest.mark.parametrize(("left", "saved"), [(None, False), (60.0, True), (3.0, False)])
def test_what_takes_longer_than_there_is_time_is_not_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: float | None, saved: bool
) -> None:
    monkeypatch.setenv("CI_KIT_GRACE_S", "6")
    if left is not None:
        monkeypatch.setenv("CI_KIT_DEADLINE", str(time.time() + left))
    checkpoint = Checkpoint(folder=tmp_path, every=600, model=torch.nn.Linear(1, 1))
    checkpoint._took = 10.0
    os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(SystemExit) as ended:
        checkpoint.save(1)
    assert ended.value.code == 143
    assert [path.name[-1] for path in tmp_path.iterdir()] == ["1"] * saved


@pytest.mark.e2e
def test_the_example_trains(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "examples" / "resume.py")]
    env = os.environ | {FOLDER: str(tmp_path / "c")}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "model.onnx").is_file()
