"""Workflow files, read and never run."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ci_kit.doctor.finding import Finding, broken
from ci_kit.forge.git import Git

FOLDER = ".github/workflows"
BYTES = 2**20
Job = dict[str, Any]
Step = dict[str, Any]


@dataclass(frozen=True)
class Workflow:
    """A workflow file, parsed."""

    place: str
    text: str
    document: dict[Any, Any]

    @property
    def triggers(self) -> dict[str, Any]:
        """What starts it; YAML takes `on` for true."""
        found = self.document.get("on", self.document.get(True))
        names = [found] if isinstance(found, str) else found
        return names if isinstance(names, dict) else dict.fromkeys(names if isinstance(names, list) else [])

    @property
    def jobs(self) -> dict[str, Job]:
        """Its jobs by name."""
        found = self.document.get("jobs")
        named = found.items() if isinstance(found, dict) else ()
        return {str(name): job for name, job in named if isinstance(job, dict)}

    @property
    def ours(self) -> bool:
        """Whether it uses ci-kit."""
        return bool(re.search(r"uses: .*ci-kit|\bci-kit (run|validate|train|evaluate|report|drift)\b", self.text))

    def line(self, text: str) -> str:
        """Return the place of the first line that has the text."""
        number = next((at for at, line in enumerate(self.text.splitlines(), 1) if text in line), 1)
        return f"{self.place}:{number}"


def steps(job: Job) -> list[Step]:
    """Return the steps of a job."""
    found = job.get("steps")
    return [step for step in (found if isinstance(found, list) else []) if isinstance(step, dict)]


def read(root: Path) -> Iterator[Workflow | Finding]:
    """Yield each workflow of the repository that holds the folder, or that it can't be read."""
    git = Git(root)
    top = Path(git.read("rev-parse", "--show-toplevel") or root) if git.is_repository() else root
    for path in sorted((*(top / FOLDER).glob("*.yml"), *(top / FOLDER).glob("*.yaml"))):
        place = f"{FOLDER}/{path.name}"
        try:
            text = path.read_bytes()[:BYTES].decode()
            document = yaml.safe_load(text)
        except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
            why = f"GitHub runs nothing of it: {' '.join(str(error).split())[:120]}"
            yield broken("workflows/invalid", f"{path.name} is not valid YAML", why, "mend it", place)
            continue
        yield Workflow(place, text, document if isinstance(document, dict) else {})
