"""What steps took: seconds, the time of GPUs, money, bytes from elsewhere, and what was not done again."""

from collections.abc import Iterable

from ci_kit.parts import Cost
from ci_kit.render import numbers
from ci_kit.render.view import Took, View
from ci_kit.result import Result

STAGE = "stage/"
FAR = 1e15  # seconds or bytes beyond which nobody has measured: a fork may write any number
_WORDS = {"gpu": "GPU ", "pulled": "pulled "}


def took(results: Iterable[Result]) -> Took:
    """Add up what they took; of several currencies the money is not known."""
    found = [*results]
    costs = [one.run.cost for one in found if one.run.cost]
    money = sum(min(cost.amount, FAR) for cost in costs)
    return Took(
        seconds=sum(min(one.run.seconds, FAR) for one in found),
        gpu=_sum(found, "gpu_time", "s"),
        cost=Cost(amount=money, currency=costs[0].currency) if len({cost.currency for cost in costs}) == 1 else None,
        pulled=_sum(found, "bytes_pulled", "bytes"),
    )


def _sum(results: list[Result], name: str, unit: str) -> float | None:
    found = [one.metrics[name] for one in results if name in one.metrics]
    values = [one.value for one in found if one.unit == unit and 0 <= one.value < FAR]
    return sum(values) if values else None


def stages(result: Result) -> tuple[int, int]:
    """Return how many stages of the pipeline were not run again, and how many there are."""
    seconds = [one.value for name, one in result.metrics.items() if name.startswith(STAGE)]
    return sum(value == 0 for value in seconds), len(seconds)


def parts(result: Result, usual: Took | None, saved: float | None) -> list[str]:
    """Return what one step took, beside what is usual, the seconds last."""
    often, (same, every) = _texts(usual), stages(result)
    found = {
        name: _WORDS.get(name, "") + text + (f" (usually {often[name]})" if name in often else "")
        for name, text in _texts(took([result])).items()
    }
    if every:
        less = f", {numbers.duration(saved)} saved" if saved else ""
        found["stages"] = f"{same} of {every} stages not run again{less}"
    return [found[name] for name in ("gpu", "stages", "pulled", "cost", "seconds") if name in found]


def whole(view: View) -> tuple[str, str]:
    """Return what all steps of this change took, and what is usual of that; empty texts where it is not known."""
    if not view.results:
        return "", ""
    now, often = _texts(took(view.results.values())), _texts(view.altogether)
    known, usual = ([_WORDS.get(name, "") + one[name] for name in now if name in one] for one in (now, often))
    saved = sum(view.saved.values())
    return ", ".join([*known, *([f"{numbers.duration(saved)} saved"] if saved else [])]), ", ".join(usual)


def _texts(one: Took | None) -> dict[str, str]:
    if one is None:
        return {}
    found = {"seconds": numbers.duration(one.seconds)}
    found |= {"gpu": numbers.duration(one.gpu)} if one.gpu is not None else {}
    found |= {"cost": numbers.money(one.cost.amount, one.cost.currency)} if one.cost else {}
    found |= {"pulled": numbers.number(one.pulled, "bytes")} if one.pulled is not None else {}
    return found
