"""The examples of docs/report, as GitLab, Jenkins and a shell run them."""

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from ci_kit.forge.git import Git
from ci_kit.result import load
from tests.forge.repository import git
from tests.models.made import classifier, project
from tests.schemas import builtin

# Real git and real processes: a matter of seconds, not of milliseconds.
pytestmark = pytest.mark.e2e

DOCS = Path(__file__).parent.parent.parent / "docs/report"
BIN = Path(sys.executable).parent
WHO = ("-c", "user.name=Test", "-c", "user.email=test@localhost")
MARK = "<!-- ci-kit:report id=default run="
TOKEN = "glpat-" + "a1B2" * 5


@dataclass
class GitLab:
    """What GitLab's API knows of one merge request."""

    url: str = ""
    notes: list[dict[str, Any]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    def write(self, author: int, body: str) -> dict[str, Any]:
        self.notes.append({"id": 1000 + len(self.notes), "author": {"id": author}, "body": body})
        return self.notes[-1]


@pytest.fixture
def gitlab() -> Iterator[GitLab]:
    """GitLab's API, as far as notes go: at most 100 a page, and nobody edits another's."""
    known = GitLab()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            page, size = (int(parse_qs(url.query).get(name, ["1"])[0]) for name in ("page", "per_page"))
            notes = known.notes[(page - 1) * size : page * size]
            self.answer({"id": 7} if url.path.endswith("/user") else notes)

        def do_POST(self) -> None:
            self.answer(known.write(7, self.body()["body"]))

        def do_PUT(self) -> None:
            (note,) = (one for one in known.notes if one["id"] == int(self.path.rpartition("/")[2]))
            if note["author"]["id"] == 7:
                note["body"] = self.body()["body"]
            self.answer(note, 200 if note["author"]["id"] == 7 else 403)

        def body(self) -> Any:
            return json.loads(self.rfile.read(int(self.headers["content-length"])))

        def answer(self, document: Any, status: int = 200) -> None:
            allowed = self.headers["PRIVATE-TOKEN"] == TOKEN
            ours = urlsplit(self.path).path.startswith(("/api/v4/user", "/api/v4/projects/11/merge_requests/22/notes"))
            known.calls.append(self.command)
            content = json.dumps(document).encode()
            self.send_response(status if allowed and ours else 404)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        known.url = f"http://127.0.0.1:{server.server_port}/api/v4"
        yield known
        server.shutdown()


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """Return a bare repository: `main` has a model, the branch `change` a slightly other one."""
    folder, bare = project(tmp_path / "work", rows=2000), tmp_path / "group/digits.git"
    (folder / ".gitlab").mkdir()
    (folder / ".gitlab/note.py").write_bytes((DOCS / "gitlab_note.py").read_bytes())
    git(folder, "init", "--quiet", "--initial-branch=main")
    for branch, weight in (("main", 4.0), ("change", 4.1)):
        git(folder, "switch", "--quiet", "--force-create", branch)
        classifier(folder, weight)
        git(folder, "add", ".")
        git(folder, *WHO, "commit", "--quiet", "--message", branch)
    git(tmp_path, "clone", "--quiet", "--bare", str(folder), str(bare))
    return bare


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """Return an environment of no forge that we know, in which nothing is downloaded."""
    (tmp_path / "stubs").mkdir()
    venv = 'mkdir -p "$3/bin"; echo : >"$3/bin/activate"'
    for name, text in {
        "pip": 'echo "$@" >>"$STUBS/installed"',
        "python3": f'if [ "$1 $2" = "-m venv" ]; then {venv}; else exec {sys.executable} "$@"; fi',
    }.items():
        stub = tmp_path / "stubs" / name
        stub.write_text(f"#!/bin/sh\n{text}\n")
        stub.chmod(0o755)
    path = f"{tmp_path}/stubs:{BIN}:/usr/bin:/bin"
    return {"PATH": path, "HOME": str(tmp_path), "CI": "true", "STUBS": str(tmp_path / "stubs"), "LC_ALL": "C"}


def run(script: str, folder: Path, env: dict[str, str], *shell: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*shell, script], cwd=folder, env=env, capture_output=True, timeout=100, check=False)


def told(done: subprocess.CompletedProcess[bytes]) -> str:
    return (done.stdout + done.stderr).decode()


def checked_out(origin: Path, folder: Path, branch: str, depth: int = 0) -> Path:
    """Check a commit out as a GitLab runner does: all branches are fetched, or a few commits of one."""
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=none")
    git(folder, "remote", "add", "origin", origin.as_uri())
    wanted = ["+refs/heads/*:refs/remotes/origin/*"] if not depth else [f"+refs/heads/{branch}:refs/pipelines/1"]
    git(folder, "fetch", "--quiet", *([f"--depth={depth}"] if depth else []), "origin", *wanted)
    git(folder, "checkout", "--quiet", "--detach", git(origin, "rev-parse", branch))
    return folder


def job(name: str, folder: Path, env: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
    """Run the commands of a job of the example as a runner does: all in one bash that ends at an error."""
    example = yaml.safe_load((DOCS / "gitlab-ci.yml").read_text())
    lines = [*example[name]["before_script"], *example[name]["script"]]
    return run("\n".join(lines), folder, env, "bash", "-eo", "pipefail", "-c")


def test_on_gitlab_main_makes_the_baseline_and_a_merge_request_has_one_note(
    origin: Path, gitlab: GitLab, env: dict[str, str], tmp_path: Path
) -> None:
    env |= {"GITLAB_CI": "true", "CI_DEFAULT_BRANCH": "main", "CI_PROJECT_PATH": "group/digits"}
    env |= {"CI_SERVER_HOST": "gitlab.example", "CI_API_V4_URL": gitlab.url, "CI_PROJECT_ID": "11"}
    pushes = f"url.{origin.parent.parent.as_uri()}/.insteadOf", "https://ci-kit:secret@gitlab.example/"
    main = checked_out(origin, tmp_path / "main", "main")
    first = job("check", main, env)
    assert first.returncode == 1, told(first)  # nothing is before the first commit
    pushed = job(
        "history",
        main,
        env
        | {"CI_COMMIT_BRANCH": "main", "CI_KIT_PUSH_TOKEN": "secret", "GIT_CONFIG_COUNT": "1"}
        | {"GIT_CONFIG_KEY_0": pushes[0], "GIT_CONFIG_VALUE_0": pushes[1]},
    )
    assert pushed.returncode == 0, told(pushed)
    assert f"results/{git(origin, 'rev-parse', 'main')}/evaluate.json" in git(
        origin, "ls-tree", "-r", "--name-only", "ci-kit"
    )

    change = checked_out(origin, tmp_path / "change", "change")
    judged = job("check", change, env)
    assert judged.returncode == 0, told(judged)
    found = load(change / ".ci-kit/evaluate.json")
    assert found.source.base_sha == git(origin, "rev-parse", "main")
    (baseline,) = (one for one in found.checks if one.id == "baseline")
    assert (baseline.status, "scores from the history" in (baseline.observed or "")) == ("pass", True)
    gitlab.write(3, f"{MARK}1 attempt=1 sha=0 -->\na stranger's")
    for _ in range(120):  # beyond the first page
        gitlab.write(3, "me too")
    mine = env | {"CI_KIT_NOTE_TOKEN": TOKEN, "CI_MERGE_REQUEST_IID": "22"}
    for said in ("wrote note 1121", "updated note 1121"):
        noted = job("note", change, mine)
        assert noted.returncode == 0, told(noted)
        assert said in told(noted)
    body = gitlab.notes[-1]["body"]
    assert (len(gitlab.notes), body) == (122, (change / "report.md").read_text("utf-8"))
    assert body.startswith(MARK)
    assert body.splitlines()[1].startswith("## ")
    installed = (tmp_path / "stubs/installed").read_text().splitlines()
    assert {line.partition(" @ ")[0] for line in installed} == {"install ci-kit[all]", "install ci-kit"}


def test_without_a_report_no_note_is_written(origin: Path, gitlab: GitLab, env: dict[str, str], tmp_path: Path) -> None:
    folder = checked_out(origin, tmp_path / "change", "change")
    env |= {
        "CI_API_V4_URL": gitlab.url,
        "CI_PROJECT_ID": "11",
        "CI_MERGE_REQUEST_IID": "22",
        "CI_KIT_NOTE_TOKEN": TOKEN,
    }
    done = job("note", folder, env)
    assert done.returncode == 1
    assert "nothing to report" in told(done)
    assert "This is no report" in told(done)
    assert (gitlab.notes, gitlab.calls) == ([], [])


def test_a_shallow_clone_of_gitlab_is_told_what_it_lacks(origin: Path, tmp_path: Path) -> None:
    """Why the example sets GIT_DEPTH."""
    from ci_kit.forge.git import base

    folder = checked_out(origin, tmp_path / "change", "change", depth=1)
    assert base(Git(folder), None, "main") == (None, "the checkout is shallow; check out with fetch-depth: 0")


def test_the_example_for_gitlab_is_valid_and_keeps_its_tokens_apart() -> None:
    example = yaml.safe_load((DOCS / "gitlab-ci.yml").read_text())
    assert not list(builtin("gitlab-ci").iter_errors(example))
    assert "TOKEN" not in str(example["check"])
    assert example["variables"]["GIT_DEPTH"] == "0"


def test_the_commands_of_the_jenkinsfile_run(origin: Path, env: dict[str, str], tmp_path: Path) -> None:
    folder = checked_out(origin, tmp_path / "change", "change")
    env |= {"WORKSPACE_TMP": str(tmp_path / "tmp"), "JENKINS_URL": "http://127.0.0.1/", "BUILD_NUMBER": "1"}
    text = (DOCS / "Jenkinsfile").read_text()
    assert text.count("{") == text.count("}")
    check, report = re.findall(r"sh '''\n(.*?)'''", text, re.DOTALL)
    done = run(check, folder, env, "sh", "-xec")
    assert done.returncode == 0, told(done)
    reported = run(report, folder, env, "sh", "-xec")
    assert reported.returncode == 0, told(reported)
    (archived,) = re.findall(r"artifacts: '(.*?)'", text)
    assert all([*folder.glob(name)] for name in archived.split(", "))
    assert (folder / "report.md").read_text("utf-8").startswith(MARK)


@pytest.mark.parametrize(
    ("checked", "reported", "code"), [(0, 0, 0), (1, 0, 1), (0, 1, 1), (2, 1, 2), (1, 2, 1), (130, 0, 130)]
)
def test_a_plain_shell_ends_as_the_check_did(
    env: dict[str, str], tmp_path: Path, checked: int, reported: int, code: int
) -> None:
    kit = tmp_path / "stubs/ci-kit"
    kit.write_text(
        f'#!/bin/sh\n[ "$*" = "run check --no-report" ] && echo checked && exit {checked}\n'
        f'[ "$*" = "report --stdout" ] && echo report && echo said >&2 && exit {reported}\nexit 99\n'
    )
    kit.chmod(0o755)
    done = run(str(DOCS / "check.sh"), tmp_path, env, "sh")
    assert (done.returncode, done.stdout, done.stderr) == (code, b"checked\n", b"said\n")
    assert (tmp_path / "report.md").read_text() == "report\n"
