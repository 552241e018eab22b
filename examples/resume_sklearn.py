"""Train scikit-learn on the digits batch by batch, and go on where it was cut off."""

import json
import os
import signal
import sys
import threading
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier

from ci_kit.resume.folder import Folder

LEARNED = ("classes_", "coef_", "intercept_", "t_")  # all that partial_fit goes on from
SIZE, EPOCHS = 32, 10

pixels, digits = load_digits(return_X_y=True)
model = SGDClassifier(loss="log_loss", random_state=1)
folder = Folder(Path(os.environ.get("CI_KIT_CHECKPOINT_DIR", "checkpoints")), print)
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())


def write(place):
    np.savez(place / "model.npz", **{name: getattr(model, name) for name in LEARNED})


def read(place):
    with np.load(place / "model.npz") as learned:  # numbers alone: numpy loads no pickles unless it is told to
        for name in LEARNED:
            setattr(model, name, learned[name][()])


done = step[0] if (step := folder.load(read)) else 0
each = -(-len(pixels) // SIZE)
for number in range(done, EPOCHS * each):
    epoch, batch = divmod(number, each)
    order = np.random.default_rng([1, epoch]).permutation(len(pixels))  # which follows from the step alone
    rows = order[batch * SIZE : (batch + 1) * SIZE]
    model.partial_fit(pixels[rows], digits[rows], classes=range(10))
    if (number + 1) % 50 == 0 or stop.is_set():
        folder.save(number + 1, write)
    if stop.is_set():
        sys.exit(143)

write(Path())
Path("metrics.json").write_text(json.dumps({"accuracy": model.score(pixels, digits)}))
