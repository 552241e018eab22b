"""The page for the person on call: one HTML file that is read in a minute, light and dark, on a phone too."""

import re

from ci_kit.parts import Check
from ci_kit.render import numbers, phrases
from ci_kit.render.drift_advice import advice
from ci_kit.render.drift_view import Move, Story, Told, read
from ci_kit.render.drift_words import headline, kinds, tests, told, when
from ci_kit.render.html import document, table
from ci_kit.render.style import WATCH
from ci_kit.render.svg import text
from ci_kit.render.view import ICONS
from ci_kit.render.watch.picture import picture
from ci_kit.result import FOLDER

OPEN, MOST, NOTES = 6, 60, 20
EVIDENTLY = "evidently.html"
# What our own sentences name. Any other backtick is text from outside.
_OURS = re.compile(r"`((?:drift|retrain|data)\.[a-z-]+|ci-kit(?: [a-z -]+)?)`")
LEGEND = '<p class="legend"><span class="k c1"></span>reference <span class="k c0"></span>current</p>'


def page(told: Told, *, title: str, url: str | None = None) -> str:
    """Return a complete HTML document, with nothing to fetch and no script; `url` is the page of the run."""
    story = read(told)
    verdict = numbers.unbroken(headline(told))
    body = [
        f'<header class="{story.status}"><p>{text(title)}</p><h1>{ICONS[story.status]} {text(verdict)}</h1>'
        f"{_window(story)}</header>",
        _hurt(story),
        _columns("What moved", story, story.moved),
        _steps(story, url),
        _columns("Moved, but no alarm yet", story, story.watched),
        f'<small class="foot">{text(said)}</small>' if (said := tests((*story.moved, *story.watched))) else "",
        _notes(story),
        _all(story),
        _facts(story),
    ]
    return document(f"{title}: {verdict}", "\n".join(part for part in body if part), style=WATCH)


def _window(story: Story) -> str:
    check = story.checks.get("window")
    said = check.detail or check.observed if check else None
    return f"<p>{text(said)}</p>" if said else ""


def _hurt(story: Story) -> str:
    tiles = (
        f'<div class="tile {status}"><b>{ICONS[status]} {text(name)}</b><span>{_marked(said)}</span></div>'
        for name, status, said in kinds(story)
    )
    return f'<section class="tiles">{"".join(tiles)}</section>'


def _columns(name: str, story: Story, moves: tuple[Move, ...]) -> str:
    if not moves:
        return ""
    legend = LEGEND if any(move.chart for move in moves) else ""
    cards = [_card(move, story.year) for move in moves[:MOST]]
    first, others = "".join(cards[:OPEN]), "".join(cards[OPEN:])
    if len(moves) > MOST:
        others += f"<p>and {len(moves) - MOST:,} more, below</p>"
    if others:
        more = f"<summary>{len(moves) - OPEN:,} more</summary>"
        others = f'<details>{more}<section class="cards">{others}</section></details>'
    return f'<h2>{name}</h2>{legend}<section class="cards">{first}</section>{others}'


def _card(move: Move, year: int | None) -> str:
    kind = " <i>prediction</i>" if move.prediction else ""
    lines = "".join(f"<p>{_line(check, year)}</p>" for check in move.seen)
    drawn = f"<figure>{picture(move.chart)}</figure>" if move.chart else ""
    return f"<article><h3>{ICONS[move.alarming]} {text(move.column, 80)}{kind}</h3>{lines}{drawn}</article>"


def _line(check: Check, year: int | None) -> str:
    said, test = told(check)
    limit = f"limit {check.limit}" if test and check.limit else ""
    small = "; ".join(part for part in (when(check, year), ", ".join(one for one in (test, limit) if one)) if part)
    small = numbers.unbroken(small)
    return f"<b>{text(said or 'moved')}</b>" + (f"<small>{_marked(small)}</small>" if small else "")


def _steps(story: Story, url: str | None) -> str:
    steps = "".join(f"<li>{_commands(one)}</li>" for one in advice(story))
    links = [f'<a href="{EVIDENTLY}">Evidently\'s report</a>'] if _drawn(story.told) else []
    links += [f'<a href="{text(url)}" rel="noreferrer">The run on GitHub</a>'] if url else []
    return f"<h2>What to do next</h2><ol>{steps}</ol>" + (f"<p>{' · '.join(links)}</p>" if links else "")


def _drawn(told: Told) -> bool:
    """Say whether Evidently's report lies beside the page."""
    return any(file.role == "evidently" and file.path == f"{FOLDER}/{EVIDENTLY}" for file in told.files)


def _marked(said: str) -> str:
    parts = _OURS.split(said)
    return "".join(f"<code>{text(part)}</code>" if index % 2 else text(part, 1000) for index, part in enumerate(parts))


def _commands(said: str) -> str:
    parts = said.split("`")
    return "".join(f"<code>{text(part)}</code>" if index % 2 else text(part) for index, part in enumerate(parts))


def _notes(story: Story) -> str:
    """Return what else was seen; facts that never alarm have no icon."""
    icons = {**ICONS, "pass": ""}
    items = [
        f"<li>{icons[check.status]} <b>{text(check.title)}</b> "
        f"{_marked(': '.join(part for part in (phrases.seen(check), check.detail) if part))}</li>"
        for check in story.notes[:NOTES]
    ]
    items += [f"<li>and {len(story.notes) - NOTES:,} more, below</li>"] if len(story.notes) > NOTES else []
    return f"<h2>Also seen</h2><ul>{''.join(items)}</ul>" if items else ""


def _all(story: Story) -> str:
    rows = [
        (ICONS[check.status], text(check.title), text(check.observed or ""), text(check.limit or ""))
        for move in story.columns
        for check in move.checks
    ]
    body = table(("", "check", "observed", "limit"), rows)
    return f"<details><summary><h2>Every check of every column</h2></summary>{body}</details>" if rows else ""


def _facts(story: Story) -> str:
    rows = [(text(name), f"<code>{text(value)}</code>") for name, value in story.facts]
    return f"<h2>Facts</h2>{table(('', ''), rows)}" if rows else ""
