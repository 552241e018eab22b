"""The folded parts of the Markdown report: charts, every check, every metric, the facts of the run."""

import shlex

from ci_kit.parts import Chart, Table
from ci_kit.render import numbers, phrases
from ci_kit.render.charts import mermaid
from ci_kit.render.curves import shown
from ci_kit.render.matrix import confusions
from ci_kit.render.picture import words
from ci_kit.render.text import cell, code, fence, plain, shorten
from ci_kit.render.took import took
from ci_kit.render.view import ICONS, View, telling

PAGE = "`.ci-kit/report.html`"  # has all pictures, wherever the report itself is read


def fold(title: str, body: str) -> str:
    """Fold a part behind its title; nothing stays nothing."""
    return f"<details><summary><b>{title}</b></summary>\n\n{body}\n\n</details>" if body else ""


def charts(view: View, most: int) -> str:
    """Return the first charts: as pictures that are kept where the report can show them, by Mermaid, or in words."""
    found = shown(view)[:most]
    drawn = [part for key, chart in found for part in _drawn(view.pictures.get(key), chart)][:most]
    lost = [key for key, chart in found if chart.kind in ("matrix", "points") and key not in view.pictures]
    if lost and not view.fork:
        told = "The picture is" if len(lost) == 1 else f"{len(lost)} pictures are"
        drawn.append(f"_{told} in {PAGE}, and with `contents: write` here._")
    return "\n\n".join(drawn)


def _drawn(place: str | None, chart: Chart) -> list[str]:
    if place:
        return [f"![{words(chart)}]({place})"]
    return _confused(chart) if chart.kind == "matrix" else [f"```mermaid\n{source}\n```" for source in mermaid(chart)]


def _confused(chart: Chart) -> list[str]:
    found = confusions(chart)
    rows = [
        f"| {cell(shorten(true, 60))} → {cell(shorten(said, 60))} | {cell(numbers.plain(count))} |"
        for true, said, count in found[:5]
    ]
    more = f"\n\nand {len(found) - 5:,} more" if len(found) > 5 else ""
    head = f"**{plain(shorten(chart.title, 120))}**\n\n"
    axes = f"{cell(shorten(chart.y, 40))} → {cell(shorten(chart.x, 40))}"
    return [head + "\n".join([f"| {axes} | rows |", "|:--|--:|", *rows]) + more] if found else []


def tables(view: View, most: int, columns: int = 8) -> str:
    """Return the tables of all steps below their titles, each with at most so many rows and columns."""
    found = [table for result in view.results.values() for table in result.tables if table.rows and most]
    return "\n\n".join(f"**{plain(shorten(one.title, 120))}**\n\n{_table(one, most, columns)}" for one in found)


def _table(table: Table, most: int, columns: int) -> str:
    rows = [[cell(shorten(text, 120)) for text in row[:columns]] for row in (table.head, *table.rows[:most])]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    lines.insert(1, f"|{':--|' * len(rows[0])}")
    left = len(table.rows) - most
    notes = [*([f"and {left:,} more"] if left > 0 else []), *([plain(table.note)] if table.note else [])]
    return "\n".join([*lines, *(f"\n{note}" for note in notes)])


KINDS = (("parameter", "parameters"), ("data", "data"), ("dependency", "dependencies"))


def changed(view: View) -> str:
    """Return how many parameters, data sets and dependencies are not as they were; empty where that is not known."""
    if view.changes is None:
        return ""
    counted = [(sum(one.kind == kind for one in view.changes), kind, many) for kind, many in KINDS]
    texts = [f"{count or 'no'} {kind if count == 1 and kind != 'data' else many}" for count, kind, many in counted]
    return f"What changed beside the code: {', '.join(texts)}"


def changes(view: View, most: int) -> str:
    """Return one table of them."""
    found = (view.changes or ())[:most]
    if not found:
        return ""
    lines = [f"| | {code(shorten(view.base, 40))} | this change |", "|:--|:--|:--|"]
    lines += [f"| {cell(shorten(one.name, 80))} | {_value(one.before)} | {_value(one.after)} |" for one in found]
    more = len(view.changes or ()) - len(found)
    return "\n".join([*lines, *([f"\nand {more:,} more"] if more else [])])


def _value(text: str) -> str:
    # A list in pieces of code would be harder to read than as one.
    shown = shorten(text, 80)
    return "—" if not text else shown if cell(shown) == shown else code(shown)


def every_check(view: View, most: int) -> str:
    """Return one table a step with its checks."""
    tables = []
    for step, result in view.results.items():
        if result.checks and most:
            rows = [
                f"| {ICONS[check.status]} {cell(shorten(check.title, 160))} | {_optional(check.observed)} |"
                for check in result.checks[:most]
            ]
            more = [f"\nand {len(result.checks) - most:,} more"] if len(result.checks) > most else []
            tables.append("\n".join([f"| {cell(step)} | observed |", "|:--|:--|", *rows, *more]))
    return "\n\n".join(tables)


def _optional(text: str | None) -> str:
    return cell(shorten(text, 160)) if text else ""


def every_metric(view: View, most: int) -> str:
    """Return one table with the metrics of all steps; `@baseline` and `@change` stand in the comparison."""
    found = [
        (step, name, metric)
        for step, result in view.results.items()
        for name, metric in ((row.name, row.candidate) for row in telling(result))
    ]
    if not found or not most:
        return ""
    lines = ["| step | metric | value |", "|:--|:--|--:|"]
    for step, name, metric in found[:most]:
        name_cell = cell(shorten(phrases.label(name), 80))
        lines.append(f"| {cell(step)} | {name_cell} | {cell(shorten(phrases.measured(metric), 80))} |")
    return "\n".join([*lines, *([f"\nand {len(found) - most:,} more"] if len(found) > most else [])])


def reproduce(view: View) -> str:
    """Return the command that repeats the run, if it was ours, and where, on what and for how much it ran."""
    first = view.first
    if first is None:
        return ""
    sha = first.source.sha
    command = f"git checkout {sha[:12]} && ci-kit run check" if sha else "ci-kit run check"
    if first.source.directory:
        command += f" -C {shlex.quote(first.source.directory)}"
    # Nobody is led to run a stranger's code.
    lines = [*([] if view.fork else [fence(command), ""]), "| | |", "|:--|:--|"]
    lines += [f"| {name} | {value} |" for name, value in _facts(view)]
    return "\n".join(lines)


def _facts(view: View) -> list[tuple[str, str]]:
    results = list(view.results.values())
    first = view.first or results[0]
    source, facts = first.source, []
    if source.sha:
        # Training may write tracked files: the Result of the first step tells what was checked out.
        facts.append(
            ("commit", code(source.sha[:12]) + (" with uncommitted changes" if results[0].source.dirty else ""))
        )
    if source.base_sha:
        facts.append(("compared with", code(source.base_sha[:12])))
    data = dict.fromkeys(pair for result in results for pair in result.source.data.items())
    for name, digest in list(data)[:12]:
        facts.append((f"data {code(shorten(name, 40))}", code(shorten(digest, 19).replace("… ", ""))))
    facts.append(("time", cell(numbers.duration(took(results).seconds))))
    for name, texts in (
        ("machine", {result.run.machine for result in results}),
        ("GPU", {result.run.gpu for result in results}),
        ("ci-kit", {result.run.kit for result in results}),
    ):
        known = sorted(text for text in texts if text)[:3]
        if known:
            facts.append((name, cell(shorten("; ".join(known), 160))))
    for currency in sorted({result.run.cost.currency for result in results if result.run.cost}):
        paid = took(result for result in results if result.run.cost and result.run.cost.currency == currency).cost
        facts.append(("cost", cell(numbers.money(paid.amount if paid else 0, currency))))
    if view.url:
        facts.append(("run", f"[on GitHub]({view.url}), attempt {first.run.attempt}"))
    return facts
