"""Broken set-ups, each named by exactly the finding that it should be, and good ones, of which nothing is said."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ci_kit.doctor.finding import URGENCY
from tests.doctor.setups import (
    COMMIT,
    WORKFLOWS,
    YML,
    Break,
    both,
    change,
    found,
    git,
    gone,
    ids,
    put,
    seen,
    versions,
)

Copy = Callable[[str], Path]
SAID = "    permissions:\n(      .*\n)+"
PR, GPU, FORK = (f"{WORKFLOWS}/{name}.yml" for name in ("pull-request", "pull-request-gpu", "pull-request-fork"))
DRIFT, DEPLOY, TRAIN = (f"{WORKFLOWS}/{name}.yml" for name in ("drift", "deploy", "train"))
STEP = f"      - uses: acme/ci-kit@{COMMIT} # v0.1.0\n"
PARTS = f"outs:\n- md5: {COMMIT[:32]}.dir\n  path: parts\n"
LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
TARGET = "on:\n  pull_request_target:\npermissions: {}\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n"
HEAD = (
    f"      - uses: actions/checkout@{COMMIT}\n        with: {{ref: '${{{{ github.event.pull_request.head.sha }}}}'}}\n"
)
CACHE = f"      - uses: actions/cache@{COMMIT}\n        with: {{key: packages, path: x}}\n"
TITLE = '      - run: echo "${{ github.event.pull_request.title }}"\n'
SCRIPT = f"      - uses: actions/github-script@{COMMIT}\n        with: {{script: 'f(`${{{{ github.head_ref }}}}`)'}}\n"
GUARD = r"    if: >-\n      github.event_name != 'pull_request' \|\|\n.*\n"
LOCKFILE = change("dvc.yaml", "      - requirements.txt\n", "")
DVC = change(".dvc/config", "(?s).*", "")

CONFIGURATION: list[tuple[str, Break]] = [
    ("config", gone(YML)),
    ("config", change(YML, "train:\n", "trian:\n")),
    ("config", put(YML, "data: [")),
    ("missing-file", change(YML, r"data/train\.csv", "data/gone.csv")),
    ("missing-file", change(YML, r"data/train\.csv", "data/no-*.csv")),
    ("missing-file", change(YML, "schemas.py:Flowers", "gone.py:Flowers")),
    ("missing-file", gone("tests")),
    ("missing-file", gone("train.py")),
    ("missing-file", change(YML, "drift:\n", "package: {card: gone.md}\ndrift:\n")),
    ("missing-file", change(YML, "retrain:\n", "retrain:\n  workflow: gone.yml\n")),
    ("missing-file", change(YML, "drift:\n", "drift:\n  profile: gone\n")),
    ("missing-name", change("schemas.py", "class Flowers", "class Trees")),
    ("missing-name", change(YML, "evaluate:\n", "evaluate:\n  model: train.py:Net\n")),
    ("pickle", change(YML, "evaluate:\n", "evaluate:\n  model: model.joblib\n")),
    ("data-name", change(YML, r"compare: \[evaluation, recent\]", "compare: [evaluation, later]")),
    ("data-name", change(YML, r"between: \[train, evaluation\]", "between: [train, test]")),
    ("placeholder", change(YML, "drift:\n", "deploy: {identity: https://github.com/YOU/REPOSITORY/x}\ndrift:\n")),
    ("lfs", put("data/train.csv", LFS)),
]
REPOSITORY: list[tuple[str, Break]] = [
    ("git", gone(".git")),
    ("base", change(YML, "data:\n", "base: trunk\ndata:\n")),
    ("tracked", both(put(".ci-kit/x.json", "{}"), lambda folder: git(folder, "add", "-f", ".ci-kit"))),
    ("history", both(lambda folder: git(folder, "branch", "-D", "ci-kit"), change(YML, "first-run: allow", ""))),
]
DANGERS: list[tuple[str, Break]] = [
    ("workflow", put(f"{WORKFLOWS}/x.yml", "on: [push\njobs:")),
    ("workflow", put(f"{WORKFLOWS}/x.yml", "on: push\n")),
    ("pull-request-target", put(f"{WORKFLOWS}/x.yml", TARGET + "      - run: echo\n")),
    ("pull-request-target", put(f"{WORKFLOWS}/x.yml", TARGET + HEAD)),
    ("fork-runner", change(GPU, GUARD, "")),
    ("injection", change(PR, STEP, TITLE + STEP)),
    ("injection", change(PR, STEP, SCRIPT + STEP)),
    ("permissions", change(PR, "permissions:\n(      .*\n)+", "permissions: write-all\n")),
    (
        "permissions",
        both(change(TRAIN, r"permissions: \{\}", ""), change(TRAIN, SAID, "")),
    ),
    ("unpinned", change(PR, "actions/checkout@[0-9a-f]{40}", "actions/checkout@v7")),
    ("cache-key", change(PR, STEP, CACHE + STEP)),
    ("cron", change(DRIFT, "17 4 ", "0 4 ")),
]
WIRING: list[tuple[str, Break]] = [
    ("placeholder", change(PR, rf"acme/ci-kit@{COMMIT}", "OWNER/ci-kit@REF")),
    ("placeholder", change(PR, r"branches: \[main\]", "branches: [$default-branch]")),
    ("job-permissions", change(PR, "pull-requests: write", "issues: write")),
    ("job-permissions", change(DRIFT, "      pull-requests: write", "      issues: write")),
    ("job-permissions", change(TRAIN, "actions: write", "actions: read")),
    ("job-permissions", change(FORK, "      actions: read", "      checks: read")),
    ("job-permissions", change(PR, "contents: read", "checks: read")),
    ("fetch-depth", change(PR, "          fetch-depth: 0.*\n", "")),
    ("persist-credentials", change(PR, "          persist-credentials: false\n", "")),
    ("report-if", change(GPU, r"if: \$\{\{ !cancelled\(\) && github.event_name != 'push' \}\}", "if: success()")),
    ("hidden-files", change(GPU, "          include-hidden-files: true\n", "")),
    ("concurrency", change(PR, r"concurrency:\n.*\n.*\n", "")),
    ("concurrency", change(DEPLOY, "cancel-in-progress: false", "cancel-in-progress: true")),
    ("workflow-run", change(PR, "name: Model\n", "name: Check\n")),
    (
        "dispatch",
        both(
            change(YML, "retrain:\n", "retrain:\n  workflow: pull-request.yml\n"),
            change(PR, "  workflow_dispatch:.*\n", ""),
        ),
    ),
    ("drift-schedule", gone(DRIFT)),
    ("drift-schedule", change(DRIFT, r"  schedule:\n.*\n", "")),
]
DATA: list[tuple[str, Break]] = [
    ("dvc-init", gone(".dvc")),
    ("dvc-remote", put(".dvc/config", "")),
    ("dvc-remote", put(".dvc/config", "[core]\n    remote = other\n")),
    ("dvc-reach", gone("../storage")),
    ("dvc-lockfile", LOCKFILE),
    ("dvc-secret", change(".dvc/config", "\\Z", "    password = hunter2\n")),
]


def named(tables: list[list[tuple[str, Break]]]) -> list[object]:
    rows = [row for table in tables for row in table]
    return [pytest.param(word, broken, id=f"{number}-{word}") for number, (word, broken) in enumerate(rows)]


@pytest.mark.parametrize("name", ["sound", "minimal", "digits"])
def test_of_a_sound_set_up_nothing_is_said(copied: Copy, name: str) -> None:
    assert found(seen(copied(name))) == []


@pytest.mark.parametrize(("word", "broken"), named([CONFIGURATION, REPOSITORY, DANGERS, WIRING]))
def test_a_broken_set_up_is_named_by_its_finding_alone(copied: Copy, word: str, broken: Break) -> None:
    folder = copied("sound")
    broken(folder)
    assert ids(seen(folder)) == [f"doctor/{word}"]


ABSENT: dict[str, tuple[str, Break]] = {
    "DVC can bring it": ("digits", gone("data/train.csv")),
    "DVC can bring the folder that it is in": (
        "digits",
        both(put("parts.dvc", PARTS), change(YML, "data/recent.csv", "parts/a.csv")),
    ),
    "a stage makes it": (
        "digits",
        both(
            change("dvc.yaml", "    outs:\n", "    outs:\n      - made\n"),
            change(YML, "data/recent.csv", "made/a.csv"),
        ),
    ),
    "git ignores it": (
        "sound",
        both(lambda folder: git(folder, "rm", "-q", "data/recent.csv"), put("data/.gitignore", "recent.csv\n")),
    ),
    "it is what the service logs": ("sound", gone("data/log.csv")),
    "it is made by the training": ("sound", change(YML, "evaluate:\n", "evaluate:\n  model: other.onnx\n")),
    "it is at an address": ("sound", change(YML, r"data/recent\.csv", "s3://bucket/recent.csv")),
}


@pytest.mark.parametrize(("name", "broken"), ABSENT.values(), ids=list(ABSENT))
def test_what_comes_from_elsewhere_is_not_missed(copied: Copy, name: str, broken: Break) -> None:
    folder = copied(name)
    broken(folder)
    assert ids(seen(folder)) == []


@pytest.mark.parametrize(("word", "broken"), named([DATA]))
def test_what_is_wrong_with_dvc_is_named(copied: Copy, word: str, broken: Break) -> None:
    folder = copied("digits")
    broken(folder)
    assert ids(seen(folder)) == [f"doctor/{word}"]


@pytest.mark.parametrize("name", ["minimal", "sound"])
def test_each_finding_says_what_and_why_and_what_to_type(copied: Copy, name: str) -> None:
    folder = copied(name)
    (folder / YML).write_text("data: {}\nevaluate: {model: x.pkl, tests: gone}\n")
    checks = found(seen(folder, python=(3, 11, 7), version=versions(onnx="1.20.0")))
    assert len(checks) >= 4
    for check in checks:
        assert check.status in URGENCY
        assert check.title
        assert (check.detail or "").count("\n") >= 1, check
        assert "hunter2" not in check.model_dump_json()


def test_an_empty_configuration_has_no_data(copied: Copy) -> None:
    folder = copied("minimal")
    (folder / YML).write_text("base: main\n")
    assert ids(seen(folder)) == ["doctor/no-data"]


def test_the_place_of_a_finding_is_its_line(copied: Copy) -> None:
    folder = copied("sound")
    change(PR, "          persist-credentials: false\n", "")(folder)
    change(YML, "schemas.py:Flowers", "gone.py:Flowers")(folder)
    places = {check.id: check.location for check in found(seen(folder))}
    for word, file, text in (("persist-credentials", PR, "actions/checkout"), ("missing-file", YML, "gone.py")):
        place = places[f"doctor/{word}"]
        assert place
        assert place.file == file
        assert text in (folder / file).read_text().splitlines()[place.line - 1]


def test_a_secret_in_the_configuration_of_dvc_is_named_and_not_shown(copied: Copy) -> None:
    folder = copied("digits")
    change(".dvc/config", "\\Z", "    password = hunter2\n")(folder)
    (check,) = found(seen(folder))
    assert "password" in (check.observed or "")
    assert "hunter2" not in check.model_dump_json()
