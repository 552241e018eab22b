"""Ray's own client for jobs, with an end to every call: it waits for ever for a head that does not answer."""

import logging
import os
import signal
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

from ci_kit.train.cluster.trouble import Trouble

UNAVAILABLE = 69  # as sysexits has it
ANSWER, UPLOAD = 10.0, 600.0  # seconds for one answer, and for one with the files of the repository
T = TypeVar("T")


class Silent(Exception):  # noqa: N818 - it reads as what it is
    """The cluster did not answer, or with an error of its own."""


class Jobs:
    """The jobs of one cluster; `address` is that of its dashboard, None for what Ray takes from RAY_ADDRESS.

    Raises Trouble where there is no Ray or no cluster.
    """

    def __init__(self, address: str | None) -> None:
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        try:
            from ray.job_submission import JobSubmissionClient

            logging.disable(logging.INFO)
            self.client = bounded(lambda: JobSubmissionClient(address), ANSWER)
        except ImportError as error:
            raise Trouble(f"Ray is not all there ({error}). Type: pip install 'ray[default]'") from error
        except Silent as error:
            where = address or os.environ.get("RAY_ADDRESS") or "http://localhost:8265"
            hint = "Start it, or set `train.ray.address`"
            raise Trouble(f"no Ray cluster answers at {where} ({error}). {hint}", UNAVAILABLE) from error

    def submit(self, name: str, **job: Any) -> None:
        """Submit the job under this name; raise Trouble when Ray refuses it."""
        try:
            bounded(lambda: self.client.submit_job(submission_id=name, **job), UPLOAD)
        except Silent as error:
            raise Trouble(f"the cluster did not take the job: {error}", UNAVAILABLE) from error

    def look(self, name: str) -> Any:
        """Return Ray's JobDetails, None for a job that the cluster does not know; raise Silent without an answer."""
        try:
            return bounded(lambda: self.client.get_job_info(name), ANSWER)
        except Silent as error:
            if "status code 404" in str(error):
                return None
            raise

    def stop(self, name: str) -> None:
        """Ask for its end; raise Silent without an answer."""
        bounded(lambda: self.client.stop_job(name), ANSWER)

    def begun(self, stem: str) -> dict[str, bool]:
        """Return the jobs whose names begin so, and whether each has not ended yet; raise Silent without an answer."""
        found = bounded(self.client.list_jobs, ANSWER)
        named = {job.submission_id: not job.status.is_terminal() for job in found if job.submission_id}
        return {name: runs for name, runs in named.items() if name.startswith(stem)}

    def nodes(self) -> str:
        """Say what the nodes have, such as `2 nodes with 4 GPU, 32 CPU at most`; empty where that is not known."""
        try:
            from ray.util.state import list_nodes

            found = bounded(lambda: list_nodes(address=self.client.get_address(), timeout=5), ANSWER)
        except (ImportError, Silent):
            return ""
        alive = [dict(node.resources_total or {}) for node in found if node.state == "ALIVE"]
        most = ", ".join(f"{max((one.get(unit, 0) for one in alive), default=0):g} {unit}" for unit in ("GPU", "CPU"))
        return f"{len(alive)} node{'s' * (len(alive) != 1)} with at most {most} each"


def bounded(call: Callable[[], T], seconds: float) -> T:
    """Return what the call returns; raise Silent when it raises or takes longer. For the main thread alone."""

    def late(_: int, __: FrameType | None) -> None:
        raise TimeoutError(f"no answer within {seconds:g} s")

    old = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        return call()
    except ImportError:
        raise
    except Exception as error:
        raise Silent(str(Trouble(str(error) or type(error).__name__))) from error
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)


def script(root: Path) -> str:
    """Return the shell's line that starts our script on the cluster, as the leader of the job's process group."""
    return f'exec "$(command -v python3 || command -v python)" {root.as_posix()}/ray_job.py'
