import pytest
from hypothesis import given
from hypothesis import strategies as some

from ci_kit.parts import Check
from ci_kit.sections import Price
from ci_kit.supervise import Usage
from ci_kit.train.curves import POINTS
from ci_kit.train.teller import Teller
from ci_kit.train.timeline import Timeline
from ci_kit.train.waiting import Waiting

GIB = 2**30


class Clock:
    """Seconds that pass when they are told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def used(cpu: float, pid: int = 1, depth: int = 0, read: int = 0) -> Usage:
    return Usage(pid=pid, depth=depth, memory=GIB, cpu=cpu, read=read)


def test_a_line_every_ten_seconds_and_later_every_thirty() -> None:
    clock, said, shown = Clock(), list[str](), list[list[str]]()
    price = Price.model_validate({"per_hour": 3600})
    teller = Teller(
        files=(), gpus=None, price=price, spent=2.0, say=said.append, show=lambda one: shown.append([*one]), clock=clock
    )
    for second in range(1, 401):
        clock.now = float(second)
        teller.hear(f"step {second}/400 loss {1 / second:.3f}")
        teller.note([used(cpu=2.0 * second)])
    assert len(said) == 29 + 3
    line = "train: 0:20: step 20 of 400, loss 0.05, 1 steps/s, 6:20 left, 2.0 cores, 1.0 GiB, 22.00 USD"
    assert said[1] == line
    assert shown[1] == ["0:20 so far", *line.removeprefix("train: 0:20: ").split(", ")]
    assert teller.metrics()["throughput"].value == pytest.approx(1)
    assert {chart.title: chart.series[0].y[-1] for chart in teller.charts()} == {
        "At work (percent)": 200.0,
        "Memory (GiB)": 1.0,
    }


def test_a_short_run_has_no_line_and_no_chart() -> None:
    clock, said = Clock(), list[str]()
    teller = Teller(files=(), gpus=None, price=None, say=said.append, clock=clock)
    for second in range(1, 9):
        clock.now = float(second)
        teller.note([used(cpu=second)])
    assert (said, teller.charts(), teller.metrics(), teller.checks()) == ([], (), {}, ())


@given(some.lists(some.floats(0, 500), min_size=1, max_size=300))
def test_a_timeline_stays_small_and_loses_nothing(steps: list[float]) -> None:
    timeline, at, total = Timeline(), 0.0, 0
    for one in steps:
        at += one
        timeline.add(at, {"GPU": 1.0})
        total += 1
    assert len(timeline._stretches) <= POINTS
    assert sum(stretch["GPU"][1] for stretch in timeline._stretches.values()) == total


def waited(*states: tuple[float, float, float, int]) -> Check:
    """Return the verdict on 60 seconds of each: use of the GPU, CPU of trainer and of a loader, bytes read."""
    waiting, trainer, loader, read = Waiting(), 0.0, 0.0, 0
    for use, mine, theirs, bytes_ in states:
        for _ in range(60):
            trainer, loader, read = trainer + mine, loader + theirs, read + bytes_
            waiting.note([used(trainer, read=read), used(loader, pid=2, depth=1)], (), use, 1.0)
    return waiting.checks()[0]


@pytest.mark.parametrize(
    ("state", "observed"),
    [
        ((96.0, 1.0, 0.0, 0), ("pass", "at work 96% of the time; waited 4% for the training's own Python")),
        ((20.0, 1.0, 0.0, 0), ("warn", "at work 20% of the time; waited 80% for the training's own Python")),
        ((20.0, 0.3, 0.9, 0), ("warn", "at work 20% of the time; waited 80% for the data loaders or the disk")),
        ((20.0, 0.3, 0.0, 2**24), ("warn", "at work 20% of the time; waited 80% for the data loaders or the disk")),
        ((20.0, 0.05, 0.0, 0), ("warn", "at work 20% of the time; waited 80% for something that does not run here")),
    ],
)
def test_what_the_gpu_waited_for(state: tuple[float, float, float, int], observed: tuple[str, str]) -> None:
    check = waited(state)
    assert (check.status, check.observed) == observed
    assert (check.detail is None) == (check.status == "pass")


def test_a_training_on_the_cpu_does_not_let_a_gpu_wait() -> None:
    waiting = Waiting()
    for second in range(1, 61):
        waiting.note([used(float(second))], (), 0.0, 1.0)
    assert waiting.checks() == ()


def test_the_advice_is_of_what_took_most() -> None:
    check = waited((10.0, 1.0, 0.0, 0), (10.0, 0.1, 1.0, 0), (10.0, 0.1, 1.0, 0))
    assert "num_workers" in (check.detail or "")


def test_what_starts_the_trainers_is_no_trainer() -> None:
    # torchrun slept, rank 0 worked in Python, and NVML names nobody: a container.
    waiting = Waiting()
    for second in range(1, 61):
        ranks = [used(0.9 * second, pid=2, depth=1), used(0.9 * second, pid=3, depth=1)]
        waiting.note([used(3.0), *ranks], (), 10.0, 1.0)
    assert "own Python" in (waiting.checks()[0].observed or "")


def test_whom_nvml_names_is_the_trainer() -> None:
    waiting = Waiting()
    for second in range(1, 61):
        waiting.note([used(0.9 * second), used(0.1 * second, pid=2, depth=1)], {2}, 10.0, 1.0)
    assert "data loaders" in (waiting.checks()[0].observed or "")
