import contextlib
import random
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from ci_kit.errors import CiKitError, Unavailable, UserError
from ci_kit.forge.base import Stamp, mark, read_mark
from tests.forge.fake import FAULTS, RUNS, Clock, Crash, Hub, crash, trouble

# Many writers at the same time: a matter of seconds, not of milliseconds.
pytestmark = pytest.mark.e2e


def stamp(run: int, attempt: int = 1) -> Stamp:
    return Stamp(run_id=run, attempt=attempt, sha=f"{run:040x}")


def only(hub: Hub) -> str:
    """Return the body of the only comment of ours."""
    (body,) = [one["body"] for one in hub.comments.values() if read_mark(one["body"], "default")]
    return str(body)


def test_the_first_report_creates_and_the_next_updates() -> None:
    hub = Hub()
    url = hub.forge().comment("default", "one", stamp(1))
    assert hub.forge().comment("default", "two", stamp(2)) == url
    assert only(hub) == mark("two", "default", stamp(2))
    assert [call.split()[0] for call in hub.journal if "comments" in call] == [
        "GET",
        "POST",
        "GET",
        "GET",
        "PATCH",
        "GET",
    ]


def test_the_same_report_again_writes_nothing() -> None:
    hub = Hub()
    hub.forge().comment("default", "one", stamp(1))
    hub.comments[1]["body"] = hub.comments[1]["body"].replace("\n", "\r\n").strip()  # as GitHub may store it
    hub.journal.clear()
    hub.forge().comment("default", "one", stamp(1))
    assert [call.split()[0] for call in hub.journal] == ["GET", "GET"]


def test_a_text_that_github_stores_slightly_changed_is_written_once() -> None:
    hub = Hub()

    def store(method: str, path: str) -> httpx.Response | None:
        for one in hub.comments.values():
            one["body"] = one["body"].replace("\0", "")
        return None

    hub.after = store
    for run in (1, 2):
        hub.journal.clear()
        hub.forge().comment("default", f"run {run}\0.", stamp(run))
        assert len([call for call in hub.journal if call.startswith(("POST", "PATCH"))]) == 1
    assert "run 2." in only(hub)


@pytest.mark.parametrize(("run", "attempt", "wins"), [(4, 9, False), (5, 1, False), (5, 3, True), (6, 1, True)])
def test_an_older_attempt_never_replaces_a_newer_one(run: int, attempt: int, wins: bool) -> None:
    hub = Hub()
    url = hub.forge().comment("default", "standing", stamp(5, 2))
    assert hub.forge().comment("default", "late", stamp(run, attempt)) == url
    assert ("late" in only(hub)) is wins


def test_each_report_id_has_its_own_comment() -> None:
    hub = Hub()
    for name in ("default", "default-2", "a_b"):
        hub.forge().comment(name, name, stamp(1))
        hub.forge().comment(name, name, stamp(2))
    assert len(hub.comments) == 3


def test_all_pages_are_searched() -> None:
    hub = Hub(page=10)
    for _ in range(25):
        hub.plant("talk", "someone")
    hub.forge().comment("default", "one", stamp(1))
    for _ in range(25):
        hub.plant("talk", "someone")
    hub.forge().comment("default", "two", stamp(2))
    assert "two" in only(hub)


@pytest.mark.parametrize("author", ["mallory", "github-actions", "ours", None])
def test_a_planted_marker_neither_receives_nor_suppresses_our_comment(author: str | None) -> None:
    hub = Hub()
    planted = mark("planted", "default", stamp(10**9))
    number = hub.plant(planted, author)
    for run in (1, 2):
        hub.forge().comment("default", f"run {run}", stamp(run))
    assert hub.comments.pop(number)["body"] == planted
    assert "run 2" in only(hub)


def test_a_personal_token_knows_its_own_comments() -> None:
    hub = Hub(users={"pat": "octo", "ours": "github-actions[bot]"})
    planted = hub.plant(mark("planted", "default", stamp(10**9)), "github-actions[bot]")
    for run in (1, 2):
        hub.forge("pat").comment("default", f"run {run}", stamp(run))
    del hub.comments[planted]
    assert "run 2" in only(hub)


def test_the_token_of_an_app_finds_its_comment_again() -> None:
    hub = Hub(users={"app": "kit[bot]"})
    for run in (1, 2):
        hub.forge("app").comment("default", f"run {run}", stamp(run))
    assert "run 2" in only(hub)


def test_text_in_a_report_can_not_pass_for_a_mark() -> None:
    hostile = "\n".join(
        [
            "<!-- ci-kit:report id=other run=9 attempt=9 sha=abc -->",
            '![](https://cml.dev/watermark.png#abc "CML watermark ci-kit-other")',
        ]
    )
    marked = mark(hostile, "default", stamp(1))
    assert read_mark(marked, "other") is None
    assert read_mark(marked, "default") == stamp(1)
    assert re.findall(r"watermark\.png#\w+ \"CML watermark (.+?)\"", marked) == ["ci-kit-default"]
    assert read_mark(hostile.split("\n")[1] + " and so on", "other") is None


def test_a_mark_fits_its_room_and_is_found_by_cml_rules() -> None:
    longest = "a_" * 20 + "b"
    marked = mark("body", longest, Stamp(run_id=2**63, attempt=10**6, sha="f" * 64))
    from ci_kit.forge.base import MARKER_BYTES

    assert len(marked.encode()) - len("body") <= MARKER_BYTES
    escaped = longest.replace("_", "\\_")
    assert f'![](https://cml.dev/watermark.png#{"f" * 64} "CML watermark ci-kit-{escaped}")' in marked


def test_a_comment_of_the_cml_command_is_taken_over() -> None:
    hub = Hub()
    hub.plant('old\n\n![](https://cml.dev/watermark.png#ABC123 "CML watermark ci-kit-default")')
    hub.forge().comment("default", "new", stamp(1))
    assert len(hub.comments) == 1
    assert "new" in only(hub)


def test_duplicates_of_an_earlier_crash_are_removed_and_the_lowest_kept() -> None:
    hub = Hub()
    for run in (1, 3, 2):
        hub.plant(mark(f"run {run}", "default", stamp(run)))
    hub.forge().comment("default", "run 4", stamp(4))
    assert list(hub.comments) == [1]
    assert "run 4" in only(hub)


def test_a_duplicate_of_a_newer_run_outlives_an_older_one() -> None:
    hub = Hub()
    for run in (1, 5):
        hub.plant(mark(f"run {run}", "default", stamp(run)))
    hub.forge().comment("default", "run 3", stamp(3))
    assert "run 5" in hub.comments[2]["body"]
    hub.forge().comment("default", "run 5", stamp(5))
    assert "run 5" in only(hub)


def test_a_list_that_lags_behind_makes_no_duplicate() -> None:
    hub = Hub(hidden=1)
    hub.forge().comment("default", "one", stamp(1))
    hub.hidden = 0
    assert "one" in only(hub)


def test_an_update_that_the_list_does_not_show_yet_is_no_failure() -> None:
    hub = Hub()
    hub.forge().comment("default", "one", stamp(1))
    old = httpx.Response(200, json=[dict(hub.comments[1])])
    hub.before = lambda method, path: old if method == "GET" and path.endswith("/3/comments") else None
    assert hub.forge().comment("default", "two", stamp(2)) == hub.comments[1]["html_url"]
    assert "two" in only(hub)


def test_a_post_without_an_answer_is_looked_for_before_the_next() -> None:
    hub = Hub()
    failures = iter([httpx.ReadTimeout("slow"), httpx.RemoteProtocolError("reset")])

    def lose(method: str, path: str) -> httpx.Response | None:
        if method == "POST":
            for failure in failures:
                raise failure
        return None

    hub.after = lose
    hub.forge().comment("default", "one", stamp(1))
    assert [call.split()[0] for call in hub.journal].count("POST") == 1
    assert "one" in only(hub)


def test_without_a_pull_request_nothing_is_written() -> None:
    hub = Hub()
    assert hub.forge(number=None).comment("default", "one", stamp(1)) == f"{RUNS}/1"
    assert hub.journal == []


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("standing", [0, 1, 3])
def test_twenty_writers_leave_one_comment_of_the_newest_run(seed: int, standing: int) -> None:
    writers = 20
    clock, together, looked = Clock(writers), threading.Barrier(writers), threading.local()
    hub = Hub(sleep=clock.sleep)
    for run in range(standing):
        hub.plant(mark(f"run {run}", "default", stamp(run)))

    def nobody_writes_before_all_have_looked(method: str, path: str) -> httpx.Response | None:
        if method == "GET" and path.endswith("comments") and not getattr(looked, "once", False):
            looked.once = True
            together.wait(10)
        return None

    def write(run: int) -> None:
        try:
            hub.forge().comment("default", f"run {run}.", stamp(run))
        finally:
            clock.leave()

    hub.after = nobody_writes_before_all_have_looked
    order = random.Random(seed).sample(range(10, 10 + writers), writers)
    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(write, order))
    assert "run 29." in only(hub)
    assert list(hub.comments) == [1]


@pytest.mark.parametrize("standing", [0, 1, 2])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_the_next_run_heals_a_crash_at_any_call(standing: int, moment: str) -> None:
    for call in range(12):
        hub = Hub()
        for run in range(standing):
            hub.plant(mark(f"run {run}", "default", stamp(run)))
        hub.at(moment, call, crash)
        with contextlib.suppress(Crash):
            hub.forge().comment("default", "run 10", stamp(10))
        setattr(hub, moment, lambda method, path: None)
        hub.forge().comment("default", "run 11", stamp(11))
        assert "run 11" in only(hub)


@pytest.mark.parametrize("fault", FAULTS)
def test_one_fault_at_any_call_is_survived(fault: int | str) -> None:
    for moment in ("before", "after"):
        for call in range(8):
            hub = Hub()
            hub.plant(mark("run 0", "default", stamp(0)))
            hub.plant(mark("run 0", "default", stamp(0)))
            hub.at(moment, call, lambda: trouble(fault))
            hub.forge().comment("default", "run 1", stamp(1))
            assert "run 1" in only(hub)


def test_a_service_that_stays_away_ends_in_one_clear_line() -> None:
    hub = Hub(before=lambda method, path: httpx.Response(502) if method == "POST" else None)
    with pytest.raises(Unavailable, match=r"did not settle.*POST.*502") as caught:
        hub.forge().comment("default", "one", stamp(1))
    assert "\n" not in str(caught.value)


def test_a_read_only_token_is_told_which_permission_it_needs() -> None:
    refuse = httpx.Response(403, json={"message": "Resource not accessible by integration"})
    hub = Hub(before=lambda method, path: refuse if method == "POST" else None)
    with pytest.raises(UserError, match="pull-requests: write"):
        hub.forge().comment("default", "one", stamp(1))


def test_a_repository_name_that_is_none_is_refused() -> None:
    from ci_kit.forge.github import GitHubForge

    with pytest.raises(CiKitError, match="owner/name"):
        GitHubForge(Hub().client(), "octo/demo/../..", 1)


def test_the_report_leaves_the_room_that_the_markers_need() -> None:
    # Renderer and forge know nothing of each other, so the two numbers stand apart.
    from ci_kit.forge.base import MARKER_BYTES
    from ci_kit.render.markdown import RESERVED

    assert RESERVED >= MARKER_BYTES
