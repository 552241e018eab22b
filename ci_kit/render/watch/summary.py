"""A drift check as Markdown for the job summary."""

from ci_kit.render import numbers, phrases
from ci_kit.render.details import fold
from ci_kit.render.drift_advice import advice
from ci_kit.render.drift_view import Move, Story, Told, read
from ci_kit.render.drift_words import headline, tests, told
from ci_kit.render.markdown import tight
from ci_kit.render.text import cell, code, plain, shorten
from ci_kit.render.view import ICONS
from ci_kit.render.watch.blocks import hurt, moves, pictures, section, window

OPEN, PICTURES, COLUMNS, NOTES = 3, 12, 300, 20
SMALLEST = 1e-9  # a smaller p says no more


def summary(told: Told, *, title: str, url: str | None = None) -> str:
    """Return the verdict, what moved with pictures, what to do next and, folded, every column and the facts."""
    story, verdict = read(told), headline(told)
    said = numbers.unbroken(plain(shorten(verdict, 300)))
    title = title.removesuffix(": drift") if "drift" in verdict else title
    steps = "\n".join(f"1. {cell(shorten(one, 400))}" for one in advice(story))
    parts = [
        f"## {ICONS[story.status]} {plain(shorten(title, 80))}: {said}",
        window(story),
        hurt(story),
        section("What moved", moves(story, story.moved), *pictures(story.moved[:OPEN])),
        fold("More pictures", "\n\n".join(pictures(story.moved[OPEN:PICTURES]))),
        section("Moved, but no alarm yet", moves(story, story.watched)),
        tests((*story.moved, *story.watched)),
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
    rows = [
        f"| {ICONS[move.alarming]} {cell(shorten(move.column, 60))} | {' | '.join(_values(story, move))} |"
        for move in story.columns[:COLUMNS]
    ]
    if not rows:
        return ""
    more = [f"\nand {len(story.columns) - COLUMNS:,} more"] if len(story.columns) > COLUMNS else []
    return "\n".join(["| column | distance | p | mean before | mean now |", "|:--|--:|--:|--:|--:|", *rows, *more])


def _values(story: Story, move: Move) -> list[str]:
    """Return effect, p and both means; of a column that alarmed for something else than its values, that."""
    metrics = story.told.metrics
    effect, p, before, now = (
        metrics[key].value if (key := f"{kind}/{move.column}{end}") in metrics else None
        for kind, end in (("drift", ""), ("p", ""), ("mean", "@baseline"), ("mean", ""))
    )
    means = numbers.pair(before, now) if before is not None and now is not None else ("", "")
    first = next((check for check in move.checks if check.status == move.alarming), None)
    if first and first.status != "pass" and first.id.startswith(("nulls/", "schema/")):
        said, test = told(first)
        return [
            tight(cell(shorten(said, 80))),
            tight(cell(shorten(test, 20))).removeprefix("p ").removeprefix("= "),
            *means,
        ]
    shown = "" if p is None else "< 1e-9" if p < SMALLEST else numbers.plain(p, 2)
    return ["" if effect is None else numbers.plain(effect, 2), shown, *means]


def _facts(story: Story, url: str | None) -> str:
    rows = [f"| {name} | {code(shorten(value, 80))} |" for name, value in story.facts]
    rows += [f"| run | [on GitHub]({url}) |"] if url else []
    return "\n".join(["| | |", "|:--|:--|", *rows]) if rows else ""
