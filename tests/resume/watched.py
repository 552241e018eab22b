"""Run a recipe with a log of its steps, and end it as planned: `python -m tests.resume.watched SCRIPT`.

The file `steps` gets a line for each step that is done, its number, and `begin` and `exit CODE` around them. `PLAN` has
a word for each attempt in turn: `kill:N:S` kills it S seconds after it has touched the checkpoints for the Nth time,
`stop:N` has ci-kit cancelled after N steps, and what has no word is left alone. A kill that follows what the training
does hits its saves, on a slow machine as on a fast one.
"""

import os
import runpy
import select
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil

LOG = Path("steps")


class Killer:
    """An audit hook: Python tells it of each file that is opened, renamed or removed."""

    def __init__(self, touches: int, delay: float) -> None:
        self.left, self.delay, self.folder = touches, delay, os.environ["CI_KIT_CHECKPOINT_DIR"]

    def __call__(self, event: str, words: tuple[Any, ...]) -> None:
        changes = event in {"os.mkdir", "os.rename", "os.remove", "os.rmdir"} or (event == "open" and words[1] != "r")
        if not changes or not str(words[0]).startswith(self.folder):
            return
        self.left -= 1
        if self.left == 0:
            threading.Thread(target=self.kill, daemon=True).start() if self.delay else self.kill()

    def kill(self) -> None:
        time.sleep(self.delay)
        os.kill(os.getpid(), signal.SIGKILL)


def cancel() -> None:
    """Cancel the supervisor, and go on when its SIGTERM has come."""
    (supervisor,) = [one for one in psutil.Process().parents() if "ci_kit" in one.cmdline()]
    heard, told = os.pipe()
    os.set_blocking(told, False)
    signal.set_wakeup_fd(told)
    supervisor.send_signal(signal.SIGTERM)
    assert select.select([heard], [], [], 20)[0]


def write(line: str) -> None:
    with LOG.open("a") as log:
        log.write(f"{line}\n")


def plan() -> list[str]:
    """Return the words of this attempt."""
    attempt = LOG.read_text().count("begin") if LOG.exists() else 0
    words = os.environ.get("PLAN", "").split()
    return words[attempt].split(":") if attempt < len(words) else ["none"]


def watch(stop: int | None) -> None:
    """Log each step, and have the training cancelled after so many of this attempt."""
    done = 0

    def stepped(number: float) -> None:
        nonlocal done
        done += 1
        write(str(int(number)))
        if done == stop:
            cancel()

    if "sklearn" in sys.argv[1]:
        from sklearn.linear_model import SGDClassifier

        fit = SGDClassifier.partial_fit

        def partial_fit(self: Any, rows: Any, *more: Any, **named: Any) -> Any:
            fit(self, rows, *more, **named)
            epochs, rest = divmod(int(self.t_) - 1, 1797)  # rows of the digits, in batches of 32
            stepped(57 * epochs + -(-rest // 32))

        SGDClassifier.partial_fit = partial_fit
    else:
        from torch.optim.optimizer import register_optimizer_step_post_hook

        register_optimizer_step_post_hook(lambda optimizer, *_: stepped(next(iter(optimizer.state.values()))["step"]))


def main() -> None:
    kind, *numbers = plan()
    write("begin")
    if kind == "kill":
        sys.addaudithook(Killer(int(numbers[0]), float(numbers[1])))
    watch(int(numbers[0]) if kind == "stop" else None)
    try:
        runpy.run_path(sys.argv[1], run_name="__main__")
    except SystemExit as ended:
        write(f"exit {ended.code}")
        raise


if __name__ == "__main__":
    main()
