"""The CML command line as the publisher of comments, for those who have it already."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from ci_kit.errors import Unavailable, UserError
from ci_kit.files import atomic_write
from ci_kit.forge.base import Stamp, mark
from ci_kit.forge.github import GitHubForge
from ci_kit.forge.parts import Part
from ci_kit.result import FOLDER

_LOGGED = re.compile(r'"message":"([^"]+)"')
TIMEOUT = 120.0  # seconds; CML itself waits 30 s and more when GitHub limits its rate


class CML:
    """Comments by `cml comment update`, everything else by GitHub's API.

    CML knows a comment by its watermark alone and looks at the first 30 comments only: exactly one comment under
    concurrency, or on a long pull request, is what the publisher `github` is for.
    """

    def __init__(self, root: Path, github: GitHubForge, number: int, token: str, env: Mapping[str, str]) -> None:
        self.root, self.record, self.tag, self.show = root, github.record, github.tag, github.show
        self.propose, self.opened = github.propose, github.opened
        self.withdraw, self.dispatch = github.withdraw, github.dispatch
        self.heads, self.keep = github.heads, github.keep
        self.check, self.status = github.check, github.status
        self._number, self._token, self._env = number, token, env

    def comment(self, report: str, body: str, stamp: Stamp) -> str:
        """Post or update the comment and return its URL; raise UserError when `cml` is missing or refuses."""
        program = shutil.which("cml", path=self._env.get("PATH", os.defpath))
        if program is None:
            hint = "Install CML (https://cml.dev/doc/install), or set report.publisher to github"
            raise UserError("publisher is cml, but there is no command cml on the PATH", hint=hint)
        path = self.root / FOLDER / "comments" / f"{report}.md"
        # CML adds the watermark itself, and would find a second one.
        atomic_write(path, mark(body, report, stamp, watermark=False).encode("utf-8", "replace"))
        options = (f"--watermark-title=ci-kit-{report}", f"--target=pr/{self._number}", "--publish=false")
        quiet = {"ITERATIVE_DO_NOT_TRACK": "1", "DO_NOT_TRACK": "1", "REPO_TOKEN": self._token}
        try:
            done = subprocess.run(
                (program, "comment", "update", *options, str(path)),
                cwd=self.root,
                env=dict(self._env) | quiet,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise Unavailable(f"cml did not end within {TIMEOUT:.0f} s") from error
        except OSError as error:
            raise UserError(f"{program} can't be run", why=error.strerror or "") from error
        if done.returncode:
            raise UserError(f"cml failed with exit code {done.returncode}", why=self._reason(done.stderr))
        lines = done.stdout.decode("utf-8", "replace").split()
        return next((word for word in reversed(lines) if word.startswith("https://")), "")

    def share(self, comment: str, part: Part) -> str:  # noqa: ARG002 - as every forge has it
        """Refuse: CML writes whole comments only."""
        hint = "Set report.publisher to github, or leave report.comment out"
        raise UserError(f"cml can't write one part of the shared comment {comment}", hint=hint)

    def _reason(self, output: bytes) -> str:
        text = output.decode("utf-8", "replace").replace(self._token, "***")
        lines = [line.strip() for line in text.splitlines() if "rror" in line] or text.splitlines() or [""]
        said = _LOGGED.search(lines[-1])  # in CI its log lines are JSON
        return "".join(char for char in (said[1] if said else lines[-1]) if char.isprintable())[:200]
