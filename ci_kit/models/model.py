"""A model: a table in, an array out."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ci_kit.config import Config
from ci_kit.errors import UserError
from ci_kit.models.dataset import Dataset
from ci_kit.models.frames import Frame, names, take
from ci_kit.models.reading import classes_of, read
from ci_kit.serving.reading import Reading

BATCH = 16_384  # rows per call: bounds the memory of a large model's intermediate values


@dataclass(kw_only=True)
class Model:
    """A candidate or a baseline, ready to be asked.

    How its answers are to be read is settled by the first call of `predict` or `bind`, so bind it to many rows. Values
    of its `sensitive` columns show in no message. `inputs` and `output` are those of an ONNX file.
    """

    name: str
    task: str
    features: tuple[str, ...] = field(repr=False)
    answer: Callable[[Frame], npt.NDArray[Any]] = field(repr=False)
    known: npt.NDArray[Any] | None = None
    classes: npt.NDArray[Any] | None = None
    reading: Reading | None = field(default=None, repr=False)
    sensitive: tuple[str, ...] = ()
    inputs: tuple[Any, ...] = field(default=(), repr=False)
    output: str = ""

    def raw(self, frame: Frame) -> npt.NDArray[Any]:
        """Return the model's own answer; raise UserError if it fails or does not give one row per row."""
        parts = [take(frame, slice(start, start + BATCH)) for start in range(0, len(frame), BATCH)] or [frame]
        answers = [self.answer(part) for part in parts]
        for part, given in zip(parts, answers, strict=True):
            if given.ndim == 0 or len(given) != len(part):
                what = "a single value" if given.ndim == 0 else f"{len(given):,} rows"
                raise UserError(
                    f"{self.name} answers {what} to {len(part):,} rows",
                    why="it must give one per row",
                    code="model/output",
                )
        return np.concatenate(answers) if len(answers) > 1 else answers[0]

    def predict(self, frame: Frame) -> npt.NDArray[Any]:
        """Return n×k probabilities, n labels (a model that gives nothing else), or n numbers for regression.

        The table may have more columns than the model reads. Raises UserError as `raw` does.
        """
        raw = self.raw(frame)
        if self.reading is None:
            self.reading = read(raw, self.task, self.name)
        return self.reading(raw)

    def labels(self, frame: Frame) -> npt.NDArray[Any]:
        """Return the likeliest label of each row (needs `bind`), or the numbers of a regression."""
        return self.decide(self.predict(frame))

    def decide(self, predicted: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the likeliest label of each row of what `predict` gave."""
        if predicted.ndim == 1:
            return predicted
        best = predicted.argmax(axis=1)
        return np.asarray(best if self.classes is None else self.classes[best])

    def bind(self, frame: Frame, truth: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Predict the evaluation data, and learn from it and the truth which column means which label."""
        predicted = self.predict(frame)
        if self.task == "classification" and predicted.ndim == 2:
            self.classes = classes_of(self.known, truth, predicted.shape[1], self.name, quiet=bool(self.sensitive))
        return predicted


def load(
    reference: str | Path,
    root: Path,
    *,
    task: str,
    features: tuple[str, ...],
    output: str | None = None,
    sensitive: tuple[str, ...] = (),
) -> Model:
    """Load an ONNX file or `path.py:function`; raise UserError if there is none or it is no safe, fitting model.

    `features` are the columns that the model may read, in the order of a single 2-D input.
    """
    shown = str(reference)
    if ".py:" in shown:
        return _function(shown, root, task, features, sensitive)
    from ci_kit.models.session import open_session

    path = Path(reference) if Path(reference).is_absolute() else root / reference
    shown = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
    opened = open_session(path, shown, features, output, quiet=bool(sensitive))
    return Model(
        name=shown,
        task=task,
        features=features,
        answer=opened.answer,
        known=opened.known,
        sensitive=sensitive,
        inputs=opened.inputs,
        output=opened.output,
    )


def candidate(config: Config, root: Path, dataset: Dataset) -> Model:
    """Load the model that the configuration names, not yet bound; raise UserError as `load` does."""
    return load(
        config.evaluate.model,
        root,
        task=dataset.task,
        features=dataset.features,
        output=config.evaluate.output,
        sensitive=dataset.sensitive,
    )


def _function(reference: str, root: Path, task: str, features: tuple[str, ...], sensitive: tuple[str, ...]) -> Model:
    from ci_kit.data import load_object

    function = load_object(reference, root)
    if not callable(function):
        raise UserError(f"{reference} is no function", why=f"it is a {type(function).__name__}")

    def answer(frame: Frame) -> npt.NDArray[Any]:
        missing = [name for name in features if name not in names(frame)]
        if missing:
            raise UserError(
                f"{reference} wants a column {missing[0]!r}", why="the data has none of that name", code="model/input"
            )
        try:
            return np.asarray(function(frame[list(features)]))
        except Exception as error:
            line = "" if sensitive else f": {next(iter(str(error).splitlines()), '')[:200]}"
            raise UserError(f"{reference} failed", why=f"{type(error).__name__}{line}") from error

    return Model(name=reference, task=task, features=features, answer=answer, sensitive=sensitive)
