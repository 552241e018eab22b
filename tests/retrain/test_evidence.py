import pytest

from ci_kit.parts import Check, Metric, Status
from ci_kit.retrain.evidence import quiet
from tests.retrain.made import window


def change(value: float, low: float, high: float, *, up: bool = True) -> dict[str, Metric]:
    name = "accuracy" if up else "mae"
    metric = Metric(value=value, low=low, high=high, direction="up" if up else "down")
    return {f"{name}@change": metric}


@pytest.mark.parametrize(
    ("check", "status", "metrics", "expected"),
    [
        ("data/x", "pass", {}, True),
        ("data/x", "warn", {}, False),
        ("data/x", "fail", {}, False),
        ("nulls/x", "warn", {}, False),
        ("levels/x", "warn", {}, True),
        ("rows", "unsure", {}, False),
        ("performance", "fail", change(-0.1, -0.2, -0.05), False),
        ("performance", "unsure", change(-0.01, -0.04, 0.02), True),
        ("performance", "unsure", change(-0.03, -0.05, -0.01), False),
        ("performance", "unsure", change(0.2, -0.1, 0.5, up=False), True),
        ("performance", "unsure", change(0.2, 0.1, 0.3, up=False), False),
        ("performance", "skip", {}, True),
    ],
)
def test_a_window_is_quiet_where_nothing_moves_and_performance_has_not_surely_fallen(
    check: str, status: Status, metrics: dict[str, Metric], expected: bool
) -> None:
    made = window("pass", day=7)
    one = Check(id=check, title=check, status=status)
    assert quiet(made.model_copy(update={"checks": (*made.checks, one), "metrics": metrics})) is expected


def test_a_check_that_judged_nothing_is_not_quiet() -> None:
    made = window("pass", day=7)
    assert not quiet(made.model_copy(update={"checks": (Check(id="window", title="Judged before", status="skip"),)}))
