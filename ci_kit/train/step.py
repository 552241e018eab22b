"""Train: `run` runs the user's command under supervision, `proceed` holds the token and starts the next run.

Each part is imported when it is asked for: where `proceed` runs, what `run` needs is not installed.
"""

from ci_kit.job import Job
from ci_kit.result import Findings


def run(job: Job) -> Findings:
    """Run the configured training; see `ci_kit.train.training`."""
    from ci_kit.train.training import run

    return run(job)


def proceed(job: Job) -> Findings:
    """Start the next run of a training whose time was up; see `ci_kit.train.proceed`."""
    from ci_kit.train.proceed import proceed

    return proceed(job)
