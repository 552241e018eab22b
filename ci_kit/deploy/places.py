"""Deploy to a target of this machine: processes or containers at two places."""

from dataclasses import replace
from pathlib import Path

from ci_kit.deploy import machine
from ci_kit.deploy.docker import DockerTarget, MountedDesk
from ci_kit.deploy.gates import passed
from ci_kit.deploy.local import LocalTarget, default_folder
from ci_kit.deploy.machine import Order
from ci_kit.deploy.record import recorded
from ci_kit.deploy.state import Desk
from ci_kit.deploy.status import status as told
from ci_kit.forge.git import Git
from ci_kit.job import Job
from ci_kit.registry.release import Release, find
from ci_kit.result import Findings
from ci_kit.sections import Docker, Local


def deploy(job: Job, name: str, settings: Local | Docker, release: Release) -> Findings:
    """Return a check for each step of the deployment.

    Raises UserError for what can't even begin, such as a busy target or a port that is taken.
    """
    target = target_of(job, name, settings, job.config.deploy.image)
    return _deployed(job, target, release, breaking=job.config.deploy.breaking)


def rollback(job: Job, name: str, settings: Local | Docker) -> Findings:
    """Deploy the version that was kept before the present one; where a deployment was cut off, undo that instead.

    Raises UserError when there is no version to go back to.
    """
    target = target_of(job, name, settings)
    checks, version = machine.before(target)
    if version is None:
        return Findings(checks=tuple(checks))
    found = _deployed(job, target, find(Git(job.root), job.config.package.name, version), breaking=True)
    return replace(found, checks=(*checks, *found.checks))


def status(job: Job, name: str, settings: Local | Docker) -> Findings:
    """Show what serves at the target."""
    return told(target_of(job, name, settings), job.say)


def stop(job: Job, name: str, settings: Local | Docker) -> Findings:
    """Take the target out of service; raise UserError when nothing was ever deployed there."""
    return machine.stop(target_of(job, name, settings), job.say)


def target_of(job: Job, name: str, settings: Local | Docker, image: str | None = None) -> LocalTarget:
    """Return the target, whose folder lies beside the configuration if it is a relative one.

    `image` is that of the version to deploy; without one, a version is started from the image that it was started from
    before.
    """
    folder = Path(settings.folder).expanduser() if settings.folder else default_folder(job.repository, name)
    if isinstance(settings, Docker):
        return DockerTarget(settings, MountedDesk(job.root / folder, name), image)
    return LocalTarget(settings, Desk(job.root / folder, name))


def _deployed(job: Job, target: LocalTarget, release: Release, *, breaking: bool) -> Findings:
    order = Order(model=release.model, version=release.version, digest=release.digest, breaking=breaking)
    job.say(f"deploy: {order} to {target.desk.target}")
    found, kept = machine.deploy(target, order, lambda folder: passed(job, release, folder), job.say)
    if kept is None:
        return found
    return recorded(job, target.desk.target, target.settings, release, found, kept=kept)
