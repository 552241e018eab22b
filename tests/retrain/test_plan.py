from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType

import pytest

from ci_kit.result import Result
from ci_kit.retrain.plan import plan
from ci_kit.sections import Retrain
from tests.retrain.made import attempt, drift, window

NOW = datetime(2026, 11, 21, 4, 30, tzinfo=UTC)


def told(
    windows: list[Result],
    attempts: list[Result],
    newest: Result | None = None,
    settings: Mapping[str, object] = MappingProxyType({}),
) -> tuple[str, str]:
    found = plan(newest or drift(), windows, attempts, Retrain.model_validate(dict(settings)), NOW)
    return found.status, " ".join(part for part in (found.title, found.observed, found.limit) if part)


@pytest.mark.parametrize(
    ("windows", "attempts", "settings", "status", "words"),
    [
        ([], [], {}, "pass", "due 20261120"),
        ([window(day=day) for day in (18, 19, 20)], [], {}, "pass", "due"),
        ([], [attempt(20)], {"cool_down": "1s"}, "skip", "for this window"),
        ([], [attempt(20, "warn")], {"cool_down": "1s"}, "skip", "for this window"),
        ([], [attempt(20, "fail")], {}, "pass", "due"),
        ([], [attempt(19)], {}, "skip", "until 2026-11-27 04:20 UTC"),
        ([], [attempt(19)], {"cool_down": "1d"}, "pass", "due"),
        ([], [attempt(19)], {"cool_down": "25h"}, "skip", "until 2026-11-21 05:20 UTC"),
        ([], [attempt(19, reference="sha256:other")], {}, "skip", "too recent"),
        ([], [attempt(1), attempt(5), attempt(9)], {}, "warn", "used up 3 3"),
        ([], [attempt(1), attempt(5)], {}, "pass", "due"),
        ([], [attempt(20, "fail", times=3)], {}, "warn", "used up"),
        ([window("pass", day=7)], [attempt(1), attempt(5), attempt(9)], {}, "pass", "due"),
        ([window("unsure", day=7)], [attempt(1), attempt(5), attempt(9)], {}, "warn", "used up"),
        ([window("warn", day=7)], [attempt(1), attempt(5), attempt(9)], {}, "warn", "used up"),
        ([window("pass", day=7, reference="x")], [attempt(1), attempt(5), attempt(9)], {}, "warn", "used up"),
        ([], [attempt(day, reference="x") for day in (1, 5, 9)], {}, "pass", "due"),
        ([], [attempt(1, cost=4), attempt(5, cost=3)], {"budget": 11}, "pass", "due"),
        ([], [attempt(1, cost=4), attempt(5, cost=3)], {"budget": 10.9}, "warn", "spent 7.00 10.90"),
        ([], [attempt(1, cost=6, times=2)], {"budget": 9}, "pass", "due"),
        ([], [attempt(1, cost=6, times=2)], {"budget": 8}, "warn", "spent 6.00"),
        ([window("pass", day=7)], [attempt(5, cost=99)], {"budget": 10}, "pass", "due"),
        ([], [attempt(1)], {"budget": 10}, "pass", "due"),
    ],
)
def test_a_retraining_is_due_or_the_plan_says_why_not(
    windows: list[Result], attempts: list[Result], settings: dict[str, object], status: str, words: str
) -> None:
    found = told(windows, attempts, settings=settings)
    assert found[0] == status
    assert words in found[1]


def test_a_cool_down_of_zero_asks_for_one_more_for_the_same_window() -> None:
    assert told([], [attempt(20)], settings={"cool_down": "1s"})[0] == "skip"
    assert told([], [attempt(20)], settings={"cool_down": "0s"})[0] == "pass"
    assert told([], [attempt(20, times=3)], settings={"cool_down": "0s"})[0] == "warn"


@pytest.mark.parametrize(
    ("day", "sha", "check", "cool_down", "status"),
    [
        (20, "a", "attempt", "7d", "skip"),
        (20, "a", "attempt", "1m", "pass"),
        (20, "a", "attempt", "0s", "pass"),
        (20, "b", "attempt", "7d", "pass"),
        (19, "a", "attempt", "7d", "pass"),
        (20, "a", "unfinished", "7d", "pass"),
    ],
)
def test_what_failed_is_not_tried_again_for_the_same_window_on_the_same_commit(
    day: int, sha: str, check: str, cool_down: str, status: str
) -> None:
    failed = attempt(day, "fail")
    failed = failed.model_copy(
        update={
            "source": failed.source.model_copy(update={"sha": sha * 40}),
            "checks": (failed.checks[0].model_copy(update={"id": check}),),
        }
    )
    found = told([], [failed], settings={"cool_down": cool_down})
    assert found[0] == status
    if status == "skip":
        assert found[1] == "The retraining for this window failed on this very commit not before 2026-11-28 04:20 UTC"


def test_a_start_that_is_no_time_holds_nothing_up() -> None:
    odd = attempt(19)
    odd = odd.model_copy(update={"run": odd.run.model_copy(update={"started": "yesterday"})})
    assert told([], [odd])[0] == "pass"
