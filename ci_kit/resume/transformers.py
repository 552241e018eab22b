"""Resume a training by Hugging Face's Trainer: which checkpoint is whole, and SIGTERM.

    arguments = TrainingArguments(os.environ["CI_KIT_CHECKPOINT_DIR"], save_total_limit=2, ...)
    trainer = Trainer(model, arguments, callbacks=[Resume()], ...)
    trainer.train(resume_from_checkpoint=newest(arguments.output_dir))

The Trainer writes its files one by one, and resumes from the checkpoint with the highest number, cut short or not. It
removes the oldest before the new one is known to be whole: `save_total_limit` must be 2 or more. It reads all its files
with weights_only, or as safetensors, so that nothing in them can run as code.

Of a model with layers that transformers 5 has renamed, such as ViT, the Trainer restores only the others and trains on
(seen in 5.24; https://github.com/huggingface/transformers/issues/43701): make the model with
`from_pretrained(newest(...))`. Whoever forgets it gets an error from `Resume`.
"""

import hashlib
import re
import shutil
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from ci_kit.resume import STOPPED
from ci_kit.resume.folder import Refused, seal, verify

WEIGHTS = "weights.sha256"
_NAME = re.compile(r"checkpoint-(\d+)")


class Resume(TrainerCallback):  # type: ignore[misc]
    """Seals each checkpoint, and saves after the step in which SIGTERM comes; the exit code is then 143.

    For one process, whose checkpoints hold no folders.
    """

    def __init__(self) -> None:
        self._stop = False

    def on_train_begin(self, arguments: TrainingArguments, state: TrainerState, *_: Any, model: Any, **__: Any) -> None:
        """Listen to SIGTERM; raise ValueError where the weights are not those of the checkpoint."""
        signal.signal(signal.SIGTERM, self._asked)
        sealed = _place(arguments, state) / WEIGHTS
        if sealed.exists() and sealed.read_text() != _weights(model):
            why = "the Trainer has left out weights that it did not know by their names"
            raise ValueError(
                f"{sealed.parent} was not restored: {why}; make the model with from_pretrained(newest(...))"
            )

    def on_step_end(self, _: TrainingArguments, __: TrainerState, control: TrainerControl, **___: Any) -> None:
        """Ask for a checkpoint, if it is the last step for now."""
        control.should_save |= self._stop

    def on_save(self, arguments: TrainingArguments, state: TrainerState, *_: Any, model: Any, **__: Any) -> None:
        """Seal what was written, and end if asked to."""
        (_place(arguments, state) / WEIGHTS).write_text(_weights(model))
        seal(_place(arguments, state), state.global_step)
        if self._stop:
            sys.exit(STOPPED)

    def _asked(self, *_: int | FrameType | None) -> None:
        self._stop = True


def newest(folder: str) -> str | None:
    """Return the newest checkpoint that is as it was written, None where there is none, and remove those that are not.

    Left there, they would count as the ones to keep.
    """
    entries = Path(folder).iterdir() if Path(folder).is_dir() else ()
    found = [(int(match[1]), path) for path in entries if (match := _NAME.fullmatch(path.name))]
    for step, path in sorted(found, reverse=True):
        try:
            verify(path, step)
            return str(path)
        except Refused as refused:
            sys.stderr.write(f"ci-kit: checkpoint {path.name} is refused: {refused}\n")
            shutil.rmtree(path)
    return None


def _place(arguments: TrainingArguments, state: TrainerState) -> Path:
    return Path(arguments.output_dir) / f"checkpoint-{state.global_step}"


def _weights(model: torch.nn.Module) -> str:
    total = hashlib.sha256()
    for one in model.state_dict().values():
        total.update(one.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return total.hexdigest()
