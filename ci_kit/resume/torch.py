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

from ci_kit.resume import DIRECTORY, GRACE, STOPPED
from ci_kit.resume.folder import Folder, Refused
from ci_kit.resume.tree import put_together, taken_apart

STATE, TENSORS = "state.json", "tensors.safetensors"
EVERY = 60.0  # seconds between two checkpoints


class Checkpoint:
    """The state of a training by name: `Checkpoint(model=model, optimizer=optimizer)`.

    A part is what has `state_dict` and `load_state_dict`, or a `torch.Generator`. The random numbers of Python, numpy
    and torch, on all devices, are always part of it. Making it restores the newest checkpoint that verifies into all
    parts; `step` says how many steps are done, 0 where there was none. Raises ValueError for one of other parts.

    `folder` is `CI_KIT_CHECKPOINT_DIR` where it is not given; without either nothing is saved. `every` are the seconds
    between two checkpoints.
    """

    def __init__(self, *, folder: str | Path | None = None, every: float = EVERY, **parts: Any) -> None:
        place = folder or os.environ.get(DIRECTORY)
        self._folder = Folder(Path(place), _warn) if place else None
        self._parts, self._every, self._took = parts, every, 0.0
        self._stop, self._pid = False, os.getpid()
        self.step = self._restore()
        self._last = time.monotonic()
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._asked)

    def save(self, step: int, *, now: bool = False) -> None:
        """Say that so many steps are done; a checkpoint is written when it is time, or `now`.

        After SIGTERM it is written at once, if the last one took less than the time that is left, and the process ends
        with exit code 143.
        """
        due = now or time.monotonic() - self._last >= self._every
        late = self._stop and self._took > 0.8 * float(os.environ.get(GRACE) or "inf")
        self.step = step
        if self._folder and (due or self._stop) and not late:
            started = time.monotonic()
            self._folder.save(step, self._write)
            self._last = time.monotonic()
            self._took = self._last - started
        if self._stop:
            sys.exit(STOPPED)

    def _asked(self, *_: int | FrameType | None) -> None:
        if self._stop or os.getpid() != self._pid:  # asked again, or a child that has inherited this
            os._exit(STOPPED)
        self._stop = True

    def _write(self, folder: Path) -> None:
        tensors: dict[str, torch.Tensor] = {}
        state = {name: _state(part) for name, part in self._parts.items()}
        whole = {"parts": state, "random": _random()}
        plain = {name: taken_apart(one, tensors, name) for name, one in whole.items()}
        (folder / STATE).write_text(json.dumps(plain), "utf-8")
        # A tensor that shares memory with another, such as a tied weight, is refused by safetensors: each is a copy.
        save_file({name: one.cpu().contiguous().clone() for name, one in tensors.items()}, folder / TENSORS)

    def _restore(self) -> int:
        if self._folder is None or (found := self._folder.load(_read)) is None:
            return 0
        step, state = found
        if state["parts"].keys() != self._parts.keys():
            there, here = (", ".join(sorted(names)) for names in (state["parts"], self._parts))
            why = f"the checkpoint of step {step} has the parts {there}, this training has {here}"
            raise ValueError(f"{why}; remove the folder {self._folder.path} to begin anew")
        for name, part in self._parts.items():
            if isinstance(part, torch.Generator):
                part.set_state(state["parts"][name])
            else:
                part.load_state_dict(state["parts"][name])
        _set_random(state["random"])
        return step


def _read(folder: Path) -> Any:
    try:
        tensors = load_file(folder / TENSORS)
        state = put_together(json.loads((folder / STATE).read_bytes()), tensors)
        if state.keys() == {"parts", "random"}:
            return state
    except SafetensorError as error:
        raise Refused(f"{TENSORS} is no safetensors file") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Refused(f"{STATE} and {TENSORS} do not belong together") from error
    raise Refused(f"{STATE} is not that of a Checkpoint")


def _state(part: Any) -> Any:
    return part.get_state() if isinstance(part, torch.Generator) else part.state_dict()


def _random() -> dict[str, Any]:
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return {"python": random.getstate(), "numpy": np.random.get_state(), "torch": torch.get_rng_state(), "cuda": cuda}


def _set_random(state: dict[str, Any]) -> None:
    random.setstate(state["python"])
    np.random.set_state(state["numpy"])
    torch.set_rng_state(state["torch"])
    if len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])


def _warn(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
