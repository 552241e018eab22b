"""Say what is wrong here, before a run does.

The configuration, what is installed, the machine, DVC, git, the workflows, and GitHub's settings where a token shows
them.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from ci_kit.doctor.finding import Finding, Patient

__all__ = ["Finding", "Patient", "diagnose"]


def diagnose(root: Path, env: Mapping[str, str] = os.environ) -> list[Finding]:
    """Return all findings, the broken ones first, else in the order of the groups; nothing of the user's is run."""
    from ci_kit.doctor import configuration, environment, github, machine, repository, store, workflows

    config, found = configuration.read(root)
    patient = Patient(root=root, config=config, env=env)
    for group in (configuration, environment, machine, store, repository, workflows, github):
        found += group.look(patient)
    return sorted(found, key=lambda one: one.level != "broken")
