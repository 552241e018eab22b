"""The whole report as one HTML file: nothing left out, nothing fetched, no script, light and dark."""

import base64
import hashlib
from collections.abc import Sequence

from ci_kit.parts import Check
from ci_kit.render import numbers, phrases, words
from ci_kit.render.curves import shown
from ci_kit.render.details import changed
from ci_kit.render.style import CSS
from ci_kit.render.svg import svg, text
from ci_kit.render.took import whole
from ci_kit.render.view import ICONS, Row, View
from ci_kit.result import Result

# The page may load and run nothing, whatever should ever slip through.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page(view: View) -> str:
    """Return a complete HTML document."""
    title = f"{view.title}: {words.headline(view)}" if view.title else words.headline(view)
    body = [
        f"<h1>{view.icon} {text(title)}</h1>",
        *(f"<p><b>{text(strong)}</b>{text(rest, 4000)}</p>" for strong, rest in words.lead(view)),
        _comparison(view),
        _steps(view),
        _took(view),
        _heartbeat(view),
        _attention(view),
        _changes(view),
        _tables(view),
        _charts(view),
        *(_step(step, result) for step, result in view.results.items()),
    ]
    return document(title, "\n".join(part for part in body if part))


def document(title: str, body: str, style: str = "", script: str = "") -> str:
    """Return a whole document around a body that is HTML already; `style` is added to that of all pages.

    `script` is one of our own: the page's policy lets it run, by its digest, and nothing else.
    """
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy, runs = (
        (f"{_POLICY}; script-src 'sha256-{digest}'", f"<script>{script}</script>") if script else (_POLICY, "")
    )
    head = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{text(title)}</title><style>{CSS}{style}</style></head><body><main>"
    )
    return f"{head}{body}</main>{runs}</body></html>\n"


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]], right: tuple[int, ...] = ()) -> str:
    """Return a table of cells that are HTML already."""
    if not rows:
        return ""

    def line(cells: tuple[str, ...], tag: str) -> str:
        marks = (' class="n"' if index in right else "" for index in range(len(cells)))
        return "".join(f"<{tag}{mark}>{cell}</{tag}>" for cell, mark in zip(cells, marks, strict=True))

    body = "".join(f"<tr>{line(row, 'td')}</tr>" for row in rows)
    top = f"<thead><tr>{line(head, 'th')}</tr></thead>" if any(head) else ""
    return f'<div class="wide"><table>{top}<tbody>{body}</tbody></table></div>'


def _comparison(view: View) -> str:
    head = ("", text(view.base), "this change", "difference", "")
    return table(head, [_row(row) for row in view.rows()], right=(1, 2, 3))


def _row(row: Row) -> tuple[str, ...]:
    arrow = {"up": " ↑", "down": " ↓", None: ""}[row.candidate.direction]
    name = f"<b>{text(phrases.label(row.name))}</b>{arrow}" if row.gate else text(phrases.label(row.name)) + arrow
    if row.baseline is None:
        return name, "", text(phrases.measured(row.candidate)), "", ""
    before, after = phrases.pair(row)
    icon = f"{ICONS[row.gate.status]} " if row.gate else ""
    return name, text(before), text(after), text(phrases.difference(row)), icon + phrases.WORDS[row.outcome]


def _steps(view: View) -> str:
    rows = []
    for step, result in view.results.items():
        facts = phrases.facts(result, view.usual.get(step), view.saved.get(step))
        rows.append((text(step), f"{ICONS[result.status]} {text(phrases.tally(result))}", text(facts)))
    rows += [(text(step), "❌ damaged", text(why)) for step, why in view.damaged.items()]
    rows += [
        (text(step), ICONS["skip" if view.stopped else "unsure"], text(words.absence(view))) for step in view.missing
    ]
    return table(("step", "result", ""), rows)


def _took(view: View) -> str:
    known, usual = whole(view)
    return f"<p><b>This change took</b> {text(known + (f'; usually {usual}' if usual else ''))}</p>" if known else ""


def _heartbeat(view: View) -> str:
    check = view.heartbeat
    if check is None:
        return ""
    icon = "" if check.status == "pass" else f"{ICONS[check.status]} "
    return f"<p>{icon}<b>drift:</b> {text(phrases.beat(check), 1000)}</p>"


def _attention(view: View) -> str:
    items = "".join(f"<li>{_check(check)}</li>" for _, check in view.attention())
    return f"<h2>Needs attention</h2><ul>{items}</ul>" if items else ""


def _check(check: Check) -> str:
    place = f" <code>{text(check.location.file)}:{check.location.line}</code>" if check.location else ""
    seen = f"<br>{text(phrases.seen(check))}" if phrases.seen(check) else ""
    detail = f"<pre>{text(check.detail.strip(), 8000)}</pre>" if check.detail and check.detail.strip() else ""
    return f"{ICONS[check.status]} <b>{text(check.title)}</b>{place}{seen}{detail}"


def _changes(view: View) -> str:
    rows = [(text(one.name), text(one.before or "—"), text(one.after or "—")) for one in view.changes or ()]
    return f"<h2>{text(changed(view))}</h2>{table(('', text(view.base), 'this change'), rows)}" if rows else ""


def _charts(view: View) -> str:
    charts = shown(view)
    figures = (f"<figure><figcaption>{text(chart.title)}</figcaption>{svg(chart)}</figure>" for _, chart in charts)
    return "<h2>Charts</h2>" + "".join(figures) if charts else ""


def _tables(view: View) -> str:
    found = [one for result in view.results.values() for one in result.tables if one.rows]
    return "".join(
        f"<h2>{text(one.title)}</h2>"
        + table(tuple(map(text, one.head)), [tuple(map(text, row)) for row in one.rows])
        + (f"<p>{text(one.note)}</p>" if one.note else "")
        for one in found
    )


def _step(step: str, result: Result) -> str:
    checks = [
        (ICONS[check.status], text(check.title), text(check.observed or ""), text(check.limit or ""))
        for check in result.checks
    ]
    metrics = [
        (text(name), text(phrases.measured(metric)), f"{metric.n:,}" if metric.n is not None else "")
        for name, metric in result.metrics.items()
    ]
    files = [
        (
            f"<code>{text(file.path)}</code>",
            text(file.role),
            text(numbers.number(file.bytes, "bytes")),
            f"<code>{file.sha256}</code>",
        )
        for file in result.files
    ]
    parts = [
        table(("", "check", "observed", "limit"), checks),
        table(("metric", "value", "rows"), metrics, right=(1, 2)),
        table(("file", "role", "size", "SHA-256"), files, right=(2,)),
        table(("", ""), [(text(name), text(value)) for name, value in phrases.origin(result)]),
    ]
    return f"<details><summary><h2>{text(step)}</h2></summary>{''.join(parts)}</details>"
