"""What the target `ssh` runs on its machine: `python -P -m ci_kit.deploy.agent`.

The first line of stdin is the order; stdout has a JSON object a line: what is said, and at last what was found or why
nothing could be. The end of stdin before that is a cancel: the deployment is undone.
"""

import _thread
import contextlib
import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

from ci_kit.bento.archive import unpack
from ci_kit.bento.content import changes
from ci_kit.deploy import machine
from ci_kit.deploy.local import LocalTarget, default_folder
from ci_kit.deploy.machine import Order
from ci_kit.deploy.state import Desk
from ci_kit.deploy.status import status
from ci_kit.deploy.systemd import Units, units
from ci_kit.errors import CiKitError, UserError
from ci_kit.parts import Check
from ci_kit.result import Findings
from ci_kit.sections import Local

INCOMING, KITS = Path("~/.local/share/ci-kit/incoming"), Path("~/.local/share/ci-kit/kits")
DAY = 86_400  # seconds


def main() -> None:
    """Carry out one order."""
    order = json.loads(sys.stdin.readline())
    threading.Thread(target=_watch, daemon=True).start()
    try:
        target = _target(order)
        found, more = _done(target, order)
        answer: dict[str, Any] = {"found": _plain(found), **more}
    except CiKitError as error:
        answer = {"error": str(error)}
    except KeyboardInterrupt:
        answer = {"error": "the deployment was cancelled"}
    _tell(answer)


def _done(target: LocalTarget, order: dict[str, Any]) -> tuple[Findings, dict[str, Any]]:
    match order["verb"]:
        case "deploy":
            wanted = Order(**order["order"])
            found, kept = machine.deploy(target, wanted, lambda folder: _brought(wanted, folder), _say)
            prune(KITS.expanduser(), units())
            return found, {"kept": kept}
        case "before":
            checks, version = machine.before(target)
            return Findings(checks=tuple(checks)), {"version": version}
        case "stop":
            return machine.stop(target, _say), {}
        case _:
            return status(target, _say), {}


def _target(order: dict[str, Any]) -> LocalTarget:
    settings = Local.model_validate(order["settings"])
    name = order["target"]
    folder = Path(settings.folder).expanduser() if settings.folder else default_folder(order["repo"], name)
    desk = Desk(Path.home() / folder, name)
    return LocalTarget(settings, desk, Units(desk.folder / "run", name))


def _brought(order: Order, folder: Path) -> list[Check]:
    """Unpack the bento that was sent, and see that it is the one that was ordered."""
    archive = INCOMING.expanduser() / f"{order.digest[:16]}.bento"
    try:
        unpack(archive, folder)
        if found := changes(folder, order.digest):
            raise UserError(f"what was sent of {order} is another bento", why=found[0], code="store/damaged")
    finally:
        archive.unlink(missing_ok=True)
    return [Check(id="sent", title="The bento has arrived as it was sent", status="pass")]


def prune(kits: Path, used: Collection[str]) -> None:
    """Remove the copies of ci-kit that no text of a unit names, but for ours and those of the last day."""
    for kit in kits.iterdir() if kits.is_dir() else ():
        mine = Path(sys.prefix).is_relative_to(kit)
        young = time.time() - kit.stat().st_mtime < DAY  # another deployment may have just made it
        if not (mine or young or any(str(kit) in text for text in used)):
            shutil.rmtree(kit, ignore_errors=True)


def _plain(found: Findings) -> dict[str, Any]:
    return {
        "checks": [check.model_dump(exclude_none=True) for check in found.checks],
        "metrics": {name: metric.model_dump(exclude_none=True) for name, metric in found.metrics.items()},
    }


def _say(text: str) -> None:
    _tell({"say": text})


def _tell(answer: dict[str, Any]) -> None:
    # Whoever listened may be gone, and what is under way is to end well all the same.
    with contextlib.suppress(OSError):
        print(json.dumps(answer), flush=True)  # noqa: T201 - the protocol


def _watch() -> None:
    while os.read(0, 4096):
        pass
    _thread.interrupt_main()


if __name__ == "__main__":
    main()
