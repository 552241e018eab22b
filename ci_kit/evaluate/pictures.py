"""Pictures of what a model answers: confusion, calibration, residuals."""

import numpy as np
import numpy.typing as npt

from ci_kit.errors import UserError
from ci_kit.evaluate.evidence import BASELINE, NOW, Evidence
from ci_kit.evaluate.scoring import texts, unusable
from ci_kit.models.frames import same
from ci_kit.models.model import Model
from ci_kit.models.slices import levels
from ci_kit.parts import Chart, Series
from ci_kit.render.text import shorten

LABELS = 20
BINS = 10
PER_BIN = 20
"""Rows a bin of the calibration needs: the 95 % interval of a share of 20 rows is 40 points wide, of fewer wider."""
ROWS = 50_000  # for the calibration: a bin's share is then known to within 1.4 points
POINTS = 200


def confusion(evidence: Evidence) -> Chart:
    """Return how often each label was answered (columns) where each was true (rows), for at most LABELS labels.

    Raises UserError where there are more, or one only, or where they must not show.
    """
    from sklearn.metrics import confusion_matrix

    if evidence.secret:
        raise UserError(f"{evidence.dataset.target} is sensitive")
    (true, right), (given, answered) = (
        _coded(labels) for labels in (evidence.dataset.truth, evidence.model.decide(evidence.predicted))
    )
    labels = sorted({*true, *given}, key=lambda one: (not one.lstrip("-").isdigit(), _number(one), one))
    if not 1 < len(labels) <= LABELS:
        raise UserError(f"there {'is one label' if len(labels) == 1 else f'are {len(labels):,} labels'}")
    place = {label: index for index, label in enumerate(labels)}
    sides = (np.array([place[one] for one in names])[codes] for names, codes in ((true, right), (given, answered)))
    counts = confusion_matrix(*sides, labels=np.arange(len(labels)))
    shown = tuple(shorten(label, 40) for label in labels)
    rows = [Series(name=name, x=shown, y=tuple(map(float, row))) for name, row in zip(shown, counts, strict=True)]
    return Chart(kind="matrix", title="Confusion matrix", x="answered", y="true", series=tuple(rows))


def _coded(labels: npt.NDArray[np.generic]) -> tuple[list[str], npt.NDArray[np.intp]]:
    found = levels(labels)
    if found is None:
        raise UserError("the labels can't be compared")
    return texts(np.array(found[0])).tolist(), found[1]


def _number(text: str) -> int:
    return int(text) if text.lstrip("-").isdigit() else 0


def calibration(evidence: Evidence) -> Chart:
    """Return how often what was said with some probability came true, in bins of equally many rows.

    Of two classes the probability of the second one, of more that of the answer. The baseline's model, where it is at
    hand, answers the same rows. Raises UserError for labels without probabilities, and for fewer than 2 × PER_BIN rows.
    """
    rows = evidence.sample(ROWS)
    if len(rows) < 2 * PER_BIN:
        raise UserError(f"{len(rows):,} rows are too few", why=f"it takes {2 * PER_BIN}")
    truth = evidence.dataset.truth[rows]
    now = _curve(evidence.model, evidence.predicted[rows], truth)
    if len(now[0]) < 2:
        raise UserError("all rows are answered with the same probability")
    sides, before, predicted = {NOW: now}, evidence.baseline.model, evidence.baseline.predicted
    if before is not None and predicted is not None and predicted.ndim == 2 and not unusable(predicted):
        sides[BASELINE] = _curve(before, predicted[rows], truth)
    series = [Series(name=name, x=x, y=y) for name, (x, y) in sides.items()]
    ends = (now[0][0], now[0][-1])
    return Chart(
        kind="line",
        title="Calibration",
        x=f"probability of {_said(evidence)}",
        y="share that came true",
        series=(*series, Series(name="perfect", x=ends, y=ends)),
    )


def _said(evidence: Evidence) -> str:
    classes = evidence.model.classes
    if classes is None or len(classes) != 2:
        return "the answer"
    return "the second label" if evidence.secret else shorten(str(classes[1]), 40)


def _curve(
    model: Model, predicted: npt.NDArray[np.float64], truth: npt.NDArray[np.generic]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the mean probability of each bin and the share that came true, the least probable first."""
    from sklearn.calibration import calibration_curve

    if predicted.shape[1] == 2 and model.classes is not None:
        said, came = predicted[:, 1], same(truth, np.full(len(truth), model.classes[1]))
    else:
        said, came = predicted.max(axis=1), same(model.decide(predicted), truth)
    # Probabilities may miss [0, 1] by a rounding.
    bins = min(BINS, len(truth) // PER_BIN)
    share, mean = calibration_curve(came, np.clip(said, 0, 1), n_bins=bins, strategy="quantile", pos_label=True)
    return tuple(mean.tolist()), tuple(share.tolist())


def residuals(evidence: Evidence) -> Chart:
    """Return prediction and error of at most POINTS rows of a regression; raise UserError where they must not show."""
    if evidence.secret or evidence.scores.error is None:
        raise UserError(f"{evidence.dataset.target} is sensitive")
    rows = evidence.sample(POINTS)
    x, y = evidence.predicted[rows].tolist(), evidence.scores.error[rows].tolist()
    points = Series(name=NOW, x=tuple(map(float, x)), y=tuple(y))
    return Chart(kind="points", title="Residuals", x="predicted", y="error (predicted − true)", series=(points,))
