"""Broken set-ups, each named by exactly the finding that it should be, and good ones, of which nothing is said."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from ci_kit.config import read
from ci_kit.doctor import Finding, Patient, diagnose, environment, github, machine, shown
from ci_kit.forge.local import LocalForge
from ci_kit.parts import Check
from tests.e2e import project

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / "workflow-templates"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
MODEL = ".github/workflows/pull-request.yml"
Break = Callable[[Path], object]


def git(folder: Path, *words: str) -> None:
    who = ["-c", "user.name=Octo", "-c", "user.email=octo@example.com"]
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


def template(name: str) -> str:
    """Return a template as a user has it."""
    text = (TEMPLATES / name).read_text("utf-8")
    return text.replace("OWNER/ci-kit", "acme/ci-kit").replace("@REF", f"@{COMMIT}").replace("$default-branch", "main")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository in which nothing is wrong: data, schema, model tests, workflows, a recorded baseline."""
    folder = tmp_path_factory.mktemp("sound") / "demo"
    for name, content in project.files().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    for name in ("pull-request.yml", "pull-request-fork.yml", "pull-request-gpu.yml"):
        write(folder, f".github/workflows/{name}", template(name))
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "Start")
    LocalForge(folder).record({"results/x/evaluate.json": b"{}"}, "Record")
    return folder


def write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def change(name: str, old: str, new: str) -> Break:
    """Make a break that replaces what a pattern finds, which must be there, in a file."""

    def broken(folder: Path) -> None:
        text = (folder / name).read_text("utf-8")
        changed = re.sub(old, lambda _: new, text, count=1)
        assert changed != text, old
        (folder / name).write_text(changed, "utf-8")

    return broken


def both(*breaks: Break) -> Break:
    return lambda folder: [one(folder) for one in breaks]


def gone(name: str) -> Break:
    return lambda folder: shutil.rmtree(folder / name) if (folder / name).is_dir() else (folder / name).unlink()


def put(name: str, text: str) -> Break:
    return lambda folder: write(folder, name, text)


def dvc(remote: str, more: str = "") -> Break:
    return put(".dvc/config", f"[core]\n    remote = s\n['remote \"s\"']\n    {remote}\n{more}")


YML, KIT, STEP = "ci-kit.yaml", rf"acme/ci-kit@{COMMIT}", f"      - uses: acme/ci-kit@{COMMIT}"
GPU, DRIFT = ".github/workflows/pull-request-gpu.yml", ".github/workflows/drift.yml"
CACHE = f"      - uses: actions/cache@{COMMIT}\n        with: {{key: data, path: data}}\n{STEP}"
TITLE = '      - run: exec echo "${{ github.event.pull_request.title }}"\n' + STEP
LATE = template("drift.yml").replace('"17 4 * * *"', '"0 4 * * *"')
LFS = "version https://git-lfs.github.com/spec/v1\n"
BROKEN: list[tuple[str, Break]] = [
    ("configuration/ci-kit.yaml", gone(YML)),
    ("configuration/invalid", change(YML, "train:\n", "trian:\n")),
    ("configuration/data", change(YML, "data/train.csv", "data/gone.csv")),
    ("configuration/lfs", put("data/train.csv", LFS)),
    ("configuration/code", change(YML, "schemas.py:Flowers", "gone.py:Flowers")),
    ("configuration/code", change("schemas.py", "class Flowers", "class Trees")),
    ("configuration/code", change("schemas.py", "class Flowers", "class (")),
    ("configuration/tests", gone("tests")),
    ("configuration/command", gone("train.py")),
    ("store/remote", put(".dvc/config", "[core]\n    analytics = false\n")),
    ("store/remote", put(".dvc/config", "[core]\n    remote = storage\n")),
    ("store/unreachable", dvc("url = /nowhere/at/all")),
    ("store/secret", dvc("url = https://x\n    password = hunter2")),
    ("store/credentials store/plugin", dvc("url = s3://models/dvc")),
    ("store/credentials store/plugin", dvc("url = gs://models/dvc")),
    ("repository/git", gone(".git")),
    ("repository/base", change(YML, "data:\n", "base: trunk\ndata:\n")),
    ("repository/tracked", both(put(".ci-kit/x.json", "{}"), lambda folder: git(folder, "add", "-f", ".ci-kit"))),
    (
        "repository/history",
        both(lambda folder: git(folder, "branch", "-D", "ci-kit"), change(YML, "first-run: allow", "first-run: fail")),
    ),
    ("workflows/none", gone(".github")),
    ("workflows/invalid", put(".github/workflows/x.yml", "on: [push\njobs:")),
    ("workflows/trigger", change(MODEL, "  pull_request:\n", "  pull_request:\n  pull_request_target:\n")),
    (
        "workflows/permissions",
        change(MODEL, r"    permissions:\n.*\n.*pull-requests.*\n", "    permissions: write-all\n"),
    ),
    ("workflows/comment", change(MODEL, "pull-requests: write", "issues: write")),
    ("workflows/fork-runner", change(GPU, r"github.event_name != 'pull_request' \|\|\n.*\n", "success()\n")),
    ("workflows/pin", change(MODEL, KIT, "acme/ci-kit@v1")),
    ("workflows/injection", change(MODEL, STEP, TITLE)),
    ("workflows/fetch-depth", change(MODEL, "          fetch-depth: 0.*\n", "")),
    ("workflows/credentials", change(MODEL, "          persist-credentials: false\n", "")),
    ("workflows/cache", change(MODEL, STEP, CACHE)),
    ("workflows/concurrency", change(MODEL, r"concurrency:\n.*\n.*\n", "")),
    (
        "workflows/report",
        change(GPU, r"\$\{\{ !cancelled\(\) && github.event_name != 'push' \}\}", "github.event_name != 'push'"),
    ),
    ("workflows/fork", change(MODEL, "name: Model\n", "name: Check\n")),
    ("workflows/placeholder", change(MODEL, f"ci-kit@{COMMIT}", "ci-kit@REF")),
    (
        "schedule/missing",
        both(
            change(YML, "train:\n", "drift: {reference: evaluation, current: log}\ntrain:\n"),
            change(YML, "data:\n", "data:\n  log: {path: log/*.jsonl, key: id}\n"),
        ),
    ),
    ("schedule/minute", put(DRIFT, LATE)),
]


def codes(folder: Path) -> set[str]:
    return {one.code for one in diagnose(folder, {"HOME": str(folder)}) if not one.code.startswith("machine/")}


def test_of_a_sound_repository_nothing_is_said(sound: Path) -> None:
    assert codes(sound) == set()


@pytest.mark.parametrize("name", ["loans", "demand", "tumours"])
def test_of_the_examples_only_what_a_copy_lacks_is_said(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    shutil.copytree(ROOT / "examples" / name, folder, ignore=shutil.ignore_patterns("data", ".ci-kit"))
    found = codes(folder)
    assert found == {"configuration/data", "repository/git", "workflows/none"}


@pytest.mark.parametrize(("code", "change"), BROKEN, ids=[f"{at}-{code}" for at, (code, _) in enumerate(BROKEN)])
def test_a_broken_set_up_is_named(sound: Path, tmp_path: Path, code: str, change: Break) -> None:
    folder = tmp_path / "demo"
    shutil.copytree(sound, folder, symlinks=True)
    change(folder)
    assert codes(folder) == set(code.split())


def test_a_shallow_clone_is_named(sound: Path, tmp_path: Path) -> None:
    git(sound, "commit", "-q", "--allow-empty", "-m", "Next")
    subprocess.run(["git", "clone", "-q", "--depth", "1", f"file://{sound}", str(tmp_path / "clone")], check=True)
    assert "repository/shallow" in codes(tmp_path / "clone")


VERSIONS = [
    ({"pandas": "3.1.0", "evidently": "0.7.23"}, ["pandas 3.1.0 beside evidently 0.7.23"]),
    ({"pandas": "3.0.9", "evidently": "0.7.23"}, []),
    ({"pandas": "3.1.0"}, []),
    ({"sqlglot": "30.16.0", "ibis-framework": "12.0.0"}, ["sqlglot 30.16.0 beside ibis-framework 12.0.0"]),
    ({"bentoml": "1.4.38"}, ["bentoml 1.4.38"]),
    ({"bentoml": "1.4.39", "onnx": "1.21.0", "pandera": "0.35.0"}, []),
    ({"onnx": "1.20.1"}, ["onnx 1.20.1"]),
    ({"model-signing": "1.1"}, ["model-signing without pyopenssl"]),
    ({"model-signing": "1.1", "pyopenssl": "25"}, []),
]


@pytest.mark.parametrize(("have", "expected"), VERSIONS, ids=range(len(VERSIONS)))
def test_versions_that_do_not_work_together_are_named(
    have: dict[str, str], expected: list[str], tmp_path: Path
) -> None:
    patient = Patient(root=tmp_path, config=None)
    assert [one.what for one in environment.look(patient, have.get)] == expected


def test_what_the_preflight_finds_is_told_as_a_finding() -> None:
    ill = machine.finding(
        Check(id="preflight/disk", title="Free disk space", status="fail", observed="0.1 GiB", limit="1 GiB")
    )
    assert ill is not None
    assert (ill.code, ill.level, ill.what) == (
        "machine/disk",
        "broken",
        "Free disk space: 0.1 GiB, at least 1 GiB needed",
    )
    assert machine.finding(Check(id="preflight/gpu", title="GPU", status="skip")) is None
    warned = machine.finding(Check(id="preflight/gpu-health", title="GPU", status="warn", detail="Replace it."))
    assert warned is not None
    assert (warned.level, warned.hint) == ("warning", "Replace it.")


ANSWERS: dict[str, object] = {
    "": {"default_branch": "main"},
    "/branches/main": {"name": "main", "protected": True},
    "/actions/permissions/workflow": {"can_approve_pull_request_reviews": True},
    "/environments": {"environments": [{"name": "production", "protection_rules": [{"type": "required_reviewers"}]}]},
    "/actions/workflows": {"workflows": [{"name": "Drift", "state": "active", "path": ".github/workflows/drift.yml"}]},
}
SETTINGS: list[tuple[dict[str, object], list[str]]] = [
    ({}, []),
    ({"": 401}, ["github/token"]),
    ({"": 404}, ["github/repository"]),
    ({"": 500}, ["github/unreachable"]),
    ({"": {"default_branch": "trunk"}, "/branches/trunk": {"protected": True}}, ["github/base"]),
    ({"/branches/main": {"name": "main", "protected": False}}, ["github/protection"]),
    ({"/actions/permissions/workflow": {"can_approve_pull_request_reviews": False}}, ["github/pull-requests"]),
    ({"/environments": {"environments": [{"name": "production", "protection_rules": []}]}}, ["github/environment"]),
    ({"/actions/workflows": {"workflows": [{"name": "D", "state": "disabled_inactivity"}]}}, ["github/schedule"]),
    (dict.fromkeys([*ANSWERS][1:], 403), []),
]
CONFIG = """\
data: {evaluation: {path: e.csv}, log: {path: l.jsonl}}
drift: {reference: evaluation, current: log}
deploy: {targets: {production: {kind: local, folder: ../x, address: "127.0.0.1:8080"}}}
"""


@pytest.mark.parametrize(("answers", "expected"), SETTINGS, ids=range(len(SETTINGS)))
def test_settings_of_github_that_keep_it_from_working_are_named(
    answers: dict[str, object], expected: list[str], tmp_path: Path
) -> None:
    known = {**ANSWERS, **answers}

    def answer(request: httpx.Request) -> httpx.Response:
        found = known.get(request.url.path.removeprefix("/repos/octo/demo"), 404)
        return httpx.Response(found) if isinstance(found, int) else httpx.Response(200, json=found)

    env = {"GITHUB_TOKEN": "t", "GITHUB_REPOSITORY": "octo/demo", "GITHUB_API_URL": "https://api.test"}
    patient = Patient(root=tmp_path, config=read(CONFIG.encode()), env=env)
    assert [one.code for one in github.look(patient, httpx.MockTransport(answer))] == expected


def test_without_a_token_github_is_not_asked(tmp_path: Path) -> None:
    transport = httpx.MockTransport(lambda request: pytest.fail(str(request.url)))
    assert list(github.look(Patient(root=tmp_path, config=None, env={}), transport)) == []


def command(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ci_kit", "doctor", "-C", str(folder), *words]
    env = {"HOME": str(folder), "PATH": "/usr/local/bin:/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, env=env, timeout=60, check=False)


def test_the_command_says_what_why_and_what_to_type_and_ends_with_the_verdict(sound: Path, tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    shutil.copytree(sound, folder, symlinks=True)
    change(MODEL, "          persist-credentials: false\n", "")(folder)
    done = command(folder)
    assert done.returncode == 0, done.stdout
    assert "! job check: the checkout keeps the token  (.github/workflows/pull-request.yml:" in done.stdout
    assert (
        "  why  the change's code can read the token in .git/config\n  do   persist-credentials: false\n" in done.stdout
    )
    assert "\x1b" not in done.stdout
    (folder / "schemas.py").unlink()
    done = command(folder, "--json")
    assert done.returncode == 1
    found = [Finding(**one) for one in json.loads(done.stdout)]
    assert found[0].level == "broken"
    assert {one.code for one in found if not one.code.startswith("machine/")} == {
        "configuration/code",
        "workflows/credentials",
    }


def test_nothing_wrong_is_one_line() -> None:
    assert shown.text([]) == "Nothing wrong was found."
    assert "\x1b[31m" in shown.text([Finding(code="a/b", level="broken", what="w", why="y", hint="h")], colour=True)


def test_the_page_has_each_code_and_no_other() -> None:
    source = "".join(path.read_text("utf-8") for path in (ROOT / "ci_kit/doctor").glob("*.py"))
    said = {code.replace("{FILE}", "ci-kit.yaml") for code in re.findall(r'"((?:\w+)/[a-z{}A-Z.-]+)"', source)}
    said.discard("github/{code}")  # its two stand in the comparison
    page = (ROOT / "docs/doctor.md").read_text("utf-8")
    listed = set(re.findall(r"^\| `([\w./-]+)` \|", page, re.MULTILINE))
    assert listed == {one for one in said if one.split("/")[0] in GROUPS} | {"github/token", "github/repository"}


GROUPS = ("configuration", "environment", "store", "repository", "schedule", "workflows", "github")


def test_the_example_of_the_page_is_what_is_said(sound: Path, tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    shutil.copytree(sound, folder, symlinks=True)
    change(MODEL, "          fetch-depth: 0.*\n", "")(folder)
    (shown_there,) = re.findall(r"```\n(✗.*?)```", (ROOT / "docs/doctor.md").read_text("utf-8"), re.DOTALL)
    told = re.sub(r":\d+\)", ":28)", command(folder).stdout)
    assert told == shown_there
