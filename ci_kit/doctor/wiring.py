"""How workflows use ci-kit: what its actions need from the job, the checkout and the other workflows around them."""

import re
from collections.abc import Iterator

from ci_kit.doctor.context import Context
from ci_kit.doctor.finding import finding, untold
from ci_kit.doctor.workflow import JobOf, Step, Workflow, listed, record
from ci_kit.parts import Check, Location

# Which of our actions read the history, or the commit to compare with.
HISTORY = {"check", "evaluate", "report", "drift", "watch", "retrain", "package", "deploy", "ship"}
PLACEHOLDERS = ("OWNER/ci-kit", "@REF", "$default-branch", "YOU/REPOSITORY")
WRITERS = {"deploy", "retrain", "package"}


def wiring(context: Context) -> Iterator[Check]:
    """Yield what keeps ci-kit from working in the workflows that use it."""
    if context.config and context.top and not context.ours and "github.com" in (context.git.remote_url() or ""):
        yield untold("workflows", "No workflow uses ci-kit", "Nothing runs it on GitHub. Type: ci-kit init")
    for workflow in context.ours:
        yield from _placeholders(workflow)
        yield from _concurrency(workflow)
        for job in workflow.jobs:
            if job.actions:
                yield from _permitted(workflow, job)
                yield from _checkout(workflow, job)
                yield from _reported(workflow, job)
            yield from _artifacts(workflow, job)
    yield from _chained(context)


def _placeholders(workflow: Workflow) -> Iterator[Check]:
    code = "\n".join(re.sub(r"(^|\s)#.*", "", line) for line in workflow.text.splitlines())
    found = [one for one in PLACEHOLDERS if one in code]
    if found:
        lines = [number for number, line in enumerate(code.splitlines(), 1) if found[0] in line]
        why = "GitHub finds no such action." if found[0] in PLACEHOLDERS[:2] else "Nothing has this name."
        hint = {
            "$default-branch": "Write the name of your branch, such as main",
            "YOU/REPOSITORY": "Write the owner and the name of your repository",
        }.get(found[0], "Write the owner of your copy of ci-kit, and a commit of it: OWNER/ci-kit@<40 hex digits>")
        where = Location(file=workflow.path, line=lines[0])
        yield finding(
            "placeholder", "A placeholder is left", observed=", ".join(found), why=why, hint=hint, location=where
        )


def _needs(step: Step) -> dict[str, str]:
    """Return the permissions that a step of ours can't do without."""
    action, phase = step.action, step.phase
    if action == "retrain" and phase in ("", "publish") and "token" not in step.given:
        return {"contents": "write", "pull-requests": "write"}
    if action == "train" and phase == "proceed":
        return {"actions": "write"}
    if action == "train" and step.given.get("live-token"):
        return {"checks": "write"}
    if action == "report" and phase == "fork":
        return {"pull-requests": "write", "actions": "read"}
    if action == "deploy" or (action == "package" and phase == "register"):
        return {"contents": "write"}
    return {}


def _permitted(workflow: Workflow, job: JobOf) -> Iterator[Check]:
    lacking = {scope: level for step in job.steps if "uses" in step.content for scope, level in _needs(step).items()}
    lacking = {scope: level for scope, level in lacking.items() if not job.may(scope, level)}
    if not job.may("contents", "read"):
        lacking.setdefault("contents", "read")
    speaks = any(step.action in ("check", "report") and step.phase in ("", "report") for step in job.steps)
    if speaks and not (job.may("pull-requests") or job.may("contents")):
        lacking["pull-requests"] = "write"
    if lacking:
        observed = ", ".join(f"{scope}: {level}" for scope, level in sorted(lacking.items()))
        why = f"The job `{job.name}` uses ci-kit/{', '.join(sorted(job.actions))}, which GitHub then refuses."
        hint = f"Add to the job's permissions: {observed}"
        what, where = "The token of a job lacks a permission", workflow.at("permissions", job=job)
        yield finding("job-permissions", what, observed=observed, why=why, hint=hint, location=where)


def _checkout(workflow: Workflow, job: JobOf) -> Iterator[Check]:
    found = [step for step in job.steps if step.uses == "actions/checkout"]
    where = workflow.at("actions/checkout", job=job) if found else None
    deep = any(str(step.given.get("fetch-depth")) == "0" for step in found)
    if found and not deep and job.actions & HISTORY and not _proceeds(job):
        why = f"The job `{job.name}` then has one commit: no baseline, no history, no versions."
        hint = "Add to actions/checkout: fetch-depth: 0"
        what = "A checkout without the history"
        yield finding("fetch-depth", what, observed=job.name, why=why, hint=hint, location=where)
    if any(str(step.given.get("persist-credentials")).lower() != "false" for step in found):
        why = "The token stays in .git/config, where the code of the change, and every artifact of the folder, has it."
        hint = "Add to actions/checkout: persist-credentials: false"
        what = "A checkout keeps the token"
        yield finding("persist-credentials", what, observed=job.name, why=why, hint=hint, status="warn", location=where)


def _proceeds(job: JobOf) -> bool:
    return job.actions <= {"train", "validate"}


def _reported(workflow: Workflow, job: JobOf) -> Iterator[Check]:
    """Yield a report that is left out when something before it fails, which is when it is wanted most."""
    for index, step in enumerate(job.steps):
        if step.action != "report" or step.phase not in ("", "report"):
            continue
        always = re.compile(r"!\s*cancelled\(\)|always\(\)")
        alone = not any(one.action for one in job.steps[:index])
        said = job.condition if alone else str(step.content.get("if", ""))
        waits = "needs" in job.content or not alone
        if waits and not always.search(said):
            why = "When a step before it fails, GitHub leaves the report out, and the pull request shows the last one."
            hint = f"Add to the {'job' if alone else 'step'}: if: ${{{{ !cancelled() }}}}"
            what, where = "The report is not written when a check fails", workflow.at("report", job=job)
            yield finding("report-if", what, observed=job.name, why=why, hint=hint, location=where)


def _artifacts(workflow: Workflow, job: JobOf) -> Iterator[Check]:
    for step in job.steps:
        hidden = step.uses == "actions/upload-artifact" and ".ci-kit" in str(step.given.get("path", ""))
        if hidden and str(step.given.get("include-hidden-files")).lower() != "true":
            why = "Since version 4.4 hidden files are left out: the next job finds no Results."
            hint = "Add to actions/upload-artifact: include-hidden-files: true"
            what, where = "An artifact without .ci-kit", workflow.at("actions/upload-artifact", job=job)
            yield finding("hidden-files", what, observed=job.name, why=why, hint=hint, location=where)
            return


def _concurrency(workflow: Workflow) -> Iterator[Check]:
    groups = [workflow.content.get("concurrency"), *(job.content.get("concurrency") for job in workflow.jobs)]
    if not any(groups):
        why = "Two runs for one pull request, or two deployments, work at the same time, and the older may end last."
        hint = "Add: concurrency: {group: '${{ github.workflow }}-${{ github.ref }}', cancel-in-progress: false}"
        what, where = "Nothing keeps two runs apart", workflow.at("jobs")
        yield finding("concurrency", what, why=why, hint=hint, status="warn", location=where)
    elif workflow.actions & WRITERS and any(record(one).get("cancel-in-progress") is True for one in groups):
        why = "A run that is replaced is cut off in the middle of a deployment, a registration or a retraining."
        hint = "Write: cancel-in-progress: false"
        what, where = "A run that writes is cancelled by the next one", workflow.at("cancel-in-progress")
        yield finding("concurrency", what, why=why, hint=hint, status="warn", location=where)


def _chained(context: Context) -> Iterator[Check]:
    """Yield what waits for, or starts, a workflow that is not there or can't be started."""
    names = {one.name for one in context.workflows}
    for workflow in context.workflows:
        for name in listed(record(workflow.triggers.get("workflow_run")).get("workflows")):
            if str(name) not in names:
                why, known = "It waits for a workflow of this name, so it never runs.", ", ".join(sorted(names))
                hint = f"Write the `name` of one that is there: {known}"
                what, where = "A workflow waits for one that is not there", workflow.at("workflows")
                yield finding("workflow-run", what, observed=str(name), why=why, hint=hint, location=where)
    wanted = context.settings.retrain.workflow
    for workflow in context.workflows:
        if wanted and workflow.path.endswith(f"/{wanted}") and "workflow_dispatch" not in workflow.triggers:
            why = (
                "`retrain.workflow` names it, and GitHub starts none without that trigger: no check of the model runs."
            )
            hint = f"Add to {workflow.path}: on: {{workflow_dispatch: }}"
            what, where = "A workflow that is to be started can't be", workflow.at("on")
            yield finding("dispatch", what, observed=wanted, why=why, hint=hint, location=where)
