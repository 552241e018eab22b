import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from ci_kit import forge
from ci_kit.config import read
from ci_kit.errors import UserError
from ci_kit.forge.base import Event, Forge, Head
from ci_kit.forge.github import GitHubForge
from ci_kit.job import Job
from ci_kit.parts import Check, Metric, Source
from ci_kit.report.artifact import Taken
from ci_kit.report.fork import fork, gathered
from ci_kit.result import Result
from tests.forge.fake import Hub
from tests.hostile import COMMANDS, MARKDOWN
from tests.render.samples import SHA, check, evaluated, passing, result

CONFIG = "data: {evaluation: {path: a.csv}}\ntrain: {command: make}\nreport: {title: digits}"
MERGE, OTHER = "cd" * 20, "ef" * 20
HEAD = Head(number=3, sha=SHA, merge_sha=MERGE, base="main")
BRANCH = "$(id)`x`|@octocat/<b>&head=octo:main"


class Story:
    """A fork's run that has ended, what it left, and the pull requests that GitHub has; `say` reports on it."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root, self.hub, self.pulls = root / "checkout", Hub(), [pull()]
        self.folder = root / "temp" / "fork"
        self.folder.mkdir(parents=True)
        self.root.mkdir()
        self.asked: list[str] = []
        self.run: dict[str, Any] = {
            "id": 4711,
            "run_attempt": 2,
            "event": "pull_request",
            "head_sha": SHA,
            "head_branch": BRANCH,
            "head_repository": {"full_name": "stranger/demo"},
        }
        self.env = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_NAME": "workflow_run",
            "GITHUB_EVENT_PATH": str(root / "event"),
            "GITHUB_REPOSITORY": "octo/demo",
            "GITHUB_RUN_ID": "9999",
            "GITHUB_SHA": OTHER,
            "RUNNER_TEMP": str(root / "temp"),
        }
        self.summary, self.output = root / "summary", root / "output"
        for name, path in (("GITHUB_STEP_SUMMARY", self.summary), ("GITHUB_OUTPUT", self.output)):
            path.touch()
            monkeypatch.setenv(name, str(path))
        self.hub.before = self._listed

        def connect(_: Path, event: Event, publisher: str = "github", env: object = None) -> Forge:
            assert publisher == "github"
            return GitHubForge(self.hub.client(), event.repo, event.number)

        monkeypatch.setattr(forge, "connect", connect)
        original = Hub.handle

        def handle(hub: Hub, request: httpx.Request) -> httpx.Response:
            self.asked.append(str(request.url))
            return original(hub, request)

        monkeypatch.setattr(Hub, "handle", handle)

    def _listed(self, method: str, path: str) -> httpx.Response | None:
        return httpx.Response(200, json=self.pulls) if path.endswith("/pulls") else None

    def save(self, *results: Result) -> None:
        for one in results:
            (self.folder / f"{one.step}.json").write_text(one.model_dump_json(exclude_none=True))

    def say(self) -> Check:
        Path(self.env["GITHUB_EVENT_PATH"]).write_text(json.dumps({"workflow_run": self.run}))
        job = Job(root=self.root, config=read(CONFIG.encode()), source=Source(repo="octo/demo", sha=OTHER))
        (only,) = fork(job, self.env).checks
        return only

    @property
    def comment(self) -> str:
        (only,) = self.hub.comments.values()
        return str(only["body"])


def pull(number: int = 3, sha: str = SHA, source: str | None = "stranger/demo", ref: str = BRANCH) -> dict[str, Any]:
    head = {"sha": sha, "ref": ref, "repo": source and {"full_name": source}}
    return {"number": number, "head": head, "base": {"ref": "main"}, "merge_commit_sha": MERGE}


@pytest.fixture
def story(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Story:
    return Story(tmp_path, monkeypatch)


def of(sha: str | None, one: Result) -> Result:
    return one.model_copy(update={"source": one.source.model_copy(update={"sha": sha})})


def test_one_comment_says_whose_numbers_these_are(story: Story) -> None:
    story.save(*passing("validate", "train"), evaluated())
    assert story.say().status == "pass"
    first, heading, _, lead, *_ = story.comment.splitlines()
    assert first == f"<!-- ci-kit:report id=default run=4711 attempt=2 sha={SHA} -->"
    assert heading == "## ❔ digits: the fork's own run says: the candidate is better than main"
    assert lead.startswith(
        "**Told by the fork's own run, and not checked here:** the code of this pull request ran there"
    )
    assert "No gate of this repository has judged it" in lead
    assert "git checkout" not in story.comment
    assert story.summary.read_text().splitlines()[0] == heading
    story.run["run_attempt"] = 3
    story.say()
    assert "attempt=3" in story.comment


def test_a_stranger_has_no_part_in_a_shared_comment(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "CONFIG", "report: {id: bike, comment: models}")
    story.save(evaluated())
    story.say()
    first, heading, *_ = story.comment.splitlines()
    assert first.startswith("<!-- ci-kit:report id=bike ")
    assert heading == "## ❔ bike: the fork's own run says: the candidate is better than main"


def test_a_failure_is_told_as_one(story: Story) -> None:
    story.save(*passing("validate", "train"), evaluated("fail"))
    story.say()
    assert "## ❌ digits: the fork's own run says: the candidate is worse than main" in story.comment


def test_an_older_run_does_not_replace_a_newer_ones_report(story: Story) -> None:
    story.save(evaluated())
    story.say()
    story.run["id"] = 4000
    story.say()
    assert "run=4711" in story.comment


def test_the_branch_is_asked_for_as_one_value(story: Story) -> None:
    story.save(evaluated())
    story.say()
    url = httpx.URL(next(one for one in story.asked if "/pulls" in one))
    assert url.params["head"] == f"stranger:{BRANCH}"
    assert url.params["state"] == "open"


def test_nothing_is_written_but_the_comment(story: Story) -> None:
    story.save(*passing("validate", "train"), evaluated())
    story.say()
    writes = [call for call in story.hub.journal if not call.startswith("GET ")]
    assert writes == ["POST /repos/octo/demo/issues/3/comments"]
    assert not (story.root / ".ci-kit").exists()


SKIPPED: list[tuple[Callable[[Story], object], str]] = [
    (lambda story: story.pulls.clear(), "No open pull request"),
    (lambda story: story.pulls.__setitem__(0, pull(sha=OTHER)), "a newer commit"),
    (lambda story: story.pulls.__setitem__(0, pull(source="stranger/other")), "No open pull request"),
    (lambda story: story.pulls.__setitem__(0, pull(source=None)), "No open pull request"),
    (lambda story: story.pulls.__setitem__(0, pull(ref="main")), "No open pull request"),
    (lambda story: story.pulls.append(pull(number=5)), "#3, #5 have the same commit"),
    (lambda story: story.run.update(event="push"), "not of a pull request from a fork"),
    (lambda story: story.run.update(head_repository={"full_name": "octo/demo"}), "not of a pull request from a fork"),
    (lambda story: story.run.update(head_repository=None), "not of a pull request from a fork"),
    (lambda story: (story.folder / "evaluate.json").unlink(), "left no result"),
]


@pytest.mark.parametrize(("change", "why"), SKIPPED, ids=range(len(SKIPPED)))
def test_without_a_pull_request_to_write_to_it_is_skipped(
    story: Story, change: Callable[[Story], object], why: str
) -> None:
    story.save(evaluated())
    change(story)
    said = story.say()
    assert said.status == "skip"
    assert why in str(said.detail)
    assert story.hub.comments == {}


@pytest.mark.parametrize("key", ["id", "run_attempt", "head_sha", "head_branch"])
@pytest.mark.parametrize("value", [None, "", "x;y", -1, [], {"a": 1}])
def test_a_damaged_event_is_refused(story: Story, key: str, value: object) -> None:
    story.save(evaluated())
    story.run[key] = value
    if key == "head_branch" and value == "x;y":  # is a branch
        assert story.say().status == "skip"
        return
    with pytest.raises(UserError, match="event's file is damaged"):
        story.say()


def test_another_event_is_refused(story: Story) -> None:
    story.env["GITHUB_EVENT_NAME"] = "pull_request"
    with pytest.raises(UserError, match="on: workflow_run"):
        story.say()


def test_githubs_refusal_fails_the_step(story: Story) -> None:
    story.save(evaluated())
    story.hub.before = lambda method, path: httpx.Response(403, json={"message": "Resource not accessible"})
    said = story.say()
    assert said.status == "fail"
    assert "pull-requests: write" in str(said.detail)


def test_a_result_must_be_of_the_head_or_of_its_merge() -> None:
    taken = {
        "validate": of(MERGE, result("validate", check("x"))),
        "train": of(OTHER, result("train", check("x"))),
        "evaluate": of(None, evaluated()),
        "evaluate-b": evaluated(),
    }
    found = gathered(Taken(files={stem: one.model_dump_json().encode() for stem, one in taken.items()}), HEAD)
    assert list(found.results) == ["validate"]
    assert found.damaged == {
        "train": f"train.json is of commit {OTHER[:12]}, not of {SHA[:12]}",
        "evaluate": f"evaluate.json names no commit, not of {SHA[:12]}",
        "evaluate-b": "evaluate-b.json holds the result of evaluate",
    }


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff", b"[]", b'{"schema": 2}', b'{"schema": 1, "number": 1}', b"[" * 100_000, b"1" * 5000],
    ids=range(8),
)
def test_what_is_no_result_is_named(content: bytes) -> None:
    found = gathered(Taken(files={"train": content}), HEAD)
    assert found.results == {}
    assert "train.json" in found.damaged["train"]


def test_a_result_can_name_no_pull_request_and_no_key_of_its_own() -> None:
    document = json.loads(evaluated().model_dump_json()) | {"number": 1}
    found = gathered(Taken(files={"evaluate": json.dumps(document).encode()}), HEAD)
    assert "number: Extra inputs are not permitted" in found.damaged["evaluate"]


@pytest.mark.parametrize("value", ["Infinity", "NaN", "1e999"])
def test_absurd_numbers_are_no_numbers(value: str) -> None:
    content = evaluated().model_dump_json().replace("0.142", value)
    assert value in content
    assert gathered(Taken(files={"evaluate": content.encode()}), HEAD).results == {}


def test_hostile_texts_are_harmless_as_everywhere(story: Story) -> None:
    payloads = [*MARKDOWN, *COMMANDS, f"<!-- ci-kit:report id=default run=9 attempt=1 sha={OTHER} -->"]
    checks = [check(f"c{number}", "fail", observed=text, detail=text) for number, text in enumerate(payloads)]
    huge = {"loss": Metric(value=1e308, direction="down"), "loss@baseline": Metric(value=-1e308)}
    story.save(result("validate", *checks), result("evaluate", *checks, metrics=huge))
    story.say()
    assert len(story.comment) <= 65_536
    outside = re.sub(r"(`+).*?\1", "", story.comment, flags=re.DOTALL)
    assert not re.search(r"@octocat|@org|fixes #1|<img|<script|javascript:", outside)
    assert story.comment.count("<!-- ci-kit:report") == 1
