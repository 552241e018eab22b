"""The workflows of the repository: what ci-kit needs of them, and what is dangerous beside it.

A full audit of workflows is zizmor's; here stands what breaks a model's journey or opens it to strangers.
"""

import re
from collections.abc import Iterator
from typing import Any

from ci_kit.doctor import files
from ci_kit.doctor.files import Job, Step, Workflow
from ci_kit.doctor.finding import Finding, Patient, broken, warning

PIN = re.compile(r"@[0-9a-f]{40}$|^\./|^docker://.*@sha256:")
# What whoever opens a pull request or an issue chooses.
FOREIGN = re.compile(
    r"\$\{\{[^}]*(github\.head_ref|github\.event\.(issue|pull_request|comment|review|head_commit|discussion)"
    r"[\w.]*\.(title|body|message|ref|label|name|email))[^}]*\}\}"
)
GUARD = re.compile(r"head\.repo\.full_name|head\.repo\.fork|event_name != 'pull_request'")
NOT_A_FORK = "github.event.pull_request.head.repo.full_name == github.repository"
PLACEHOLDERS = ("OWNER/ci-kit", "@REF", "$default-branch")


def look(patient: Patient) -> Iterator[Finding]:
    """Yield what is wrong with the workflows; those that do not use ci-kit are only looked at for dangers."""
    found = list[Workflow]()
    for one in files.read(patient.root):
        if isinstance(one, Finding):
            yield one
        else:
            found.append(one)
    if not any(one.ours for one in found):
        hint = "ci-kit init, or copy what you need of workflow-templates/"
        yield warning("workflows/none", "no workflow uses ci-kit", "nothing checks a pull request", hint)
    yield from _schedule(patient, found)
    for one in found:
        yield from _dangers(one)
        if one.ours:
            yield from _needs(one, {str(other.document.get("name", other.place)) for other in found})


def _schedule(patient: Patient, found: list[Workflow]) -> Iterator[Finding]:
    config = patient.config
    watches = any("schedule" in one.triggers and re.search(r"actions/drift|run watch", one.text) for one in found)
    if config and config.drift.current in config.data and not watches:
        why, hint = "`drift` is configured, and nothing runs it", "copy workflow-templates/drift.yml"
        yield warning("schedule/missing", "no scheduled workflow checks for drift", why, hint)
    for one in found:
        crons = one.triggers.get("schedule")
        for cron in crons if isinstance(crons, list) and one.ours else []:
            text = str(cron.get("cron", "")) if isinstance(cron, dict) else ""
            if text.split(" ")[0] in ("0", "*"):
                why = "GitHub delays and drops runs at full hours, when everybody's start"
                yield warning("schedule/minute", f"cron {text!r}", why, "an odd minute, such as 17", one.line(text))


def _dangers(one: Workflow) -> Iterator[Finding]:
    if "pull_request_target" in one.triggers:
        why = "it runs with the repository's secrets on a stranger's pull request"
        hint = "use pull_request, and pull-request-fork.yml for comments on forks"
        place = one.line("pull_request_target")
        yield broken("workflows/trigger", "a workflow starts on pull_request_target", why, hint, place)
    for name, job in one.jobs.items():
        condition, at = " ".join(str(job.get("if", "")).split()), one.line(f"{name}:")
        if "pull_request" in one.triggers and "self-hosted" in str(job.get("runs-on")) and not GUARD.search(condition):
            why = "whoever opens a pull request from a fork runs code on your machine"
            what, hint = f"job {name}: forks reach a runner of yours", f"if: {NOT_A_FORK}"
            yield broken("workflows/fork-runner", what, why, hint, at)
        for step in files.steps(job):
            if match := FOREIGN.search(str(step.get("run", ""))):
                why, hint = "whoever opens a pull request writes the command", 'hand it over by env:, and use "$NAME"'
                what = f"job {name}: {match[1]} inside run"
                yield broken("workflows/injection", what, why, hint, one.line(match[1]))


def _needs(one: Workflow, names: set[str]) -> Iterator[Finding]:
    for text in PLACEHOLDERS:
        if text in one.text:
            why = "it is a placeholder of the template: GitHub finds no such action or branch"
            yield broken("workflows/placeholder", f"{text} is still there", why, "put yours in place", one.line(text))
    if "concurrency" not in one.document and "pull_request" in one.triggers:
        why = "each push to a pull request starts another whole run beside the old one"
        hint = "take the lines `concurrency:` of workflow-templates/pull-request.yml"
        yield warning("workflows/concurrency", "runs of older commits are not ended", why, hint, one.place)
    after = one.triggers.get("workflow_run")
    for name in (after.get("workflows") or []) if isinstance(after, dict) else []:
        if name not in names:
            why, hint = "it never starts: no workflow here has that name", "name the one that checks pull requests"
            yield broken("workflows/fork", f"it waits for a workflow {name!r}", why, hint, one.line("workflows:"))
    for name, job in one.jobs.items():
        yield from _job(one, name, job)


def _job(one: Workflow, name: str, job: Job) -> Iterator[Finding]:
    steps, at = files.steps(job), one.line(f"{name}:")
    permissions = job.get("permissions", one.document.get("permissions"))
    if permissions is None or permissions == "write-all":
        why = "the token may do whatever the repository's settings allow"
        hint = "permissions: {contents: read}, and what the job needs beside it"
        yield warning("workflows/permissions", f"job {name}: the token is not limited", why, hint, at)
    elif _comments(one, job, steps) and isinstance(permissions, dict) and permissions.get("pull-requests") != "write":
        what, hint = f"job {name}: pull-requests: write is missing", "add it to the job's `permissions`"
        yield broken("workflows/comment", what, "the report can't become a comment", hint, at)
    ours = any("ci-kit" in str(step.get("uses", "")) for step in steps)
    for step in steps:
        yield from _step(one, name, step, ours)


def _comments(one: Workflow, job: Job, steps: list[Step]) -> bool:
    """Say whether the job keeps a comment: it runs the root action or `report` for a pull request."""
    condition = str(job.get("if", ""))
    pushes = "event_name == 'push'" in condition
    return (
        "pull_request" in one.triggers
        and not pushes
        and any(re.search(r"ci-kit(/actions/report)?@", str(step.get("uses", ""))) for step in steps)
    )


def _step(one: Workflow, name: str, step: Step, ours: bool) -> Iterator[Finding]:
    use, found = str(step.get("uses", "")), step.get("with")
    given: dict[str, Any] = found if isinstance(found, dict) else {}
    at = one.line(use)
    if use and not PIN.search(use) and "@REF" not in use:
        why, hint = "a tag can be moved to other code, which then runs here", "pin the 40 digits of a commit"
        yield warning("workflows/pin", f"job {name}: {use} is no commit", why, hint, at)
    if use.startswith("actions/checkout@") and ours:
        if str(given.get("fetch-depth")) != "0":
            why = "the baseline lies in the history, which a shallow clone has not: the gate fails closed"
            yield broken("workflows/fetch-depth", f"job {name}: a shallow checkout", why, "fetch-depth: 0", at)
        if given.get("persist-credentials") is not False:
            why, hint = "the change's code can read the token in .git/config", "persist-credentials: false"
            yield warning("workflows/credentials", f"job {name}: the checkout keeps the token", why, hint, at)
    if use.startswith("actions/cache@") and "hashFiles(" not in str(given.get("key", "")):
        why, hint = "a key that never changes keeps old packages or data for ever", "put hashFiles('…lock') into `key`"
        yield warning("workflows/cache", f"job {name}: the cache's key never changes", why, hint, at)
    reports = re.search(r"ci-kit/actions/report@", use) and "phase" not in given
    if reports and not re.search(r"cancelled\(\)|always\(\)", f"{step.get('if', '')} {one.jobs[name].get('if', '')}"):
        why, hint = "where a step before it fails, no comment says so", "if: ${{ !cancelled() }}"
        yield warning("workflows/report", f"job {name}: the report waits for success", why, hint, at)
