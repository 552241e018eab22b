"""Save and resume a torch training: model, optimiser, scheduler, random numbers and whatever else has a state."""

import json
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from ci_kit.resume import DIRECTORY, STOPPED
from ci_kit.resume.folder import Folder, Refused
from ci_kit.resume.grace import left
from ci_kit.resume.ranks import Ranks
from ci_kit.resume.tree import put_together, taken_apart

STATE, TENSORS = "state.json", "tensors.safetensors"
EVERY = 60.0  # seconds between two checkpoints


class Checkpoint:
    """The state of a training by name: `Checkpoint(model=model, optimizer=optimizer)`.

    A part is what has `state_dict` and `load_state_dict`, or a `torch.Generator`. The random numbers of Python, numpy
    and torch, on all devices, are always part of it. Making it restores the newest checkpoint that verifies into all
    parts; `step` says how many steps are done, 0 where there was none. Raises ValueError for one of other parts.

    `folder` is `CI_KIT_CHECKPOINT_DIR` where it is not given; without either nothing is saved. `every` are the seconds
    between two checkpoints. Where several processes train together, each makes one, after `init_process_group`: the
    parts of rank 0 are kept, and the random numbers of all.
    """

    def __init__(self, *, folder: str | Path | None = None, every: float = EVERY, **parts: Any) -> None:
        place = folder or os.environ.get(DIRECTORY)
        self._folder = Folder(Path(place), _warn) if place else None
        self._sources = {name: one for name, one in parts.items() if isinstance(one, torch.Generator)}
        self._parts = {name: one for name, one in parts.items() if name not in self._sources}
        self._every, self._took, self._ranks = every, 0.0, Ranks()
        self._stop, self._pid = False, os.getpid()
        self.step = self._restore()
        self._last = time.monotonic()
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._asked)

    def save(self, step: int, *, now: bool = False) -> None:
        """Say that so many steps are done; a checkpoint is written when it is time, or `now`.

        After SIGTERM it is written at once, if the last one took less than the time that is left, and the process ends
        with exit code 143. All processes of a training must call it, for the same steps.
        """
        self.step = step
        due = now or time.monotonic() - self._last >= self._every
        late = self._took > 0.8 * left(self._folder.path if self._folder else None)
        # Clocks differ: the time is that of rank 0, while a signal counts wherever it came.
        stop, due, late = self._ranks.agree(self._stop, *((due, late) if self._ranks.first else (False, False)))
        if self._folder and (due or stop) and not (stop and late):
            started = time.monotonic()
            self._write(self._folder, step)
            self._last = time.monotonic()
            self._took = self._last - started
        if stop:
            sys.exit(STOPPED)

    def _asked(self, *_: int | FrameType | None) -> None:
        if self._stop or os.getpid() != self._pid:  # asked again, or a child that has inherited this
            os._exit(STOPPED)
        self._stop = True

    def _write(self, folder: Folder, step: int) -> None:
        randoms = self._ranks.gathered(_random(self._sources))
        if self._ranks.first:
            state = {"parts": {name: part.state_dict() for name, part in self._parts.items()}, "random": randoms}
            folder.save(step, lambda new: _dump(new, state))
        self._ranks.wait()  # or a process that has ended already would take the writing one with it

    def _restore(self) -> int:
        if self._folder is None or (found := self._folder.load(_read)) is None:
            return 0
        step, state = found
        random = state["random"][self._ranks.rank % len(state["random"])]
        known, ours = {*state["parts"], *random["sources"]}, {*self._parts, *self._sources}
        if known != ours:
            there, here = (", ".join(sorted(names)) for names in (known, ours))
            why = f"the checkpoint of step {step} has the parts {there}, this training has {here}"
            raise ValueError(f"{why}; remove the folder {self._folder.path} to begin anew")
        for name, part in self._parts.items():
            part.load_state_dict(state["parts"][name])
        _set_random(random, self._sources)
        return step


def _dump(folder: Path, state: dict[str, Any]) -> None:
    tensors: dict[str, torch.Tensor] = {}
    plain = {name: taken_apart(one, tensors, name) for name, one in state.items()}
    (folder / STATE).write_text(json.dumps(plain), "utf-8")
    # A tensor that shares memory with another, such as a tied weight, is refused by safetensors: each is a copy.
    save_file({name: one.cpu().contiguous().clone() for name, one in tensors.items()}, folder / TENSORS)


def _read(folder: Path) -> Any:
    try:
        tensors = load_file(folder / TENSORS)
        state = put_together(json.loads((folder / STATE).read_bytes()), tensors)
        if state.keys() == {"parts", "random"} and all("sources" in one for one in state["random"]):
            return state
    except SafetensorError as error:
        raise Refused(f"{TENSORS} is no safetensors file") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Refused(f"{STATE} and {TENSORS} do not belong together") from error
    raise Refused(f"{STATE} is not that of a Checkpoint")


def _random(sources: dict[str, torch.Generator]) -> dict[str, Any]:
    return {
        "python": random.getstate(),
        "numpy": np.random.get_state(),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "sources": {name: one.get_state() for name, one in sources.items()},
    }


def _set_random(state: dict[str, Any], sources: dict[str, torch.Generator]) -> None:
    random.setstate(state["python"])
    np.random.set_state(state["numpy"])
    torch.set_rng_state(state["torch"])
    if len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])
    for name, source in sources.items():
        source.set_state(state["sources"][name])


def _warn(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
