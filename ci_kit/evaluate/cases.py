"""Single rows: those whose score got most worse, and most better."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from ci_kit.evaluate.evidence import LABELS, Evidence
from ci_kit.models.frames import column, take
from ci_kit.models.model import Model
from ci_kit.parts import Table
from ci_kit.render import numbers
from ci_kit.render.text import shorten

SHOWN = 8
KEYS = 4  # columns of a key that are shown
WIDTH = 60  # characters of a value


def tables(evidence: Evidence) -> Iterator[Table]:
    """Yield the rows that got worse and those that got better by the score that is compared; none where none changed.

    A row is named by its key, or by its number from 1 on where there is no key, or a sensitive one. Neither the truth
    nor an answer shows where the target is sensitive.
    """
    change = evidence.change
    if change is None:
        return
    order = np.argsort(-change, kind="stable")
    for word, ranked, count in (
        ("worse", order, int((change > 0).sum())),
        ("better", np.argsort(change, kind="stable"), int((change < 0).sum())),
    ):
        if count:
            shown = min(count, SHOWN)
            said = f"The {shown} that changed most of {count:,} rows that got {word}." if count > shown else None
            yield _table(evidence, f"Rows that got {word}", ranked[:shown], said)


def _table(evidence: Evidence, title: str, rows: npt.NDArray[np.intp], said: str | None) -> Table:
    columns = [*_names(evidence, rows).items(), *_answers(evidence, rows).items()]
    kind, new, old = evidence.proper
    if old is not None:
        pairs = zip(old[rows].tolist(), new[rows].tolist(), strict=True)
        word = _right if kind == "mistakes" else numbers.pair
        head = "answer" if kind == "mistakes" else LABELS[kind]
        columns.append((f"{head}, baseline → now", [" → ".join(word(*one)) for one in pairs]))
    cells = zip(*(column for _, column in columns), strict=True)
    return Table(title=title, head=tuple(head for head, _ in columns), rows=tuple(cells), note=said)


def _right(*mistakes: float) -> tuple[str, ...]:
    return tuple("wrong" if one else "right" for one in mistakes)


def _names(evidence: Evidence, rows: npt.NDArray[np.intp]) -> dict[str, list[str]]:
    dataset = evidence.dataset
    known = set(dataset.frame.columns)
    if evidence.key and not set(evidence.key) & set(dataset.sensitive) and set(evidence.key) <= known:
        part = take(dataset.frame, rows)
        return {name: [_text(one) for one in column(part, name).tolist()] for name in evidence.key[:KEYS]}
    return {"row": [f"{one:,}" for one in (rows + 1).tolist()]}


def _answers(evidence: Evidence, rows: npt.NDArray[np.intp]) -> dict[str, list[str]]:
    if evidence.secret:
        return {}
    found = {"truth": [_text(one) for one in evidence.dataset.truth[rows].tolist()]}
    before, predicted = evidence.baseline.model, evidence.baseline.predicted
    if before is not None and predicted is not None:
        found["baseline's answer"] = _told(before, predicted[rows])
    return found | {"answer now": _told(evidence.model, evidence.predicted[rows])}


def _told(model: Model, predicted: npt.NDArray[Any]) -> list[str]:
    """Return each answer, of a classification with the probability that it was given."""
    answers = [_text(one) for one in model.decide(predicted).tolist()]
    if predicted.ndim == 1:
        return answers
    likely = [numbers.number(one, "share", 2) for one in predicted.max(axis=1).tolist()]
    return [f"{answer} ({share})" for answer, share in zip(answers, likely, strict=True)]


def _text(value: Any) -> str:
    return numbers.plain(value) if isinstance(value, float) and np.isfinite(value) else shorten(str(value), WIDTH)
