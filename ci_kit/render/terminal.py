"""A Result for people at a terminal: the verdict, the numbers, what needs attention; at most 100 columns."""

import sys
import textwrap
from collections.abc import Iterator

from ci_kit.characters import coloured, visible
from ci_kit.parts import Check, Status
from ci_kit.render import drift_view, drift_words, numbers, phrases, words
from ci_kit.render.view import Row, View, telling, urgent
from ci_kit.result import Result

WIDTH = 100
MOST = 20
SIGNS: dict[Status, str] = {"pass": "✓", "fail": "✗", "unsure": "?", "warn": "!", "skip": "–"}
_COLOURS: dict[Status, str] = {"pass": "32", "fail": "31", "unsure": "33", "warn": "33", "skip": "2"}


def terminal(result: Result, *, colour: bool | None = None) -> str:
    """Return a few lines, without the last newline; coloured by default where stdout is a terminal and wants it.

    No line can be taken for a workflow command: each of ours starts with a sign or an indented word, and text from
    outside never starts one.
    """
    if colour is None:
        colour = coloured(sys.stdout)
    head = f"{result.step}: {phrases.tally(result)}, {numbers.duration(result.run.seconds)}"
    lines = [paint(f"{SIGNS[result.status]} {head}", result.status, colour)]
    lines += _drift(result) if result.step == "drift" else []
    rows = list(telling(result))
    lines += _table(rows[:MOST])
    if len(rows) > MOST:
        lines.append(f"  and {len(rows) - MOST:,} more numbers in .ci-kit/{result.step}.json")
    published = (check.observed for check in result.checks if check.id == "publish" and check.status == "pass")
    lines += [line for where in published if where for line in _wrap(where, "  at ", "    | ", 4)]
    # A replay has listed its windows by itself.
    found = [check for check in urgent(result) if result.step != "drift" or not check.id.startswith("window/")]
    year = drift_view.read(result).year if result.step == "drift" else None
    for check in found[:MOST]:
        column = result.step == "drift" and check.id.startswith(drift_view.COLUMNS)
        first, *rest = _moved(check, year) if column and not check.id.startswith("schema/") else lines_of(check)
        lines += [paint(first, check.status, colour), *rest]
    if len(found) > MOST:
        lines.append(f"  and {len(found) - MOST:,} more in .ci-kit/{result.step}.json")
    return "\n".join(lines)


def verdict(view: View) -> str:
    """Return the verdict of a whole run in one line."""
    title = f"{view.title}: " if view.title else ""
    return _clean(f"{view.icon} {title}{words.headline(view)}", WIDTH)


def _table(rows: list[Row]) -> Iterator[str]:
    texts = []
    for row in rows:
        arrow = {"up": "↑", "down": "↓", None: " "}[row.candidate.direction]
        value = phrases.values(row) if row.baseline else phrases.measured(row.candidate)
        cells = (
            f"{_clean(phrases.label(row.name), 34)} {arrow}",
            _clean(value, 34),
            _clean(phrases.difference(row), 40),
        )
        texts.append((*cells, phrases.WORDS[row.outcome]))
    widths = [max((len(text[column]) for text in texts), default=0) for column in range(3)]
    for name, value, change, outcome in texts:
        line = f"  | {name:<{widths[0]}}  {value:<{widths[1]}}  {change:<{widths[2]}}  {outcome}".rstrip()
        yield line if len(line) <= WIDTH else line[: WIDTH - 1] + "…"


def _drift(result: Result) -> list[str]:
    """Return what a drift check says of its newest window, or what it has written of the reference."""
    checks = {check.id: check for check in result.checks}
    if "window" in checks or ("first" in checks and checks["first"].status == "pass"):
        return _wrap(drift_words.headline(result), "  | ", "    | ", 3)
    written = [file.path for file in result.files if file.role == "profile"]
    if "profile" not in checks or not written:
        return []
    seen = f"{', '.join(written)}: {checks['profile'].observed}. {checks['profile'].detail}"
    return _wrap(f"written: {seen}", "  | ", "    | ", 4)


def lines_of(check: Check) -> list[str]:
    """Return a check: its sign, title and observation, then where it is and its detail, indented."""
    seen = ", ".join(part for part in (check.observed, check.limit and f"limit {check.limit}") if part)
    text = f"{check.title}: {seen}" if seen else check.title
    lines = _wrap(text, f"  {SIGNS[check.status]} ", "    | ", 6)
    if check.location:
        lines += _wrap(f"{check.location.file}:{check.location.line}", "    at ", "    | ", 2)
    for line in (check.detail or "").strip().splitlines()[:12]:
        lines += _wrap(line, "    | ", "    | ", 6)
    return lines


def _moved(check: Check, year: int | None) -> list[str]:
    """Return what is known of one column of a drift check, without a line for each part."""
    said, test = drift_words.told(check)
    first = ": ".join(part for part in (check.title, said.removeprefix("nulls ")) if part)
    parts = (first, drift_words.when(check, year), test)
    return _wrap("; ".join(part for part in parts if part), f"  {SIGNS[check.status]} ", "    | ", 3)


def _wrap(text: str, first: str, rest: str, most: int) -> list[str]:
    wrapper = textwrap.TextWrapper(
        width=WIDTH, initial_indent=first, subsequent_indent=rest, max_lines=most, placeholder=" …", tabsize=4
    )
    lines = wrapper.wrap(numbers.unbroken(_clean(text, WIDTH * (most + 1)))) or [first.rstrip()]
    return [line.replace("\u00a0", " ") for line in lines]


def _clean(text: str, limit: int) -> str:
    # The runner reads `##[` as a command wherever it stands in a line.
    text = visible(text[: 2 * limit].replace("\n", " ").replace("\t", " ")).replace("##[", "## [")
    return text if len(text) <= limit else text[: limit - 1] + "…"


def paint(text: str, status: Status, colour: bool) -> str:
    """Return the line in the colour of its status."""
    return f"\x1b[{_COLOURS[status]}m{text}\x1b[0m" if colour else text
