"""Resume a Lightning training: whole checkpoints with the random numbers in them, at the right places, and SIGTERM.

    resume = Resume(os.environ["CI_KIT_CHECKPOINT_DIR"], every_n_train_steps=1000)
    trainer = Trainer(callbacks=[resume], plugins=[WholeFiles()], ...)
    trainer.fit(model, ckpt_path="last", weights_only=True)

Lightning (seen in 2.6) writes into `TMPDIR` and moves the file: across file systems that is a copy, which a kill cuts
short. It saves no random numbers, so that dropout would differ, and answers SIGTERM with exit code 0, which says that
all is done. A training that twice resumes from the last batch of an epoch does an epoch too many
(https://github.com/Lightning-AI/pytorch-lightning/issues/19815). A checkpoint is a pickle: with `weights_only=True`
nothing in it can run as code.
"""

import io
import random
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.utilities.exceptions import SIGTERMException

from ci_kit.files import atomic_write
from ci_kit.resume import STOPPED


class WholeFiles(TorchCheckpointIO):  # type: ignore[misc]
    """Writes checkpoints to the disk whole or not at all."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, *_: Any, **__: Any) -> None:
        """Replace the file; raises OSError, as for a full disk, with the one before as it was."""
        path = Path(path)
        for left in path.parent.glob(f".{path.name}.*"):
            left.unlink()
        content = io.BytesIO()
        torch.save(checkpoint, content)
        atomic_write(path, content.getvalue())


class Resume(ModelCheckpoint):  # type: ignore[misc]
    """Keeps `last.ckpt`: as often as `options` say, at each epoch's end, and when SIGTERM comes; exit code 143 then.

    With the random numbers of Python, numpy and torch, for one process. `options` are those of ModelCheckpoint.
    """

    def __init__(self, dirpath: str | Path, **options: Any) -> None:
        super().__init__(dirpath, save_last=True, save_top_k=0, enable_version_counter=False, **options)
        self._random: dict[str, Any] | None = None

    def state_dict(self) -> dict[str, Any]:
        """Return what ModelCheckpoint does, and the random numbers as what `weights_only=True` reads."""
        numbers: Any = np.random.get_state()
        name, keys, *rest = numbers
        found = {
            "python": random.getstate(),
            "numpy": [name, keys.tolist(), *rest],
            "torch": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        }
        return {**super().state_dict(), "random": found}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Keep the random numbers until the training starts: what comes before may draw some."""
        super().load_state_dict(state)
        self._random = state["random"]

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        """Set them, where a checkpoint was restored."""
        super().on_train_start(trainer, module)
        if self._random:
            random.setstate(self._random["python"])
            np.random.set_state(tuple(self._random["numpy"]))
            torch.set_rng_state(self._random["torch"])
            if len(self._random["cuda"]) == torch.cuda.device_count():
                torch.cuda.set_rng_state_all(self._random["cuda"])

    def on_train_batch_end(self, trainer: Trainer, *more: Any) -> None:
        """Save if it is time; after the last batch of an epoch a moment later, when the epoch counts as done."""
        if not trainer.is_last_batch:
            super().on_train_batch_end(trainer, *more)

    def on_train_epoch_end(self, trainer: Trainer, _: LightningModule) -> None:
        """Save."""
        self._save(trainer)

    def on_exception(self, trainer: Trainer, _: LightningModule, exception: BaseException) -> None:
        """Save where Lightning ends on SIGTERM, which is between two steps, and end with the exit code that says so."""
        if isinstance(exception, SIGTERMException):
            self._save(trainer)
            sys.exit(STOPPED)

    def _save(self, trainer: Trainer) -> None:
        trainer.save_checkpoint(Path(self.dirpath) / f"{self.CHECKPOINT_NAME_LAST}{self.FILE_EXTENSION}")
