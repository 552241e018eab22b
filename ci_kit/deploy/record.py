"""What a deployment leaves behind in the repository: the stage of the version, and its Result on the history branch."""

from dataclasses import replace

from ci_kit import actions
from ci_kit.errors import CiKitError
from ci_kit.forge import connect
from ci_kit.forge.git import Git
from ci_kit.job import Job
from ci_kit.parts import Check
from ci_kit.registry.assign import assign
from ci_kit.registry.release import Release
from ci_kit.registry.tags import Version, versions
from ci_kit.result import Findings
from ci_kit.sections import Target


def recorded(job: Job, name: str, target: Target, release: Release, found: Findings, *, kept: bool) -> Findings:
    """Record how a deployment ended, and add that to it; a version that was kept gets the target's stage.

    What can't be recorded is a warning: the traffic is where it belongs all the same.
    """
    found = replace(found, about=f"{release.model}@{release.version} to {name}")
    stage = (target.stage or name) if kept else None
    return replace(found, checks=(*found.checks, _record(job, name, stage, release, found)))


def _record(job: Job, target: str, stage: str | None, release: Release, findings: Findings) -> Check:
    title, git = "The deployment is recorded", Git(job.root)
    try:
        forge = connect(job.root, actions.event())
        made = None
        if stage is not None:
            version = Version.parse(release.version)
            commit = versions(git, release.model)[version] if version else ""
            made = assign(git, forge, release.model, stage, release.version, commit)
        result = findings.result("deploy", release.version, job.source, job.run)
        when = job.run.started.replace(":", "").replace("+0000", "Z")
        path = f"deploy/{release.model}/{target}/{when}-{release.version}.json"
        content = (result.model_dump_json(exclude_none=True) + "\n").encode()
        forge.record({path: content}, f"Record the deployment of {findings.about}")
    except CiKitError as error:
        return Check(id="record", title="The deployment could not be recorded", status="warn", detail=str(error))
    return Check(id="record", title=title, status="pass", observed=made or f"{release.model}@{release.version}")
