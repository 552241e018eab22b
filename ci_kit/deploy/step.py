"""Deploy a registered version to a target, whatever its kind; show what serves there, or go back."""

import importlib
from dataclasses import replace
from types import ModuleType
from typing import Any

from ci_kit.errors import UserError
from ci_kit.forge.git import Git
from ci_kit.job import Job
from ci_kit.registry.release import find
from ci_kit.result import Findings

KINDS = {
    "local": "places",
    "docker": "places",
    "ssh": "remote",
    "kubernetes": "cluster",
    "kserve": "cluster",
    "bentocloud": "cloud",
}
"""Kind of target → the module that deploys there: its `deploy`, `rollback`, `stop` and `status`."""


def run(job: Job) -> Findings:
    """Deploy `deploy.version`, or the newest; raise UserError for an unknown version or target."""
    name, settings = chosen(job)
    release = find(Git(job.root), job.config.package.name, job.config.deploy.version)
    found: Findings = _module(settings).deploy(job, name, settings, release)
    return replace(found, about=f"{release.model}@{release.version} to {name}")


def rollback(job: Job) -> Findings:
    """Go back to the version before; raise UserError when there is none."""
    name, settings = chosen(job)
    found: Findings = _module(settings).rollback(job, name, settings)
    return found if found.about else replace(found, about=f"rollback of {name}")


def stop(job: Job) -> Findings:
    """Take the target out of service; raise UserError where ci-kit does not look after what runs there."""
    name, settings = chosen(job)
    found: Findings = _module(settings).stop(job, name, settings)
    return replace(found, about=f"stop of {name}")


def status(job: Job) -> Findings:
    """Show what serves at the target."""
    name, settings = chosen(job)
    found: Findings = _module(settings).status(job, name, settings)
    return found


def chosen(job: Job) -> tuple[str, Any]:
    """Return the target that the configuration asks for; raise UserError when there is none of that name."""
    targets, wanted = job.config.deploy.targets, job.config.deploy.target
    if wanted is None and len(targets) == 1:
        wanted = next(iter(targets))
    if wanted is None or wanted not in targets:
        what = f"no target {wanted!r}" if wanted else "no target was named"
        hint = "Type: ci-kit deploy TARGET" if targets else "Set `deploy.targets` in ci-kit.yaml"
        raise UserError(what, why=f"`deploy.targets` has {', '.join(targets) or 'none'}", hint=hint)
    return wanted, targets[wanted]


def _module(settings: Any) -> ModuleType:
    return importlib.import_module(f"ci_kit.deploy.{KINDS[settings.kind]}")
