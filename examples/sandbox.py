"""The repository that the demo works in."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import yaml
from clients import free_port

IDENTITY = {"NAME": "ci-kit demo", "EMAIL": "demo@ci-kit.invalid"}
QUIET = {"DVC_NO_ANALYTICS": "1", "DO_NOT_TRACK": "1", "PYTHONWARNINGS": "ignore"}


class Sandbox:
    """A new folder, the commands that are run in its repository, and what is kept of them."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "digits"
        self.address = f"127.0.0.1:{free_port()}"
        self.reports = folder / "reports"
        self.env = dict(os.environ) | QUIET
        self.env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.env |= {f"GIT_{who}_{key}": value for who in ("AUTHOR", "COMMITTER") for key, value in IDENTITY.items()}
        # A demo must not meet the user's hooks, signing keys or CI variables.
        self.env["XDG_STATE_HOME"] = str(folder / "state")
        self.env |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        self.env = {key: value for key, value in self.env.items() if not key.startswith(("GITHUB_", "RUNNER_"))}

    def run(self, command: str, *, quiet: bool = True, expect: int = 0) -> None:
        print(f"\033[2m$ {command}\033[0m" if sys.stdout.isatty() else f"$ {command}", flush=True)
        done = subprocess.run(shlex.split(command), cwd=self.root, env=self.env, capture_output=quiet, text=True)
        if done.returncode != expect:
            print((done.stdout or "") + (done.stderr or ""))
            sys.exit(f"demo: `{command}` ended with {done.returncode}, expected {expect}")

    def commit(self, message: str) -> None:
        self.run("git add --all")
        self.run(f"git commit --quiet --message {shlex.quote(message)}")

    def edit(self, old: str, new: str) -> None:
        path = self.root / "ci-kit.yaml"
        path.write_text(path.read_text().replace(old, new))

    def params(self, **changes: float) -> None:
        path = self.root / "params.yaml"
        params = yaml.safe_load(path.read_text())
        params["train"] |= changes
        path.write_text(yaml.safe_dump(params, sort_keys=False))
        print(f"  params.yaml: {', '.join(f'{key} {value}' for key, value in changes.items())}")

    def keep(self, made: str, name: str) -> None:
        self.reports.mkdir(exist_ok=True)
        shutil.copy(self.root / ".ci-kit" / made, self.reports / name)

    def checkout(self, branch: str) -> None:
        self.run(f"git checkout --quiet --force {branch}")
        self.run("dvc checkout --quiet --force")


def say(text: str) -> None:
    print(f"\n\033[1m── {text}\033[0m" if sys.stdout.isatty() else f"\n── {text}", flush=True)
