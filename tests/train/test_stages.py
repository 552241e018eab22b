"""What DVC says of its stages, as they run or do not."""

import pytest

from ci_kit.train.stages import MOST, Stages, reused


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def heard(*lines: tuple[float, str]) -> Stages:
    clock = Clock()
    stages = Stages(clock)
    for clock.now, line in lines:
        stages.hear(line)
    clock.now += 5
    stages.end()
    return stages


def seconds(stages: Stages) -> dict[str, float]:
    return {name: one.value for name, one in stages.metrics().items()}


def test_a_stage_takes_until_the_next_one_and_none_that_is_not_run() -> None:
    stages = heard(
        (0, "'data.csv.dvc' didn't change, skipping"),
        (1, "Stage 'prepare' didn't change, skipping"),
        (2, "Running stage 'train':"),
        (3, "> python train.py"),
        (14, "Stage 'plot' is cached - skipping run, checking out outputs"),
        (16, "Running stage 'sub/dvc.yaml:score@0':"),
    )
    assert seconds(stages) == {
        "stage/prepare": 0,
        "stage/train": 12,
        "stage/plot": 0,
        "stage/sub/dvc.yaml:score@0": 5,
    }
    assert stages.ran == {"train", "sub/dvc.yaml:score@0"}


def test_a_second_attempt_adds_to_the_first() -> None:
    lines = ((0, "Running stage 'a':"), (4, "Running stage 'b':"), (9, "Stage 'a' didn't change, skipping"))
    assert seconds(heard(*lines, (10, "Running stage 'b':"))) == {"stage/a": 4, "stage/b": 10}


@pytest.mark.parametrize(
    "line", ["Stage 'a' is frozen. Its dependencies are not going to be reproduced.", "a stage 'b':", "", "Stage 'a'"]
)
def test_other_lines_say_nothing(line: str) -> None:
    assert seconds(heard((0, line))) == {}


def test_there_are_only_so_many() -> None:
    assert len(reused(map(str, range(9999)))) == MOST
    assert len(heard(*((at, f"Stage '{at}' didn't change, skipping") for at in range(9999))).metrics()) == MOST
