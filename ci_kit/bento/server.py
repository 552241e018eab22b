"""A bento that is served by a process of this machine, and everything of it that ends with it."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from ci_kit.errors import UserError
from ci_kit.supervise.tree import MARK, Tree

# What a server may know of this machine; all else, such as a job's secrets, it does not inherit.
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "LD_LIBRARY_PATH")
QUIET = {
    "BENTOML_DO_NOT_TRACK": "true",
    "DO_NOT_TRACK": "1",
    "PYTHONUNBUFFERED": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONSAFEPATH": "1",  # the folder that it runs in holds no module of it
}
GRACE = 15.0  # seconds in which the requests in flight are finished


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def taken(host: str, port: int) -> bool:
    """Say whether somebody listens on a port, or only the system's administrator may."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False


def command(bento: Path, port: int, workers: int = 1, python: str = sys.executable) -> list[str]:
    """Return how to serve a bento on 127.0.0.1."""
    serve = [python, "-m", "bentoml", "serve", str(bento), "--host", "127.0.0.1", "--port", str(port)]
    return [*serve, "--api-workers", str(workers)]


def environment(home: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a server; `home` is the folder that BentoML may write to."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return kept | QUIET | {"BENTOML_HOME": str(home)} | dict(extra or {})


class Server:
    """One running bento; leaving the block ends it, workers that lost their parent included."""

    def __init__(self, bento: Path, folder: Path, extra: Mapping[str, str] | None = None) -> None:
        """Raise UserError when it can't be started; `folder` takes what it writes, its output in `server.log`."""
        self.port, self.log = free_port(), folder / "server.log"
        self.url = f"http://127.0.0.1:{self.port}"
        self._tree = Tree()
        env = environment(folder / "home", extra) | {"TMPDIR": str(folder), MARK: self._tree.mark}
        with self.log.open("wb") as log:
            try:
                self.process = subprocess.Popen(
                    command(bento, self.port),
                    cwd=folder,
                    env=env,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            except OSError as error:
                raise UserError("the bento can't be served", why=error.strerror or "") from error
        self._tree.plant(self.process.pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def alive(self) -> bool:
        """Say whether it still runs."""
        return self.process.poll() is None

    def stop(self) -> None:
        """Let it finish its requests, then end all of it."""
        self._tree.ask()
        deadline = time.monotonic() + GRACE
        while self.alive() and time.monotonic() < deadline:
            time.sleep(0.05)
        self._tree.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=1)
        self._tree.reap()
        self._tree.close()

    def words(self) -> str:
        """Return the last lines that it wrote."""
        return tail(self.log)


def tail(log: Path, lines: int = 12) -> str:
    """Return the last lines of a log."""
    try:
        return "\n".join(log.read_text("utf-8", "replace").splitlines()[-lines:])
    except OSError:
        return ""
