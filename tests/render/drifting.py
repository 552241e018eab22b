"""Results of drift checks: drifted, quiet, inconclusive, and with any text in every field."""

import math
from collections.abc import Iterator, Mapping

from ci_kit.parts import Chart, Check, Cost, Metric, Run, Series, Source, Status
from ci_kit.result import Result
from tests.render.samples import SHA, URL, Write, same

NEEDED = "in 1 of the last 1 window, since 2025-11-20; an alarm needs 2 of 2 windows"
START, DAY = 1763596800.0, 86400.0


def told(
    *checks: Check, metrics: Mapping[str, Metric] | None = None, charts: tuple[Chart, ...] = (), write: Write = same
) -> Result:
    """Return a drift Result of the window 2025-11-20."""
    window = Check(
        id="window",
        title="The window is complete",
        status="pass",
        observed=write("20251120t000000z-1d"),
        detail=write("2025-11-20 00:00 to 2025-11-21 00:00 UTC, 1,240 rows"),
    )
    rows = {
        "rows": Metric(value=1240, unit="rows"),
        "window_start": Metric(value=START),
        "window_end": Metric(value=START + DAY),
    }
    return Result(
        step="drift",
        checks=(window, *checks),
        metrics=rows | dict(metrics or {}),
        charts=charts,
        source=Source(
            repo=write("octo/digits"), sha=SHA, data={"reference": write("sha256:" + "a1" * 32), "current": write("b2")}
        ),
        run=Run(
            kit=write("0.1.0"), started=write("2025-11-21T03:17:00+00:00"), seconds=4.2, machine=write("Linux"), url=URL
        ),
    )


def column(
    name: str, status: Status = "pass", kind: str = "data", effect: float = 0.21, write: Write = same
) -> tuple[Check, dict[str, Metric]]:
    """Return the check of one column and its metrics."""
    title = f"{name} {'has not moved' if status == 'pass' else 'moved'}"
    often = {"fail": "in 2 of the last 2 windows, since 2025-11-18", "warn": NEEDED}
    check = Check(
        id=f"{kind}/{name}",
        title=write(title),
        status=status,
        observed=write(f"KS {effect}, p < 1e-9; mean 41.2 → 47.9"),
        limit=write("0.05"),
        detail=write(often[status]) if status in often else None,
    )
    return check, {
        f"drift/{name}": Metric(value=effect, unit="share", direction="down"),
        f"p/{name}": Metric(value=1e-9),
        f"mean/{name}": Metric(value=47.9),
        f"mean/{name}@baseline": Metric(value=41.2),
    }


def histogram(name: str, write: Write = same) -> Chart:
    """Return a picture of a number that moved up."""
    x = tuple(float(value) for value in range(0, 80, 4))
    shares = [[math.exp(-(((left - middle) / 12) ** 2)) for left in x] for middle in (41.2, 47.9)]
    series = [
        Series(name=title, x=x, y=tuple(value / sum(one) for value in one))
        for title, one in zip(("reference", "current"), shares, strict=True)
    ]
    return Chart(kind="histogram", title=name, x=write("value"), y=write("share of rows"), series=tuple(series))


def levels(name: str, write: Write = same) -> Chart:
    """Return a picture of a category that moved, with a new level."""
    x = tuple(write(word) for word in ("red", "green", "blue", "violet"))
    series = (
        Series(name="reference", x=x, y=(0.52, 0.31, 0.17, 0.0)),
        Series(name="current", x=x, y=(0.36, 0.33, 0.18, 0.13)),
    )
    return Chart(kind="bar", title=name, x=write("value"), y=write("share of rows"), series=series)


ACCURACY = {
    "accuracy": Metric(value=0.912, unit="share", direction="up", n=1180),
    "accuracy@baseline": Metric(value=0.961, unit="share", direction="up", n=1797),
    "accuracy@change": Metric(value=-0.049, unit="share", direction="up", low=-0.066, high=-0.033),
}


def drifted(write: Write = same, names: Mapping[str, str] | None = None) -> Result:
    """Return a check in which three columns and the predictions drifted and the accuracy fell."""
    called = dict(names or {})
    ink, pen, colour, answer, calm = (called.get(one, one) for one in ("ink", "pen", "colour", "answer", "calm"))
    parts = [
        column(ink, "fail", effect=0.31, write=write),
        column(colour, "fail", effect=0.13, write=write),
        column(answer, "fail", "prediction", 0.11, write=write),
        column(pen, "warn", effect=0.08, write=write),
        *(column(f"{calm}_{index}", effect=0.01, write=write) for index in range(12)),
    ]
    more = (
        Check(
            id=f"nulls/{pen}",
            title=write(f"{pen}: the share of nulls moved"),
            status="fail",
            observed=write("0.2 % → 9.1 %, p < 1e-9"),
            limit="0.05",
            detail=write("in 2 of the last 2 windows, since 2025-11-19"),
        ),
        Check(
            id=f"levels/{colour}",
            title=write("colour has other values"),
            status="warn",
            observed=write("1 new, 13 % of rows: 'violet'"),
        ),
        Check(
            id=f"range/{ink}",
            title=write("ink has values outside the reference's range"),
            status="pass",
            observed=write("maximum 79 → 84"),
        ),
        Check(
            id="performance",
            title=write("accuracy fell"),
            status="fail",
            observed=write("96.1 % → 91.2 % (−4.9 pp, likely −6.6 pp to −3.3 pp)"),
            limit=write("−2 pp"),
            detail=write("on 1,180 labelled rows"),
        ),
        Check(id="torn", title=write("Unreadable lines"), status="warn", observed=write("1 of 1,241 lines")),
        Check(id="evidently", title=write("Evidently's report is drawn"), status="pass"),
    )
    metrics = {name: metric for _, found in parts for name, metric in found.items()} | ACCURACY
    charts = (histogram(ink, write), levels(colour, write), levels(answer, write))
    return told(*(check for check, _ in parts), *more, metrics=metrics, charts=charts, write=write)


def quiet(*more: Check) -> Result:
    """Return a check in which nothing moved."""
    parts = [column(f"pixel_{index}", effect=0.01) for index in range(20)]
    metrics = {name: metric for _, found in parts for name, metric in found.items()}
    return told(*(check for check, _ in parts), *more, metrics=metrics)


def few(rows: int = 412) -> Result:
    """Return a check with too few rows to judge."""
    short = Check(id="rows", title="Too few rows", status="unsure", observed=f"{rows} rows", limit="1,000 rows")
    return told(short, metrics={"rows": Metric(value=rows, unit="rows")})


def evaluated(name: str, status: Status, before: float, after: float, write: Write = same) -> Result:
    """Return champion against challenger on one data set."""
    change = after - before
    gate = Check(
        id="gate/accuracy",
        title=write("accuracy"),
        status=status,
        observed=write(f"{100 * before:.1f} % → {100 * after:.1f} %"),
        limit=write("−0.5 pp"),
        detail=write("1,180 rows show falls of 1.1 pp or more.") if status == "unsure" else None,
    )
    metrics = {
        "accuracy": Metric(value=after, unit="share", direction="up", n=1180),
        "accuracy@baseline": Metric(value=before, unit="share", direction="up", n=1180),
        "accuracy@change": Metric(
            value=change, unit="share", direction="up", low=change - 0.008, high=change + 0.008, n=1180
        ),
        "latency_p50": Metric(value=0.00042, unit="s", direction="down"),
        "latency_p50@baseline": Metric(value=0.00041, unit="s", direction="down"),
    }
    return Result(
        step="evaluate",
        name=name,
        checks=(gate,),
        metrics=metrics,
        source=Source(sha=SHA),
        run=Run(kit="0.1.0", started=write("2025-11-21T03:19:00+00:00"), seconds=3.1),
    )


def trained(write: Write = same) -> Result:
    """Return the training of the challenger."""
    return Result(
        step="train",
        checks=(Check(id="command", title=write("The command ended"), status="pass"),),
        source=Source(sha=SHA),
        run=Run(
            kit="0.1.0", started=write("2025-11-21"), seconds=252.0, cost=Cost(amount=0.12, currency="EUR"), gpu="GPU"
        ),
    )


def texts(words: Iterator[str]) -> Write:
    """Return a function that puts the next text wherever it is called."""
    return lambda _: next(words)
