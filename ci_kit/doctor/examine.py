"""All groups of checks, at the same time and bounded; one that breaks or hangs takes nothing from the others."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from ci_kit.doctor.configuration import configuration
from ci_kit.doctor.context import Context, look
from ci_kit.doctor.dvc import data_version_control
from ci_kit.doctor.environment import environment
from ci_kit.doctor.finding import URGENCY, untold
from ci_kit.doctor.github import github
from ci_kit.doctor.hardware import hardware
from ci_kit.doctor.machine import machine
from ci_kit.doctor.repository import repository
from ci_kit.doctor.rules import rules
from ci_kit.doctor.schedule import schedule
from ci_kit.doctor.wiring import wiring
from ci_kit.errors import CiKitError
from ci_kit.parts import Check, clip
from ci_kit.progress import busy

Group = Callable[[Context], Iterator[Check]]
PATIENCE = 15.0  # seconds for all groups together; the product on the GPU has a bound of its own
GROUPS: Mapping[str, tuple[Group, ...]] = {
    "configuration": (configuration,),
    "environment": (environment,),
    "GPU and disk": (hardware,),  # in the main thread: it is supervised
    "machine": (machine,),
    "repository": (repository,),
    "DVC": (data_version_control,),
    "GitHub": (github,),
    "schedule": (schedule,),
    "workflows": (rules, wiring),
}


def examine(root: Path) -> dict[str, list[Check]]:
    """Look at a folder and its surroundings; return the findings of each group, the worst first.

    Raises UserError where the folder is not there, and what a group raises that is a mistake of ours.
    """
    return gather(look(root), GROUPS)


def gather(context: Context, groups: Mapping[str, tuple[Group, ...]]) -> dict[str, list[Check]]:
    """Run the groups, those of the GPU in this thread and the others in threads of their own."""
    here = [name for name, parts in groups.items() if hardware in parts]
    found, broken = dict[str, list[Check]](), list[Exception]()

    def run(name: str) -> None:
        try:
            found[name] = [check for part in groups[name] for check in part(context)]
        except CiKitError as error:
            found[name] = [untold(_word(name), f"{name} could not be looked at", str(error))]
        except Exception as error:  # noqa: BLE001 - raised again by the main thread
            broken.append(error)

    started = time.monotonic()
    threads = {name: threading.Thread(target=run, args=(name,), daemon=True) for name in groups if name not in here}
    for thread in threads.values():
        thread.start()
    for name in here:
        busy(f"looking at {name}")
        run(name)
    for number, (name, thread) in enumerate(threads.items()):
        busy(f"looking at {name}", number, len(threads))
        thread.join(max(PATIENCE - (time.monotonic() - started), 0.1))
        if thread.is_alive():
            why = f"It did not end within {PATIENCE:.0f} s: a network or a disk that does not answer."
            found[name] = [untold(_word(name), f"{name} could not be looked at", why)]
    if broken:
        raise broken[0]
    return {name: sorted(_once(found[name]), key=lambda one: URGENCY.index(one.status)) for name in groups}


def _once(checks: list[Check]) -> list[Check]:
    """Leave out what was said twice, in the same words at the same place."""
    return list(dict.fromkeys(checks))


def _word(name: str) -> str:
    return str(clip(name.lower().replace(" ", "-"), 40))
