"""Exactly one pull request: the real forge against GitHub's API, in the worst order and with every call going wrong."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from ci_kit.authorities import authorities
from ci_kit.errors import CiKitError, UserError
from ci_kit.forge.base import Proposal, Pull, Stamp, mark, read_mark
from ci_kit.forge.github import GitHubForge
from tests.e2e.conftest import MakeForge
from tests.e2e.faults import Fault, forbidden
from tests.e2e.hub import Hub
from tests.e2e.rules import APP, MAX_BODY, PERSON, READ, WRITE

pytestmark = pytest.mark.e2e
BRANCH, NAME = "ci-kit-retrain/default", "retrain-default"
LIST = "/repos/octo/demo/pulls"
WRITES = "^(POST|PATCH|PUT|DELETE)"


@pytest.fixture(autouse=True)
def repository(github: Hub) -> None:
    """A repository with the branches `main` and `feat`, and another's pull request."""
    github.sample()
    github.gateway.journal.clear()


def stamp(run: int, attempt: int = 1) -> Stamp:
    return Stamp(run_id=run, attempt=attempt, sha=f"{run:040x}")


def tip(hub: Hub, branch: str) -> dict[str, Any]:
    """Return the newest commit of a branch."""
    sha = hub.api("GET", hub.path(f"/git/ref/heads/{branch}"))["object"]["sha"]
    found: dict[str, Any] = hub.api("GET", hub.path(f"/git/commits/{sha}"))
    return found


def proposal(hub: Hub, text: str = "new", branch: str = BRANCH, **changes: Any) -> Proposal:
    wanted: dict[str, Any] = {
        "name": NAME,
        "branch": branch,
        "base": "main",
        "parent": tip(hub, "main")["sha"],
        "title": f"Retrain: {text}",
        "body": f"The evidence for {text}.",
        "message": f"Retrain on {text} data",
        "files": {"data.dvc": f"md5: {text}\n", "models/best.dvc": "é"},
    }
    return Proposal(**wanted | changes)


def pulls(hub: Hub, branch: str = BRANCH, state: str = "open") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = hub.api("GET", hub.path(f"/pulls?state={state}&head=octo:{branch}&per_page=100"))
    return found


def assert_is(hub: Hub, wanted: Proposal) -> dict[str, Any]:
    """Check that there is one open pull request and that it is as it should be; return it."""
    (pull,) = pulls(hub, wanted.branch)
    assert (pull["title"], pull["base"]["ref"]) == (wanted.title, wanted.base)
    assert pull["body"].split("\n", 1)[1].strip() == wanted.body
    commit = tip(hub, wanted.branch)
    assert [parent["sha"] for parent in commit["parents"]] == [wanted.parent]
    assert commit["message"].startswith(wanted.message)
    files = hub.files(wanted.branch)
    assert {path for path, text in wanted.files.items() if text is not None} <= set(files)
    return pull


def person_pushes(hub: Hub, branch: str, *, message: str = "Mend it", amend: bool = False) -> str:
    """Let a person put a commit on top of the branch, or in place of its newest."""
    old = tip(hub, branch)
    entry = {"path": "theirs.txt", "mode": "100644", "type": "blob", "content": "theirs"}
    tree = hub.api("POST", hub.path("/git/trees"), {"base_tree": old["tree"]["sha"], "tree": [entry]})["sha"]
    parents = [parent["sha"] for parent in old["parents"]] if amend else [old["sha"]]
    commit = {"message": old["message"] if amend else message, "tree": tree, "parents": parents}
    sha: str = hub.api("POST", hub.path("/git/commits"), commit)["sha"]
    hub.api("PATCH", hub.path(f"/git/refs/heads/{branch}"), {"sha": sha, "force": True})
    return sha


class TestPropose:
    def test_the_first_run_opens_and_the_next_writes_nothing(self, github: Hub, forge: MakeForge) -> None:
        wanted = proposal(github)
        made = forge().propose(wanted, stamp(1))
        pull = assert_is(github, wanted)
        assert (made.outcome, made.number, made.url) == ("created", pull["number"], pull["html_url"])
        assert forge().opened(BRANCH, "main") == made.url
        github.gateway.journal.clear()
        again = forge().propose(wanted, stamp(2))
        assert (again.outcome, again.number) == ("unchanged", made.number)
        assert not github.gateway.calls(WRITES)
        assert len(github.gateway.calls()) == 3

    def test_new_data_on_a_new_base_updates_the_same_pull_request(self, github: Hub, forge: MakeForge) -> None:
        first = forge().propose(proposal(github, "one"), stamp(1))
        wanted = proposal(github, "two", parent=tip(github, "feat")["sha"])
        second = forge().propose(wanted, stamp(2))
        assert (second.outcome, second.number) == ("updated", first.number)
        assert_is(github, wanted)
        assert github.files(BRANCH).keys() == {"a.txt", "data.dvc", "models/best.dvc"}

    def test_another_text_alone_moves_no_branch(self, github: Hub, forge: MakeForge) -> None:
        forge().propose(proposal(github), stamp(1))
        before, wanted = tip(github, BRANCH)["sha"], proposal(github, body="More evidence.")
        assert forge().propose(wanted, stamp(2)).outcome == "updated"
        assert_is(github, wanted)
        assert tip(github, BRANCH)["sha"] == before

    def test_a_file_can_go(self, github: Hub, forge: MakeForge) -> None:
        forge().propose(proposal(github, files={"a.txt": None, "b.txt": "b"}), stamp(1))
        assert github.files(BRANCH).keys() == {"b.txt"}

    def test_an_older_run_changes_nothing_of_a_newer_one(self, github: Hub, forge: MakeForge) -> None:
        wanted = proposal(github, "newer")
        forge().propose(wanted, stamp(5, 2))
        github.gateway.journal.clear()
        for late in (stamp(5, 1), stamp(4, 9)):
            for old in (proposal(github, "older"), proposal(github, "newer", body="Older evidence.")):
                kept = forge().propose(old, late)
                assert (kept.outcome, kept.detail) == ("kept", "a newer run wrote it")
        assert forge().propose(wanted, stamp(4)).outcome == "unchanged"
        assert not github.gateway.calls(WRITES)

    @pytest.mark.parametrize("contents", ["same", "own"])
    def test_fifty_writers_at_the_same_time_leave_one(self, github: Hub, forge: MakeForge, contents: str) -> None:
        writers = 50
        barrier = github.gateway.barrier("GET", LIST, writers, timeout=40)
        wanted = [proposal(github, "same" if contents == "same" else f"{run:02}") for run in range(writers)]

        def write(run: int) -> Pull:
            return forge(pace=0.3).propose(wanted[run], stamp(run + 1))

        with ThreadPoolExecutor(writers) as pool:
            made = list(pool.map(write, range(writers)))
        assert barrier.opened
        pull = assert_is(github, wanted[-1])
        assert len(pulls(github, state="all")) == 1
        assert {one.number for one in made} <= {pull["number"], None}
        assert len(github.gateway.calls("^POST.*/pulls 201")) == len(github.gateway.calls("^POST.*git/refs 201")) == 1
        assert contents == "own" or [one.outcome for one in made].count("created") == 1
        assert not github.gateway.calls(r" 5\d\d$")

    @pytest.mark.parametrize("amend", [False, True])
    def test_what_a_person_pushed_is_kept(self, github: Hub, forge: MakeForge, amend: bool) -> None:
        forge().propose(proposal(github, "one"), stamp(1))
        theirs = person_pushes(github, BRANCH, amend=amend)
        kept = forge().propose(proposal(github, "two"), stamp(2))
        assert (kept.outcome, kept.detail) == ("kept", f"a person has pushed to the branch {BRANCH}")
        assert tip(github, BRANCH)["sha"] == theirs
        github.gateway.journal.clear()
        left = forge().withdraw(BRANCH, "main", NAME, "Gone.", stamp(3))
        assert left
        assert (left.url, left.outcome, left.detail) == (kept.url, "kept", "a person has pushed to its branch")
        assert tip(github, BRANCH)["sha"] == theirs
        assert [one["html_url"] for one in pulls(github)] == [kept.url]
        assert not github.gateway.calls(WRITES)

    def test_what_a_person_pushes_while_the_commit_is_made_is_kept(self, github: Hub, forge: MakeForge) -> None:
        forge().propose(proposal(github, "one"), stamp(1))
        slow = github.gateway.fault(Fault(method="POST", path=".*/git/commits", kind="stall", seconds=1.0))
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(forge().propose, proposal(github, "two"), stamp(2))
            while not slow.hits:
                time.sleep(0.01)
            theirs = person_pushes(github, BRANCH)
            assert waiting.result().outcome == "kept"
        assert tip(github, BRANCH)["sha"] == theirs

    @pytest.mark.parametrize("known", [False, True])
    def test_a_list_that_lags_behind_makes_no_second_one(self, github: Hub, forge: MakeForge, known: bool) -> None:
        if known:
            forge().propose(proposal(github), stamp(1))
        github.gateway.fault(Fault(method="GET", path=LIST, status=200, body=[], times=4 if known else -1))
        made = forge().propose(proposal(github), stamp(2))
        assert made.outcome == ("unchanged" if known else "created")
        assert [pull["html_url"] for pull in pulls(github, state="all")] == [made.url]

    def test_a_trailer_inside_a_persons_message_makes_it_not_ours(self, github: Hub, forge: MakeForge) -> None:
        forge().propose(proposal(github, "one"), stamp(1))
        copied = tip(github, BRANCH)["message"]
        theirs = person_pushes(github, BRANCH, message=copied)
        assert forge().propose(proposal(github, "two"), stamp(2)).outcome == "kept"
        assert tip(github, BRANCH)["sha"] == theirs

    def test_a_pull_request_that_a_person_opened_is_left_alone(self, github: Hub, forge: MakeForge) -> None:
        forge().propose(proposal(github), stamp(1))
        number = pulls(github)[0]["number"]
        github.api("PATCH", github.path(f"/pulls/{number}"), {"body": "Mine now."})
        github.gateway.journal.clear()
        kept = forge().propose(proposal(github, "two"), stamp(2))
        assert (kept.outcome, kept.number) == ("kept", number)
        left = forge().withdraw(BRANCH, "main", NAME, "Gone.", stamp(3))
        assert left
        assert (left.outcome, left.detail) == (kept.outcome, kept.detail)
        assert not github.gateway.calls(WRITES)

    def test_another_monitors_pull_request_is_another(self, github: Hub, forge: MakeForge) -> None:
        one, two = proposal(github), proposal(github, branch="ci-kit-retrain/default-2", name="retrain-default-2")
        for wanted in (one, two, one, two):
            forge().propose(wanted, stamp(1))
        assert assert_is(github, one)["number"] != assert_is(github, two)["number"]

    def test_after_the_merge_the_next_is_a_new_one(self, github: Hub, forge: MakeForge) -> None:
        first = forge().propose(proposal(github, "one"), stamp(1))
        github.api("PUT", github.path(f"/pulls/{first.number}/merge"), {})
        wanted = proposal(github, "two")
        second = forge().propose(wanted, stamp(2))
        assert (second.outcome, second.number) != ("created", first.number)
        assert_is(github, wanted)

    def test_a_branch_that_a_person_deleted_closed_its_pull_request(self, github: Hub, forge: MakeForge) -> None:
        first = forge().propose(proposal(github), stamp(1))
        with httpx.Client(
            base_url=github.url, headers={"authorization": f"Bearer {PERSON}"}, verify=authorities()
        ) as person:
            person.delete(github.path(f"/git/refs/heads/{BRANCH}")).raise_for_status()
        assert forge().opened(BRANCH, "main") is None
        second = forge().propose(proposal(github), stamp(2))
        assert (second.outcome, second.number) == ("created", (first.number or 0) + 1)

    @pytest.mark.parametrize(("token", "checked"), [(WRITE, False), (APP, True), (PERSON, True)])
    def test_the_reviewer_is_told_when_nothing_starts_by_itself(
        self, github: Hub, forge: MakeForge, token: str, checked: bool
    ) -> None:
        wanted = proposal(github, body="Checks run.", unchecked="Click here.")
        for run in (1, 2):
            assert forge(token).propose(wanted, stamp(run)).checked is checked
        (pull,) = pulls(github)
        assert pull["body"].split("\n", 1)[1].strip() == ("Checks run." if checked else "Click here.")
        assert len(github.gateway.calls("^POST.*/pulls 201")) == 1
        assert not github.gateway.calls("^PATCH")


class TestWithdraw:
    def test_it_is_closed_with_one_comment_and_its_branch_goes(self, github: Hub, forge: MakeForge) -> None:
        made = forge().propose(proposal(github), stamp(1))
        closed = forge().withdraw(BRANCH, "main", NAME, "Drift has gone.", stamp(2))
        assert closed
        assert (closed.url, closed.number, closed.outcome) == (made.url, made.number, "closed")
        (pull,) = pulls(github, state="all")
        assert (pull["state"], github.files(BRANCH)) == ("closed", {})
        (comment,) = github.comments(pull["number"])
        assert "Drift has gone." in comment["body"]
        assert forge().opened(BRANCH, "main") is None
        github.gateway.journal.clear()
        assert forge().withdraw(BRANCH, "main", NAME, "Again.", stamp(3)) is None
        assert not github.gateway.calls(WRITES)
        again = forge().propose(proposal(github, "back"), stamp(4))
        assert (again.outcome, again.number) == ("created", pull["number"] + 1)

    def test_twenty_at_the_same_time_leave_one_comment(self, github: Hub, forge: MakeForge) -> None:
        made = forge().propose(proposal(github), stamp(1))
        barrier = github.gateway.barrier("GET", LIST, 20, timeout=40)

        def close(run: int) -> str:
            closed = forge(pace=0.1).withdraw(BRANCH, "main", NAME, f"Gone {run}.", stamp(run))
            return closed.url if closed else ""

        with ThreadPoolExecutor(20) as pool:
            places = list(pool.map(close, range(2, 22)))
        assert barrier.opened
        assert set(places) == {made.url}
        (comment,) = github.comments(made.number or 0)
        assert "Gone 21." in comment["body"]
        assert (pulls(github), github.files(BRANCH)) == ([], {})

    def test_an_older_run_closes_nothing(self, github: Hub, forge: MakeForge) -> None:
        forge().propose(proposal(github), stamp(5))
        assert forge().withdraw(BRANCH, "main", NAME, "Gone.", stamp(4)) is None
        assert len(pulls(github)) == 1

    def test_where_there_is_none_nothing_is_written(self, github: Hub, forge: MakeForge) -> None:
        assert forge().withdraw(BRANCH, "main", NAME, "Gone.", stamp(1)) is None
        theirs = forge().withdraw("feat", "main", NAME, "Gone.", stamp(1))
        assert theirs
        assert theirs.outcome == "kept"
        assert not github.gateway.calls(WRITES)


FAULTS: dict[str, dict[str, Any]] = {
    "422": {"status": 422, "body": {"message": "Validation Failed", "errors": [{"message": "not today"}]}},
    "403": {"status": 403, "body": {"message": "Resource not accessible by integration"}},
    "500": {"status": 500},
    "truncated": {"kind": "truncate"},
    "lost": {"kind": "reset-after"},
    "timeout": {"kind": "stall", "seconds": 0.3},  # and GitHub acts when nobody waits any more
    "gone": {"kind": "reset", "times": -1},  # to GitHub the same as a crash between two calls
}


class Trial:
    """One thing to do again and again, each time with another run and from the same state."""

    def __init__(self, github: Hub, forge: MakeForge, what: str) -> None:
        self.github, self.what, self.run, self.branch = github, what, 0, BRANCH
        self._forge, self._parent = forge, tip(github, "main")["sha"]

    def prepare(self) -> None:
        """Bring about the state to start from."""
        self.run += 10
        if self.what == "create":
            self.branch = f"ci-kit-retrain/{self.run}"
        elif self.what == "withdraw" or self.run == 10:
            self.propose("before")
        self.github.gateway.journal.clear()

    def act(self, attempt: int) -> None:
        """Try it; the calls of an impatient client."""
        if self.what != "withdraw":
            self.propose(str(self.run), attempt)
            return
        self.client().withdraw(self.branch, "main", NAME, "Gone.", stamp(self.run, attempt))

    def check(self) -> None:
        """One pull request, as it should be; or none, one comment, and no branch."""
        if self.what != "withdraw":
            assert_is(self.github, self.wanted(str(self.run)))
            return
        pull = max(pulls(self.github, self.branch, "all"), key=lambda one: int(one["number"]))
        (comment,) = self.github.comments(pull["number"])
        assert read_mark(comment["body"], NAME)
        assert (pull["state"], self.github.files(self.branch)) == ("closed", {})

    def client(self) -> GitHubForge:
        late = self.what == "withdraw" and any(fault.kind == "stall" for fault in self.github.gateway.faults)
        made = self._forge(pace=0.3 if late else 0)  # a comment that is made later than a look is not found by it
        made._client._http.timeout = httpx.Timeout(0.25 if self.github.gateway.faults else 10)
        return made

    def propose(self, text: str, attempt: int = 1) -> None:
        self.client().propose(self.wanted(text), stamp(self.run, attempt))

    def wanted(self, text: str) -> Proposal:
        return proposal(self.github, text, self.branch, parent=self._parent)


class TestTrouble:
    @pytest.mark.parametrize("name", FAULTS)
    @pytest.mark.parametrize("what", ["create", "update", "withdraw"])
    def test_at_every_call_it_ends_well_or_in_one_line_and_the_next_run_heals(
        self, github: Hub, forge: MakeForge, what: str, name: str
    ) -> None:
        trial = Trial(github, forge, what)
        trial.prepare()
        trial.act(1)
        calls = len(github.gateway.journal)
        assert calls >= 9
        for position in range(calls):
            trial.prepare()
            fault = github.gateway.fault(Fault(skip=position, **FAULTS[name]))
            try:
                trial.act(1)
            except CiKitError as error:
                text = str(error)
                assert 0 < len(text) < 500
                assert "\n" not in text
                assert WRITE not in text
            assert fault.hits
            assert len(github.gateway.journal) <= 60
            github.gateway.faults.clear()
            if name == "timeout":
                time.sleep(0.1)
            assert len(pulls(github, trial.branch)) <= 1
            trial.act(2)
            trial.check()


class TestRefusals:
    def test_a_forks_token_is_told_what_it_lacks(self, github: Hub, forge: MakeForge) -> None:
        with pytest.raises(UserError, match="contents: write"):
            forge(READ).propose(proposal(github), stamp(1))
        forge().propose(proposal(github), stamp(1))
        with pytest.raises(UserError, match="pull-requests: write"):
            forge(READ).propose(proposal(github, body="Else."), stamp(2))
        with pytest.raises(UserError, match="pull-requests: write"):
            forge(READ).withdraw(BRANCH, "main", NAME, "Gone.", stamp(3))

    def test_the_repositorys_setting_is_named(self, github: Hub, forge: MakeForge) -> None:
        body = {"message": "GitHub Actions is not permitted to create or approve pull requests."}
        github.gateway.fault(Fault(method="POST", path=LIST, status=403, body=body, times=-1))
        with pytest.raises(UserError, match=r"Settings > Actions > General") as caught:
            forge().propose(proposal(github), stamp(1))
        assert "\n" not in str(caught.value)

    def test_a_branch_below_the_history_can_not_be(self, github: Hub, forge: MakeForge) -> None:
        forge().record({"a": b"1"}, "history")
        with pytest.raises(UserError, match="Reference update failed"):
            forge().propose(proposal(github, branch="ci-kit/retrain/default"), stamp(1))

    def test_a_base_that_is_not_there_is_named(self, github: Hub, forge: MakeForge) -> None:
        with pytest.raises(UserError, match="Validation Failed"):
            forge().propose(proposal(github, base="master"), stamp(1))


class TestHostile:
    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"branch": "a..b"}, "no name for a branch"),
            ({"branch": "a b"}, "no name for a branch"),
            ({"branch": "main"}, "merged into itself"),
            ({"files": {"../x": "x"}}, "no path"),
            ({"files": {".git/config": "x"}}, "no path"),
            ({"files": {"a": "\ud800"}}, "not text"),
            ({"files": {}}, "change nothing"),
            ({"parent": "main"}, "not a commit id"),
            ({"name": "a\nb"}, "no name"),
            ({"body": "x" * MAX_BODY}, "too long"),
        ],
        ids=lambda value: str(value)[:30],
    )
    def test_what_no_repository_takes_is_one_clear_line(
        self, github: Hub, forge: MakeForge, changes: dict[str, Any], words: str
    ) -> None:
        with pytest.raises(UserError, match=words) as caught:
            forge().propose(proposal(github, **changes), stamp(1))
        assert "\n" not in str(caught.value)
        assert pulls(github) == []

    @pytest.mark.parametrize("name", ["ml-größe+x", "100%25#a&b=c;'d", "🚲"])
    def test_odd_names_of_branches_travel_unharmed(self, github: Hub, forge: MakeForge, name: str) -> None:
        branch = f"ci-kit-retrain/{name}"
        odd = proposal(github, branch=branch)
        made = forge().propose(odd, stamp(1))
        assert forge().propose(odd, stamp(2)) == Pull(
            url=made.url, outcome="unchanged", number=made.number, checked=False
        )
        assert forge().opened(branch, "main") == made.url
        closed = forge().withdraw(branch, "main", NAME, "Gone.", stamp(3))
        assert closed
        assert closed.url == made.url
        assert forge().opened(branch, "main") is None

    def test_marks_and_trailers_in_the_data_count_for_nothing(self, github: Hub, forge: MakeForge) -> None:
        first = mark("x", NAME, stamp(99), watermark=False).split("\n")[0]
        trailer = f"ci-kit: {NAME} run=99 attempt=1 tree={'0' * 40} change={'0' * 32}"
        hostile = {"title": f"{first}\r\n{'é' * 400}", "body": f"{first}\n\ud800", "message": f"x\n\n{trailer}\n"}
        forge().propose(proposal(github, **hostile), stamp(1))
        assert forge().propose(proposal(github, "two"), stamp(2)).outcome == "updated"
        assert_is(github, proposal(github, "two"))


class TestDispatch:
    PATH = "/repos/octo/demo/actions/workflows/model.yml/dispatches"

    @pytest.fixture
    def workflows(self, github: Hub) -> None:
        """Two workflows on `main`, of which one can be dispatched."""
        for name, trigger in (("model", "workflow_dispatch"), ("other", "push")):
            entry = {"path": f".github/workflows/{name}.yml", "mode": "100644", "type": "blob", "content": trigger}
            old = tip(github, "main")
            tree = github.api("POST", github.path("/git/trees"), {"base_tree": old["tree"]["sha"], "tree": [entry]})
            commit = {"message": name, "tree": tree["sha"], "parents": [old["sha"]]}
            sha = github.api("POST", github.path("/git/commits"), commit)["sha"]
            github.api("PATCH", github.path("/git/refs/heads/main"), {"sha": sha})

    @pytest.mark.usefixtures("workflows")
    def test_a_workflow_starts_on_the_branch(self, github: Hub, forge: MakeForge) -> None:
        forge().propose(proposal(github), stamp(1))
        forge().dispatch("model.yml", BRANCH)
        assert github.gateway.rules.dispatches == [("model.yml", BRANCH)]

    @pytest.mark.usefixtures("workflows")
    @pytest.mark.parametrize(
        ("workflow", "branch", "words"),
        [
            ("none.yml", "main", "none.yml with `on: workflow_dispatch`"),
            ("other.yml", "main", "other.yml with `on: workflow_dispatch`"),
            ("model.yml", "none", "No ref found for: none"),
        ],
    )
    def test_what_can_not_start_is_one_clear_line(
        self, github: Hub, forge: MakeForge, workflow: str, branch: str, words: str
    ) -> None:
        with pytest.raises(UserError, match=words) as caught:
            forge().dispatch(workflow, branch)
        assert "\n" not in str(caught.value)

    def test_the_permission_is_named(self, github: Hub, forge: MakeForge) -> None:
        github.gateway.fault(forbidden(path=self.PATH))
        with pytest.raises(UserError, match="actions: write"):
            forge().dispatch("model.yml", "main")

    @pytest.mark.usefixtures("workflows")
    def test_a_lost_answer_starts_it_once(self, github: Hub, forge: MakeForge) -> None:
        github.gateway.fault(Fault(kind="reset-after", path=self.PATH))
        with pytest.raises(CiKitError, match="did not answer POST"):
            forge().dispatch("model.yml", "main")
        assert len(github.gateway.rules.dispatches) == 1
