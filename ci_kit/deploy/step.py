"""Deploy: what may be deployed, where to, and what is told of it."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ci_kit.deploy import environment
from ci_kit.deploy.local import LocalTarget, default_folder
from ci_kit.deploy.record import record
from ci_kit.deploy.recover import recover
from ci_kit.deploy.rollout import Rollout
from ci_kit.deploy.state import Desk, Instance, State, now
from ci_kit.deploy.status import status as told
from ci_kit.deploy.trial import Candidate
from ci_kit.errors import UserError
from ci_kit.forge.git import Git
from ci_kit.job import Job
from ci_kit.parts import Check
from ci_kit.registry.bentos import bring, distrusted, trust
from ci_kit.registry.release import Release, find
from ci_kit.result import Findings


def run(job: Job) -> Findings:
    """Return a check for each step of the deployment of a registered version to a target.

    Raises UserError for what can't even begin: an unknown version or target, a busy one, a port that is taken.
    """
    target = choose(job)
    release = find(Git(job.root), job.config.package.name, job.config.deploy.version)
    with _alone(target, f"a deployment of {release.model}@{release.version}"):
        state = target.desk.load() or target.create()
        checks = [_recovered(line) for line in recover(target, state)]
        return _deployed(job, target, state, release, checks, breaking=job.config.deploy.breaking)


def rollback(job: Job) -> Findings:
    """Deploy the version that was kept before the present one; where a deployment was cut off, undo that instead.

    Raises UserError when there is no version to go back to.
    """
    target = choose(job)
    with _alone(target, "a rollback"):
        state = target.desk.load()
        if state is None:
            raise UserError(f"nothing was deployed to {target.desk.target} yet", hint="Type: ci-kit deploy")
        cut = state.journal is not None
        checks = [_recovered(line) for line in recover(target, state)]
        if cut:
            return Findings(checks=tuple(checks))
        active = state.instances.get(state.active) if state.active else None
        kept = [one for one in state.past if one.outcome == "kept" and (not active or one.digest != active.digest)]
        if not kept:
            why = f"{active.version} is the only one that was kept" if active else "none was kept"
            raise UserError("there is no version to go back to", why=why, hint="ci-kit deploy status")
        release = find(Git(job.root), job.config.package.name, kept[-1].version)
        return _deployed(job, target, state, release, checks, breaking=True)


def _deployed(
    job: Job, target: LocalTarget, state: State, release: Release, checks: list[Check], *, breaking: bool
) -> Findings:
    job.say(f"deploy: {release.model}@{release.version} to {target.desk.target}")
    if _same(state, release):
        return Findings(checks=(*checks, _serves(release)))
    checks = [*checks, *_failed_before(state, release), _evaluated(release)]
    if checks[-1].status != "fail":
        checks += _placed(job, target, release)
    if checks[-1].status == "fail":
        return Findings(checks=tuple(checks))
    folder = target.place(release.digest) / release.model
    instance = Instance(version=release.version, digest=release.digest, model=release.model, started=now())
    python = environment.python(folder, target.desk.folder / "environments")
    candidate = Candidate(instance=instance, folder=folder, python=python, breaking=breaking)
    rollout = Rollout(target, state, candidate, job.say)
    rollout.run()
    found = Findings(checks=(*checks, *rollout.checks), metrics=rollout.metrics)
    kept = state.active == rollout.colour
    stage = (target.settings.stage or target.desk.target) if kept else None
    return replace(found, checks=(*found.checks, record(job, target.desk.target, stage, release, found)))


def choose(job: Job) -> LocalTarget:
    """Return the target that the configuration asks for; raise UserError when there is none of that name."""
    targets, wanted = job.config.deploy.targets, job.config.deploy.target
    known = ", ".join(targets) or "none"
    if wanted is None and len(targets) == 1:
        wanted = next(iter(targets))
    if wanted is None or wanted not in targets:
        what = f"no target {wanted!r}" if wanted else "no target was named"
        hint = "Type: ci-kit deploy TARGET" if targets else "Set `deploy.targets` in ci-kit.yaml"
        raise UserError(what, why=f"`deploy.targets` has {known}", hint=hint)
    settings = targets[wanted]
    repo = job.source.repo or job.root.resolve().name
    folder = Path(settings.folder).expanduser() if settings.folder else default_folder(repo, wanted)
    return LocalTarget(settings, Desk(job.root / folder, wanted))


def status(job: Job) -> Findings:
    """Show what serves at the target."""
    return told(job, choose(job))


def _evaluated(release: Release) -> Check:
    result = release.result("evaluate")
    judged = result is not None and any(
        file.role == "model" and file.sha256 == release.model_sha256 for file in result.files
    )
    if result is None or not judged:
        detail = "Type: ci-kit evaluate, then ci-kit package, for this very model."
        title = f"No evaluation speaks of {release.model}@{release.version}"
        return Check(id="evaluated", title=title, status="fail", detail=detail)
    if result.status in ("fail", "skip"):
        return Check(id="evaluated", title=f"{release.model}@{release.version} failed its evaluation", status="fail")
    seen = f"{result.status}, model sha256 {release.model_sha256[:12]}"
    return Check(id="evaluated", title="This very model passed its evaluation", status="pass", observed=seen)


def _placed(job: Job, target: LocalTarget, release: Release) -> list[Check]:
    """Bring the bento to the target and verify its signature there."""
    place = target.place(release.digest)
    shutil.rmtree(place, ignore_errors=True)
    bring(release, job.root, place / release.model)
    whose = trust(job.config, job.root)
    seen = f"digest {release.digest[:12]}"
    checks = [Check(id="content", title="The bento is what was registered", status="pass", observed=seen)]
    if not whose:
        title = "Whose signature counts is not configured: `deploy.key` or `deploy.identity`"
        return [*checks, Check(id="signature", title=title, status="warn")]
    if why := distrusted(release, place / release.model, whose):
        shutil.rmtree(place, ignore_errors=True)
        return [*checks, Check(id="signature", title="The signature does not verify", status="fail", observed=why)]
    return [*checks, Check(id="signature", title="The signature verifies", status="pass")]


def _same(state: State, release: Release) -> bool:
    active = state.instances.get(state.active) if state.active else None
    return active is not None and (active.digest, active.version) == (release.digest, release.version)


def _failed_before(state: State, release: Release) -> list[Check]:
    before = [one for one in state.past if one.digest == release.digest and one.outcome != "kept"]
    if not before:
        return []
    title = f"{release.model}@{release.version} was {before[-1].outcome} here before"
    return [Check(id="before", title=title, status="warn", observed=before[-1].ended, detail=before[-1].why or None)]


def _serves(release: Release) -> Check:
    title = f"{release.model}@{release.version} serves already"
    return Check(id="serves", title=title, status="pass", observed=f"digest {release.digest[:12]}")


def _recovered(line: str) -> Check:
    return Check(id="recovered", title=line, status="warn")


@contextmanager
def _alone(target: LocalTarget, what: str) -> Iterator[None]:
    """Hold the target, and say a full disk as what it is."""
    try:
        with target.desk.lock(what):
            yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        hint = f"Free some in {target.desk.folder}"
        raise UserError("no space left on the disk", why="the traffic stayed where it was", hint=hint) from error
