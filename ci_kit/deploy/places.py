"""Deploy to a target that has two places: processes or containers of one machine."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ci_kit.deploy.docker import DockerTarget, MountedDesk
from ci_kit.deploy.gates import brought, evaluated
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
from ci_kit.registry.release import Release, find
from ci_kit.result import Findings
from ci_kit.sections import Docker, Local


def deploy(job: Job, name: str, settings: Local | Docker, release: Release) -> Findings:
    """Return a check for each step of the deployment.

    Raises UserError for what can't even begin, such as a busy target or a port that is taken.
    """
    target = target_of(job, name, settings, job.config.deploy.image)
    with _alone(target, f"a deployment of {release.model}@{release.version}"):
        state = target.desk.load() or target.create()
        checks = [_recovered(line) for line in recover(target, state)]
        return _deployed(job, target, state, release, checks, breaking=job.config.deploy.breaking)


def rollback(job: Job, name: str, settings: Local | Docker) -> Findings:
    """Deploy the version that was kept before the present one; where a deployment was cut off, undo that instead.

    Raises UserError when there is no version to go back to.
    """
    target = target_of(job, name, settings)
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


def status(job: Job, name: str, settings: Local | Docker) -> Findings:
    """Show what serves at the target."""
    return told(job, target_of(job, name, settings))


def target_of(job: Job, name: str, settings: Local | Docker, image: str | None = None) -> LocalTarget:
    """Return the target, whose folder lies beside the configuration if it is a relative one.

    `image` is that of the version to deploy; without one, a version is started from the image that it was started from
    before.
    """
    repo = job.source.repo or job.root.resolve().name
    folder = Path(settings.folder).expanduser() if settings.folder else default_folder(repo, name)
    if isinstance(settings, Docker):
        return DockerTarget(settings, MountedDesk((job.root / folder).absolute(), name), image)
    return LocalTarget(settings, Desk(job.root / folder, name))


def _deployed(
    job: Job, target: LocalTarget, state: State, release: Release, checks: list[Check], *, breaking: bool
) -> Findings:
    job.say(f"deploy: {release.model}@{release.version} to {target.desk.target}")
    if _same(target, state, release):
        return Findings(checks=(*checks, _serves(release)))
    checks = [*checks, *_failed_before(state, release), evaluated(release)]
    place = target.place(release.digest)
    folder = place / release.model
    if checks[-1].status != "fail":
        shutil.rmtree(place, ignore_errors=True)
        checks += brought(job, release, folder)
    if checks[-1].status == "fail":
        shutil.rmtree(place, ignore_errors=True)
        return Findings(checks=tuple(checks))
    instance = Instance(version=release.version, digest=release.digest, model=release.model, started=now())
    python = target.prepare(folder)
    candidate = Candidate(instance=instance, folder=folder, python=python, breaking=breaking)
    rollout = Rollout(target, state, candidate, job.say)
    rollout.run()
    found = Findings(checks=(*checks, *rollout.checks), metrics=rollout.metrics)
    kept = state.active == rollout.colour
    stage = (target.settings.stage or target.desk.target) if kept else None
    return replace(found, checks=(*found.checks, record(job, target.desk.target, stage, release, found)))


def _same(target: LocalTarget, state: State, release: Release) -> bool:
    active = state.instances.get(state.active) if state.active else None
    if state.active is None or active is None or not target.same(state.active):
        return False
    return (active.digest, active.version) == (release.digest, release.version)


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
