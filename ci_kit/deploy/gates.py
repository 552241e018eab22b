"""What may be deployed at all: what was evaluated, is what was registered, and is signed by whom we trust."""

from pathlib import Path

from ci_kit.job import Job
from ci_kit.parts import Check
from ci_kit.progress import busy
from ci_kit.registry.bentos import bring, distrusted, trust
from ci_kit.registry.release import Release


def passed(job: Job, release: Release, folder: Path) -> list[Check]:
    """Bring the bento into a new folder if all gates are passed; the last check is then none that failed."""
    checks = [evaluated(release)]
    if checks[-1].status != "fail":
        checks += brought(job, release, folder)
    for check in checks:
        job.say(f"deploy: {check}")
    return checks


def evaluated(release: Release) -> Check:
    """Say whether an evaluation of this very model passed."""
    name, result = f"{release.model}@{release.version}", release.result("evaluate")
    judged = result is not None and any(
        file.role == "model" and file.sha256 == release.model_sha256 for file in result.files
    )
    if result is None or not judged:
        detail = "Type: ci-kit evaluate, then ci-kit package, for this very model."
        return Check(id="evaluated", title=f"No evaluation speaks of {name}", status="fail", detail=detail)
    if result.status in ("fail", "skip"):
        return Check(id="evaluated", title=f"{name} failed its evaluation", status="fail")
    seen = f"{result.status}, model sha256 {release.model_sha256[:12]}"
    return Check(id="evaluated", title="This very model passed its evaluation", status="pass", observed=seen)


def brought(job: Job, release: Release, folder: Path) -> list[Check]:
    """Bring the bento into a new folder, and verify its signature there.

    Raises UserError for bytes that are not those that were registered.
    """
    busy("bringing the bento")
    bring(release, job.config, job.root, folder)
    seen, whose = f"digest {release.digest[:12]}", trust(job.config, job.root)
    checks = [Check(id="content", title="The bento is what was registered", status="pass", observed=seen)]
    if not whose:
        title = "Whose signature counts is not configured: `deploy.key` or `deploy.identity`"
        return [*checks, Check(id="signature", title=title, status="warn")]
    if why := distrusted(release, folder, whose):
        return [*checks, Check(id="signature", title="The signature does not verify", status="fail", observed=why)]
    return [*checks, Check(id="signature", title="The signature verifies", status="pass")]
