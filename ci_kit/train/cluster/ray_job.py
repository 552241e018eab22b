"""Run on the cluster, beside the command, with nothing but Python: it is sent along with the files.

It starts the command, sees to it that it ends when the job is stopped, and packs what the command has written anew.
"""

import fcntl
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import tarfile
import time
from pathlib import Path

HELD = 20.0  # seconds for an earlier job of this training to end
GRACE = 4.0  # seconds to save on a stop: the process that asks for it has 6
SAVING = 60.0  # and near the deadline those up to it; the same as where it runs locally


def main() -> int:
    """Run the order beside this file and return the exit code of its command, as a shell has it."""
    with Path(__file__).with_name("ray_order.json").open(encoding="utf-8") as file:
        order = json.load(file)
    exchange, name = Path(order["exchange"]), order["name"]
    if not (exchange / f"{name}.go").exists():
        hint = "set `train.checkpoints` to a folder that all nodes share with the machine of `ci-kit train`"
        return _end(f"{exchange / name}.go is not there on {socket.gethostname()}: {hint}")
    _guard()
    lock = os.open(exchange / "lock", os.O_RDWR | os.O_CREAT)
    if not _held(lock):
        return _end("another job of this training still runs, and would write the same checkpoints")
    before = {path: _stamp(path) for path in order["outputs"]}
    code = _run(order["command"], lock)
    if code == 0:
        _pack([path for path in order["outputs"] if _stamp(path) not in ({}, before[path])], exchange / name)
    return code


def _end(why: str) -> int:
    sys.stdout.write(f"ray: {why}\n")
    return 78  # as sysexits has it: a configuration error


def _guard() -> None:
    """Have all of our process group killed when we have ended in whatever way.

    Ray 2.60 does so only where its own worker is killed: where the command's process is, what it started runs on.
    """
    ours, pipe = os.getpgrp(), os.pipe()
    if os.fork():
        os.close(pipe[0])  # we alone hold the other end, to our end
        os.wait()
        return
    os.setsid()
    os.close(pipe[1])
    if os.fork() == 0:
        os.read(pipe[0], 1)
        os.killpg(ours, signal.SIGKILL)
    os._exit(0)


def _held(lock: int) -> bool:
    """Hold the lock, which all that the command starts inherits: it is free when the last of them has ended."""
    deadline = time.monotonic() + HELD
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.2)
        except OSError:  # a file system without locks
            return True
        else:
            return True


def _run(command: list[str], lock: int) -> int:
    """Run it in our process group."""
    stopped: list[bool] = []

    def stop(_: int, __: object) -> None:
        # Ray has sent it to all processes of the job.
        if not stopped:
            stopped.append(True)
            left = float(os.environ.get("CI_KIT_DEADLINE", "inf")) - time.time()
            signal.setitimer(signal.ITIMER_REAL, left - 1 if GRACE < left <= SAVING + 5 else GRACE)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGALRM, lambda *_: os.killpg(0, signal.SIGKILL))
    alive, end = os.pipe()
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=(lock, end))
    os.close(end)
    code = child.wait()
    if stopped:
        os.read(alive, 1)  # until the last process that inherited the other end has ended
        return 128 + signal.SIGTERM
    return code if code >= 0 else 128 - code


def _files(path: str) -> list[Path]:
    """Return the plain files of an output: it, or all below it; links are not followed."""
    below = [Path(folder, name) for folder, _, names in os.walk(path) for name in names]
    return sorted(one for one in [Path(path), *below] if one.is_file() and not one.is_symlink())


def _stamp(path: str) -> dict[str, tuple[int, int, int]]:
    """Return what tells a newly written file from an old one: modification time, size and inode, by name."""
    found = {}
    for one in _files(path):
        status = one.stat()
        found[str(one)] = (status.st_mtime_ns, status.st_size, status.st_ino)
    return found


def _pack(outputs: list[str], path: Path) -> None:
    """Write the outputs to `path`.tar, and then its SHA-256 to `path`.sha256: that one says that all is there."""
    digest, whole = hashlib.sha256(), Path(f"{path}.tar")
    # As hard links, two names of one file would not be plain files any more.
    with tarfile.open(whole, "w", dereference=True) as tar:
        for one in dict.fromkeys(file for output in outputs for file in _files(output)):
            tar.add(one, recursive=False)
    with whole.open("rb") as written:
        os.fsync(written.fileno())
        while block := written.read(2**20):
            digest.update(block)
    with Path(f"{path}.part").open("w", encoding="ascii") as file:
        file.write(digest.hexdigest())
        file.flush()
        os.fsync(file.fileno())
    Path(f"{path}.part").replace(f"{path}.sha256")


if __name__ == "__main__":
    sys.exit(main())
