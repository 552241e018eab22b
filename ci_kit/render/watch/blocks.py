"""The parts that the job summary and the pull request share, as Markdown."""

from collections.abc import Sequence

from ci_kit.render import numbers
from ci_kit.render.charts import mermaid
from ci_kit.render.drift_view import Move, Story
from ci_kit.render.drift_words import kinds, told, when
from ci_kit.render.markdown import tight
from ci_kit.render.text import cell, plain, shorten
from ci_kit.render.view import ICONS


def section(name: str, *parts: str) -> str:
    """Return the parts below a heading, nothing where all are empty."""
    body = "\n\n".join(part for part in parts if part)
    return f"### {name}\n\n{body}" if body else ""


def window(story: Story) -> str:
    """Return in one line which rows were checked."""
    check = story.checks.get("window")
    said = check.detail or check.observed if check else None
    return f"Window: {plain(shorten(said, 200))}" if said else ""


def hurt(story: Story) -> str:
    """Return the three kinds of drift, apart."""
    rows = [f"| {ICONS[status]} **{name}** | {cell(shorten(said, 300))} |" for name, status, said in kinds(story)]
    return "\n".join(["| kind of drift | |", "|:--|:--|", *rows]) if rows else ""


def moves(story: Story, found: Sequence[Move], most: int = 200) -> str:
    """Return one row a column: how much it moved and since when."""
    if not found:
        return ""
    rows = []
    for move in found[:most]:
        pairs = (told(check) for check in move.seen)
        said = "; ".join(f"{seen} ({test})" if seen and test else seen or test for seen, test in pairs)
        since = next((text for check in move.seen if (text := when(check, story.year))), "").removeprefix("since ")
        kind = " (prediction)" if move.prediction else ""
        name = f"{ICONS[move.alarming]} **{cell(shorten(move.column, 60))}**{kind}"
        rows.append(
            f"| {name} | {numbers.unbroken(tight(cell(shorten(said, 300))))} | {tight(cell(shorten(since, 160)))} |"
        )
    more = [f"\nand {len(found) - most:,} more"] if len(found) > most else []
    return "\n".join(["| column | how much | since |", "|:--|:--|:--|", *rows, *more])


def pictures(found: Sequence[Move]) -> list[str]:
    """Return reference against current, one picture a column."""
    charts = [move.chart for move in found if move.chart]
    return [f"```mermaid\n{source}\n```" for chart in charts for source in mermaid(chart)]
