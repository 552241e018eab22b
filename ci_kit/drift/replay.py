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
    windows = [_check(one) for one in found.windows]
    metrics = {
        "windows": Metric(value=len(windows), unit="windows"),
        "alarms": Metric(value=len(alarms), unit="windows"),
    }
    first = alarms[0] if alarms else None
    title = f"The first alarm would have come after {first.cut.words}" if first else "No window would have alarmed"
    check = Check(
        id="first", title=title, status="warn" if first else "pass", observed=", ".join(_why(first)) if first else None
    )
    return Findings(
        checks=(check, *windows, *found.notes),
        metrics=metrics,
        charts=_chart(found.windows),
        data=found.windows[-1].findings.data,
    )


def table(windows: Sequence[Judged]) -> Iterator[str]:
    """Yield one line a window: its verdict, its rows and what moved most."""
    width = max(len(one.cut.words) for one in windows)
    signs: dict[Status, str] = {"fail": "ALARM", "warn": "moved", "unsure": "open", "pass": "quiet", "skip": "quiet"}
    for one in windows:
        verdict, why = signs[_verdict(one)], "; ".join(_why(one))
        yield f"{one.cut.words:<{width}}  {one.current.rows:>9,} rows  {verdict:<5}  {why}".rstrip()


def _verdict(one: Judged) -> Status:
    """Return the worst status of what can alarm: new values and new columns are facts, no alarm."""
    found = (check.status for check in one.findings.checks if not check.id.startswith("levels/"))
    return max(found, key=SEVERITY.index, default="pass")


def _check(one: Judged) -> Check:
    verdict = _verdict(one)
    said = {"fail": "would have alarmed", "warn": "moved, no alarm yet", "unsure": "can't be told"}
    return Check(
        id=f"window/{one.cut.id}",
        title=f"{one.cut.words}: {said.get(verdict, 'quiet')}",
        status="warn" if verdict == "fail" else "unsure" if verdict == "unsure" else "pass",
        observed="; ".join(_why(one)) or None,
        detail=f"{one.current.rows:,} rows",
    )


def _why(one: Judged) -> list[str]:
    """Return what moved, or changed, worst first: `hr: KS 0.31, p < 1e-9`."""
    order = sorted(
        (check for check in one.findings.checks if check.status in {"fail", "warn", "unsure"}),
        key=lambda check: (-SEVERITY.index(check.status), -_effect(one, check)),
    )
    said = [f"{check.title}{f' ({check.observed})' if check.observed else ''}" for check in order]
    return [*said[:SHOWN], f"and {len(said) - SHOWN:,} more"] if len(said) > SHOWN else said


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
