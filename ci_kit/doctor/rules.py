"""Workflows that a stranger could use, whoever wrote them: the mistakes that cost most. zizmor knows all of them."""

import re
from collections.abc import Iterator

from ci_kit.doctor.context import Context
from ci_kit.doctor.finding import finding
from ci_kit.doctor.workflow import JobOf, Workflow, listed, record
from ci_kit.parts import Check, Location

PINNED = re.compile(r"@[0-9a-f]{40}$|^\./|^\$/|@sha256:[0-9a-f]{64}$")
FORKS = ("pull_request", "pull_request_target")
# What whoever opens an issue or a pull request chooses (GitHub's "Script injections", and zizmor's template-injection).
UNTRUSTED = re.compile(
    r"\$\{\{[^}]*\b(github\.head_ref|github\.event\.(issue|pull_request|discussion|comment|review|review_comment|pages"
    r"|commits|head_commit|workflow_run)\b[\w.*\[\]-]*?\.(title|body|ref|label|message|email|name|page_name|head_branch"
    r"|display_title|default_branch)|github\.event\.workflow_run\.(head_branch|display_title))\b[^}]*\}\}"
)
_SAME = ("head.repo.full_name == github.repository", "head.repo.fork", "head_repository.full_name == github.repository")


def rules(context: Context) -> Iterator[Check]:
    """Yield at most one finding per rule and workflow; the first place is named, and how many more there are."""
    for workflow in context.workflows:
        if workflow.trouble:
            why, where = "GitHub does not run it.", Location(file=workflow.path)
            hint = "Mend the YAML; editors show where it breaks"
            what = "A workflow can't be read"
            yield finding("workflow", what, observed=workflow.trouble, why=why, hint=hint, location=where)
        yield from _target(workflow)
        yield from _runners(workflow)
        yield from _injection(workflow)
        yield from _permissions(workflow)
        yield from _unpinned(workflow)
        yield from _caches(workflow)
        yield from _cron(workflow)


def _target(workflow: Workflow) -> Iterator[Check]:
    if "pull_request_target" not in workflow.triggers:
        return
    checked = re.search(r"ref:.*(github\.event\.pull_request\.head|github\.head_ref|refs/pull/)", workflow.text)
    why = "It runs with your secrets and a token that writes, on whatever a stranger's pull request says"
    why += ", and this one checks the stranger's code out." if checked else "."
    hint = "Use `pull_request`, and workflow-templates/pull-request-fork.yml for the comment"
    what, where = "A workflow runs on pull_request_target", workflow.at("pull_request_target")
    yield finding("pull-request-target", what, why=why, hint=hint, status="fail" if checked else "warn", location=where)


def _runners(workflow: Workflow) -> Iterator[Check]:
    if not any(one in workflow.triggers for one in FORKS):
        return
    for job in workflow.jobs:
        if "self-hosted" in str(job.content.get("runs-on")) and not _kept(job):
            why = "Whoever opens a pull request runs any program on it, and can stay there."
            hint = "Add: if: github.event_name != 'pull_request' || "
            hint += "github.event.pull_request.head.repo.full_name == github.repository"
            what, where = "A fork reaches a machine of yours", workflow.at("runs-on", job=job)
            yield finding("fork-runner", what, observed=job.name, why=why, hint=hint, location=where)


def _kept(job: JobOf) -> bool:
    """Say whether the condition keeps forks, or pull requests, out."""
    return any(one in job.condition for one in _SAME) or bool(re.search(r"event_name == '(?!pull)", job.condition))


def _injection(workflow: Workflow) -> Iterator[Check]:
    found = [match for job in workflow.jobs for step in job.steps for match in UNTRUSTED.finditer(step.script)]
    if found:
        why = "Whoever opens the pull request chooses this text, and the shell runs what is in it."
        hint = 'Hand it over by `env:`, and write "$NAME" in the script'
        what, where = "A stranger's words are part of a script", workflow.at(found[0][1])
        yield finding("injection", what, observed=_more(found[0][1], len(found)), why=why, hint=hint, location=where)


def _permissions(workflow: Workflow) -> Iterator[Check]:
    wide = [job for job in workflow.jobs if (job.permissions() or {}).get("*") == "write"]
    silent = [job for job in workflow.jobs if job.permissions() is None]
    if wide or silent:
        why = "Each step, and whatever it downloads, can then do what the token can"
        why += ": everything." if wide else "; how much that is, the repository's settings say."
        what = "The token may do everything" if wide else "What the token may do is not said"
        hint = "Write `permissions: {}` at the top, and in each job what it needs"
        where = workflow.at("permissions" if wide else "jobs")
        jobs = _more((wide or silent)[0].name, len(wide or silent))
        yield finding("permissions", what, observed=jobs, why=why, hint=hint, status="warn", location=where)


def _unpinned(workflow: Workflow) -> Iterator[Check]:
    used = [str(step.content["uses"]) for job in workflow.jobs for step in job.steps if "uses" in step.content]
    used += [str(job.content["uses"]) for job in workflow.jobs if "uses" in job.content]
    found = [one for one in used if not PINNED.search(one) and "@REF" not in one]
    if found:
        why = "A tag or branch can be moved to other code, as those of tj-actions and trivy-action were."
        hint = "Pin each by its commit, with the version behind it as a comment (Dependabot and Renovate keep both)"
        where = workflow.at(found[0])
        what = "An action is not pinned"
        yield finding(
            "unpinned", what, observed=_more(found[0], len(found)), why=why, hint=hint, status="warn", location=where
        )


def _caches(workflow: Workflow) -> Iterator[Check]:
    for job in workflow.jobs:
        for step in job.steps:
            key = str(step.given.get("key", ""))
            if step.uses in ("actions/cache", "actions/cache/restore") and "hashFiles(" not in key and key:
                why = "A cache is never written twice under one key: it stays what it was, whatever the lock file says."
                hint = "Let the key end in ${{ hashFiles('uv.lock', 'requirements*.txt') }}"
                what, where = "A cache does not follow its lock file", workflow.at("key", job=job)
                yield finding("cache-key", what, observed=key, why=why, hint=hint, status="warn", location=where)


def _cron(workflow: Workflow) -> Iterator[Check]:
    crons = [str(record(one).get("cron", "")) for one in listed(workflow.triggers.get("schedule"))]
    found = [one for one in crons if one.split()[:1] and one.split()[0].lstrip("0") == ""]
    if found:
        why = "GitHub starts scheduled runs late at full hours, and drops some without a word."
        hint = f'Write another minute, such as: cron: "17 {" ".join(found[0].split()[1:])}"'
        what, where = "A schedule starts at a full hour", workflow.at("cron")
        yield finding("cron", what, observed=found[0], why=why, hint=hint, status="warn", location=where)


def _more(first: str, count: int) -> str:
    return f"{first} and {count - 1} more" if count > 1 else first
