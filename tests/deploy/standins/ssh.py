"""An `ssh` to this very machine, with a home of its own: its last argument goes to a shell, as OpenSSH does it."""

import os
import subprocess
import sys
from pathlib import Path

from tests.deploy.standins.program import error, run


def main(home: Path, arguments: list[str]) -> int:
    return run(home, arguments, lambda: _done(home, arguments))


def _done(home: Path, arguments: list[str]) -> int:
    place = arguments.index("--")
    options, (host, command) = arguments[:place], arguments[place + 1 :]
    assert [part for part in options if part.startswith("-")] == ["-o", "-o", "-o", "-T"]
    if host != "octo@north":
        print("ssh: Could not resolve hostname: Name or service not known", file=sys.stderr)
        return 255
    env = {
        "HOME": str(home / "home"),
        "PATH": f"{home / 'bin'}:{os.environ['PATH']}",
        "USER": "octo",
        "LANG": "C.UTF-8",
    }
    env |= {name: os.environ[name] for name in os.environ if name.startswith(("PIP_", "SSL_"))}
    (home / "home").mkdir(exist_ok=True)
    print("Welcome to north", file=sys.stderr, flush=True)
    done = subprocess.run(["sh", "-c", command], env=env, cwd=home / "home", check=False)
    return done.returncode if done.returncode >= 0 else error("killed")
