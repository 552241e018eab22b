"""The git repository: what a comparison with the base branch needs of it."""

from collections.abc import Iterator

from ci_kit.doctor.finding import Finding, Patient, broken, warning
from ci_kit.forge import watched
from ci_kit.forge.git import Git
from ci_kit.job import Job


def look(patient: Patient) -> Iterator[Finding]:
    """Yield what keeps a change from being compared, or its results from being kept apart."""
    git, config = Git(patient.root), patient.config
    if not git.is_repository():
        why = "changes are compared with the base branch, and results are kept by commit"
        yield broken("repository/git", "this is no git repository", why, "git init && git add . && git commit -m start")
        return
    if git.find("HEAD") is None:
        yield broken("repository/git", "there is no commit yet", "nothing can be compared", "git commit -m start")
        return
    base = config.base if config else "main"
    if not any(map(git.find, (f"refs/remotes/origin/{base}", f"refs/heads/{base}"))):
        why = "`base` in ci-kit.yaml is what changes are compared with; without it the gate fails closed"
        hint = f"git fetch origin {base}, or set `base` to one of: {_branches(git)}"
        yield broken("repository/base", f"there is no branch {base}", why, hint)
    if git.shallow():
        why = "the baseline lies in older commits, so the gate fails closed"
        hint = "git fetch --unshallow; in a workflow, give actions/checkout `fetch-depth: 0`"
        yield broken("repository/shallow", "the clone is shallow", why, hint)
    if git.read("ls-files", "--", ".ci-kit"):
        why = "results of a laptop would be taken for a run's own"
        hint = "git rm -r --cached .ci-kit && echo .ci-kit/ >> .gitignore"
        yield warning("repository/tracked", "git tracks .ci-kit", why, hint)
    if config and config.data and not watched.known(git) and config.evaluate.first_run == "fail":
        why = "the very first run has nothing to compare with, and fails closed"
        hint = f"commit on {base}, then: ci-kit run check --first-run allow"
        yield warning("repository/history", "nothing is recorded yet", why, hint)
    yield from _heartbeat(patient)


def _branches(git: Git) -> str:
    names = (git.read("for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/remotes/origin") or "").split()
    return ", ".join(names[:6]) or "none"


def _heartbeat(patient: Patient) -> Iterator[Finding]:
    from ci_kit.report.heartbeat import heartbeat

    if patient.config is None:
        return
    check = heartbeat(Job(root=patient.root, config=patient.config, say=lambda _: None))
    if check.status == "warn" and check.observed:  # where none has run yet, the missing schedule is the finding
        said = f"{check.title}: {check.observed}"
        why = "GitHub disables a schedule after 60 days without a commit, and says nothing"
        yield warning("schedule/heartbeat", said, why, check.detail or "ci-kit run watch")
