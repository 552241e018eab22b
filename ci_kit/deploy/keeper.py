"""Keep one process running: `python -P -m ci_kit.deploy.keeper SPEC.json`, detached from whoever started it.

It starts the command anew when it ends, lets nothing of it survive (BentoML's workers outlive a killed parent and keep
its port), and on SIGTERM gives it time to finish its requests.
"""

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType
from typing import Any

import psutil

from ci_kit.files import atomic_write
from ci_kit.supervise.tree import MARK, Tree

PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Seconds between restarts, the longer the more there were; a minute without one counts as none."""
SETTLED = 60.0
_PDEATHSIG = 1


class Keeper:
    """`spec` has `python`, which runs us, `command`, `cwd`, `env`, `log`, and `grace`: the seconds until SIGKILL."""

    def __init__(self, path: Path) -> None:
        self.spec: dict[str, Any] = json.loads(path.read_bytes())
        self.path, self.stopping, self.restarts = path, False, 0

    def run(self) -> None:
        """Keep the command running until SIGTERM or SIGINT comes."""
        os.chdir(self.path.parent)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        while not self.stopping:
            started = time.monotonic()
            self._once()
            if time.monotonic() - started > SETTLED:
                self.restarts = 0
            if not self.stopping:
                pause = PAUSES[min(self.restarts, len(PAUSES) - 1)]
                self.restarts += 1
                self._tell(None)
                self._sleep(pause)
        self.path.with_suffix(".pid").unlink(missing_ok=True)

    def _once(self) -> None:
        # BentoML leaves folders behind at every start; its sockets need a short path, which ours may not be.
        with tempfile.TemporaryDirectory(prefix="ci-kit-", ignore_cleanup_errors=True) as scratch:
            self._keep(self.spec["env"] | {"TMPDIR": scratch})

    def _keep(self, env: dict[str, str]) -> None:
        tree = Tree()
        with Path(self.spec["log"]).open("ab") as log:
            process = subprocess.Popen(
                self.spec["command"],
                cwd=self.spec["cwd"],
                env=env | {MARK: tree.mark},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        tree.plant(process.pid)
        self._tell(process.pid)
        while process.poll() is None and not self.stopping:
            self._sleep(0.2)
            tree.reap()
        if self.stopping:
            tree.ask()
            deadline = time.monotonic() + float(self.spec["grace"])
            while process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.05)
        tree.kill()
        process.poll()
        tree.reap()
        tree.close()

    def _tell(self, child: int | None) -> None:
        atomic_write(self.path.with_suffix(".pid"), _said(os.getpid(), child, self.restarts))

    def _sleep(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self.stopping and time.monotonic() < deadline:
            time.sleep(0.05)

    def _stop(self, *_: int | FrameType | None) -> None:
        self.stopping = True


def _die_with_parent() -> None:
    # A keeper that is killed takes what it keeps with it, gently: nobody would look after it any more.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def _said(pid: int, child: int | None = None, restarts: int = 0) -> bytes:
    known = {"pid": pid, "created": psutil.Process(pid).create_time(), "child": child, "restarts": restarts}
    return json.dumps(known).encode()


def start(path: Path, spec: dict[str, Any]) -> None:
    """Start a keeper for a command, detached; `path` takes the specification, and beside it `.pid`.

    From here on `stop` ends it, even one that has not come to say that it is there.
    """
    path.with_suffix(".pid").unlink(missing_ok=True)
    atomic_write(path, json.dumps(spec, indent=1).encode())
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR") if name in os.environ}
    command = [str(spec["python"]), "-P", "-m", "ci_kit.deploy.keeper", str(path)]
    # Not Popen, which looks after its children: this one outlives us.
    nothing = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in range(3)]
    pid = os.posix_spawn(command[0], command, kept, file_actions=nothing, setsid=True)
    first = path.with_suffix(f".{pid}")
    with contextlib.suppress(psutil.Error, OSError):  # it has ended already, or has said more itself
        first.write_bytes(_said(pid))
        path.with_suffix(".pid").hardlink_to(first)
    first.unlink(missing_ok=True)


def keeping(path: Path) -> dict[str, Any] | None:
    """Return what a living keeper says of itself (`pid`, `child`, `restarts`), None where there is none."""
    try:
        known: dict[str, Any] = json.loads(path.with_suffix(".pid").read_bytes())
        process = psutil.Process(int(known["pid"]))
        alive = abs(process.create_time() - float(known["created"])) < 0.01 and process.status() != psutil.STATUS_ZOMBIE
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        return None
    return known if alive else None


def stop(path: Path, within: float) -> bool:
    """Ask a keeper to end what it keeps, and wait; say whether it has ended."""
    known = keeping(path)
    if known is None:
        return True
    with contextlib.suppress(psutil.Error):
        psutil.Process(int(known["pid"])).terminate()
    deadline = time.monotonic() + within
    while alive := keeping(path) is not None:  # not psutil's wait: who has no parent may stay a zombie for seconds
        if time.monotonic() > deadline:
            break
        time.sleep(0.02)
    return not alive


if __name__ == "__main__":
    Keeper(Path(sys.argv[1])).run()
