"""What to do next after a drift check, as raw text that a renderer has yet to escape; commands stand in backticks."""

import re

from ci_kit.render.drift_view import Move, Story
from ci_kit.render.drift_words import failed, told

MANY, SHARE = 3, 0.4
"""From so many columns, and such a share of them, on all that moves may have one cause, such as the season."""
_CALENDAR = re.compile(
    r"(?i)(?<![^\W_])(date|day|dow|hour|holiday|hr|mnth|month|quarter|season|timestamp|week|weekday|year|yr)(?![^\W_])"
)
_NUMBERING = re.compile(r"(?i)(?<![^\W_])(id|idx|index|instant|rowid|uuid)(?![^\W_])")


def advice(story: Story) -> list[str]:
    """Say what to do next, the most urgent first; commands stand in backticks."""
    found: list[str] = []
    broken, shifted = sources(story)
    if broken:
        name, said = ticked(broken[0].column), told(failed(broken[0])[0])[0].replace("`", "'")
        found.append(f"Ask where `{name}` is made: {said}. A fault there is to be mended, not to be learned from.")
    if shifted:
        name = ticked(shifted[0].column)
        found.append(
            f"Look whether the move of `{name}` is real or a fault of measuring: only what is real should be learned."
        )
    if "performance" in story.checks and story.checks["performance"].status == "fail":
        found.append("The model already answers worse than what was accepted: decide whether it may go on meanwhile.")
    if story.status == "fail" and "error" not in story.checks:
        found.append("Then review the retraining pull request; `ci-kit run watch` opens it, or brings it up to date.")
        found.append("`ci-kit drift --replay` says for every past window what moved in it.")
    elif story.status == "unsure":
        found.append("Wait for more rows, or watch longer windows: `drift.window` and `drift.min-rows`.")
    elif story.watched:
        found.append("Nothing yet: it is an alarm when the same columns go on moving in the next windows.")
    return [*found, *_not_drift(story)] or ["Nothing."]


def _not_drift(story: Story) -> list[str]:
    """Say what helps where columns move by themselves: with the calendar, or because they number the rows."""
    moves = [move for move in (*story.moved, *story.watched) if not move.changed]
    found = []
    many = len(moves) >= MANY and len(moves) >= SHARE * len(story.columns)
    if many or any(_CALENDAR.search(move.column) for move in moves):
        found.append(
            "If it only moves with the calendar: compare with a reference of the same season, watch longer windows,"
            " raise the column's least effect (`drift.effects`), or leave it out of `drift.columns`."
        )
    if ids := [move for move in moves if _NUMBERING.search(move.column)]:
        found.append(
            f"If `{ticked(ids[0].column)}` only numbers or names the rows, it belongs to the data set's `key`."
        )
    return found


def sources(story: Story) -> tuple[list[Move], list[Move]]:
    """Return the columns that look like a fault where the data is made, and those whose values moved."""
    broken = [move for move in story.moved if failed(move, ("schema/", "nulls/"))]
    return broken, [move for move in story.moved if not failed(move, ("schema/", "nulls/"))]


def ticked(column: str) -> str:
    """Return a column's name so that it can stand in backticks, short."""
    return " ".join(column.replace("`", "'").split())[:60] or "unnamed"
