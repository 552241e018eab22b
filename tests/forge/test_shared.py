import contextlib
import random
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx
import pytest

from ci_kit.errors import Unavailable, UserError
from ci_kit.forge import shared
from ci_kit.forge.board import compose
from ci_kit.forge.parts import merge
from tests.forge.fake import Clock, Crash, Hub, crash, trouble
from tests.forge.shares import board, boards, part, runs

# Many writers at the same time: a matter of seconds, not of milliseconds.
pytestmark = pytest.mark.e2e
LATE = 0.2  # seconds that each way of a call takes at the most


def plant(hub: Hub, *names: str, run: int = 1) -> int:
    """Write a shared comment with these parts as if one writer had done it."""
    return hub.plant(compose("models", replace(merge(board(*(part(name, run) for name in names))), turn="aa")))


def kinds(hub: Hub) -> list[str]:
    return [call.split()[0] for call in hub.journal if "comments" in call]


def test_the_first_report_needs_four_requests_and_the_next_of_its_own_three() -> None:
    hub = Hub()
    url = hub.forge().share("models", part("bike", 1))
    assert kinds(hub) == ["GET", "GET", "POST", "GET"]
    hub.journal.clear()
    assert hub.forge().share("models", part("bike", 2)) == url == hub.comments[1]["html_url"]
    assert kinds(hub) == ["GET", "PATCH", "GET"]
    assert runs(hub) == {"bike": (2, 1)}


def test_what_stands_already_is_not_written_again() -> None:
    hub = Hub()
    hub.forge().share("models", part("bike"))
    hub.comments[1]["body"] = hub.comments[1]["body"].replace("\n", "\r\n").strip()
    hub.journal.clear()
    hub.forge().share("models", part("bike"))
    assert kinds(hub) == ["GET", "GET"]


def test_the_same_attempt_may_say_something_else() -> None:
    hub = Hub()
    hub.forge().share("models", part("bike", pieces=("first words",)))
    hub.forge().share("models", part("bike", pieces=("second words",)))
    assert "second words" in hub.comments[1]["body"]
    assert "first words" not in hub.comments[1]["body"]


@pytest.mark.parametrize(("run", "attempt", "wins"), [(4, 9, False), (5, 1, False), (5, 3, True), (6, 1, True)])
def test_an_older_attempt_never_replaces_a_newer_one(run: int, attempt: int, wins: bool) -> None:
    hub, sha = Hub(), "ab" * 20
    hub.forge().share("models", part("bike", 5, 2, sha=sha))
    hub.forge().share("models", part("bike", run, attempt, sha=sha))
    assert runs(hub) == {"bike": (run, attempt) if wins else (5, 2)}


def test_a_report_whose_commit_is_two_pushes_old_is_not_written() -> None:
    hub = Hub()
    for run in (5, 6):
        hub.forge().share("models", part("bus", run))
    before = hub.comments[1]["body"]
    assert hub.forge().share("models", part("bike", 4)) == hub.comments[1]["html_url"]
    assert hub.comments[1]["body"] == before


def test_comments_of_other_names_and_reports_are_left_alone() -> None:
    from ci_kit.forge.base import Stamp

    hub = Hub()
    for name in ("models", "models-2"):
        hub.forge().share(name, part("bike"))
    hub.forge().comment("models", "a report of its own", Stamp(run_id=1, attempt=1, sha="ab"))
    hub.forge().share("models", part("bus"))
    assert len(hub.comments) == 3
    assert len(boards(hub, "models")[0].parts) == 2


@pytest.mark.parametrize("author", ["mallory", "github-actions", None])
def test_a_strangers_copy_neither_receives_nor_gives_parts(author: str | None) -> None:
    hub = Hub()
    planted = hub.plant(compose("models", replace(merge(board(part("evil", 99))), turn="aa")), author)
    before = hub.comments[planted]["body"]
    hub.forge().share("models", part("bike"))
    assert hub.comments.pop(planted)["body"] == before
    assert runs(hub) == {"bike": (10, 1)}


def test_what_a_race_has_left_is_merged_into_the_lowest() -> None:
    hub = Hub()
    for name in ("bike", "bus", "tram"):
        plant(hub, name, run=10)
    hub.forge().share("models", part("taxi"))
    assert list(hub.comments) == [1]
    assert set(runs(hub)) == {"bike", "bus", "tram", "taxi"}


def test_a_list_that_lags_behind_makes_no_duplicate() -> None:
    hub = Hub(hidden=1)
    hub.forge().share("models", part("bike"))
    hub.hidden = 0
    assert runs(hub) == {"bike": (10, 1)}


def test_a_comment_that_vanishes_is_made_again() -> None:
    hub = Hub()
    plant(hub, "bike", run=10)

    def vanish(method: str, path: str) -> httpx.Response | None:
        if method == "PATCH":
            hub.comments.pop(1, None)
        return None

    hub.before = vanish
    hub.forge().share("models", part("bus"))
    assert list(hub.comments) == [2]
    assert set(runs(hub)) == {"bike", "bus"}


@pytest.fixture
def crowded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits before the first write."""
    monkeypatch.setattr(shared, "START", 0)
    monkeypatch.setattr(shared, "EACH", 0)


def race(hub: Hub, clock: Clock, names: list[str], seed: int) -> None:
    """Let all write at once; each looks before anybody writes, and each call takes its time."""
    together, looked, chance = threading.Barrier(len(names)), threading.local(), random.Random(seed)

    def slow(method: str, path: str) -> httpx.Response | None:
        if getattr(looked, "once", False):
            clock.sleep(chance.uniform(0, LATE))
        return None

    def nobody_writes_before_all_have_looked(method: str, path: str) -> httpx.Response | None:
        if not getattr(looked, "once", False):
            looked.once = True
            together.wait(10)
        return slow(method, path)

    def write(name: str) -> None:
        try:
            hub.forge().share("models", part(name))
        finally:
            clock.leave()

    hub.before, hub.after = slow, nobody_writes_before_all_have_looked
    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(write, names))
    hub.before = hub.after = lambda method, path: None


RACES = [(count, seed) for count, seeds in ((2, 12), (3, 4), (10, 4), (30, 1)) for seed in range(seeds)]


@pytest.mark.usefixtures("crowded")
@pytest.mark.parametrize("standing", ["nothing", "earlier", "three"])
@pytest.mark.parametrize(("writers", "seed"), RACES)
def test_writers_that_all_look_first_leave_one_comment_with_all_parts(writers: int, seed: int, standing: str) -> None:
    clock = Clock(writers)
    hub, names = Hub(sleep=clock.sleep, now=clock.now), [f"m{place}" for place in range(writers)]
    if standing == "earlier":
        plant(hub, *names, "gone")
    if standing == "three":
        for _ in range(3):
            plant(hub, *names[:1])
    race(hub, clock, names, seed)
    assert next(iter(hub.comments)) == 1
    assert {name: order for name, order in runs(hub).items() if name != "gone"} == dict.fromkeys(names, (10, 1))
    assert len(hub.comments) == 1
    assert len(kinds(hub)) <= 25 * writers


def test_the_attempts_of_one_report_converge_beside_others() -> None:
    clock = Clock(8)
    hub = Hub(sleep=clock.sleep, now=clock.now)

    def write(turn: int) -> None:
        try:
            hub.forge().share("models", part("bike", 7, 1 + turn) if turn < 5 else part(f"m{turn}", 7))
        finally:
            clock.leave()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    assert runs(hub) == {"bike": (7, 5), "m5": (7, 1), "m6": (7, 1), "m7": (7, 1)}


@pytest.mark.parametrize("standing", [0, 1, 2])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_the_next_run_heals_a_crash_at_any_call(standing: int, moment: str) -> None:
    for call in range(12):
        hub = Hub()
        for place in range(standing):
            plant(hub, f"m{place}", run=10)
        hub.at(moment, call, crash)
        with contextlib.suppress(Crash):
            hub.forge().share("models", part("bike", 10))
        setattr(hub, moment, lambda method, path: None)
        stood = {name for one in boards(hub) for name in one.parts}
        hub.forge().share("models", part("bus", 10))
        assert set(runs(hub)) == stood | {"bus"}  # nothing that somebody had written is lost
        hub.forge().share("models", part("bike", 10, 2))
        assert set(runs(hub)) == {"bike", "bus", *(f"m{place}" for place in range(standing))}
        assert list(hub.comments) == [1]


@pytest.mark.parametrize("fault", [502, 429, "limit", "timeout", "reset", "damaged"])
def test_one_fault_at_any_call_is_survived(fault: int | str) -> None:
    for moment in ("before", "after"):
        for call in range(8):
            clock = Clock(1)
            hub = Hub(sleep=clock.sleep, now=clock.now)
            plant(hub, "bike")
            plant(hub, "bus")
            hub.at(moment, call, lambda: trouble(fault))
            hub.forge().share("models", part("bike", 2))
            assert runs(hub) == {"bike": (2, 1), "bus": (1, 1)}


def test_a_write_that_was_put_off_is_made_anew_after_another_look() -> None:
    clock = Clock(1)
    hub, limits = Hub(sleep=clock.sleep, now=clock.now), iter([httpx.Response(429, headers={"retry-after": "30"})])
    plant(hub, "bike", run=10)

    def limited(method: str, path: str) -> httpx.Response | None:
        if method == "PATCH" and (limit := next(limits, None)):
            plant(hub, "bike", "bus", run=10)  # meanwhile another writer has come and gone
            hub.comments[1]["body"] = hub.comments.pop(2)["body"]
            return limit
        return None

    hub.before = limited
    hub.forge().share("models", part("tram"))
    assert set(runs(hub)) == {"bike", "bus", "tram"}


def test_a_look_at_many_pages_is_followed_by_a_short_one() -> None:
    clock = Clock(1)
    hub = Hub(sleep=clock.sleep, now=clock.now, page=10)
    plant(hub, "bike", run=10)
    for _ in range(45):
        hub.plant("talk", "someone")

    def another_comes(method: str, path: str) -> httpx.Response | None:
        clock.sleep(0.15)
        if method == "GET" and len(hub.journal) == 3:
            hub.comments[1]["body"] = compose("models", replace(merge(board(part("bike"), part("bus"))), turn="bb"))
        return None

    hub.after = another_comes
    hub.forge().share("models", part("tram"))
    assert set(runs(hub)) == {"bike", "bus", "tram"}
    assert any(re.fullmatch(r"GET .*/issues/comments/1", call) for call in hub.journal)


def overwritten(hub: Hub, *texts: str) -> None:
    """Let others write these texts, one after each settling of ours."""
    left = iter(texts)

    def pause(_: float) -> None:
        if text := next(left, None):
            hub.comments[1]["body"] = text

    hub.sleep = pause


def told(turn: str, *names: str) -> str:
    return compose("models", replace(merge(board(*(part(name) for name in names))), turn=turn))


def test_a_part_of_a_dead_writer_that_was_seen_is_not_lost() -> None:
    hub = Hub()
    plant(hub, "bike", run=10)
    overwritten(hub, told("bb", "bus"))  # whose writer had looked before there was the bike
    hub.forge().share("models", part("tram"))
    assert set(runs(hub)) == {"bike", "bus", "tram"}


def test_a_part_is_only_settled_in_a_text_that_nobody_has_touched_meanwhile() -> None:
    hub = Hub()
    plant(hub, "bike", run=10)
    # Between our write and the first of these, another text may have stood, on which the second was built.
    overwritten(hub, told("bb", "bike", "tram", "bus"), told("cc", "bike", "taxi"))
    hub.forge().share("models", part("tram"))
    assert set(runs(hub)) == {"bike", "bus", "tram", "taxi"}


def test_a_comment_that_somebody_keeps_writing_ends_in_one_clear_line() -> None:
    turns: Iterator[int] = iter(range(10**6))

    def overwrite(method: str, path: str) -> httpx.Response | None:
        if method == "PATCH":
            hub.comments[1]["body"] = compose("models", replace(merge(board(part("bus"))), turn=f"{next(turns):x}"))
        return None

    hub = Hub(after=overwrite)
    plant(hub, "bus", run=10)
    with pytest.raises(Unavailable, match="the shared comment models did not settle in 20 rounds") as caught:
        hub.forge().share("models", part("bike"))
    assert "\n" not in str(caught.value)
    assert len(kinds(hub)) <= 42


def test_a_read_only_token_is_told_which_permission_it_needs() -> None:
    refuse = httpx.Response(403, json={"message": "Resource not accessible by integration"})
    hub = Hub(before=lambda method, path: refuse if method == "POST" else None)
    with pytest.raises(UserError, match="pull-requests: write"):
        hub.forge().share("models", part("bike"))


def test_without_a_pull_request_nothing_is_written() -> None:
    hub = Hub()
    assert hub.forge(number=None).share("models", part("bike")) == "https://github.test/octo/demo/actions/runs/1"
    assert hub.journal == []
