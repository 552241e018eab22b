"""Drift checks and attempts, made by hand."""

from ci_kit.parts import Check, Cost, Metric, Run, Source, Status
from ci_kit.result import Result
from ci_kit.retrain.plan import TIMES

WINDOW = "20261120t000000z-1d"


def drift(
    status: Status = "fail",
    *,
    day: int = 20,
    sha: str = "a" * 40,
    reference: str = "sha256:old",
    name: str | None = None,
    more: tuple[Check, ...] = (),
) -> Result:
    """Return the check of one day's window; `name` is None for the newest, as in drift.json."""
    window = f"202611{day:02}t000000z-1d"
    column = Check(id="data/length", title="length moved", status=status, observed="KS 0.31, p < 1e-9", limit="0.05")
    return Result(
        step="drift",
        name=window if name == "window" else name,
        checks=(Check(id="window", title="Window", status="pass", observed=window, detail="1,240 rows"), column, *more),
        metrics={"rows": Metric(value=1240), "window_start": Metric(value=86400.0 * day), "moved": Metric(value=1)},
        source=Source(sha=sha, data={"reference": reference, "current": f"sha256:{day}"}),
        run=Run(kit="0", started=f"2026-11-{day + 1:02}T04:17:00+00:00", seconds=1.0),
    )


def window(status: Status = "fail", *, day: int, reference: str = "sha256:old") -> Result:
    """Return one of the windows of the history."""
    return drift(status, day=day, reference=reference, name="window")


def attempt(
    day: int, status: Status = "pass", *, reference: str = "sha256:old", cost: float | None = None, times: int = 1
) -> Result:
    """Return an attempt for that day's window, made the morning after."""
    money = None if cost is None else Cost(amount=cost, currency="EUR")
    return Result(
        step="retrain",
        name=f"202611{day:02}t000000z-1d",
        checks=(Check(id="attempt", title="A", status=status),),
        metrics={TIMES: Metric(value=times), "window_start": Metric(value=86400.0 * day)},
        source=Source(data={"reference": reference}),
        run=Run(kit="0", started=f"2026-11-{day + 1:02}T04:20:00+00:00", seconds=9.0, cost=money),
    )
