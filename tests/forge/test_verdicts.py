"""A check and a status of the judged commit say the verdict of the newest run, whatever goes wrong."""

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from ci_kit.errors import Unavailable
from ci_kit.forge.base import Refused, Stamp
from ci_kit.forge.verdict import Note, Verdict
from tests.forge.fake import FAULTS, Clock, Crash, Hub, crash, trouble

# Every call times every fault: a matter of seconds, not of milliseconds.
pytestmark = pytest.mark.e2e
SHA, NAME = "ab" * 20, "ci-kit: digits"
NOTES = tuple(
    Note(path=f"data/{line % 7}.csv", line=line, level="failure", title="rows", text=f"row {line}")
    for line in range(1, 121)
)


def stamp(run: int, attempt: int = 1) -> Stamp:
    return Stamp(run_id=run, attempt=attempt, sha=SHA)


def said(run: int, notes: tuple[Note, ...] = ()) -> Verdict:
    return Verdict(outcome="failure" if notes else "success", title=f"run {run}", text=f"## run {run}", notes=notes)


def check(hub: Hub, run: int, notes: tuple[Note, ...] = (), attempt: int = 1) -> str:
    return hub.forge(run=run).check(NAME, stamp(run, attempt), said(run, notes))


def status(hub: Hub, run: int, notes: tuple[Note, ...] = (), attempt: int = 1) -> str:
    return hub.forge(run=run).status(NAME, stamp(run, attempt), said(run, notes))


def only(hub: Hub) -> dict[str, Any]:
    """Return the only check, after it was seen to have each of its annotations once."""
    (found,) = hub.checks.values()
    notes = [(one["path"], one["start_line"]) for one in hub.notes[found["id"]]]
    assert len(notes) == len(set(notes))
    return found


def verbs(hub: Hub) -> list[str]:
    return [call.split()[0] for call in hub.journal]


def test_one_check_is_made_and_the_next_run_of_the_commit_writes_into_it() -> None:
    hub = Hub()
    url = check(hub, 1)
    assert (url, verbs(hub)) == (only(hub)["html_url"], ["GET", "POST", "GET"])
    hub.journal.clear()
    assert (check(hub, 2), verbs(hub)) == (url, ["GET", "PATCH", "GET"])
    found = only(hub)
    assert (found["status"], found["conclusion"], found["external_id"]) == ("completed", "success", "2.1")
    assert (found["output"]["title"], found["details_url"].rpartition("/")[2]) == ("run 2", "2")
    hub.journal.clear()
    assert (check(hub, 2), verbs(hub)) == (url, ["GET"]), "the same again writes nothing"


def test_annotations_come_in_batches_and_the_check_ends_with_the_last() -> None:
    hub, states = Hub(), list[str]()

    def look(method: str, path: str) -> None:
        states.extend(one["status"] for one in hub.checks.values() if method in ("POST", "PATCH"))

    hub.after = look
    check(hub, 1, NOTES)
    assert (states, len(hub.notes[1])) == (["in_progress", "in_progress", "completed"], 120)
    assert only(hub)["output"]["annotations_count"] == 120


def test_a_run_that_finds_more_adds_only_what_is_missing() -> None:
    hub = Hub()
    check(hub, 1, NOTES[:60])
    check(hub, 2, NOTES)
    assert len(hub.notes[only(hub)["id"]]) == 120


def test_what_is_no_longer_true_stays_in_the_old_check_which_says_the_new_verdict() -> None:
    hub = Hub()
    check(hub, 1, NOTES[:2])
    check(hub, 2, NOTES[1:3])
    assert [len(notes) for notes in hub.notes.values()] == [2, 2]
    assert {(one["output"]["title"], one["external_id"], one["status"]) for one in hub.checks.values()} == {
        ("run 2", "2.1", "completed")
    }
    check(hub, 3)
    assert {(one["output"]["title"], one["conclusion"]) for one in hub.checks.values()} == {("run 3", "success")}


@pytest.mark.parametrize(("run", "attempt", "wins"), [(4, 9, False), (5, 1, False), (5, 3, True), (6, 1, True)])
@pytest.mark.parametrize("way", [check, status])
def test_an_older_attempt_never_replaces_a_newer_one(
    way: Callable[..., str], run: int, attempt: int, wins: bool
) -> None:
    hub = Hub()
    way(hub, 5, attempt=2)
    hub.journal.clear()
    way(hub, run, NOTES[:1], attempt=attempt)
    assert ("POST" in verbs(hub) or "PATCH" in verbs(hub)) is wins
    shown = next(iter(hub.checks.values()))["conclusion"] if way is check else hub.statuses[-1]["state"]
    assert (shown == "failure") is wins


def test_a_check_of_that_name_that_somebody_else_made_is_left_alone() -> None:
    hub = Hub()
    body = {"name": NAME, "head_sha": SHA, "status": "completed", "conclusion": "failure"}
    hub.create_check(body={**body, "external_id": "theirs", "output": {"title": "theirs", "summary": "x"}})
    check(hub, 1)
    assert [one["output"]["title"] for one in hub.checks.values()] == ["theirs", "run 1"]


def test_what_the_same_attempt_has_left_unfinished_is_ended() -> None:
    hub = Hub()
    output = {"title": "so far", "summary": "x", "annotations": [NOTES[100].annotation]}
    hub.create_check(
        body={"name": NAME, "head_sha": SHA, "status": "in_progress", "external_id": "5.1", "output": output}
    )
    check(hub, 5, NOTES[:2])
    assert {(one["status"], one["output"]["title"]) for one in hub.checks.values()} == {("completed", "run 5")}


def test_an_unfinished_check_of_a_newer_run_is_that_runs_to_finish() -> None:
    hub = Hub()
    body = {"name": NAME, "head_sha": SHA, "status": "in_progress", "external_id": "9.1"}
    hub.create_check(body={**body, "output": {"title": "so far", "summary": "x"}})
    check(hub, 8)
    assert only(hub)["output"]["title"] == "so far"


@pytest.mark.parametrize("way", [check, status])
def test_a_list_that_lags_behind_makes_no_second_one(way: Callable[..., str]) -> None:
    def nothing_yet(method: str, path: str) -> httpx.Response | None:
        if method == "GET":
            return httpx.Response(200, json={"check_runs": []} if way is check else [])
        return None

    hub = Hub(before=nothing_yet)
    way(hub, 1)
    assert verbs(hub) == ["POST"]


def test_an_update_that_the_list_does_not_show_yet_is_no_failure() -> None:
    hub = Hub()
    url = check(hub, 1, NOTES[:60])
    old = httpx.Response(200, json={"check_runs": [dict(one) for one in hub.checks.values()]})
    hub.before = lambda method, path: old if path.endswith(f"{SHA}/check-runs") else None
    assert check(hub, 2, NOTES) == url
    assert (only(hub)["external_id"], len(hub.notes[1])) == ("2.1", 120)


def test_a_text_that_github_stores_slightly_changed_is_written_once() -> None:
    hub = Hub()

    def store(method: str, path: str) -> None:
        for one in hub.checks.values():
            one["output"]["summary"] = one["output"]["summary"].rstrip()

    hub.after = store
    hub.forge().check(NAME, stamp(1), Verdict(outcome="success", title="t", text="x\n"))
    assert verbs(hub) == ["GET", "POST", "GET"]


def test_a_status_is_one_line_that_names_its_run() -> None:
    hub = Hub()
    url = status(hub, 7, NOTES[:1], attempt=2)
    assert verbs(hub) == ["GET", "POST", "GET"]
    (found,) = hub.statuses
    assert found["target_url"] == url == "https://github.test/octo/demo/actions/runs/7/attempts/2"
    assert (found["state"], found["context"], found["description"]) == ("failure", NAME, "run 7")
    status(hub, 7, NOTES[:1], attempt=2)
    assert len(hub.statuses) == 1, "the same again writes nothing"
    status(hub, 7, attempt=2)
    assert hub.statuses[-1]["state"] == "success", "what the same attempt says later counts"
    hub.forge(run=8).status(NAME, stamp(8), Verdict(outcome="neutral", title="x" * 300))
    assert (len(hub.statuses[-1]["description"]), hub.statuses[-1]["state"]) == (140, "success")


def test_a_pending_status_or_one_of_an_older_run_that_came_late_is_put_right() -> None:
    hub = Hub()
    hub.create_status(SHA, body={"context": NAME, "state": "pending"})
    status(hub, 3)
    assert hub.statuses[-1]["state"] == "success"
    hub.create_status(SHA, body={**hub.statuses[-1], "state": "failure", "target_url": "https://x/runs/2/attempts/1"})
    status(hub, 1)
    assert (hub.statuses[-1]["state"], hub.statuses[-1]["target_url"][-18:]) == ("success", "/runs/3/attempts/1")


@pytest.mark.parametrize("notes", [(), NOTES], ids=["plain", "annotated"])
@pytest.mark.parametrize("standing", [0, 1])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_the_next_run_heals_a_crash_at_any_call(moment: str, standing: int, notes: tuple[Note, ...]) -> None:
    crashed = 0
    for call in range(16):
        hub = Hub()
        for way in (check, status):
            for run in range(standing):
                way(hub, run)
        came = hub.at(moment, call, crash)
        with contextlib.suppress(Crash):
            for way in (check, status):
                way(hub, 10, notes)
        setattr(hub, moment, lambda method, path: None)
        crashed += came()
        for way in (check, status):
            way(hub, 11, notes)
        found = only(hub)
        assert (found["status"], found["external_id"], found["output"]["title"]) == ("completed", "11.1", "run 11")
        assert len(hub.notes[found["id"]]) == len(notes)
        assert hub.statuses[-1]["description"] == "run 11"
    assert crashed >= 6


@pytest.mark.parametrize("notes", [(), NOTES], ids=["plain", "annotated"])
@pytest.mark.parametrize("fault", FAULTS)
def test_one_fault_at_any_call_is_survived(fault: int | str, notes: tuple[Note, ...]) -> None:
    # What GitHub put off it did not carry out.
    for moment in ("before",) if fault in (429, "limit") else ("before", "after"):
        for call in range(10):
            hub = Hub()
            hub.at(moment, call, lambda: trouble(fault))
            check(hub, 1, notes)
            status(hub, 1, notes)
            assert (only(hub)["external_id"], len(hub.notes[only(hub)["id"]])) == ("1.1", len(notes))
            assert hub.statuses[-1]["description"] == "run 1"


@pytest.mark.parametrize("way", [check, status])
def test_twelve_runs_at_once_leave_the_newest_verdict(way: Callable[..., str]) -> None:
    writers = 12
    clock, together, looked = Clock(writers), threading.Barrier(writers), threading.local()
    hub = Hub(sleep=clock.sleep)

    def nobody_writes_before_all_have_looked(method: str, path: str) -> httpx.Response | None:
        if method == "GET" and not getattr(looked, "once", False):
            looked.once = True
            together.wait(10)
        return None

    def write(run: int) -> None:
        try:
            way(hub, run)
        finally:
            clock.leave()

    hub.after = nobody_writes_before_all_have_looked
    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(write, range(1, writers + 1)))
    if way is check:
        assert {one["external_id"] for one in hub.checks.values()} == {"12.1"}
    else:
        assert hub.statuses[-1]["description"] == "run 12"


@pytest.mark.parametrize(("way", "need"), [(check, "checks: write"), (status, "statuses: write")])
def test_a_token_that_may_not_is_refused_once(way: Callable[..., str], need: str) -> None:
    refuse = httpx.Response(403, json={"message": "Resource not accessible by integration"})
    hub = Hub(after=lambda method, path: refuse if method == "POST" else None)
    with pytest.raises(Refused, match=need):
        way(hub, 1)
    assert verbs(hub) == ["GET", "POST"]


@pytest.mark.parametrize("way", [check, status])
def test_a_service_that_stays_away_ends_in_one_clear_line(way: Callable[..., str]) -> None:
    hub = Hub(before=lambda method, path: httpx.Response(502) if method == "POST" else None)
    with pytest.raises(Unavailable, match=r"POST.*502") as caught:
        way(hub, 1)
    assert "\n" not in str(caught.value)
