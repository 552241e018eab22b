"""Deploy to a Kubernetes cluster, as a Deployment or as an InferenceService of KServe.

The cluster itself starts new pods beside the old ones, and takes an old one away only for a new one that is ready. A
pod is ready when it has answered its golden rows and serves the very model that was registered, which it is asked
within (`render.PROBE`): so another image, or a wrong model, never gets traffic. What fails is taken back.

For a rollback the cluster is asked, not the history of the repository: it holds what ran there, pods with image and
resources, also where the history could not be written or a deployer was cut off. Each object names what was kept
before it in the annotation `ci-kit/before`, and that is where a rollback goes: one step, and none from the first. What
it goes back to passed its gates when it was deployed, and they are not asked again.

It was exercised with a stand-in for the command `kubectl` (`tests/deploy`), never with a real cluster.
"""

import tempfile
from dataclasses import replace
from pathlib import Path

from ci_kit.deploy import schema
from ci_kit.deploy.change import Change
from ci_kit.deploy.dump import dump
from ci_kit.deploy.gates import brought, evaluated
from ci_kit.deploy.kubectl import Kubectl
from ci_kit.deploy.record import recorded
from ci_kit.deploy.render import Served, name_of
from ci_kit.deploy.standing import Mark, Standing
from ci_kit.deploy.workload import Inferring, Rolling, Workload
from ci_kit.errors import CiKitError, UserError
from ci_kit.files import atomic_write
from ci_kit.forge.git import Git
from ci_kit.job import Job
from ci_kit.parts import Check, File
from ci_kit.registry.release import Release, find
from ci_kit.result import Findings
from ci_kit.sections import KServe, Kubernetes, duration
from ci_kit.serving.contract import Contract

Settings = Kubernetes | KServe


def deploy(job: Job, name: str, settings: Settings, release: Release) -> Findings:
    """Return a check for each step; without kubectl the manifest is written and not applied.

    Raises UserError for what can't even begin, Unavailable for a cluster that does not answer; nothing has changed
    then.
    """
    kind, title = _kind(settings), f"{release.model}@{release.version}"
    known = name_of(release.model, name, kind.longest)
    image = job.config.deploy.image
    if image is None:
        hint = "Type: ci-kit deploy TARGET --image registry/name@sha256:…"
        raise UserError("no image was named", why=f"{name} runs containers", hint=hint, code="deploy/settings")
    checks, digest = _proven(job, release)
    if digest is None:
        return Findings(checks=tuple(checks))
    served = Served(name=known, target=name, release=release, image=image, model_digest=digest, settings=settings)
    kubectl = Kubectl(settings)
    standing = kind.standing(kubectl, known) if Kubectl.present() else None
    goal = standing.kept if standing else None
    check, text, file = _rendered(job, served, kind, _before(standing, release))
    checks.append(check)
    if not Kubectl.present():
        return Findings(checks=(*checks, _not_applied(file, settings)), files=(file,))
    kubectl.apply(text, dry=True)
    change = Change(kubectl, kind, known, _within(settings), goal, job.say)
    kept = change.make(lambda: kubectl.apply(text), title, release.digest)
    found = Findings(checks=(*checks, *change.checks, *_keep(kept)), files=(file,))
    return recorded(job, name, settings, release, found, kept=kept)


def rollback(job: Job, name: str, settings: Settings) -> Findings:
    """Go back to what the cluster says was kept before; raise UserError when it knows of none."""
    kind = _kind(settings)
    known = name_of(job.config.package.name, name, kind.longest)
    kubectl = Kubectl(settings)
    standing = kind.standing(kubectl, known)
    if standing is None:
        raise UserError(f"nothing was deployed to {name} yet", hint="Type: ci-kit deploy")
    before = standing.before
    if before is None:
        why = f"{standing.mark.version} is the first that the cluster knows of"
        raise UserError("there is no version to go back to", why=why, hint="Deploy one: --version, --image")
    change = Change(kubectl, kind, known, _within(settings), standing.mark, job.say)
    title = f"{standing.model}@{before.version}"
    kept = change.make(lambda: kind.back(kubectl, known, before), title, before.digest)
    found = Findings(checks=(*change.checks, *_keep(kept)))
    try:
        release = find(Git(job.root), job.config.package.name, before.version)
    except CiKitError as error:  # what serves does not wait for what is known of it
        check = Check(id="record", title="The rollback could not be recorded", status="warn", detail=str(error))
        return replace(found, checks=(*found.checks, check))
    return recorded(job, name, settings, release, found, kept=kept)


def stop(job: Job, name: str, settings: Settings) -> Findings:
    """Raise UserError with what to type: what a cluster runs is taken away by those who look after the cluster."""
    kind = _kind(settings)
    known = name_of(job.config.package.name, name, kind.longest)
    context = f"--context {settings.context} " if settings.context else ""
    hint = f"Type: kubectl {context}--namespace {settings.namespace} delete {kind.resources} {known}"
    raise UserError(
        f"ci-kit does not take {name} out of service", why="a cluster looks after it", hint=hint, code="deploy/not-ours"
    )


def status(job: Job, name: str, settings: Settings) -> Findings:
    """Show what the cluster says."""
    kind = _kind(settings)
    standing = kind.standing(Kubectl(settings), name_of(job.config.package.name, name, kind.longest))
    check = _serves(name, standing)
    job.say(f"{name}: {check.title}{f', {check.observed}' if check.observed else ''}")
    return Findings(checks=(check,))


def _kind(settings: Settings) -> Workload:
    return Inferring() if isinstance(settings, KServe) else Rolling()


def _within(settings: Settings) -> float:
    return duration(settings.start).total_seconds() * settings.replicas


def _proven(job: Job, release: Release) -> tuple[list[Check], str | None]:
    """Return the checks of the registered bento, and the digest of its model; None where a check has failed."""
    first = evaluated(release)
    if first.status == "fail":
        return [first], None
    with tempfile.TemporaryDirectory(prefix="ci-kit-") as temporary:
        folder = Path(temporary) / release.model
        checks = [first, *brought(job, release, folder)]
        if checks[-1].status == "fail":
            return checks, None
        return checks, Contract.load(folder / "src" / "served").digest


def _before(standing: Standing | None, release: Release) -> Mark | None:
    if standing and standing.mark.digest == release.digest:
        return standing.before
    return standing.kept if standing else None


def _rendered(job: Job, served: Served, kind: Workload, before: Mark | None) -> tuple[Check, str, File]:
    documents = kind.documents(served, before)
    against, text = schema.valid(documents), dump(*documents)
    path = job.folder / "deploy" / f"{served.target}.yaml"
    atomic_write(path, text.encode())
    title, seen = "The manifest has no field that is unknown or wrong", f"{len(documents)} documents, {against}"
    check = Check(id="manifest", title=title, status="pass", observed=seen)
    return check, text, File.of(path, job.root, "manifest")


def _not_applied(file: File, settings: Settings) -> Check:
    context = f"--context {settings.context} " if settings.context else ""
    detail = f"Type: kubectl {context}apply --server-side --filename {file.path}"
    title = "kubectl is not installed: the manifest was rendered and not applied"
    return Check(id="applied", title=title, status="skip", observed=file.path, detail=detail)


def _keep(kept: bool) -> list[Check]:
    return [Check(id="keep", title="The new version is kept", status="pass")] if kept else []


def _serves(name: str, standing: Standing | None) -> Check:
    if standing is None:
        return Check(id="serves", title=f"Nothing was deployed to {name} yet", status="skip")
    version, seen = f"{standing.model}@{standing.mark.version}", f"{standing.pods} pods are ready"
    if not standing.pods:
        detail = f"Look at: kubectl describe, or go back to {standing.before.version}" if standing.before else None
        return Check(id="serves", title=f"{version} should serve, and no pod is ready", status="fail", detail=detail)
    if not standing.settled:
        title = f"A rollout of {version} goes on or was cut off"
        detail = "Deploy again, or: ci-kit deploy rollback"
        return Check(id="serves", title=title, status="warn", observed=seen, detail=detail)
    return Check(id="serves", title=f"{version} serves", status="pass", observed=seen)
