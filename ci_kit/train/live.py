"""Show how a training is doing in a check on its commit, without ever being in its way."""

import contextlib
import ctypes
import os
import sys
import threading
from collections.abc import Callable, Sequence

from ci_kit import actions
from ci_kit.errors import UserError
from ci_kit.forge import connect
from ci_kit.forge.base import Stamp
from ci_kit.job import Job
from ci_kit.render.text import cell

TOKEN = "CI_KIT_LIVE_TOKEN"  # noqa: S105 - the name of a variable
FIRST, EVERY = 15.0, 60.0
"""Seconds until the first word and between two: the token of a workflow has 1,000 requests an hour."""
PATIENCE = 3.0  # seconds that the end may take: of a cancelled job there are only ten
_PR_SET_DUMPABLE = 4
Post = Callable[[str, str, bool | None], None]


class Live:
    """Post title, text and, at the end, whether it ended well, from a thread.

    The first trouble is said, and ends it: the training goes on without.
    """

    def __init__(self, post: Post, say: Callable[[str], None], first: float | None = None) -> None:
        self._post, self._say, self._first = post, say, FIRST if first is None else first
        self._parts: Sequence[str] = ()
        self._well, self._done = False, threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def show(self, parts: Sequence[str]) -> None:
        """Have this shown next."""
        self._parts = parts

    def end(self, well: bool) -> None:
        """Show the end, unless nothing was shown before; give up on it after three seconds."""
        self._well = well
        self._done.set()
        self._thread.join(timeout=PATIENCE)

    def _run(self) -> None:
        try:
            pause, begun = self._first, False
            while not self._done.wait(pause):
                if self._parts:
                    self._say_so(None)
                    pause, begun = EVERY, True
            if begun:
                self._say_so(self._well)
        except UserError as error:
            self._say(f"train: no live check: {error}")

    def _say_so(self, well: bool | None) -> None:
        title = "Training" if well is None else "Trained" if well else "Not trained"
        body = "\n".join(f"- {cell(part)}" for part in self._parts)
        self._post(f"{title}: {', '.join(self._parts[:3])}"[:200], body, well)


def live(job: Job) -> Live | None:
    """Return the live check of this training, where a token for it is there."""
    token, event = os.environ.get(TOKEN, "").strip(), actions.event()
    if not token or not event.sha:
        return None
    _keep_to_itself()
    forge = connect(job.root, event, env={**os.environ, "GITHUB_TOKEN": token})
    stamp = Stamp(run_id=event.run_id, attempt=event.attempt, sha=event.sha)
    name = " ".join(["ci-kit train", *([job.source.directory] if job.source.directory else [])])

    def post(title: str, text: str, well: bool | None) -> None:
        forge.show(name, stamp, title, text, well)

    return Live(post, job.say)


def _keep_to_itself() -> None:
    """Let no other process of the same user read this one's environment or memory: the command must not get at it."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
