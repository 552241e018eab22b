"""The whole of `report` against GitHub's API: comment, check, status and history, with every call going wrong once."""

import itertools
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from ci_kit import forge as forges
from ci_kit.authorities import authorities
from ci_kit.config import read
from ci_kit.forge import verdicts
from ci_kit.forge.base import read_mark
from ci_kit.forge.client import Client
from ci_kit.forge.github import GitHubForge
from ci_kit.job import Job
from ci_kit.parts import Check, Source
from ci_kit.report.step import run
from ci_kit.result import Findings
from tests.e2e.faults import Fault, forbidden, secondary
from tests.e2e.hub import Hub
from tests.e2e.rules import READ, WRITE
from tests.forge.repository import git
from tests.render.samples import check, evaluated, passing

pytestmark = pytest.mark.e2e
ROUNDS = int(os.environ.get("CI_KIT_ROUNDS", "1"))
NAME = "ci-kit: digits"
FAULTS = {
    "502": Fault(status=502),
    "503": Fault(status=503),
    "429": secondary(1, status=429),
    "secondary 403": secondary(1),
    "reset": Fault(kind="reset"),
    "reset after": Fault(kind="reset-after"),
    "truncated": Fault(kind="truncate"),
}
FINDINGS = tuple(check(f"row {number}", "fail", observed=f"{number} is odd") for number in range(1, 4))
COUNT = len(FINDINGS) + 1  # and the gate


class Crash(BaseException):
    """The process dies here."""


class Failing(httpx.HTTPTransport):
    """Fails the call `left` calls from now, before GitHub sees it or after it has acted on it."""

    left, after = -1, False
    failure: BaseException = Crash()

    def plan(self, left: int, failure: BaseException, *, after: bool) -> None:
        self.left, self.failure, self.after = left, failure, after

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.left -= 1
        if self.left == -1 and not self.after:
            raise self.failure
        answer = super().handle_request(request)
        if self.left == -1:
            answer.read()
            answer.close()
            raise self.failure
        return answer


@dataclass
class Desk:
    """Reports on the same change, or the same push, again and again."""

    github: Hub
    root: Path
    transport: Failing
    environ: Callable[[Mapping[str, str]], None]
    shas: Mapping[str, str]
    show: str = "[comment, check, status]"
    judged: str = ""
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def save(self, sha: str, directory: str, *findings: Check) -> None:
        """Leave the Results of a change that fails."""
        for one in (*passing("validate", "train"), evaluated("fail", *findings)):
            source = one.source.model_copy(update={"sha": sha, "directory": directory})
            one.model_copy(update={"source": source}).save(self.root)
        self.judged = sha

    def report(self, event: str, number: int, token: str = WRITE) -> Findings:
        """Report as the run of that number does."""
        sha = self.shas[event]
        if sha != self.judged:
            self.save(sha, "ml", *FINDINGS)
        head = {"sha": sha, "repo": {"full_name": "octo/demo"}}
        base = {"sha": self.shas["push"], "ref": "main", "repo": {"full_name": "octo/demo"}}
        payload: dict[str, Any] = {"repository": {"default_branch": "main"}}
        payload |= {"pull_request": {"number": 1, "head": head, "base": base}} if event == "pull_request" else {}
        (self.root / "event.json").write_text(json.dumps(payload))
        (self.root / "summary").write_text("")
        ref = "refs/heads/main" if event == "push" else "refs/pull/1/merge"
        known = {"GITHUB_EVENT_NAME": event, "GITHUB_SHA": self.shas["push"], "GITHUB_REF": ref, "GITHUB_TOKEN": token}
        self.environ(known | {"GITHUB_RUN_ID": str(number)})
        config = read(f"report: {{title: digits, show: {self.show}}}".encode())
        return run(Job(root=self.root, config=config, source=Source(repo="octo/demo", sha=sha), say=lambda _: None))

    def checks(self, sha: str) -> list[dict[str, Any]]:
        path = self.github.path(f"/commits/{sha}/check-runs")
        found = self.github.api("GET", f"{path}?filter=all")["check_runs"]
        return [one for one in found if one["name"] == NAME]

    def shown(self, event: str, number: int) -> bool:
        """Say whether each place holds exactly what the run of that number has to say."""
        sha, order = self.shas[event], f"{number}.1"
        marks = [read_mark(one["body"], "default") for one in self.github.comments(1)]
        comment = event == "push" or [mark.run_id for mark in marks if mark] == [number]
        found = self.checks(sha)
        notes = [self.github.gateway.board.notes[one["id"]] for one in found]
        check = [(one["status"], one["conclusion"], one["external_id"]) for one in found]
        once = [len(one) == len({note["message"] for note in one}) == COUNT for one in notes]
        status = [one["target_url"] for one in self.github.gateway.board.statuses if one["sha"] == sha][-1:]
        record = event != "push" or f"results/{sha}/ml/evaluate.json" in self.github.files("ci-kit")
        done = {("completed", "failure", order)}
        return comment and set(check) == done and all(once) and status[0].endswith(f"/{number}/attempts/1") and record

    def forget(self, event: str) -> None:
        """Make it the first report: on a commit that nobody has judged, and without a comment."""
        tip = self.github.api("GET", self.github.path(f"/git/commits/{self.shas[event]}"))
        commit = {"message": f"after {tip['sha']}", "tree": tip["tree"]["sha"], "parents": [tip["sha"]]}
        made = self.github.api("POST", self.github.path("/git/commits"), commit)
        self.shas = {**self.shas, event: made["sha"]}
        for one in self.github.comments(1):
            self.github.api("DELETE", self.github.path(f"/issues/comments/{one['id']}"))

    def saved(self) -> bool:
        """Say whether the report is where people look when GitHub does not answer."""
        places = (self.root / "summary", self.root / ".ci-kit/report.html")
        return all("digits" in place.read_text() for place in places)


@pytest.fixture
def desk(github: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    github.sample()
    branches = {"push": "main", "pull_request": "feat"}
    refs = {event: github.path(f"/git/ref/heads/{branch}") for event, branch in branches.items()}
    shas = {event: github.api("GET", path)["object"]["sha"] for event, path in refs.items()}
    known = {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_PATH": str(tmp_path / "event.json"), "GITHUB_RUN_ATTEMPT": "1"}
    known |= {"GITHUB_REPOSITORY": "octo/demo", "GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}
    known |= {"GITHUB_OUTPUT": str(tmp_path / "output")}
    transport = Failing(verify=authorities())

    def connect(root: Path, event: Any, publisher: str = "github", env: Mapping[str, str] = os.environ) -> GitHubForge:
        client = Client(github.url, env["GITHUB_TOKEN"], transport=transport, sleep=lambda _: None)
        return GitHubForge(client, event.repo, event.number, url=event.url)

    def environ(more: Mapping[str, str]) -> None:
        for name, value in (known | dict(more)).items():
            monkeypatch.setenv(name, value)

    monkeypatch.setattr(forges, "connect", connect)
    monkeypatch.setattr(verdicts, "BATCH", 3)  # so that a small report, which is a quick one, has two of them
    with transport:
        yield Desk(github, tmp_path, transport, environ, shas)


def test_the_usual_report_needs_five_calls_and_a_check_and_a_status_three_each(desk: Desk) -> None:
    journal = desk.github.gateway.journal
    for show, most in {"[comment]": 5, "[comment, check, status]": 12}.items():
        desk.show = show
        for number in (1, 2):
            journal.clear()
            desk.report("pull_request", number)
            assert len(journal) <= most, desk.github.gateway.calls()
    assert desk.shown("pull_request", 2)


def survey(desk: Desk, event: str, name: str, *, known: bool) -> Iterator[bool]:
    """Yield for the fault at each call of a report whether that report is then where it should be.

    One that is not must have said so in one line, and have saved itself.
    """
    for position in range(99):
        number = next(desk.numbers)
        if not known:
            desk.forget(event)
        planned = None
        if name in FAULTS:
            planned = desk.github.gateway.fault(replace(FAULTS[name], skip=position))
        else:
            desk.transport.plan(position, httpx.ReadTimeout("no answer"), after=name == "timeout after")
        found = desk.report(event, number)
        hit = planned.hits if planned else desk.transport.left < 0
        desk.github.gateway.faults.clear()
        desk.transport.left = -1
        told = [one for one in found.checks if one.status == "fail"]
        assert all(one.detail and "\n" not in one.detail and WRITE not in one.detail for one in told)
        assert desk.saved()
        well = desk.shown(event, number)
        assert well or told, f"{name} at call {position} of {event}: nothing tells of it"
        if not hit:
            return
        yield well and not told


# CI_KIT_ROUNDS=2 asks for all four.
CASES = [("pull_request", False), ("push", True), ("pull_request", True), ("push", False)]


@pytest.mark.parametrize(("event", "known"), CASES[: 2 * ROUNDS])
def test_one_fault_at_any_call_is_survived_or_told(desk: Desk, event: str, known: bool) -> None:
    """It prints how many were survived: pytest -s."""
    desk.report(event, next(desk.numbers))
    told = {name: [*survey(desk, event, name, known=known)] for name in (*FAULTS, "timeout", "timeout after")}
    for name, survived in told.items():
        print(f"{event} {'update' if known else 'create'} {name}: {sum(survived)} of {len(survived)}")
        assert len(survived) > 9
    assert sum(map(sum, told.values())) >= 0.95 * sum(map(len, told.values()))


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("event", ["pull_request", "push"])
def test_the_next_run_heals_a_crash_at_any_call(desk: Desk, event: str, after: bool) -> None:
    number, crashed = 0, True
    while crashed:
        number += 1
        desk.forget(event)
        desk.transport.plan(number - 1, Crash(), after=after)
        crashed = False
        try:
            desk.report(event, 2 * number)
        except Crash:
            crashed = True
        desk.transport.left = -1
        desk.report(event, 2 * number + 1)
        assert desk.shown(event, 2 * number + 1), f"call {number} of {event}"
        assert len(desk.checks(desk.shas[event])) == 1
    assert number > 9


LASTING = {
    "401": Fault(status=401, body={"message": "Bad credentials"}, times=-1),
    "403": forbidden(),
    "429": secondary(3600, status=429, times=-1),
    "502": Fault(status=502, times=-1),
}


@pytest.mark.parametrize("name", LASTING)
def test_what_stays_broken_is_told_in_a_line_each_and_healed_by_the_next_run(desk: Desk, name: str) -> None:
    desk.report("pull_request", 1)
    for number, position in enumerate((0, 2, 5, 8)):
        desk.github.gateway.fault(replace(LASTING[name], skip=position))
        found = desk.report("pull_request", 2 * number + 2)
        desk.github.gateway.faults.clear()
        told = [one for one in found.checks if one.status in ("fail", "warn")]
        assert told
        assert all(one.detail and "\n" not in one.detail for one in told)
        assert desk.saved()
        assert len(desk.github.gateway.journal) < 120, "it does not hammer"
        desk.github.gateway.journal.clear()
        desk.report("pull_request", 2 * number + 3)
        assert desk.shown("pull_request", 2 * number + 3)


def command(desk: Desk, token: str, count: int) -> subprocess.CompletedProcess[str]:
    """Report as a job does: a process with a real clock, in a repository."""
    desk.report("pull_request", 1)  # it leaves the event, the results and the environment
    many = [check(f"row {number}", "fail", observed=f"{number} is odd") for number in range(count)]
    desk.save(desk.shas["pull_request"], "", *many)
    (desk.root / "ci-kit.yaml").write_text(f"report: {{title: digits, show: {desk.show}}}")
    git(desk.root, "init", "--quiet")
    git(desk.root, "commit", "--quiet", "--allow-empty", "-m", "start")
    for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"):
        Path(os.environ[name]).write_text("")
    desk.github.gateway.journal.clear()
    env = {**os.environ, "GITHUB_API_URL": desk.github.url, "GITHUB_TOKEN": token, "GITHUB_RUN_ID": "2"}
    call = (sys.executable, "-m", "ci_kit", "report")
    return subprocess.run(call, cwd=desk.root, env=env, capture_output=True, text=True, timeout=60, check=False)


def test_the_command_shows_the_report_in_all_places(desk: Desk) -> None:
    done = command(desk, WRITE, 120)
    assert done.returncode == 0, done.stdout + done.stderr
    (first, last) = sorted(desk.checks(desk.shas["pull_request"]), key=lambda one: int(one["id"]))
    notes = desk.github.gateway.board.notes
    assert [len(notes[one["id"]]) for one in (first, last)] == [4, 121], "what the first run found is not true any more"
    assert {(one["external_id"], one["conclusion"]) for one in (first, last)} == {("2.1", "failure")}
    assert notes[last["id"]][0]["path"] == "tests/test_model.py"
    assert len(desk.github.gateway.calls("^(POST|PATCH) .*check-runs")) == 4, "three batches, and the older one"
    assert desk.github.gateway.board.statuses[-1]["state"] == "failure"


def test_the_command_tells_in_single_lines_what_the_token_may_not(desk: Desk) -> None:
    done = command(desk, READ, 1)
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert all(f"`{need}: write`" in done.stdout for need in ("pull-requests", "checks", "statuses")), done.stdout
    assert READ not in done.stdout + done.stderr
    assert desk.saved()
    refused = desk.github.gateway.calls("^(POST|PATCH) .* 403$")
    assert [re.split("[/ ]", call)[5] for call in refused] == ["issues", "check-runs", "statuses"], "each once"
    print(done.stdout, done.stderr)
