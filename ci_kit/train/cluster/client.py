"""Submit an order as a Ray Job, follow it to its end, bring its outputs back, and stop it when we are stopped."""

import contextlib
import hashlib
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from ci_kit.resume import DEADLINE, DIRECTORY, GRACE, RESUME, STOPPED
from ci_kit.supervise.run import PREFERRED
from ci_kit.train.cluster.follow import Follower
from ci_kit.train.cluster.jobs import UNAVAILABLE, Jobs, Silent, script
from ci_kit.train.cluster.order import Order
from ci_kit.train.cluster.parcel import OURS, fetch, pack
from ci_kit.train.cluster.ray_job import GRACE as SECONDS
from ci_kit.train.cluster.ray_job import SAVING
from ci_kit.train.cluster.trouble import Trouble
from ci_kit.train.place import exchange

POLL, LOST = 1.0, 30.0  # seconds between two looks at the job, and without an answer until the cluster counts as lost
WAITING = 20.0  # seconds between two words on a job that waits
LEFTOVER = 30.0  # seconds for a job to end that an earlier run has left


class _Stop(BaseException):
    """We were asked to end."""


def main(text: str) -> int:
    """Run the order and return the exit code of its command; every failure of the cluster is one line."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGABRT):  # the last is how a stalled command is asked
        signal.signal(number, _asked)
    try:
        return _Job(Order.parse(text), Path.cwd(), Path(os.environ[DIRECTORY]).absolute()).run()
    except Trouble as trouble:
        _say(f"{trouble}")
        return trouble.code
    except _Stop:
        return STOPPED


def stem(checkpoints: Path) -> str:
    """Return how the names of all jobs with these checkpoints begin."""
    return f"ci-kit-{checkpoints.name}-{hashlib.sha256(str(checkpoints).encode()).hexdigest()[:8]}-"


def _asked(_: int, __: FrameType | None) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGABRT):
        signal.signal(number, signal.SIG_IGN)
    raise _Stop


def _say(text: str) -> None:
    print(f"ray: {text}", flush=True)  # noqa: T201 - our output is the command's


def _show(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


class _Job:
    def __init__(self, order: Order, root: Path, checkpoints: Path) -> None:
        self.order, self.root, self.checkpoints, self.exchange = order, root, checkpoints, exchange(checkpoints)
        self.stem, self.name, self.jobs = stem(checkpoints), "", Jobs(order.address)
        client = self.jobs.client
        self.log = Follower(lambda: client.tail_job_logs(self.name), _show)

    def run(self) -> int:
        """Submit it, follow it and bring home what it made."""
        try:
            number = self.end_leftovers() + 1
            self.name = f"{self.stem}{number}"
            self.submit()
            self.log.start()
            code = self.code(self.follow())
        except (_Stop, Trouble):
            self.end()
            raise
        if not self.log.finish(10):
            _say("the end of the job's log did not come")
        if code == 0:
            fetch(self.exchange / self.name, self.root, self.order.outputs)
        return code

    def end_leftovers(self) -> int:
        """End what an earlier run of this training has left running, and return the highest number there was."""
        try:
            begun = self.jobs.begun(self.stem)
            for name in [name for name, runs in begun.items() if runs]:
                _say(f"stops {name}, which an earlier run has left")
                (self.exchange / f"{name}.go").unlink(missing_ok=True)
                self.jobs.stop(name)
                self.wait(name, LEFTOVER)
        except Silent as error:
            raise Trouble(f"the cluster does not answer: {error}", UNAVAILABLE) from error
        for left in self.exchange.glob("*.*"):  # but for the lock, which one that nobody could stop may still hold
            left.unlink(missing_ok=True)
        numbers = [name.removeprefix(self.stem) for name in begun]
        return max((int(one) for one in numbers if one.isdecimal()), default=0)

    def submit(self) -> None:
        """Send the files and the order; the job goes ahead only while its `.go` is there."""
        order = {"command": self.order.command, "outputs": self.order.outputs, "name": self.name}
        told = {name: os.environ[name] for name in (DIRECTORY, RESUME, DEADLINE) if name in os.environ}
        told[DIRECTORY] = str(self.checkpoints)
        wait = SAVING + 5 if DEADLINE in told else SECONDS + 1  # after which Ray itself kills what it has asked to end
        told |= {**PREFERRED, GRACE: f"{SECONDS:g}", "RAY_JOB_STOP_WAIT_TIME_S": f"{wait:.0f}"}
        with tempfile.TemporaryDirectory() as folder:
            parcel = Path(folder, "repository.zip")
            try:
                self.exchange.mkdir(exist_ok=True)
                (self.exchange / f"{self.name}.go").touch()
                pack(self.root, parcel, self.order.exclude, order | {"exchange": str(self.exchange)})
            except OSError as error:
                raise Trouble(f"the repository can't be packed: {error}") from error
            self.jobs.submit(
                self.name,
                entrypoint=script(Path(OURS)),
                entrypoint_num_gpus=self.order.gpus or None,
                entrypoint_num_cpus=self.order.cpus or None,
                runtime_env={"working_dir": str(parcel), "env_vars": told},
                metadata={"ci-kit": self.stem.removesuffix("-")},
            )

    def follow(self) -> Any:
        """Look at the job until it has ended, and return Ray's details of it."""
        began = heard = told = time.monotonic()
        while True:
            try:
                details = self.jobs.look(self.name)
            except Silent as error:
                if (silent := time.monotonic() - heard) > LOST:
                    why = f"the cluster has not answered for {silent:.0f} s: its head or the network is gone ({error})"
                    raise Trouble(why, UNAVAILABLE) from error
            else:
                heard = time.monotonic()
                if details is None:
                    raise Trouble("the cluster knows the job no more: its head was started anew", UNAVAILABLE)
                if details.status.is_terminal():
                    return details
                if details.status == "PENDING" and heard > told + WAITING:  # it is no stall
                    told = heard
                    _say(f"the job waits for {self.order.resources}")
                if details.status == "PENDING" and heard - began > self.order.wait:
                    there = self.jobs.nodes()
                    why = f"the cluster had no room for the job within {self.order.wait:g} s (`train.ray.wait`)"
                    raise Trouble(f"{why}: it asks for {self.order.resources}{there and f', there is {there}'}")
            time.sleep(POLL)

    def code(self, details: Any) -> int:
        """Return the exit code of the command, as a shell has it; raise Trouble where there is none."""
        if details.status == "SUCCEEDED":
            return 0
        if details.status == "STOPPED":
            raise Trouble("somebody else has stopped the job on the cluster", STOPPED)
        code = details.driver_exit_code
        if code is None:
            raise Trouble(f"the job has failed on the cluster: {details.message}")
        return int(code) if code >= 0 else 128 - int(code)

    def end(self) -> None:
        """Stop the job if it runs, and wait for its end: Ray itself kills what does not end in time."""
        if self.name:
            with contextlib.suppress(OSError):
                (self.exchange / f"{self.name}.go").unlink(missing_ok=True)
            with contextlib.suppress(Silent):
                self.wait(self.name, SAVING + 10, stop=self.jobs.stop)

    def wait(self, name: str, seconds: float, stop: Callable[[str], None] = lambda _: None) -> None:
        """Wait until the job has ended, asking each time; one that waits for its start finds that it may not."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            details = self.jobs.look(name)
            if details is None or details.status.is_terminal():
                return
            stop(name)
            if details.status == "PENDING":
                return
            time.sleep(0.2)
