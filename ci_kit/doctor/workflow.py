"""Workflows as GitHub reads them: triggers, jobs, steps and permissions; nothing of them is executed."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from ci_kit.doctor.finding import line_of
from ci_kit.parts import Location

FOLDER = Path(".github/workflows")
MAX_BYTES = 2**20
# Our actions, under whatever owner a copy of this repository has.
_OURS = re.compile(r"^(?:[\w.-]+/)?(?:ci-kit|\$)(?:/actions/(?P<action>[a-z]+))?(?:@\S+)?$")
_WORDS = "validate|train|evaluate|report|package|deploy|drift|retrain|check|ship|watch"
_COMMAND = re.compile(rf"(?<![\w./-])ci-kit\s+(?:run\s+)?(?P<word>{_WORDS})\b")


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of a job; `action` is which of our actions it uses, `check` for the one that runs the whole journey."""

    content: dict[str, Any]

    @property
    def uses(self) -> str:
        """What it uses, without the version; empty for a step that runs a script."""
        return str(self.content.get("uses", "")).partition("@")[0]

    @property
    def given(self) -> dict[str, Any]:
        """The inputs."""
        return record(self.content.get("with"))

    @property
    def phase(self) -> str:
        """The input `phase`, empty where it is left to the default."""
        return str(self.given.get("phase", ""))

    @property
    def script(self) -> str:
        """What it runs, also as the script of actions/github-script."""
        return f"{self.content.get('run', '')}\n{self.given.get('script', '')}"

    @property
    def action(self) -> str | None:
        """Which of our actions, or commands, it is; None where it is none."""
        match = _OURS.match(str(self.content.get("uses", "")))
        if match:
            return match["action"] or "check"
        command = _COMMAND.search(str(self.content.get("run", "")))
        return command["word"] if command else None


@dataclass(frozen=True, kw_only=True)
class JobOf:
    """One job of a workflow."""

    name: str
    content: dict[str, Any]
    workflow: "Workflow"

    @property
    def condition(self) -> str:
        """Its `if`, in one line."""
        return " ".join(str(self.content.get("if", "")).split())

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """Its steps."""
        return tuple(Step(content=record(one)) for one in listed(self.content.get("steps")))

    @property
    def actions(self) -> set[str]:
        """Which of our actions it uses."""
        return {step.action for step in self.steps if step.action}

    @property
    def title(self) -> str:
        """What GitHub calls its check."""
        return str(self.content.get("name") or self.name)

    def permissions(self) -> dict[str, str] | None:
        """Return what its token may do, its own word before the workflow's; None where neither says so."""
        own = _permissions(self.content)
        return _permissions(self.workflow.content) if own is None else own

    def may(self, scope: str, level: str = "write") -> bool:
        """Say whether its token has the permission; what is not said is taken for granted."""
        known = self.permissions()
        given = known.get("*", known.get(scope, "none")) if known is not None else "write"
        return given == "write" or given == level


@dataclass(frozen=True, kw_only=True)
class Workflow:
    """One file of `.github/workflows`; `trouble` says why it can't be read."""

    path: str
    text: str
    content: dict[str, Any]
    trouble: str = ""

    @property
    def name(self) -> str:
        """Its name, by which others wait for it."""
        return str(self.content.get("name") or self.path)

    @cached_property
    def triggers(self) -> dict[str, Any]:
        """The events that start it, with what is said of each."""
        content = record(self.content)
        found = content.get("True", content.get("on"))  # YAML 1.1 takes `on` for true
        return record(found) or dict.fromkeys(map(str, listed(found)))

    @cached_property
    def jobs(self) -> tuple[JobOf, ...]:
        """Its jobs."""
        found = record(self.content.get("jobs"))
        return tuple(JobOf(name=str(name), content=record(job), workflow=self) for name, job in found.items())

    @property
    def actions(self) -> set[str]:
        """Which of our actions it uses."""
        return {action for job in self.jobs for action in job.actions}

    @property
    def ours(self) -> bool:
        """Whether it uses ci-kit."""
        return bool(self.actions)

    def at(self, word: str = "", *, job: JobOf | None = None) -> Location:
        """Return where the word stands, in the lines of the job where one is given."""
        start = line_of(self.text, f"{job.name}:") if job else 0
        line = line_of(self.text, word, max(start - 1, 0)) if word else start
        return Location(file=self.path, line=max(line, 1))


def workflows(top: Path) -> tuple[Workflow, ...]:
    """Read all workflows of a repository, in the order of their names."""
    folder = top / FOLDER
    files = sorted(one for one in folder.glob("*.y*ml") if one.suffix in (".yml", ".yaml")) if folder.is_dir() else []
    return tuple(read(one, f"{FOLDER.as_posix()}/{one.name}") for one in files)


def read(path: Path, name: str) -> Workflow:
    """Read one workflow; what can't be read has no content."""
    try:
        raw = path.read_bytes()
        text = raw.decode("utf-8", "replace")
        content = yaml.safe_load(text) if len(raw) <= MAX_BYTES else "it is too large"
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
        mark, why = getattr(error, "problem_mark", None), getattr(error, "problem", None) or type(error).__name__
        place = f"line {mark.line + 1}: " if mark else ""
        return Workflow(path=name, text="", content={}, trouble=f"{place}{why}")
    if not isinstance(content, dict) or not isinstance(content.get("jobs"), dict):
        return Workflow(path=name, text=text, content={}, trouble="it has no `jobs`")
    return Workflow(path=name, text=text, content=content)


def _permissions(content: dict[str, Any]) -> dict[str, str] | None:
    """Return scope → level, `*` for all of them."""
    if "permissions" not in content:
        return None
    given = content["permissions"]
    if isinstance(given, str):
        return {"*": "write" if given == "write-all" else "read"}
    return {str(scope): str(level) for scope, level in record(given).items()}


def record(thing: object) -> dict[str, Any]:
    """Return the mapping that it should be, else an empty one."""
    return {str(key): value for key, value in thing.items()} if isinstance(thing, dict) else {}


def listed(thing: object) -> Iterator[object]:
    """Yield the items of the list that it should be, or the one thing that it is."""
    yield from thing if isinstance(thing, list) else [thing] if thing is not None else []
