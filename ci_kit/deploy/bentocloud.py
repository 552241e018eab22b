"""BentoML's own command line, as far as a deployment on BentoCloud needs it."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from ci_kit import actions
from ci_kit.bento.server import QUIET
from ci_kit.errors import CiKitError, Unavailable, UserError

PROGRAM = (sys.executable, "-P", "-m", "bentoml")
"""That of our own environment, whatever else is on the PATH: its options are those that were read."""
TOKEN = "BENTO_CLOUD_API_KEY"  # noqa: S105 - the name of a variable
# The token goes by the environment alone; a job's other secrets do not go at all.
KEPT = (
    *("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", TOKEN, "BENTO_CLOUD_API_ENDPOINT"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
)
ASK, PUSH = 120.0, 1800.0  # seconds
GOOD, BAD = ("running", "scaled-to-zero"), ("failed", "image-build-failed", "unhealthy", "terminated", "terminating")
_AWAY = re.compile(r"Connect(Error|Timeout)|ReadTimeout|PoolTimeout|Name or service not known")


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """A deployment as BentoCloud shows it; `bento` is its tag."""

    bento: str
    status: str
    url: str


class BentoCloud:
    """One account, or one cluster of it; `home` is a new folder for the bentos that are pushed."""

    def __init__(self, home: Path, cluster: str | None) -> None:
        """Raise UserError without a token."""
        if not os.environ.get(TOKEN, "").strip():
            hint = f"Give the step {TOKEN} in its env"
            raise UserError(
                "there is no token for BentoCloud", why=f"{TOKEN} is empty", hint=hint, code="deploy/permission"
            )
        self.home, self._cluster = home, ["--cluster", cluster] if cluster else []

    def add(self, archive: Path) -> None:
        """Have a bento at hand: a `.tar.gz`, as the suffix tells BentoML how to read it."""
        self._run("import", str(archive), within=ASK)

    def find(self, name: str) -> Deployed | None:
        """Return a deployment, None where there is none of that name."""
        text = self._run("deployment", "list", "--search", name, "--output", "json", *self._cluster, within=ASK)
        try:
            found = next((one for one in json.loads(text) if one["name"] == name), None)
            if found is None:
                return None
            urls = found.get("endpoint_urls") or [""]
            return Deployed(bento=str(found["bento"]), status=str(found["status"]["status"]), url=str(urls[0]))
        except (ValueError, KeyError, TypeError) as error:
            raise UserError("BentoCloud answers something else than a list of deployments", why=str(error)) from error

    def create(self, name: str, tag: str) -> None:
        """Push the bento, and deploy it under a new name."""
        self._run("deploy", tag, "--name", name, "--no-wait", *self._cluster, within=PUSH)

    def update(self, name: str, tag: str) -> None:
        """Push the bento where it is not there yet, and have a deployment change over to it.

        By `update`, as `apply` would reset what was set in the console, and demands the name of the cluster.
        """
        self._run("deployment", "update", name, "--bento", tag, *self._cluster, within=PUSH)

    def terminate(self, name: str) -> None:
        """End a deployment; BentoCloud goes on to list it."""
        self._run("deployment", "terminate", name, *self._cluster, within=ASK)

    def _run(self, *arguments: str, within: float) -> str:
        env = {name: os.environ[name] for name in KEPT if name in os.environ}
        quiet = {"BENTOML_HOME": str(self.home), "NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "500"}
        try:
            done = subprocess.run(
                [*PROGRAM, *arguments],
                cwd=self.home,  # a tag is none where a file of that name lies
                env=env | QUIET | quiet,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=within,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            what = f"bentoml {arguments[0]} did not end within {within:.0f} s"
            raise Unavailable(what) from error
        if done.returncode:
            raise _failed(arguments, done.stderr or done.stdout)
        return done.stdout


def _failed(arguments: tuple[str, ...], said: str) -> CiKitError:
    lines = [line.strip() for line in said.splitlines() if line.strip()] or ["no reason given"]
    why = actions.harmless(actions.redact(lines[-1]))[:400]
    if _AWAY.search(said):
        return Unavailable("BentoCloud was not reached", why=why, code="deploy/unreachable")
    if "UNAUTHORIZED" in said.upper() or "API token is required" in said:
        return UserError("BentoCloud does not take the token", why=why, hint=f"Check {TOKEN}", code="deploy/permission")
    verb = " ".join(arguments[:2] if arguments[0] == "deployment" else arguments[:1])
    return UserError(f"bentoml {verb} failed", why=why)
