"""Package the model: `build` runs the user's code, `register` holds the token, `run` does both.

Each part is imported when it is asked for: where `register` runs, what `build` needs is not installed.
"""

from dataclasses import replace
from pathlib import Path

from ci_kit.job import Job
from ci_kit.result import Findings


def run(job: Job) -> Findings:
    """Build the bento and, when nothing speaks against it, register it."""
    from ci_kit.package.register import Built
    from ci_kit.package.register import register as registered

    found = build(job)
    bento = next((file for file in found.files if file.role == "bento"), None)
    result = found.result("package", "build", job.source, job.run)
    if bento is None or result.status == "fail":
        return found
    result.save(job.root)
    made = registered(job, Built(folder=job.root / Path(bento.path).parent, digest=bento.sha256, result=result))
    return replace(found, about=made.about, checks=(*found.checks, *made.checks))


def build(job: Job) -> Findings:
    """Prove the model and build the bento; see `ci_kit.package.prove`."""
    from ci_kit.package.prove import build

    return build(job)


def register(job: Job) -> Findings:
    """Register what was built last; see `ci_kit.package.register`."""
    from ci_kit.package.register import built
    from ci_kit.package.register import register as registered

    return registered(job, built(job))


def verify(job: Job) -> Findings:
    """Check a bento or a registered version; see `ci_kit.package.listing`."""
    from ci_kit.package.listing import verify

    return verify(job)


def list(job: Job) -> Findings:  # noqa: A001 - the word of the command
    """Show the registered versions; see `ci_kit.package.listing`."""
    from ci_kit.package.listing import listing

    return listing(job)
