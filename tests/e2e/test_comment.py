"""Exactly one comment: the real forge against GitHub's API, in the worst order and with every call going wrong."""

import os
import random
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from ci_kit.errors import CiKitError
from ci_kit.forge.base import Stamp, mark, read_mark
from tests.e2e.conftest import MakeForge
from tests.e2e.faults import Fault, forbidden, secondary
from tests.e2e.hub import Hub
from tests.e2e.rules import MAX_BODY, PERSON, READ, WRITE

pytestmark = pytest.mark.e2e
TRIALS = int(os.environ.get("CI_KIT_ROUNDS", "1"))
LIST = "/repos/octo/demo/issues/1/comments"
# What `cml comment update --watermark-title ci-kit-default` looks for, from CML's documented watermark.
CML = r'!\[\]\(https://cml\.dev/watermark\.png#[0-9a-fA-F]+ "CML watermark ci-kit-default"\)'


@pytest.fixture(autouse=True)
def pull(github: Hub) -> None:
    """A repository with pull request 1."""
    github.sample()


def stamp(run: int, attempt: int = 1) -> Stamp:
    return Stamp(run_id=run, attempt=attempt, sha=f"{run:040x}")


def ours(hub: Hub) -> list[str]:
    """Return the bodies of all comments with our marks."""
    return [one["body"] for one in hub.comments(1) if read_mark(one["body"], "default")]


@pytest.mark.parametrize("trial", range(TRIALS))
@pytest.mark.parametrize("writers", [20, 100])
def test_writers_that_all_look_first_leave_one_comment(github: Hub, forge: MakeForge, writers: int, trial: int) -> None:
    """Once here; CI_KIT_ROUNDS=10 asks for more, in another order of their coming each time."""
    barrier = github.gateway.barrier("GET", LIST, writers, timeout=40)

    def write(run: int) -> str:
        return forge(pace=0.05).comment("default", f"report {run}", stamp(run))

    with ThreadPoolExecutor(writers) as pool:
        places = list(pool.map(write, random.Random(trial).sample(range(1, writers + 1), writers)))
    assert barrier.opened
    assert len(github.gateway.calls("^POST")) == writers, "nobody has seen another's"
    (body,) = ours(github)
    assert read_mark(body, "default") == stamp(writers)
    assert len(github.comments(1)) == 1
    assert len(set(places)) >= 1
    assert not github.gateway.calls(r" 5\d\d$")


def test_the_attempts_of_one_run_converge_too(github: Hub, forge: MakeForge) -> None:
    github.gateway.barrier("GET", LIST, 12)

    def write(attempt: int) -> str:
        return forge(pace=0.05).comment("default", "same", stamp(7, 1 + attempt % 3))

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(write, range(12)))
    (body,) = ours(github)
    assert read_mark(body, "default") == stamp(7, 3)


def test_the_first_report_needs_three_requests_and_the_next_four(github: Hub, forge: MakeForge) -> None:
    first = forge().comment("default", "one", stamp(1))
    kinds = [call.split()[0] for call in github.gateway.calls("comments")]
    assert kinds == ["GET", "POST", "GET"]
    github.gateway.journal.clear()
    assert forge().comment("default", "two", stamp(2)) == first
    assert [call.split()[0] for call in github.gateway.calls()] in (["GET", "GET", "PATCH", "GET"],)
    assert ours(github) == [mark("two", "default", stamp(2)).strip()] or "two" in ours(github)[0]


def test_the_url_is_the_comment_that_a_reader_finds(github: Hub, forge: MakeForge) -> None:
    url = forge().comment("default", "one", stamp(1))
    assert url == github.comments(1)[0]["html_url"]


def test_an_older_attempt_never_overwrites_a_newer_one(github: Hub, forge: MakeForge) -> None:
    forge().comment("default", "new", stamp(5, 2))
    for late in (stamp(5, 1), stamp(4, 9)):
        forge().comment("default", "late", late)
    assert "new" in ours(github)[0]
    assert not github.gateway.calls("^(PATCH|DELETE)")


@pytest.mark.parametrize("before", [31, 101])
def test_a_comment_behind_pages_of_others_is_found(github: Hub, forge: MakeForge, before: int) -> None:
    for number in range(before):
        github.comment(1, f"talk {number}")
    forge().comment("default", "one", stamp(1))
    forge().comment("default", "two", stamp(2))
    (body,) = ours(github)
    assert "two" in body
    assert len(github.comments(1)) == before + 1
    assert all("per_page=100" in call for call in github.gateway.calls("^GET.*comments"))


def test_cmls_comment_becomes_ours_and_ours_is_found_by_cml(github: Hub, forge: MakeForge) -> None:
    cml = github.comment(
        1, '# Old\n\n![](https://cml.dev/watermark.png#0a1b "CML watermark ci-kit-default")', token=WRITE
    )
    forge().comment("default", "one", stamp(1))
    (comment,) = github.comments(1)
    assert comment["id"] == cml["id"]
    assert re.search(CML, comment["body"])
    assert "one" in comment["body"]


def test_a_strangers_copy_of_our_marks_is_left_alone(github: Hub, forge: MakeForge) -> None:
    forged = github.comment(1, mark("mine", "default", stamp(99)), token=PERSON)
    forge().comment("default", "one", stamp(1))
    bodies = {one["id"]: one["body"] for one in github.comments(1)}
    assert len(bodies) == 2
    assert bodies[forged["id"]] == forged["body"]


def test_the_longest_comment_is_taken_and_a_longer_one_is_one_clear_error(github: Hub, forge: MakeForge) -> None:
    spare = MAX_BODY - len(mark("", "default", stamp(1)))
    forge().comment("default", "x" * (spare - 8), stamp(1))
    assert len(ours(github)[0]) <= MAX_BODY
    with pytest.raises(CiKitError, match="too long") as caught:
        forge().comment("default", "x" * MAX_BODY, stamp(2))
    assert "\n" not in str(caught.value)


def test_a_forks_token_is_told_what_it_lacks(github: Hub, forge: MakeForge) -> None:
    with pytest.raises(CiKitError, match=r"pull-requests: write.*fork"):
        forge(READ).comment("default", "one", stamp(1))
    assert github.comments(1) == []


FOR_GOOD = {
    "401": Fault(status=401, body={"message": "Bad credentials"}, times=-1),
    "403": forbidden(),
    "404": Fault(status=404, body={"message": "Not Found"}, times=-1),
    "422": Fault(status=422, body={"message": "Validation Failed"}, times=-1),
    "429": secondary(3600, status=429, times=-1),
    "500": Fault(status=500, times=-1),
    "reset": Fault(kind="reset", times=-1),
}


@pytest.mark.parametrize("position", range(4))
@pytest.mark.parametrize("name", FOR_GOOD)
def test_what_stays_broken_is_one_clear_error(github: Hub, forge: MakeForge, name: str, position: int) -> None:
    fault = FOR_GOOD[name]
    planned = Fault(
        status=fault.status, headers=fault.headers, body=fault.body, kind=fault.kind, times=-1, skip=position
    )
    forge().comment("default", "zero", stamp(1))
    github.gateway.journal.clear()
    github.gateway.fault(planned)
    with pytest.raises(CiKitError) as caught:
        forge().comment("default", "one", stamp(2))
    text = str(caught.value)
    assert text
    assert len(text) < 500
    assert "\n" not in text
    assert WRITE not in text
    assert len(github.gateway.journal) <= 40
    github.gateway.faults.clear()
    forge().comment("default", "two", stamp(3))
    assert ["two" in body for body in ours(github)] == [True]


PASSING = {
    "429": secondary(1, status=429),
    "secondary 403": secondary(1),
    "502": Fault(status=502),
    "503": Fault(status=503),
    "reset": Fault(kind="reset"),
    "reset after": Fault(kind="reset-after"),
    "truncated": Fault(kind="truncate"),
}


@pytest.mark.parametrize("known", [False, True], ids=["create", "update"])
@pytest.mark.parametrize("name", PASSING)
def test_what_passes_is_waited_out_at_each_call(github: Hub, forge: MakeForge, name: str, known: bool) -> None:
    fault = PASSING[name]
    for position in range(4):
        run = 10 * position + 10
        if known:
            forge().comment("default", "zero", stamp(run))
        else:
            for one in github.comments(1):
                github.api("DELETE", f"/repos/octo/demo/issues/comments/{one['id']}")
        planned = Fault(
            status=fault.status, headers=fault.headers, body=fault.body, kind=fault.kind, times=1, skip=position
        )
        github.gateway.fault(planned)
        forge().comment("default", f"report {run}", stamp(run + 1))
        (body,) = ours(github)
        assert f"report {run}" in body
        github.gateway.faults.clear()
    assert len(github.comments(1)) == 1


def test_what_a_crash_left_behind_is_healed_by_the_next_run(github: Hub, forge: MakeForge) -> None:
    for run in (1, 2, 3):
        github.comment(1, mark(f"crashed {run}", "default", stamp(run)), token=WRITE)
    forge().comment("default", "well", stamp(4))
    (body,) = ours(github)
    assert "well" in body


def test_a_comment_whose_answer_was_lost_is_not_written_again(github: Hub, forge: MakeForge) -> None:
    github.gateway.fault(Fault(method="POST", kind="reset-after"))
    forge().comment("default", "one", stamp(1))
    assert len(github.gateway.calls("^POST")) == 1
    assert len(ours(github)) == 1
