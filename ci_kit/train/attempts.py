"""Start the whole command again after a crash, as long as it gets further."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from ci_kit.parts import Check
from ci_kit.supervise import Outcome, meaning
from ci_kit.train.place import Place

PAUSES = (1.0, 5.0, 25.0, 60.0)
"""Seconds before the second attempt and those after it; the last holds on."""
MEETINGS = 3  # attempts of one machine in which it may have missed the others


@dataclass(frozen=True, kw_only=True)
class Story:
    """All attempts as one outcome, what to say of them, and whether the next run goes on from a checkpoint."""

    outcome: Outcome
    checks: tuple[Check, ...]
    goes_on: bool


def attempts(
    run: Callable[[Mapping[str, str]], Outcome], place: Place, most: int, say: Callable[[str], None], *, barren: int = 0
) -> Story:
    """Run the command, with the environment that it is given, until it ends well or gets no further.

    It is started again only after it has written something new into its checkpoints, `most` times in all: what fails
    twice at the same place would fail there for ever, but for `barren` times in a row of machines that must first find
    each other again. Times and CPU seconds of the attempts add up.
    """
    resumed, failed, vain = bool(place.mark()), list[Outcome](), 0
    if resumed:
        say(f"train: resumes from the checkpoints in {place.folder}")
    while True:
        before = place.mark()
        outcome = run(place.environment())
        vain = vain + 1 if place.mark() == before else 0
        if not outcome.code or outcome.late or vain > barren or len(failed) + 1 >= most:
            break
        failed.append(outcome)
        pause = PAUSES[min(len(failed), len(PAUSES)) - 1]
        number = f"attempt {len(failed) + 1} of {most}"
        say(f"train: {_how(outcome)}; it goes on from its last checkpoint in {pause:g} s, {number}")
        time.sleep(pause)
    if not outcome.code:
        place.finish()
    checks = tuple(_told(resumed, failed))
    return Story(outcome=_sum([*failed, outcome]), checks=checks, goes_on=bool(outcome.late and place.mark()))


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
