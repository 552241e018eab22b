"""Start the whole command again after a crash, as long as it gets further."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from ci_kit.parts import Check
from ci_kit.resume import DEADLINE
from ci_kit.sections import Train, duration
from ci_kit.supervise import Limits, Outcome, meaning
from ci_kit.train.place import Place

PAUSES = (1.0, 5.0, 25.0, 60.0)
"""Seconds before the second attempt and those after it; the last holds on."""
SAVING = 60.0  # seconds before its time is up in which a command may save


@dataclass(frozen=True, kw_only=True)
class Story:
    """All attempts as one outcome, what to say of them, and whether the next run goes on from a checkpoint."""

    outcome: Outcome
    checks: tuple[Check, ...]
    goes_on: bool


def attempts(run: Callable[[Mapping[str, str]], Outcome], place: Place, most: int, say: Callable[[str], None]) -> Story:
    """Run the command, with the environment that it is given, until it ends well or gets no further.

    It is started again only after it has written something new into its checkpoints, `most` times in all: what fails
    twice at the same place would fail there for ever. Times and CPU seconds of the attempts add up.
    """
    resumed, failed = bool(place.mark()), list[Outcome]()
    if resumed:
        say(f"train: resumes from the checkpoints in {place.folder}")
    while True:
        before = place.mark()
        outcome = run(place.environment())
        if not outcome.code or outcome.late or place.mark() == before or len(failed) + 1 >= most:
            break
        failed.append(outcome)
        pause = PAUSES[min(len(failed), len(PAUSES)) - 1]
        number = f"attempt {len(failed) + 1} of {most}"
        say(f"train: {_how(outcome)}; it goes on from its last checkpoint in {pause:g} s, {number}")
        time.sleep(pause)
    if not outcome.code:
        place.finish()
    checks = tuple(_told(resumed, failed))
    return Story(outcome=_sum([*failed, outcome]), checks=checks, goes_on=outcome.late and bool(place.mark()))


def limits(train: Train, busy: Callable[[], bool]) -> Limits:
    """Return what the configuration allows from now on; of a short time a tenth is left to save, else SAVING."""
    found = Limits(stall=_seconds(train.stall), busy=busy)
    seconds = _seconds(train.limit)
    if seconds is None:
        return found
    return replace(found, until=time.monotonic() + seconds, saving=min(SAVING, seconds / 10))


def deadline(limits: Limits) -> dict[str, str]:
    """Return what the command is told of its time; see `ci_kit.resume`."""
    if limits.until == float("inf"):
        return {}
    return {DEADLINE: f"{time.time() + limits.until - time.monotonic():.0f}"}


def _seconds(text: str | None) -> float | None:
    return duration(text).total_seconds() if text else None


def _sum(outcomes: list[Outcome]) -> Outcome:
    return replace(
        outcomes[-1],
        seconds=sum(one.seconds for one in outcomes),
        cpu=sum(one.cpu for one in outcomes),
        memory=max(one.memory for one in outcomes),
        left=tuple(name for one in outcomes for name in one.left),
    )


def _told(resumed: bool, failed: list[Outcome]) -> list[Check]:
    checks = []
    if resumed:
        title = "It resumed what an earlier run had begun"
        checks.append(Check(id="resumed", title=title, status="pass"))
    if failed:
        times = "once" if len(failed) == 1 else f"{len(failed)} times"
        title = f"It crashed {times} and went on from its checkpoint"
        detail = "\n".join(f"after {one.seconds:.1f} s: {_how(one)}" for one in failed)
        checks.append(Check(id="crashes", title=title, status="warn", detail=detail))
    return checks


def _how(outcome: Outcome) -> str:
    return meaning(outcome)
