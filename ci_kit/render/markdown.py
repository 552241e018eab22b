"""The report as GitHub Flavored Markdown: a comment of at most 65,536 bytes, or the whole of it for the job summary."""

import re
from dataclasses import dataclass

from ci_kit.parts import Check
from ci_kit.render import phrases, words
from ci_kit.render.details import changed, changes, charts, every_check, every_metric, fold, reproduce, tables
from ci_kit.render.spark import sparkline
from ci_kit.render.text import cell, code, fence, plain, shorten
from ci_kit.render.took import whole
from ci_kit.render.view import ICONS, Row, View

COMMENT = 65_536
CHARTS = 12  # that a report shows
RESERVED = 512  # room for the markers that the forge adds


@dataclass(frozen=True)
class Section:
    """A part of the report, rendered from rich to poor; of the highest `rank` the first is given up when it is long."""

    name: str
    rank: int
    variants: tuple[str, ...]


def markdown(view: View, budget: int = COMMENT) -> str:
    """Return the report in at most `budget` bytes of UTF-8, of which the last 512 are left free for the markers.

    Whole sections give way, the least important first, and a notice names what is missing.
    """
    # A comment is read, a summary is searched: only the latter lists everything while there is room.
    return fit(sections(view, comment=budget <= COMMENT), budget - RESERVED, view.whole)


def sections(view: View, *, comment: bool) -> list[Section]:
    """Return what a report consists of, with shorter lists for a `comment`."""
    checks = f"All {phrases.count(sum(len(result.checks) for result in view.results.values()), 'check')}"
    facts = "Facts of the run" if view.fork else "Reproduce it, and facts of the run"
    return [
        _section("verdict", 0, [_verdict(view, size) for size in (300, 60)]),
        _section("metrics", 1, [_comparison(view, most) for most in (12 if comment else 200, 4)]),
        _section("steps", 2, [_steps(view, size) for size in (200, 40)]),
        _section("checks that need attention", 3, [_attention(view, *size) for size in _sizes(comment)]),
        _section(
            "what changed", 5, [fold(changed(view), changes(view, most)) for most in (40 if comment else 500, 5, 0)]
        ),
        _section("tables", 5, [fold("A closer look", tables(view, most)) for most in (10 if comment else 200, 3, 0)]),
        _section("charts", 6, [fold("Charts", charts(view, most)) for most in (CHARTS, 1, 0)]),
        _section(
            "all checks", 7, [fold(checks, every_check(view, most)) for most in (200 if comment else 5000, 50, 0)]
        ),
        _section(
            "all metrics",
            5,
            [fold("All metrics", every_metric(view, most)) for most in (200 if comment else 5000, 50, 0)],
        ),
        _section(
            "run facts",
            4,
            [fold(facts, reproduce(view)), ""],
        ),
    ]


def _section(name: str, rank: int, variants: list[str]) -> Section:
    return Section(name, rank, tuple(dict.fromkeys(variants)))


def _sizes(comment: bool) -> tuple[tuple[int, int], ...]:
    return (((20 if comment else 5000), 600), (20, 160), (20, 0), (5, 0), (2, 0))


def fit(sections: list[Section], budget: int, whole: str) -> str:
    """Return the sections in at most `budget` bytes of UTF-8; a notice names what is shorter than it could be.

    `whole` is Markdown that says where nothing is left out. Raises ValueError when the poorest variants do not fit.
    """
    chosen = dict.fromkeys(range(len(sections)), 0)
    order = sorted(chosen, key=lambda index: -sections[index].rank)
    while True:
        texts = [section.variants[chosen[index]] for index, section in enumerate(sections)]
        cut = [section.name for index, section in enumerate(sections) if chosen[index]]
        if cut:
            texts.append(f"_Shortened to fit: {', '.join(cut)}. All of it: {whole}._")
        report = "\n\n".join(text for text in texts if text) + "\n"
        if len(report.encode()) <= budget:
            return report
        poorer = next((index for index in order if chosen[index] + 1 < len(sections[index].variants)), None)
        if poorer is None:
            raise ValueError(f"a report needs more than {budget} bytes")
        chosen[poorer] += 1


def _verdict(view: View, limit: int) -> str:
    title = f"{plain(shorten(view.title, 80))}: " if view.title else ""
    lines = [f"## {view.icon} {title}{plain(shorten(words.headline(view), 200))}"]
    for strong, rest in words.lead(view):
        lines.append(f"**{plain(shorten(strong, 200))}**{_rest(rest, limit)}")
    return "\n\n".join(lines)


def _rest(text: str, limit: int) -> str:
    # Punctuation that follows the emphasised part would by itself become code.
    mark = text[:1] if text[:1] in {";", ":", ".", ","} else ""
    text = text.removeprefix(mark)
    return mark + (" " if text.startswith(" ") else "") + plain(shorten(text.strip(), limit))


def _comparison(view: View, most: int) -> str:
    rows = view.rows()
    if not rows:
        return ""
    compared, base = any(row.baseline for row in rows), code(shorten(view.base, 40))
    head = f"| | {base} → this change | difference |" if compared else "| | this change |"
    past = {row.name: sparkline(view.past.get(row.name, ())) for row in rows[:most]}
    drawn = any(past.values())
    lines = [head + f" last {max(map(len, past.values()))} on {base} |" * drawn]
    lines.append(("|:--|:--|:--|" if compared else "|:--|:--|") + ":--|" * drawn)
    lines += [_row(row, compared) + (f" {code(past[row.name])} |" if drawn else "") for row in rows[:most]]
    if len(rows) > most:
        lines += ["", f"and {len(rows) - most:,} more below"]
    return "\n".join(lines)


def _row(row: Row, compared: bool) -> str:
    arrow = {"up": " ↑", "down": " ↓", None: ""}[row.candidate.direction]
    name = cell(shorten(phrases.label(row.name), 60)) + arrow
    name = f"{ICONS[row.gate.status]} **{name}**" if row.gate else name
    if not compared:
        return f"| {name} | {cell(phrases.measured(row.candidate))} |"
    change = phrases.difference(row)
    difference = f"{tight(cell(change))} {phrases.WORDS[row.outcome]}".rstrip() if change else ""
    return f"| {name} | {tight(cell(phrases.values(row)))} | {difference} |"


def tight(text: str) -> str:
    """Keep a number and its unit in one line of a narrow table."""
    return re.sub(r"(?<=[0-9±]) (?=[0-9%a-zA-Zµ])|(?<=[0-9p]) (?=±)", "\u00a0", text)


def _steps(view: View, limit: int) -> str:
    lines = ["| step | result | |", "|:--|:--|:--|"]
    for step, result in list(view.results.items())[:20]:
        facts = cell(shorten(phrases.facts(result, view.usual.get(step), view.saved.get(step)), limit))
        lines.append(f"| {cell(step)} | {ICONS[result.status]} {phrases.tally(result)} | {facts} |")
    lines += [
        f"| {cell(step)} | ❌ damaged | {cell(shorten(why, limit))} |" for step, why in list(view.damaged.items())[:20]
    ]
    icon = ICONS["skip" if view.stopped else "unsure"]
    lines += [f"| {cell(step)} | {icon} | {cell(words.absence(view))} |" for step in view.missing]
    return "\n".join([*lines, *_took(view), *_heartbeat(view, limit)])


def _took(view: View) -> list[str]:
    known, usual = whole(view)
    return ["", f"**This change took** {plain(known + (f'; usually {usual}' if usual else ''))}"] if known else []


def _heartbeat(view: View, limit: int) -> list[str]:
    if view.heartbeat is None:
        return []
    said = plain(shorten(phrases.beat(view.heartbeat), limit))
    icon = "" if view.heartbeat.status == "pass" else f"{ICONS[view.heartbeat.status]} "
    return ["", f"{icon}**drift:** {said}"]


def _attention(view: View, most: int, room: int) -> str:
    told = {row.gate for row in view.rows() if row.gate and row.change}
    found = [check for _, check in view.attention() if check not in told]
    if not found:
        return ""
    lines = ["### Needs attention", *(_item(check, room) for check in found[:most])]
    if len(found) > most:
        lines.append(f"- and {len(found) - most:,} more: {view.whole}")
    return "\n".join(lines)


def _item(check: Check, room: int) -> str:
    place = f" · {code(shorten(f'{check.location.file}:{check.location.line}', 120))}" if check.location else ""
    lines = [f"- {ICONS[check.status]} **{cell(shorten(check.title, 160))}**{place}"]
    if phrases.seen(check):
        lines.append(cell(shorten(phrases.seen(check), 320)))
    detail = (check.detail or "").strip()
    if detail and room and "\n" not in detail:
        lines.append(cell(shorten(detail, room)))
    text = "\\\n  ".join(lines)
    if detail and room and "\n" in detail:
        text += "\n" + "\n".join(f"  {line}" for line in fence(shorten(detail, room)).splitlines())
    return text
