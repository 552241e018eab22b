"""How long something must have moved before it alarms."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_kit.drift.persist import conclusive, evidence, kindred, movements, since_when, standing
from ci_kit.parts import Check, Metric, Run, Source, Status
from ci_kit.result import Result
from ci_kit.sections import Alarm

DAY = 86_400.0


def past(day: int, *moved: str, rows: Status = "pass", reference: str = "r", every: str = "1d", **more: Any) -> Result:
    """Return what the history keeps of the window of a day."""
    checks = [Check(id="window", title="w", status="pass"), Check(id="rows", title="r", status=rows)]
    checks += [Check(id=name, title=name, status="warn") for name in moved]
    return Result(
        step="drift",
        name=f"202611{day:02d}t000000z-{every}",
        checks=tuple(checks),
        metrics={"window_start": Metric(value=START + day * DAY)},
        source=Source(data={"reference": reference}),
        run=Run(kit="0", started="2026-11-21T00:00:00+00:00", seconds=0),
    )


START = 1_793_404_800.0  # 2026-10-31
X = "data/x"


@pytest.mark.parametrize(
    ("history", "alarm", "expected"),
    [
        ([], (1, 1), (1, 1, True)),
        ([], (2, 2), (1, 1, False)),
        ([[X]], (2, 2), (2, 2, True)),
        ([[]], (2, 2), (1, 2, False)),
        ([[X], []], (2, 2), (1, 2, False)),
        ([[X], []], (2, 3), (2, 3, True)),
        ([["nulls/x"]], (2, 2), (1, 2, False)),
        ([[X], [X], [], [X]], (3, 4), (3, 4, True)),
        ([[X], [X], [], []], (2, 3), (1, 3, False)),
    ],
)
def test_an_alarm_needs_the_same_check_in_k_of_the_last_n_windows(
    history: list[list[str]], alarm: tuple[int, int], expected: tuple[int, int, bool]
) -> None:
    windows = [past(day, *moved) for day, moved in enumerate(history, 1)]
    found = standing(X, "2026-11-20", windows, Alarm(windows=alarm[0], of=alarm[1]))
    assert (found.windows, found.of, found.alarm) == expected


@pytest.mark.parametrize(
    ("history", "since"),
    [([], "now"), ([[X]], "2026-11-01"), ([[X], [], [X], [X]], "2026-11-03"), ([[X], []], "now")],
)
def test_it_is_said_since_when_it_moved_without_a_break(history: list[list[str]], since: str) -> None:
    windows = [past(day, *moved) for day, moved in enumerate(history, 1)]
    found = standing(X, "now", windows, Alarm())
    assert found.since == since
    often = f"in {found.windows} of the last {found.of} windows" if history else "in this window"
    said = f"{often}, since {since}"
    assert found.words == (said if found.alarm else f"{said}; an alarm needs 2 of 2 windows")


@given(st.lists(st.booleans(), max_size=12), st.integers(1, 6), st.integers(0, 5))
def test_the_count_is_that_of_the_last_windows(history: list[bool], windows: int, more: int) -> None:
    alarm = Alarm(windows=windows, of=windows + more)
    found = standing(X, "now", [past(day, *([X] if one else [])) for day, one in enumerate(history, 1)], alarm)
    last = [*history, True][-alarm.of :]
    assert (found.windows, found.of) == (sum(last), len(last))
    assert found.alarm == (sum(last) >= windows)


def test_windows_that_say_nothing_neither_confirm_nor_reset() -> None:
    windows = [past(1, X), past(2, rows="unsure"), past(3, X, reference="before"), past(4, X, every="1w")]
    kept = evidence(windows, "20261105t000000z-1d", START + 5 * DAY, "r")
    assert [result.name for result in kept] == ["20261101t000000z-1d"]
    assert standing(X, "now", kept, Alarm()).alarm


def test_a_window_is_no_evidence_for_itself_or_for_an_older_one() -> None:
    windows = [past(1, X), past(2, X), past(3, X)]
    kept = evidence(windows, "20261102t000000z-1d", START + 2 * DAY, "r")
    assert [result.name for result in kept] == ["20261101t000000z-1d"]


def test_a_run_that_could_not_judge_is_no_window() -> None:
    broken = past(1).model_copy(update={"checks": (Check(id="error", title="e", status="fail"),)})
    assert not conclusive(broken)
    assert not conclusive(past(1, rows="unsure"))
    assert conclusive(past(1))


def test_facts_are_no_movement() -> None:
    facts = past(1, "levels/x", "schema/y", "torn", "prediction/p", "nulls/x")
    assert movements(facts) == {"prediction/p", "nulls/x"}


@pytest.mark.parametrize(
    ("window", "kin", "start", "words"),
    [
        ("20261118t000000z-1d", "1d", START + 18 * DAY, "2026-11-18"),
        ("20261118t060000z-6h", "6h", START + 18.25 * DAY, "2026-11-18 06:00"),
        ("000000000450-225", "225", 450, "row 451"),
        ("all-0123456789ab", "all", 0, "2026-11-21"),
    ],
)
def test_a_window_says_its_kin_and_its_beginning(window: str, kin: str, start: float, words: str) -> None:
    assert kindred(window) == kin
    assert since_when(window, start, "2026-11-21T04:17:00+00:00") == words
