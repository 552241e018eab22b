"""A deployer that is killed at the `n`th thing that it does: `cut.py ROOT VERSION N before|after [run|rollback]`.

With N 0 it is never killed and prints how many there were. The instances are served by `tiny.py`.
"""

import importlib
import os
import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from ci_kit.deploy import keeper, step
from ci_kit.deploy.state import Desk
from tests.deploy import made

TINY = Path(__file__).parent / "tiny.py"
QUICK: dict[str, Any] = {
    "local.command": lambda bento, port, *_: [sys.executable, str(TINY), str(bento), str(port)],
    "observe.TEST": 0.2,
    "observe.duration": lambda _: timedelta(seconds=0.4),
}
done = 0


def counted(function: Callable[..., Any], number: int, when: str) -> Callable[..., Any]:
    def call(*given: Any, **named: Any) -> Any:
        global done
        done += 1
        if done == number and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        found = function(*given, **named)
        if done == number and when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return found

    return call


def main(root: str, version: str, number: int, when: str, what: str = "run") -> None:
    for name, value in QUICK.items():
        module, _, attribute = name.partition(".")
        setattr(importlib.import_module(f"ci_kit.deploy.{module}"), attribute, value)
    for owner, name in ((Desk, "save"), (Desk, "switch"), (keeper, "start"), (keeper, "stop")):
        setattr(owner, name, counted(getattr(owner, name), number, when))
    job = made.job(Path(root), {"deploy.version": version} if what == "run" else {})
    found = getattr(step, what)(job)
    print(done, found.result("deploy", None, job.source, job.run).status)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), *sys.argv[4:])
