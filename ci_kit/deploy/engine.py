"""The command `docker`, as far as a target needs it."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

from ci_kit import actions
from ci_kit.deploy.compose import FOLDER
from ci_kit.errors import UserError

# What the command needs to find its engine; a job's secrets are none of it.
KEPT = (
    *("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "XDG_RUNTIME_DIR", "SSH_AUTH_SOCK"),
    *("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY"),
)
ASK, MOVE, PULL = 30.0, 180.0, 1800.0  # seconds
_USAGE = re.compile(r"Usage:|(Run|See) 'docker")
# What Docker says to `docker compose -p` where Compose is missing.
_NO_PLUGIN = re.compile(r"unknown command|is not a docker command|unknown shorthand flag: 'p'")


class Engine:
    """The containers of one target: those of a Compose file, under the name of a project."""

    def __init__(self, file: Path, project: str) -> None:
        self.file, self.project = file, project

    def name(self, service: str) -> str:
        """Return the name of the container of a service."""
        return f"{self.project}-{service}"

    def container(self, service: str) -> dict[str, Any] | None:
        """Return what Docker knows of a service's container, None where there is none.

        Raises UserError for one that belongs to another target.
        """
        name = self.name(service)
        done = self._run("container", "inspect", name, within=ASK)
        if done.returncode and "no such container" in done.stderr.casefold():
            return None
        if done.returncode:
            raise _failed("container inspect", done.stderr)
        found: dict[str, Any] = json.loads(done.stdout)[0]
        whose = (found["Config"].get("Labels") or {}).get(FOLDER)
        if whose != str(self.file.parent):
            why = f"it belongs to {whose}" if whose else "ci-kit did not start it"
            raise UserError(
                f"there is another container {name}",
                why=why,
                hint="Give the target another name",
                code="deploy/not-ours",
            )
        return found

    def compose(self, *arguments: str, within: float = MOVE) -> str:
        """Run a command of Compose for this target and return its output; raise UserError with Docker's own words."""
        return self._must("compose", "-p", self.project, "-f", str(self.file), *arguments, within=within)

    def have(self, image: str) -> None:
        """Pull an image that is not there yet; raise UserError when it can't be had."""
        if self._run("image", "inspect", image, within=ASK).returncode:
            self._must("pull", "--quiet", image, within=PULL)

    def _must(self, *arguments: str, within: float) -> str:
        done = self._run(*arguments, within=within)
        if done.returncode:
            words = [one for one in arguments if not one.startswith("-") and one not in (self.project, str(self.file))]
            raise _failed(" ".join(words[:2]), done.stderr)
        return done.stdout

    def _run(self, *arguments: str, within: float) -> subprocess.CompletedProcess[str]:
        env = {name: os.environ[name] for name in KEPT if name in os.environ}
        try:
            return subprocess.run(
                ["docker", *arguments],
                env=env,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=within,
                check=False,
            )
        except FileNotFoundError as error:
            raise UserError(
                "Docker is not installed", hint="Install Docker Engine and its compose plugin", code="config/install"
            ) from error
        except subprocess.TimeoutExpired as error:
            raise UserError(
                f"docker {arguments[0]} did not end within {within:.0f} s",
                hint="docker info",
                code="deploy/unreachable",
            ) from error


def _failed(what: str, stderr: str) -> UserError:
    lines = [line.strip() for line in stderr.splitlines() if line.strip() and not _USAGE.match(line)]
    why = actions.harmless(actions.redact(lines[-1] if lines else "no reason given"))[:300]
    if "docker daemon" in stderr.casefold():
        return UserError(
            "Docker does not run, or not for this user", why=why, hint="Type: docker info", code="deploy/permission"
        )
    hint = "Install Docker's compose plugin" if _NO_PLUGIN.search(why) else ""
    return UserError(f"docker {what} failed", why=why, hint=hint)
