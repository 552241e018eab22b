"""The Results that a report is made of: every one in `.ci-kit` that is about a change, verified."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from ci_kit.config import Config
from ci_kit.errors import UserError
from ci_kit.job import Job
from ci_kit.result import FOLDER, Result, load

ORDER = ("validate", "train", "evaluate", "package")
FILE = re.compile(r"((validate|train|evaluate)(-[a-z0-9][a-z0-9_.-]{0,60})?|package(-build|-register)?)\.json")
MOST = 50


@dataclass(frozen=True)
class Gathered:
    """The usable Results by the name of their file, and why the others can't be used."""

    results: dict[str, Result] = field(default_factory=dict)
    damaged: dict[str, str] = field(default_factory=dict)


def gather(root: Path, sha: str | None) -> Gathered:
    """Read the Results in the order of the journeys; one that is damaged, or of another commit than `sha`, is named.

    Raises UserError when there is none at all.
    """
    found = Gathered()
    names = (path.name for path in (root / FOLDER).glob("*.json"))
    for name in sorted((name for name in names if FILE.fullmatch(name)), key=place)[:MOST]:
        stem = name.removesuffix(".json")
        try:
            result = load(root / FOLDER / name)
        except UserError as error:
            found.damaged[stem] = str(error)
            continue
        foreign = sha is not None and result.source.sha not in {None, sha}
        if why := misplaced(stem, result):
            found.damaged[stem] = why
        elif foreign and result.step != "package":
            found.damaged[stem] = other(stem, result, str(sha))
        elif not foreign:  # what was packaged before is no part of a check, and left as it is
            found.results[stem] = result
    if not found.results and not found.damaged:
        why = f"{FOLDER}/ holds no result"
        raise UserError("nothing to report", why=why, hint="Run a step first, such as: ci-kit validate")
    return found


def misplaced(stem: str, result: Result) -> str | None:
    """Say that a file holds the Result of another step than its name says; None when it does not."""
    written = f"{result.step}-{result.name}" if result.name else result.step
    return f"{stem}.json holds the result of {written}" if written != stem else None


def other(stem: str, result: Result, sha: str) -> str:
    """Say that a Result speaks of another commit than `sha`."""
    named = f"is of commit {result.source.sha[:12]}" if result.source.sha else "names no commit"
    return f"{stem}.json {named}, not of {sha[:12]}"


def expected(config: Config, root: Path) -> tuple[str, ...]:
    """Return the steps of the check journey that this configuration asks for."""
    asked = {
        "validate": bool(config.data),
        "train": config.train.command is not None or (root / "dvc.yaml").is_file(),
        "evaluate": config.evaluate.data in config.data,
    }
    return tuple(step for step, wanted in asked.items() if wanted)


def place(name: str) -> tuple[int, str]:
    """Sort the names of Results as the journeys go."""
    return ORDER.index(re.split(r"[-.]", name, maxsplit=1)[0]), name


def named(job: Job) -> str:
    """Return what is reported on: what the configuration says, else the id among others, else the repository."""
    report = job.config.report
    return report.title or (
        report.id if report.comment else job.source.repo.rpartition("/")[2] or job.root.resolve().name
    )
