"""End a Lightning training around the ends of its epochs: `python -m tests.resume.epochs FOLDER`.

Prints a line for each sequence of ends, whether the weights are those of an undisturbed run. Lightning is imported
once, and each attempt is a fork.
"""

import os
import signal
import sys
from pathlib import Path

import lightning.pytorch
import sklearn.datasets  # noqa: F401 - what the recipe imports
import torch._dynamo
from torch.optim.optimizer import register_optimizer_step_post_hook

from ci_kit.resume.lightning import Resume

RECIPE = Path(__file__).parents[2] / "examples/resume_lightning.py"
EPOCH = 57  # batches
ENDS = {
    "asked at ends": (signal.SIGTERM, EPOCH, 2 * EPOCH),
    "asked around ends": (signal.SIGTERM, EPOCH - 1, EPOCH, EPOCH + 1, 2 * EPOCH - 1),
    "killed after ends": (signal.SIGKILL, EPOCH + 1, 2 * EPOCH + 1),
    "killed before an end counts": (signal.SIGKILL, -EPOCH, -2 * EPOCH),
}


def train(folder: Path, number: int, end: int | None) -> None:
    """Run the recipe for three epochs, each end of which is also a multiple of its interval.

    It is sent the signal in the step `end`, or, where that is negative, when all else of that step is done.
    """
    os.chdir(folder)
    os.environ["CI_KIT_CHECKPOINT_DIR"] = str(folder / "checkpoints")
    log = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)

    def stepped(optimizer: torch.optim.Optimizer, *_: object) -> None:
        if next(iter(optimizer.state.values()))["step"] == end:
            os.kill(os.getpid(), number)

    def closes(self: Resume, trainer: lightning.pytorch.Trainer, module: lightning.pytorch.LightningModule) -> None:
        if trainer.global_step == -(end or 0):
            os.kill(os.getpid(), number)
        close(self, trainer, module)

    close = Resume.on_train_epoch_end
    Resume.on_train_epoch_end = closes  # type: ignore[assignment, method-assign]
    register_optimizer_step_post_hook(stepped)
    text = RECIPE.read_text()
    changed = text.replace("max_epochs=10", "max_epochs=3").replace("steps=50", f"steps={EPOCH}")
    assert len(changed) == len(text) - 1
    exec(compile(changed, RECIPE, "exec"), {"__name__": "__main__"})


def weights(folder: Path, number: int, *ends: int) -> bytes:
    """Train with these ends, one an attempt, and return the weights."""
    folder.mkdir()
    for end in (*ends, None):
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                train(folder, number, end)
                code = 0
            except SystemExit as ended:
                code = int(ended.code or 0)
            finally:
                os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        wanted = 0 if end is None else 143 if number == signal.SIGTERM else -number
        if code != wanted:
            raise SystemExit(f"ended with {code}: {(folder / 'log').read_text()}")
    return (folder / "model.safetensors").read_bytes()


def main() -> None:
    root = Path(sys.argv[1])
    whole = weights(root / "whole", 0)
    for name, ends in ENDS.items():
        print(name, "same" if weights(root / name, *ends) == whole else "different")


if __name__ == "__main__":
    main()
