"""Golden rows: what the model was asked when it was packaged, and what it answered (`golden.json` in a bento)."""

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from pydantic import TypeAdapter

FILE = "golden.json"
HEADER = "x-ci-kit-golden"
"""Requests with this header are tests: the prediction log leaves them out."""


@dataclass(frozen=True, kw_only=True)
class Golden:
    """`answers[i]` is what `rows[i]` must be answered; numbers may differ by `atol + rtol × |expected|`."""

    rows: tuple[dict[str, Any], ...]
    answers: tuple[dict[str, Any], ...]
    atol: float = 1e-5
    rtol: float = 1e-5

    def dump(self) -> str:
        """Return the file's text."""
        return json.dumps(asdict(self), ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the file of that folder."""
        return TypeAdapter(cls).validate_json((folder / FILE).read_bytes())

    def batches(self, size: int) -> list[tuple[int, list[dict[str, Any]]]]:
        """Return the rows in requests of that size, each with the number of its first row."""
        return [(start, list(self.rows[start : start + size])) for start in range(0, len(self.rows), size)]

    def compare(self, given: Any, start: int = 0, count: int | None = None) -> "Gap":
        """Return the largest gap between ours and the answers of a request of `count` rows, the first being `start`."""
        worst = Gap()
        expected = self.answers[start : start + (len(self.rows) if count is None else count)]
        if not isinstance(given, list) or len(given) != len(expected):
            return Gap(share=math.inf, row=start, what="predictions", why="no list with an answer for each row")
        for number, (one, other) in enumerate(zip(given, expected, strict=True), start):
            worst = max(worst, self._gap(one, other, number, ""), key=lambda gap: gap.share)
        return worst

    def _gap(self, one: Any, other: Any, row: int, what: str) -> "Gap":
        if isinstance(other, dict):
            if not isinstance(one, dict) or one.keys() != other.keys():
                return Gap(share=math.inf, row=row, what=what or "the answer", why="other keys")
            gaps = [self._gap(one[key], other[key], row, f"{what}.{key}".strip(".")) for key in other]
            return max(gaps, key=lambda gap: gap.share, default=Gap())
        if isinstance(other, float) and isinstance(one, float | int) and not isinstance(one, bool):
            error = abs(one - other)
            share = error / (self.atol + self.rtol * abs(other)) if math.isfinite(error) else math.inf
            return Gap(share=share, error=error, row=row, what=what, why=f"{one:.9g} instead of {other:.9g}")
        return (
            Gap()
            if one == other
            else Gap(share=math.inf, row=row, what=what, why=f"{one!r} instead of {other!r}"[:200])
        )


@dataclass(frozen=True, kw_only=True)
class Gap:
    """The largest difference: `error` itself and its `share` of what is allowed; above 1 is too much."""

    share: float = 0.0
    error: float = 0.0
    row: int = 0
    what: str = ""
    why: str = ""

    @property
    def broken(self) -> bool:
        """Whether the answers are not the same."""
        return not self.share <= 1

    def __str__(self) -> str:
        return f"golden row {self.row}, {self.what}: {self.why}"
