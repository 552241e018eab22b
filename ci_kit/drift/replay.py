"""What every window would have said, had it been judged in its time."""

from collections.abc import Iterator, Sequence

from ci_kit.drift.due import Due
from ci_kit.drift.judge import Judged
from ci_kit.parts import Chart, Check, Metric, Series, Status
from ci_kit.result import SEVERITY, Findings

SHOWN, LINES, POINTS = 3, 12, 200


def told(found: Due) -> Findings:
    """Return a check a window, a warning where it would have alarmed, and the effects of columns over time."""
    alarms = [one for one in found.windows if _verdict(one) == "fail"]
    metrics = {
        "windows": Metric(value=len(found.windows)),
        "alarms": Metric(value=len(alarms)),
    }
    return Findings(
        checks=(_first(alarms), *map(_check, found.windows), *found.notes),
        metrics=metrics,
        charts=_chart(found.windows),
        data=found.windows[-1].findings.data,
    )


def table(windows: Sequence[Judged]) -> Iterator[str]:
    """Yield one line a window: its verdict, its rows and what moved most."""
    width = max(len(one.cut.words) for one in windows)
    signs: dict[Status, str] = {"fail": "ALARM", "warn": "moved", "unsure": "open", "pass": "quiet", "skip": "quiet"}
    for one in windows:
        verdict = signs[_verdict(one)]
        yield f"{one.cut.words:<{width}}  {one.current.rows:>9,} rows  {verdict:<5}  {_why(one)}".rstrip()


def _verdict(one: Judged) -> Status:
    """Return the worst status of what can alarm; new values, for one, never do."""
    found = (check.status for check in one.findings.checks if _alarming(check))
    return max(found, key=SEVERITY.index, default="pass")


def _first(alarms: Sequence[Judged]) -> Check:
    if not alarms:
        return Check(id="first", title="No window would have alarmed", status="pass")
    title = f"The first alarm would have come after {alarms[0].cut.words}"
    said = "\n".join(f"{check.title}: {check.observed or check.detail}" for check in _worst(alarms[0])[:LINES])
    return Check(id="first", title=title, status="warn", detail=said)


def _check(one: Judged) -> Check:
    verdict = _verdict(one)
    said = {"fail": "would have alarmed", "warn": "moved, no alarm yet", "unsure": "can't be told"}
    return Check(
        id=f"window/{one.cut.id}",
        title=f"{one.cut.words}: {said.get(verdict, 'quiet')}",
        status="warn" if verdict == "fail" else "skip" if verdict == "unsure" else "pass",
        observed=_why(one) or None,
    )


def _why(one: Judged) -> str:
    """Return what moved, or changed, worst first: `hr (KS 0.31), temp (KS 0.12) and 3 more`."""
    said = [_brief(check) for check in _worst(one)]
    return f"{', '.join(said[:SHOWN])} and {len(said) - SHOWN:,} more" if len(said) > SHOWN else ", ".join(said)


def _worst(one: Judged) -> list[Check]:
    """Return the checks that say most, performance first, without those that only accompany a worse one."""
    wanted = _verdict(one)
    found = (check for check in one.findings.checks if check.status == wanted != "pass" and _alarming(check))
    return sorted(found, key=lambda check: (check.id != "performance", -_effect(one, check)))


def _brief(check: Check) -> str:
    if check.id.startswith(("data/", "prediction/")):
        return f"{check.id.partition('/')[2]} ({(check.observed or '').partition(',')[0]})"
    return f"{check.title}{f' ({check.observed})' if check.observed else ''}"


def _alarming(check: Check) -> bool:
    return check.id.startswith(("data/", "prediction/", "nulls/", "schema/")) or check.id in {"rows", "performance"}


def _effect(one: Judged, check: Check) -> float:
    metric = one.findings.metrics.get(f"drift/{check.id.partition('/')[2]}")
    return metric.value if metric else 0.0


def _chart(windows: Sequence[Judged]) -> tuple[Chart, ...]:
    """Return the effect of each column that ever moved, window by window."""
    moved = {check.id.partition("/")[2] for one in windows for check in one.findings.checks if _movement(check)}
    shown = list(windows)[-POINTS:]
    worst = {name: max(_drift(one, name) for one in shown) for name in moved}
    names = sorted(worst, key=lambda name: (-worst[name], name))[:LINES]
    x = tuple(float(number) for number in range(len(windows) - len(shown) + 1, len(windows) + 1))
    series = tuple(Series(name=name, x=x, y=tuple(_drift(one, name) for one in shown)) for name in names)
    if not series:
        return ()
    return (Chart(kind="line", title="How far each column moved", x="window", y="effect", series=series),)


def _movement(check: Check) -> bool:
    return check.status in {"warn", "fail"} and check.id.startswith(("data/", "prediction/"))


def _drift(one: Judged, name: str) -> float:
    metric = one.findings.metrics.get(f"drift/{name}")
    return metric.value if metric else 0.0
