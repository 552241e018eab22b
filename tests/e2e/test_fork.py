"""A hostile fork, from its pull request to the one comment: real act, the templates as users have them."""

import io
import re
import stat
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.e2e import project
from tests.e2e.consumer import Consumer
from tests.e2e.hub import Hub
from tests.e2e.rules import FORK, READ, WRITE
from tests.e2e.runner import Outcome, Runner

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
CHECK, AFTER = ".github/workflows/pull-request.yml", ".github/workflows/pull-request-fork.yml"
TEMPLATES = Path(__file__).parents[2] / "workflow-templates"
BRANCH = "x;$(touch${IFS}PWNED)@octocat<b>`id`"
RUN = 7

# What the fork's own step does after the check: it dumps what it can see, and says what it likes.
FORGE = """\
import json, os, pathlib
print("SEEN", json.dumps(dict(os.environ)))
path = pathlib.Path(".ci-kit/evaluate.json")
told = json.loads(path.read_text())
for name, metric in told["metrics"].items():
    if name == "accuracy":
        metric["value"] = 0.987654
told["about"] = "@octocat ![x](https://evil.example/x.png) <img src=x> fixes #1 ::error::x"
told["source"]["repo"] = "octo/other"
told["run"]["url"] = "javascript:alert(1)"
told["checks"].append({"id": "x", "title": "**Approved** by @octocat", "status": "warn", "detail": "fixes #1"})
path.write_text(json.dumps(told))
"""
STEP = "      - run: exec python3 forge.py\n      - uses: actions/upload-artifact"


def workflows() -> dict[str, str]:
    """Return the templates as a user's repository has them."""
    made = {}
    for path in (CHECK, AFTER):
        text = (TEMPLATES / Path(path).name).read_text("utf-8")
        for placeholder, value in {"OWNER/ci-kit": "acme/ci-kit", "@REF": "@v1", "$default-branch": "main"}.items():
            text = text.replace(placeholder, value)
        made[path] = text
    return made


def poisoned(content: bytes) -> bytes:
    """Return the artifact with what a fork can put beside its Results."""
    made = io.BytesIO(content)
    with zipfile.ZipFile(made, "a") as archive:
        archive.writestr("../../../ci-kit.yaml", "report: {id: stolen}\n")
        archive.writestr("/absolute.json", "x")
        archive.writestr("ci-kit.yaml", "report: {id: stolen, title: stolen}\n")
        archive.writestr(".git/config", "[core]\n\tfsmonitor = touch PWNED\n")
        archive.writestr("json.py", "raise SystemExit('PWNED')\n")
        link = zipfile.ZipInfo("train-link.json")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/proc/self/environ")
        archive.writestr("validate-other.json", '{"schema": 1, "number": 2}')
        archive.writestr("package.json", "{}")
        for number in range(2000):
            archive.writestr(f"many/{number}", b"")
    return made.getvalue()


@dataclass
class Story:
    """Both runs, and what is left on GitHub and in the repository after them."""

    untrusted: Outcome
    trusted: Outcome
    comments: list[str]
    sha: str
    folder: Path
    writes: list[str]
    violations: list[str]
    history: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def story(hub: Hub, kit: Path, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Open a pull request from a fork that has changed everything it can, run its check, then what comes after it."""
    hub.reset()
    folder = tmp_path_factory.mktemp("fork")
    runner = Runner(hub, kit, folder / "runner")
    user = Consumer(hub, folder, runner.home)
    kept = workflows()
    main = user.commit({**project.files(), **kept}, "Start")
    user.push("main")
    hostile = {
        CHECK: kept[CHECK].replace("      - uses: actions/upload-artifact", STEP).replace("read #", "write #"),
        AFTER: kept[AFTER].replace("phase: fork", "phase: report"),
        "ci-kit.yaml": project.CONFIG + "report: {id: stolen, title: stolen}\n",
        "tests/test_model.py": "def test_nothing():\n    pass\n",
        "forge.py": FORGE,
    }
    assert STEP in hostile[CHECK]
    sha = user.commit(hostile, "Change", branch=BRANCH)
    user.push(BRANCH)
    hub.open_pull(BRANCH)
    event = user.pull_event(1, fork=True)
    untrusted = runner.run(user.folder, CHECK, "pull_request", event, token=READ, run=RUN, timeout=280)
    past = hub.gateway.past[str(RUN)]
    past["ci-kit-fork"] = poisoned(past["ci-kit-fork"])
    hub.gateway.rules.strangers.add(BRANCH)
    user.git("checkout", "-q", "-f", "main")
    ended = {
        "id": RUN,
        "run_attempt": 1,
        "event": "pull_request",
        "conclusion": "success",
        "head_sha": sha,
        "head_branch": BRANCH,
        "head_repository": {"full_name": FORK},
    }
    payload = {"action": "completed", "workflow_run": ended, "repository": event["repository"]}
    seen = len(hub.gateway.journal)
    trusted = runner.run(user.folder, AFTER, "workflow_run", payload, run=RUN + 1, timeout=200)
    assert user.git("rev-parse", "main") == main
    return Story(
        untrusted=untrusted,
        trusted=trusted,
        comments=[one["body"] for one in hub.comments(1)],
        sha=sha,
        folder=folder,
        writes=[str(call) for call in hub.gateway.journal[seen:] if not str(call).startswith("GET ")],
        violations=list(hub.gateway.violations),
        history=hub.files("ci-kit"),
    )


def test_the_forks_own_job_reaches_no_token_that_writes(story: Story) -> None:
    assert story.untrusted.jobs == {"check": "success"}, str(story.untrusted)
    assert "SEEN" in story.untrusted.output
    assert WRITE not in story.untrusted.output
    assert WRITE not in story.trusted.output + story.trusted.summary


def test_exactly_one_comment_tells_whose_numbers_these_are(story: Story) -> None:
    assert (story.trusted.code, story.trusted.jobs) == (0, {"report": "success"}), str(story.trusted)
    (comment,) = story.comments
    assert comment.startswith(f"<!-- ci-kit:report id=default run={RUN} attempt=1 sha={story.sha} -->\n## ")
    assert "the fork's own run says" in comment.splitlines()[1]
    assert "Told by the fork's own run, and not checked here:" in comment
    assert "✅" not in comment.splitlines()[1]
    assert [call.split()[0] for call in story.writes] == ["POST"], story.writes
    assert story.violations == []


def test_the_comment_is_harmless(story: Story) -> None:
    (comment,) = story.comments
    body, _, _ = comment.rpartition("<!-- ![](https://cml.dev/watermark.png#")  # our own mark
    outside = re.sub(r"(`+).*?\1", "", body, flags=re.DOTALL)
    assert "98.8" in comment or "0.98" in comment  # the forged number is told, under the sentence that it is forgeable
    assert not re.search(r"@octocat|<img|!\[|fixes #1|javascript:|evil\.example", outside)
    assert "stolen" not in comment
    assert "validate-other" in comment
    assert "train-link" in comment


def test_nothing_of_the_fork_was_run_or_kept(story: Story) -> None:
    assert not list(story.folder.rglob("PWNED"))
    assert "PWNED" not in story.trusted.output.replace(BRANCH, "")
    assert story.history == {}
    assert (story.folder / "demo" / "ci-kit.yaml").read_text() == project.CONFIG
