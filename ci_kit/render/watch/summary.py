"""A drift check as Markdown for the job summary."""

from ci_kit.render import numbers, phrases
from ci_kit.render.details import fold
from ci_kit.render.drift_view import Story, Told, read
from ci_kit.render.drift_words import advice, headline
from ci_kit.render.text import cell, code, plain, shorten
from ci_kit.render.view import ICONS
from ci_kit.render.watch.blocks import hurt, moves, pictures, section, window

OPEN, PICTURES, COLUMNS, NOTES = 3, 12, 300, 20


def summary(told: Told, *, title: str, url: str | None = None) -> str:
    """Return the verdict, what moved with pictures, what to do next and, folded, every column and the facts."""
    story = read(told)
    said = numbers.unbroken(plain(shorten(headline(told), 300)))
    steps = "\n".join(f"1. {cell(shorten(one, 400))}" for one in advice(story))
    parts = [
        f"## {ICONS[story.status]} {plain(shorten(title, 80))}: {said}",
        window(story),
        hurt(story),
        section("What moved", moves(story, story.moved), *pictures(story.moved[:OPEN])),
        fold("More pictures", "\n\n".join(pictures(story.moved[OPEN:PICTURES]))),
        section("Moved, but no alarm yet", moves(story, story.watched)),
        section("What to do next", steps),
        section("Also seen", _notes(story)),
        fold(f"All {phrases.count(len(story.columns), 'column')}", _columns(story)),
        fold("Facts of the check", _facts(story, url)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _notes(story: Story) -> str:
    lines = []
    for check in story.notes[:NOTES]:
        seen = ": ".join(part for part in (phrases.seen(check), check.detail) if part)
        icon = "" if check.status == "pass" else f"{ICONS[check.status]} "
        lines.append(f"- {icon}**{cell(shorten(check.title, 160))}** {cell(shorten(seen, 400))}".rstrip())
    lines += [f"- and {len(story.notes) - NOTES:,} more"] if len(story.notes) > NOTES else []
    return "\n".join(lines)


def _columns(story: Story) -> str:
    metrics = story.told.metrics
    rows = []
    for move in story.columns[:COLUMNS]:
        values = (
            numbers.plain(metrics[key].value) if (key := f"{kind}/{move.column}{end}") in metrics else ""
            for kind, end in (("drift", ""), ("p", ""), ("mean", "@baseline"), ("mean", ""))
        )
        rows.append(f"| {ICONS[move.alarming]} {cell(shorten(move.column, 60))} | {' | '.join(values)} |")
    if not rows:
        return ""
    more = [f"\nand {len(story.columns) - COLUMNS:,} more"] if len(story.columns) > COLUMNS else []
    return "\n".join(["| column | effect | p | mean before | mean now |", "|:--|--:|--:|--:|--:|", *rows, *more])


def _facts(story: Story, url: str | None) -> str:
    rows = [f"| {name} | {code(shorten(value, 80))} |" for name, value in story.facts]
    rows += [f"| run | [on GitHub]({url}) |"] if url else []
    return "\n".join(["| | |", "|:--|:--|", *rows]) if rows else ""
