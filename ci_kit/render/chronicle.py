"""The history as one page: a chart for each metric, for time and for cost, and a table of the commits.

Nothing is fetched; our own script draws the charts, and the page's policy lets no other run. What the charts show
stands in the page as JSON in which nothing can end the element that holds it. The tables need no script.
"""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

from ci_kit.characters import visible
from ci_kit.render import numbers
from ci_kit.render.commits import Chronicle, Commit, Mark, Value
from ci_kit.render.html import document, table
from ci_kit.render.phrases import count, label
from ci_kit.render.style import CHRONICLE
from ci_kit.render.svg import text
from ci_kit.render.view import ICONS

ROWS, COLUMNS, CHARTS = 200, 6, 40
NAME = 80  # characters of a metric's name
TONES = (0, 2, 4, 1, 3, 5)  # blue, orange, purple, grey: the first four are told apart without red and green
_ARROWS = {"up": "↑", "down": "↓", None: ""}


def page(shown: Chronicle) -> str:
    """Return a complete HTML document; raise ValueError where a number is not finite."""
    names, first, last = shown.metrics(), shown.commits[0], shown.commits[-1]
    lead = f"{count(len(shown.commits), 'commit')} of {shown.base}"
    span = f'<span class="n">{_day(first.at)}</span> to <span class="n">{_day(last.at)}</span>'
    notes = list(shown.notes)
    if len(names) > CHARTS:
        notes.append(f"{count(len(names) - CHARTS, 'more metric')} can't be shown here.")
    if len(shown.steps()) > len(TONES):
        notes.append(f"Time and cost are those of {', '.join(shown.steps()[: len(TONES)])}; other steps are left out.")
    body = [
        f"<h1>{text(shown.title)}: history</h1>",
        f'<p class="lead">{text(lead)}, {span}. {ICONS[last.status]} The newest is {text(last.sha[:10])}, '
        f"{text(last.subject, 120)}</p>",
        *(f'<p class="note">{text(note)}</p>' for note in notes),
        "<noscript><p>The charts need JavaScript; the tables below do not.</p></noscript>",
        '<div id="charts"></div>',
        _commits(shown, names[:COLUMNS]),
        _marks("Versions", [mark for mark in shown.marks if mark.kind == "release"]),
        _marks("Drift and retraining", [mark for mark in shown.marks if mark.kind != "release"]),
        f'<script type="application/json" id="data">{harmless(_data(shown, names[:CHARTS]))}</script>',
    ]
    script = files("ci_kit.render").joinpath("chronicle.js").read_text("utf-8")
    return document(f"{shown.title}: history", "\n".join(body), CHRONICLE, script)


def harmless(data: object) -> str:
    r"""Return JSON, ASCII only, for a `<script>` element: no `<`, `>` or `&` but as `\u003c`.

    Raises ValueError where a number is not finite.
    """
    made = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return made.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _data(shown: Chronicle, names: list[str]) -> dict[str, Any]:
    """Return what the script draws: one list for each line, as long as there are commits."""
    steps = shown.steps()[: len(TONES)]
    money = list(dict.fromkeys(cost[1] for one in reversed(shown.commits) for cost in one.costs.values()))[:2]
    return {
        "at": [one.at for one in shown.commits],
        "sha": [one.sha[:10] for one in shown.commits],
        "subject": [_cut(one.subject, 120) for one in shown.commits],
        "status": [one.status for one in shown.commits],
        "rows": [one.rows for one in shown.commits],
        "charts": [
            *(_metric(shown.commits, name) for name in names),
            _lines(shown.commits, "time", "s", steps, lambda one, step: one.seconds.get(step)),
            *(_lines(shown.commits, "cost", unit, steps, _paid(unit)) for unit in money),
        ],
        "marks": [
            {"at": one.at, "kind": one.kind, "status": one.status, "text": _cut(one.text)} for one in shown.marks
        ],
    }


def _metric(commits: Sequence[Commit], name: str) -> dict[str, Any]:
    found = [one.metrics.get(name) for one in commits]
    newest = next(one for one in reversed(found) if one)
    line = {
        "name": "",
        "tone": 0,
        "value": [_short(one.value if one else None) for one in found],
        "low": [_short(one.low if one else None) for one in found],
        "high": [_short(one.high if one else None) for one in found],
    }
    title = f"{_cut(label(name))} {_ARROWS[newest.direction]}".rstrip()
    return {"title": title, "unit": _cut(newest.unit, 20), "lines": [line]}


def _paid(unit: str) -> Callable[[Commit, str], float | None]:
    def cost(commit: Commit, step: str) -> float | None:
        amount, currency = commit.costs.get(step, (None, ""))
        return amount if currency == unit else None

    return cost


def _lines(
    commits: Sequence[Commit], title: str, unit: str, steps: list[str], read: Callable[[Commit, str], float | None]
) -> dict[str, Any]:
    found = {step: [_short(read(one, step)) for one in commits] for step in steps}
    lines = [
        {"name": _cut(step), "tone": TONES[index], "value": values}
        for index, (step, values) in enumerate(found.items())
        if any(value is not None for value in values)
    ]
    return {"title": title, "unit": _cut(unit, 20), "lines": lines}


def _commits(shown: Chronicle, names: list[str]) -> str:
    steps = shown.steps()[:3]
    paid = any(one.costs for one in shown.commits)
    head = ("commit", "date", "", "subject", *(text(label(name), NAME) for name in names), "rows", "data")
    head += (*(text(f"{step}, time", NAME) for step in steps), *(("cost",) if paid else ()))
    rows: list[tuple[str, ...]] = []
    pairs = zip(shown.commits, (None, *shown.commits), strict=False)
    for commit, before in list(pairs)[: -ROWS - 1 : -1]:
        cells = [f"<code>{text(commit.sha[:10])}</code>", _day(commit.at), ICONS[commit.status]]
        cells += [text(commit.subject, 120), *(_value(commit.metrics.get(name)) for name in names)]
        cells += [text(numbers.plain(commit.rows)) if commit.rows is not None else "", _digests(commit, before)]
        cells += [_time(commit.seconds.get(step)) for step in steps]
        rows.append((*cells, *((_cost(commit),) if paid else ())))
    first, last = 4 + len(names), 6 + len(names)
    right = (*range(4, first + 1), *range(last, last + len(steps) + paid))
    note = f"The newest {ROWS} of {len(shown.commits):,}; the charts show all." if len(shown.commits) > ROWS else ""
    said = f'<p class="note">{note}</p>' if note else ""
    return f'<section class="commits"><h2>Commits</h2>{said}{table(head, rows, right)}</section>'


def _marks(title: str, marks: list[Mark]) -> str:
    rows = [(_day(one.at), ICONS[one.status] if one.kind != "release" else "🏷️", text(one.text)) for one in marks]
    note = f'<p class="note">The newest {ROWS} of {len(rows):,}.</p>' if len(rows) > ROWS else ""
    return f"<h2>{title}</h2>{note}{table(('date', '', ''), rows[: -ROWS - 1 : -1])}" if rows else ""


def _value(value: Value | None) -> str:
    if value is None:
        return ""
    unit = value.unit[:20]
    size = text(numbers.number(value.value, unit))
    if value.low is None or value.high is None:
        return size
    low, high = (text(numbers.number(end, unit)) for end in (value.low, value.high))
    return f"{size}<small>{low} … {high}</small>"


def _digests(commit: Commit, before: Commit | None) -> str:
    """Return the fingerprints, shortened; one that is another than before stands out."""
    shown = []
    for name, digest in sorted(commit.data.items())[:4]:
        short = text(f"{name} {digest.rpartition(':')[2][:8]}", 40)
        changed = before is not None and before.data.get(name, digest) != digest
        shown.append(f"<small>{f'<b>{short}, new</b>' if changed else short}</small>")
    return "".join(shown)


def _time(seconds: float | None) -> str:
    return "" if seconds is None else text(numbers.duration(seconds))


def _cost(commit: Commit) -> str:
    total: dict[str, float] = {}
    for amount, currency in commit.costs.values():
        total[currency] = total.get(currency, 0) + amount
    return text(", ".join(numbers.money(amount, currency) for currency, amount in total.items()))


def _short(value: float | None) -> float | None:
    """Six digits are more than a chart can show, and a third of the size of a page."""
    return None if value is None else float(f"{value:.6g}")


def _cut(value: str, limit: int = NAME) -> str:
    line = visible(value)
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _day(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).date().isoformat()
