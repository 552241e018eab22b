"""How the command is started."""

import shutil

import pytest

from ci_kit.errors import UserError
from ci_kit.sections import Train
from ci_kit.train.launch import command


def train(text: str | None, **more: object) -> Train:
    return Train.model_validate({"command": text, "launcher": "torchrun"} | more)


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
