"""How the command is started."""

import shutil

import pytest

from ci_kit.errors import UserError
from ci_kit.sections import Train
from ci_kit.train.launch import command, node


def train(text: str | None, **more: object) -> Train:
    return Train.model_validate({"command": text, "launcher": "torchrun"} | more)


MEETING = {"launcher": "torchrun", "command": "t.py", "nodes": 2, "rendezvous": "host:29500", "checkpoints": "/shared"}


@pytest.mark.parametrize(
    ("more", "slurm", "expected"),
    [
        ({}, "", 0),
        ({"node": 1}, "", 1),
        ({}, "1", 1),
        ({"node": 0}, "1", 0),
        ({"nodes": 1}, "7", 0),
        ({"node": 2}, "", None),
        ({"rendezvous": None}, "", None),
        ({"checkpoints": None}, "", None),
        ({"launcher": "local"}, "", None),
    ],
)
def test_which_of_several_machines_this_is(
    monkeypatch: pytest.MonkeyPatch, more: dict[str, object], slurm: str, expected: int | None
) -> None:
    monkeypatch.setenv("SLURM_NODEID", slurm)
    given = Train.model_validate(MEETING | more)
    if expected is None:
        with pytest.raises(UserError, match="can't train with the others"):
            node(given)
    else:
        assert node(given) == expected


def test_a_shell_stops_at_the_first_line_that_fails() -> None:
    words = command(Train(command="a | b\nc"), gpus=8)
    assert words == [shutil.which("bash"), "--noprofile", "--norc", "-eo", "pipefail", "-c", "a | b\nc"]


@pytest.mark.parametrize(
    ("more", "gpus", "processes"), [({}, 0, 1), ({}, 4, 4), ({"processes": 2}, 4, 2), ({"processes": 3}, 0, 3)]
)
def test_torchrun_starts_a_process_for_each_gpu_or_as_many_as_are_asked_for(
    more: dict[str, int], gpus: int, processes: int
) -> None:
    words = command(train("train.py --n 5 'a b'", **more), gpus)
    assert words[1:] == [
        *("-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", "--max-restarts=0", "--"),
        *("train.py", "--n", "5", "a b"),
    ]
    assert command(train("python train.py", **more), gpus)[-2:] == ["--", "train.py"]


@pytest.mark.parametrize(
    "text", ["a; b", "a | b", "a && b", "a $X", "a `b`", "a > b", "a\nb", "a 'b", "-m pkg", "python", "''"]
)
def test_what_needs_a_shell_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"^train\.command must be a script and its arguments .*Such as: train\.py"):
        command(train(text), 0)


def test_dvc_launches_its_own() -> None:
    with pytest.raises(UserError, match=r"^train\.launcher needs train\.command \(the stages of DVC"):
        command(train(None), 0)
