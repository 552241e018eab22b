"""The history branch: written by the Git Data API from many runs at once, read back by plain git."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from ci_kit.errors import CiKitError
from ci_kit.forge.git import Git
from ci_kit.forge.history import BRANCH, find
from ci_kit.parts import Check, Run, Source
from ci_kit.result import Result
from tests.e2e.conftest import MakeForge
from tests.e2e.consumer import Consumer
from tests.e2e.faults import Fault, forbidden, secondary
from tests.e2e.hub import Hub
from tests.e2e.rules import READ, WRITE

pytestmark = pytest.mark.e2e


def result(sha: str, step: str = "evaluate") -> bytes:
    check = Check(id="gate/log_loss", title="Gate", status="pass")
    run = Run(kit="0", event="push", started="2026-11-21T00:00:00+00:00", seconds=1.0, machine="test")
    return (
        Result(step=step, checks=(check,), metrics={}, source=Source(sha=sha, data={}), run=run)
        .model_dump_json()
        .encode()
    )


def test_what_one_run_records_the_next_finds_by_git(
    consumer: Callable[..., Consumer], forge: MakeForge, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = consumer()
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(user.config))
    base = user.git("rev-parse", "main")
    forge(pace=0.02).record({f"results/{base}/evaluate.json": result(base)}, "Record")
    assert user.pull(BRANCH)
    tip = user.commit({"a.txt": "a"}, branch="feat")
    past = find(Git(user.folder), tip, "evaluate")
    assert past is not None
    assert (past.sha, past.distance, past.result.status) == (base, 1, "pass")


def test_bytes_of_every_kind_come_back(github: Hub, consumer: Callable[..., Consumer], forge: MakeForge) -> None:
    user, content = consumer(), bytes(range(256)) * 40
    forge(pace=0.02).record({"results/a/scores.npz": content, "results/a/x.json": b'{"\xc3\xa4": 1}'}, "Record")
    user.pull(BRANCH)
    user.git("fetch", "-q", "origin", BRANCH)
    assert user.git("show", "FETCH_HEAD:results/a/x.json") == '{"ä": 1}'
    user.git("checkout", "-q", "FETCH_HEAD")
    assert (user.folder / "results/a/scores.npz").read_bytes() == content


def test_the_same_again_makes_no_commit(github: Hub, forge: MakeForge) -> None:
    github.sample()
    forge(pace=0.02).record({"results/a/x.json": b"{}"}, "Record")
    github.gateway.journal.clear()
    forge(pace=0.02).record({"results/a/x.json": b"{}"}, "Record")
    assert not github.gateway.calls("git/(refs|commits) 201|PATCH")


def test_runs_that_record_at_the_same_time_lose_nothing(github: Hub, forge: MakeForge) -> None:
    github.sample()
    github.gateway.barrier("GET", f"/repos/octo/demo/git/ref/heads/{BRANCH}", 10)

    def record(number: int) -> None:
        forge(pace=0.02).record({f"results/{number}/x.json": b"%d" % number}, f"Record {number}")

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(record, range(10)))
    assert sorted(github.files(BRANCH)) == sorted(f"results/{number}/x.json" for number in range(10))
    assert not [entry for entry in github.gateway.journal if '"force":true' in entry.body.replace(" ", "")]


@pytest.mark.parametrize(
    "fault",
    [secondary(1), secondary(1, status=429), Fault(status=502), Fault(kind="reset"), Fault(kind="reset-after")],
    ids=["secondary 403", "429", "502", "reset", "reset after"],
)
@pytest.mark.parametrize("exists", [False, True])
def test_what_passes_is_waited_out_at_each_call(github: Hub, forge: MakeForge, fault: Fault, exists: bool) -> None:
    for position in range(6):
        github.reset()
        github.sample()
        if exists:
            forge(pace=0.02).record({"results/0/x.json": b"0"}, "Record")
        github.gateway.fault(
            Fault(status=fault.status, headers=fault.headers, body=fault.body, kind=fault.kind, skip=position)
        )
        forge(pace=0.02).record({"results/1/x.json": b"1", "results/1/y.bin": b"\xff"}, "Record")
        assert {"results/1/x.json", "results/1/y.bin"} <= set(github.files(BRANCH))
        assert not exists or "results/0/x.json" in github.files(BRANCH)


@pytest.mark.parametrize("fault", [forbidden(), Fault(status=404, times=-1), Fault(status=500, times=-1)])
def test_what_stays_broken_is_one_clear_error(github: Hub, forge: MakeForge, fault: Fault) -> None:
    github.gateway.fault(Fault(status=fault.status, body=fault.body, times=-1))
    with pytest.raises(CiKitError) as caught:
        forge(pace=0).record({"results/1/x.json": b"1"}, "Record")
    assert "\n" not in str(caught.value)
    assert WRITE not in str(caught.value)


def test_a_forks_token_can_not_record(github: Hub, forge: MakeForge) -> None:
    github.sample()
    with pytest.raises(CiKitError, match="contents: write"):
        forge(READ).record({"results/1/x.json": b"1"}, "Record")
    assert github.files(BRANCH) == {}
