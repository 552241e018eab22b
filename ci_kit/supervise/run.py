"""Run a command in a session of its own: stream its output, pass signals on, and leave no process behind."""

import contextlib
import os
import resource
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType

from ci_kit.supervise.log import Stream
from ci_kit.supervise.memory import kills
from ci_kit.supervise.outcome import Limits, Outcome
from ci_kit.supervise.running import GRACE, Running
from ci_kit.supervise.tree import Tree, Usage

# Our own credentials, and the files through which a later step of the job, or what it reports, could be changed.
WITHHELD = (
    *(
        "GITHUB_TOKEN",
        "INPUT_TOKEN",
        "CI_KIT_TOKEN",
        "CI_KIT_LIVE_TOKEN",
        "CI_KIT_SIGNING_KEY",
        "ACTIONS_RUNTIME_TOKEN",
    ),
    *("ACTIONS_RUNTIME_TOKEN", "CI_KIT_REGISTRY_USER", "CI_KIT_REGISTRY_PASSWORD"),
    *("GITHUB_ENV", "GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STATE", "GITHUB_STEP_SUMMARY"),
)
ADDED = {"CI_KIT_GRACE_S": f"{GRACE:g}", "DVC_NO_ANALYTICS": "1", "ITERATIVE_DO_NOT_TRACK": "1"}
# Without the first a killed command takes its last lines with it, without the second a stalled one does not say where
# it is, and without the third a restarted torchrun can hang.
PREFERRED = {"PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1", "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a command: ours without our credentials, with what it should know."""
    kept = {name: value for name, value in os.environ.items() if name not in WITHHELD}
    return PREFERRED | kept | ADDED | dict(extra or {})


def supervise(
    command: Sequence[str],
    *,
    root: Path,
    say: Callable[[str], None],
    env: Mapping[str, str] | None = None,
    limits: Limits = Limits(),  # noqa: B008 - it is frozen
    each: Callable[[Sequence[Usage]], None] = lambda _: None,
) -> Outcome:
    """Run the command in `root` until it and everything that it started has ended.

    SIGINT and SIGTERM reach the command as SIGTERM at once (`Tree.ask` says whom), every process of the tree after
    4 s, and SIGKILL follows after 6 s, or at once on a second signal. The old handlers are restored afterwards.
    One that stalls is asked for its stacks by SIGABRT; one whose time is up gets SIGTERM, and the time it has to save.
    `each` gets what the processes use, at the beginning more often than once a second, then once.
    """
    tree, stream, signals = Tree(), Stream(say), list[int]()
    used, killed = resource.getrusage(resource.RUSAGE_CHILDREN), kills()
    started = time.monotonic()
    try:
        with _handled(signals), Running(command, root, environment(env), tree, stream, limits) as run:
            run.watch(signals, each)
            seconds = time.monotonic() - started
            left = () if signals or run.stalled or run.late else run.leave()
    finally:
        tree.close()
        stream.close()
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Outcome(
        code=run.code,
        seconds=seconds,
        cpu=now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime,
        memory=run.memory,
        tail=stream.words(),
        stopped=signal.Signals(signals[0]).name if signals else None,
        stopping=time.monotonic() - run.asked if run.asked else 0.0,
        left=left,
        stalled=float(limits.stall or 0) if run.stalled else 0.0,
        late=run.late if run.code else None,
        oom=run.code != 0 and kills() > killed,
    )


@contextlib.contextmanager
def _handled(signals: list[int]) -> Iterator[None]:
    """Collect SIGINT and SIGTERM instead of dying from them; only the main thread may."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def note(number: int, _: FrameType | None) -> None:
        signals.append(number)

    old = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
