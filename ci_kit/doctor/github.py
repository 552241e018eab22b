"""The token and the settings of the repository on GitHub; what the token does not show is no fault."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ci_kit.doctor.answers import TOKENS, Answer, ask, repository, token
from ci_kit.doctor.context import Context
from ci_kit.doctor.finding import finding, untold
from ci_kit.doctor.workflow import listed, record
from ci_kit.errors import UserError
from ci_kit.parts import Check

_PUSHED = re.compile(r"github\.event_name == 'push'")
_READS = {"branch": "contents", "pulls": "pull-requests", "checks": "checks"}
_SHOWN = {
    "rules": "branch rules",
    "settings": "Actions settings",
    "environments": "environments",
    "workflows": "workflows",
}
_READ = {"pulls": "pull requests", "checks": "checks"}


def github(context: Context, transport: Any = None) -> Iterator[Check]:
    """Yield what is wrong with the token and on GitHub; a note where it can't be asked, nothing where there is none."""
    repo = repository(context)
    if not repo:
        return
    if not token(context):
        why = f"Set {' or '.join(TOKENS)} to see rules, environments and settings, too: GH_TOKEN=$(gh auth token)"
        yield untold("github", "GitHub was not asked: there is no token", why)
        return
    try:
        answers = ask(context, repo, transport)
    except UserError as error:
        yield finding("token", "The token is none", observed=error.what, why="GitHub refuses it.", hint=error.hint)
        return
    yield from judge(context, repo, answers)


def judge(context: Context, repo: str, answers: Mapping[str, Answer]) -> Iterator[Check]:
    """Yield what the answers say."""
    seen = answers["repository"]
    if seen.status == 401:
        hint = "In a workflow it is ${{ github.token }}; on your machine type: gh auth login"
        yield finding(
            "token", "GitHub does not accept the token", observed=seen.why, why="Nothing can be published.", hint=hint
        )
    elif seen.status == 404:
        why = "The name is wrong, or the token is not for this repository: nothing can be read or published."
        hint = f"Look at {repo}, and at what the token may see"
        yield finding("token", "The token does not see the repository", observed=repo, why=why, hint=hint)
    elif seen.status != 200:
        yield untold("github", "GitHub could not be asked", seen.why)
    else:
        # Inside of Actions it is the token of this one job; what other jobs need is read from the workflows.
        here = context.env.get("GITHUB_ACTIONS") == "true"
        yield from _reads(answers) if not here else ()
        yield from _base(context, seen.record, answers["branch"])
        yield from _protected(context, answers)
        yield from _environments(context, answers.get("environments"))
        yield from _settings(context, answers["settings"])
        yield from _disabled(context, answers["workflows"])
        shown = _SHOWN | _READ if here else _SHOWN
        hidden = [words for name, words in shown.items() if name in answers and answers[name].status != 200]
        if hidden:
            yield untold("github", "Some settings can't be told with this token", ", ".join(hidden))


def _reads(answers: Mapping[str, Answer]) -> Iterator[Check]:
    lacking = [f"{scope}: read" for name, scope in _READS.items() if name in answers and answers[name].status == 403]
    if lacking:
        observed = ", ".join(lacking)
        why = "It can't even read these, which the report and the retraining write."
        hint = f"Give the token {observed.replace('read', 'write')}"
        what = "The token lacks a permission"
        yield finding("token-permissions", what, observed=observed, why=why, hint=hint, status="warn")


def _base(context: Context, seen: dict[str, Any], branch: Answer) -> Iterator[Check]:
    base, default = context.settings.base, str(seen.get("default_branch", ""))
    if context.config is None:
        return
    hint = f"Write in ci-kit.yaml: base: {default}"
    if branch.status == 404:
        why = "Changes are compared with it, and pull requests of a retraining go to it."
        yield finding("base", "The base branch is not on GitHub", observed=base, why=why, hint=hint)
    elif default and default != base:
        why = f"Only pushes to the default branch, {default}, record what a change is compared with."
        what = "The base branch is not the default branch"
        yield finding("base", what, observed=base, why=why, hint=hint, status="warn")


def _protected(context: Context, answers: Mapping[str, Answer]) -> Iterator[Check]:
    """Yield a warning where a pull request can be merged although our check has failed."""
    checking = [one for one in context.ours if "pull_request" in one.triggers]
    names = [job.title for one in checking for job in one.jobs if job.actions and not _PUSHED.search(job.condition)]
    if not names or answers["branch"].status != 200 or answers["rules"].status != 200:
        return
    required = set(_required(answers))
    if not required & set(names):
        why = "A change that fails the gate can be merged all the same."
        hint = f"Settings > Rules > Rulesets: require the status check {names[0]!r}"
        what, observed = (
            f"No rule of {context.settings.base} requires the check",
            ", ".join(sorted(required)) or "none at all",
        )
        yield finding("protection", what, observed=f"required: {observed}", why=why, hint=hint, status="warn")


def _required(answers: Mapping[str, Answer]) -> Iterator[str]:
    """Yield the names of the checks that branch protection or a ruleset requires."""
    old = record(record(answers["branch"].record.get("protection")).get("required_status_checks"))
    yield from (str(one) for one in listed(old.get("contexts")))
    for rule in listed(answers["rules"].body):
        if record(rule).get("type") in ("required_status_checks", "workflows"):
            for one in listed(record(record(rule).get("parameters")).get("required_status_checks")):
                yield str(record(one).get("context"))


def _environments(context: Context, answer: Answer | None) -> Iterator[Check]:
    if answer is None or answer.status != 200 or "deploy" not in {a for one in context.ours for a in one.actions}:
        return
    known = {str(record(one).get("name")): record(one) for one in listed(answer.record.get("environments"))}
    for target in context.settings.deploy.targets:
        rules = [record(rule).get("type") for rule in listed(known.get(target, {}).get("protection_rules"))]
        if "required_reviewers" not in rules:
            state = "there is no such environment" if target not in known else "nobody has to approve"
            why = "Whoever may start the workflow deploys; an environment that is missing is made without a rule."
            hint = f"Settings > Environments > {target}: add required reviewers"
            what = "An environment of deploy is not protected"
            yield finding("environment", what, observed=f"{target}: {state}", why=why, hint=hint, status="warn")


def _settings(context: Context, answer: Answer) -> Iterator[Check]:
    if answer.status != 200:
        return
    where = "Settings > Actions > General > Workflow permissions"
    steps = [step for one in context.ours for job in one.jobs for step in job.steps]
    opens = any(step.action == "retrain" and "token" not in step.given for step in steps)
    if opens and answer.record.get("can_approve_pull_request_reviews") is False:
        why = "The retraining can't open its pull request with the workflow's own token."
        hint = f"{where}: allow GitHub Actions to create pull requests; or use the token of a GitHub App"
        yield finding("pull-requests", "Actions may not create pull requests", why=why, hint=hint)
    if answer.record.get("default_workflow_permissions") == "write":
        why = "A workflow that does not say what its token may do gets one that writes everything."
        hint = f"{where}: read repository contents"
        yield finding("default-permissions", "Workflows may write by default", why=why, hint=hint, status="warn")


def _disabled(context: Context, answer: Answer) -> Iterator[Check]:
    ours = {one.path for one in context.ours}
    for one in listed(answer.record.get("workflows")):
        path, state = str(record(one).get("path")), str(record(one).get("state"))
        if path in ours and state.startswith("disabled"):
            idle = (
                "GitHub did that after 60 days without activity."
                if state == "disabled_inactivity"
                else "Nothing runs it."
            )
            hint = f"Type: gh workflow enable {path.rpartition('/')[2]}"
            yield finding("workflow-disabled", "A workflow is disabled", observed=path, why=idle, hint=hint)
