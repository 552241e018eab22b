"""The project's own rules for actions and workflows, where no linter has them; each problem is one line of text."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent.parent
ACTIONS = [ROOT / "action.yml", *sorted(ROOT.glob("actions/*/action.yml"))]
TEMPLATES = sorted(ROOT.glob("workflow-templates/*.yml"))
EXAMPLES = sorted(ROOT.glob("docs/workflows/*.yml"))
WORKFLOWS = [*sorted(ROOT.glob(".github/workflows/*.yml")), *TEMPLATES, *EXAMPLES]
SCRIPTS = sorted(ROOT.glob("actions/*.sh"))

PINNED = re.compile(r"uses: [\w-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
OURS = re.compile(r"uses: (OWNER/ci-kit(/actions/[a-z]+)?@REF|\$/(actions/[a-z]+)?)$")
NOT_A_FORK = "github.event_name != 'pull_request' || github.event.pull_request.head.repo.full_name == github.repository"
BASE = "${{ github.event.pull_request.base.sha || github.event.repository.default_branch }}"
PUSHES = re.compile(r"(\$\{\{ !cancelled\(\) && )?github\.event_name == 'push'( \}\})?")
CANCEL = "${{ github.event_name == 'pull_request' }}"
# Of a workflow that a person can start by hand on any branch.
HERE = "github.ref_name == github.event.repository.default_branch"
DEFAULT = "github.event_name == 'schedule' || github.ref_name == github.event.repository.default_branch"
A_FORK = (
    "github.event.workflow_run.event == 'pull_request' && github.event.workflow_run.conclusion != 'cancelled' && "
    "github.event.workflow_run.head_repository.full_name != github.repository"
)
AFTER = {"actions": "read", "contents": "read", "pull-requests": "write"}
CHECKOUT, RUN_ID = {"fetch-depth", "persist-credentials"}, "${{ github.event.workflow_run.id }}"
# Of the run: what no fork chooses, but for the name of its repository, which is compared alone.
TOLD = {"event", "conclusion", "id", "head_repository.full_name"}
WRITERS = re.compile(r"GITHUB_(ENV|PATH|STATE)|set-env|add-path|save-state")
PYTHON = re.compile(r'python[\d."}]* (?!-I\b)-')


# The one token that may stand beside the user's code, as nobody has it who did not ask for it.
LIVE = ("CI_KIT_LIVE_TOKEN", "${{ inputs.live-token }}")


def action(text: str) -> list[str]:
    """Return the problems of a composite action."""
    content = yaml.safe_load(text)
    steps = content["runs"]["steps"]
    found = ["an action that is not composite"] * (content["runs"]["using"] != "composite")
    for step in steps:
        if "uses" in step:
            found.append(f"an action inside an action: {step['uses']}")
            continue
        found += _run(step["run"])
        found += ["a step without a name"] * ("name" not in step) + ["a shell that is not bash"] * (
            step["shell"] != "bash"
        )
        publishes = re.search(
            r'run\.sh" (report\b|deploy\b|"(report --fork|train --proceed|retrain --publish|package --register|'
            r'deploy --rollback)")',
            step["run"],
        )
        env = {one: value for one, value in step.get("env", {}).items() if (one, value) != LIVE}
        if not publishes and re.search("token", str(env), re.IGNORECASE):
            found.append(f"a token in the environment of {step['name']!r}")
        passed = {f"CI_KIT_INPUT_{name.upper().replace('-', '_')}" for name in _inputs(step["run"])}
        given = {name for name in step.get("env", {}) if name.startswith("CI_KIT_INPUT_")}
        if "run.sh" in step["run"] and passed != given:
            found.append(f"an input that is not both set and named: {sorted(passed ^ given)}")
    live = content["inputs"].get("live-token", {"default": ""})
    found += ["a live token by default"] * (live.get("default") != "")
    for name, given in content["inputs"].items():
        found += [f"input {name} without a default or a description"] * (not {"default", "description"} <= set(given))
        # Every input reaches the kit, and only through the environment.
        used = sum(f"inputs.{name} }}" in str(step.get("env")) for step in steps)
        chooses = all(f"inputs.{name} " in step.get("if", "") for step in steps)
        found += [f"input {name} is not used"] * (used == 0 and not chooses)
    return found


def workflow(text: str) -> list[str]:
    """Return the problems of a workflow or a template."""
    content = yaml.safe_load(text)
    triggers = content.get(True, content.get("on"))
    found = ["a dangerous trigger"] * ("pull_request_target" in triggers)
    found += list(_after(text, content, triggers)) if "workflow_run" in triggers else []
    found += ["permissions at the top"] * (content.get("permissions") != {})
    concurrency = content.get("concurrency", {})
    forks = "pull_request" in triggers
    found += ["cancels what it must not"] * (concurrency.get("cancel-in-progress") != (CANCEL if forks else False))
    grouped = ("github.event.pull_request.number" in concurrency.get("group", "")) == forks
    found += ["one group for all changes, or none"] * (not grouped or "group" not in concurrency)
    for line in text.splitlines():
        if re.match(r"[\s-]*uses:", line) and not (PINNED.search(line) or OURS.search(line)):
            found.append(f"not pinned: {line.strip()}")
        if re.match(r"\s+[a-z-]+: (write|read)\b", line) and not re.search(r"# \w+", line):
            found.append(f"a permission without a reason: {line.strip()}")
    for name, job in content["jobs"].items():
        found += [f"{name}: {problem}" for problem in _job(job, forks=forks)]
        if "schedule" in triggers and "needs" not in job and _condition(job) != DEFAULT:
            found.append(f"{name}: any branch can start it")
        if list(triggers) == ["workflow_dispatch"] and re.search(r"actions/(package|deploy)@", text):
            found += [f"{name}: {problem}" for problem in _shipped(job)]
    return found


def _after(text: str, content: dict[str, Any], triggers: dict[str, Any]) -> Iterator[str]:
    """Yield the problems of what runs with a token after a fork's run: it may check out and run nothing of the fork."""
    if list(triggers) != ["workflow_run"] or triggers["workflow_run"].get("types") != ["completed"]:
        yield "it is not only started after a run that has ended"
    if "secrets" in text or "self-hosted" in text:
        yield "more than its own token, or a machine of yours, beside a stranger's files"
    if odd := set(re.findall(r"workflow_run\.([\w.]+)", text)) - TOLD:
        yield f"what a fork chooses, in a workflow: {sorted(odd)}"
    for name, job in content["jobs"].items():
        if _condition(job) != A_FORK:
            yield f"{name}: any run can start it"
        if not set((job.get("permissions") or {}).items()) <= set(AFTER.items()):
            yield f"{name}: a permission that it does not need"
        if "env" in job or "container" in job or "services" in job:
            yield f"{name}: more than steps"
        yield from (f"{name}: {problem}" for step in job["steps"] if (problem := _foreign(step)))


def _foreign(step: dict[str, Any]) -> str | None:
    """Say what is wrong with a step that runs where a stranger's files are and the token can write."""
    name, given = step.get("uses", "").partition("@")[0], step.get("with", {})
    if set(step) - {"uses", "with"}:
        return f"more than an action: {sorted(set(step) - {'uses', 'with'})}"
    if name == "actions/checkout":
        return "a checkout of something else than the default branch" if set(given) - CHECKOUT else None
    if name == "actions/download-artifact":
        here = str(given.get("path", "")).startswith("${{ runner.temp }}/")
        return None if here and given.get("run-id") == RUN_ID else "a stranger's files where others are"
    return None if name == "OWNER/ci-kit/actions/report" and given == {"phase": "fork"} else f"a step too much: {name}"


def _shipped(job: dict[str, Any]) -> Iterator[str]:
    """Yield the problems of a job that a person starts, and that a deployment is made of."""
    if HERE not in _condition(job) and job.get("needs") != "package":
        yield "any branch can start it"
    deploys = any("actions/deploy@" in step.get("uses", "") for step in job["steps"])
    if deploys and "environment" not in job:
        yield "nobody must approve it"
    if any("actions/cache" in step.get("uses", "") or "cache" in step.get("with", {}) for step in job["steps"]):
        yield "a cache, which somebody else may have filled"


def script(text: str) -> list[str]:
    """Return the problems of a shell script."""
    found = ["writes what later steps obey"] * bool(WRITERS.search(text))
    found += ["an expression of Actions in a script"] * ("${{" in text)
    found += ["Python that can be led astray by the workspace"] * bool(PYTHON.search(text))
    return found + ["goes on after an error"] * ("set -euo pipefail" not in text)


def _inputs(run: str) -> list[str]:
    return shlex.split(run)[4:]  # exec bash run.sh COMMAND INPUT…


def _run(run: str) -> Iterator[str]:
    last = run.strip().splitlines()[-1]
    if "${{" in run:
        yield "an expression inside run"
    if not last.startswith("exec "):
        yield f"a run that does not end in exec: {last}"
    if WRITERS.search(run):
        yield "writes what later steps obey"
    if PYTHON.search(run):
        yield "Python that can be led astray by the workspace"


def _job(job: dict[str, Any], *, forks: bool) -> Iterator[str]:
    condition = _condition(job)
    if "permissions" not in job:
        yield "no permissions"
    if not isinstance(job.get("timeout-minutes"), int):
        yield "no timeout"
    if "self-hosted" in str(job["runs-on"]) and forks and condition != NOT_A_FORK:
        yield "a fork can reach a machine of yours"
    permissions = job.get("permissions") or {}
    pushes = not forks or PUSHES.fullmatch(condition) is not None
    if permissions.get("contents") == "write" and not pushes:
        yield "a pull request can write to the repository"
    runs_code = any("ci-kit@REF" in step.get("uses", "") for step in job["steps"])
    clean = "write" in permissions.values() and not runs_code
    for step in job["steps"]:
        yield from _step(step, clean=clean, ref=None if pushes else BASE, apart=not (forks and pushes))


def _condition(job: dict[str, Any]) -> str:
    return " ".join(job.get("if", "").split())


def _step(step: dict[str, Any], *, clean: bool, ref: str | None, apart: bool) -> Iterator[str]:
    yield from _run(step["run"]) if "run" in step else ()
    uses, given = step.get("uses", ""), step.get("with", {})
    if "actions/checkout" in uses:
        if given.get("persist-credentials") is not False:
            yield "a checkout that keeps the token"
        if clean and given.get("ref") != ref:
            yield "a change's files where the token can write"
    if "download-artifact" in uses and clean and apart and given.get("path", ".") == ".":
        yield "a change's files, under any name, where the token can write"
    if "upload-artifact" in uses and not given.get("include-hidden-files"):
        yield "an artifact without .ci-kit"
    runs = re.search(r"actions/(validate|evaluate|drift)@", uses) or given.get("phase", "build") == "update"
    runs = runs or ("actions/train@" in uses and given.get("phase") != "proceed")
    runs = runs or ("actions/package@" in uses and given.get("phase", "build") == "build")
    if clean and runs:
        yield "a change's code where the token can write"
