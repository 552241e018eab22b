"""The sentences about a drift check: the verdict and what to do next, as raw text that a renderer has yet to escape."""

import re
from collections.abc import Sequence

from ci_kit.parts import Check, Status
from ci_kit.render import numbers, phrases
from ci_kit.render.drift_view import Move, Story, Told, began, day, read
from ci_kit.render.phrases import count, label
from ci_kit.render.text import shorten
from ci_kit.result import SEVERITY

DISTANCES = {
    "KS": "the Kolmogorov-Smirnov distance, the most that the shares of rows below any one value differ by, 0 to 1",
    "TV": "the total variation, the share of rows that have gone to other values, 0 to 1",
}
_NEEDED = re.compile(r"; an alarm needs (\d+ of \d+ windows)$")


def headline(told: Told) -> str:
    """Say the verdict in one line: what has drifted, since when, and whether the model suffers."""
    story = read(told)
    if "error" in story.checks:
        return "the drift check could not judge"
    if "first" in story.checks:  # of a replay
        return story.checks["first"].title
    said = [part for part in (_drifted(story), _fell(story)) if part]
    if said:
        return "; ".join(said)
    bad = [check for check in told.checks if check.status == "fail"]
    if bad:
        return f"{count(len(bad), 'check')} failed"
    if "rows" in story.checks and story.checks["rows"].status == "unsure":
        return "inconclusive: " + (count(story.rows, "row") if story.rows is not None else "too few rows")
    if story.status == "unsure":
        return "inconclusive: " + next(check.title for check in told.checks if check.status == "unsure")
    if story.watched:
        return f"{subjects(story.watched)} moved; {_needed(story) or 'no alarm yet'}"
    warnings = sum(check.status == "warn" for check in told.checks)
    quiet = f"quiet, with {count(warnings, 'warning')}" if warnings else "quiet"
    return "nothing was checked" if story.status == "skip" else quiet


def _drifted(story: Story) -> str:
    schema, drifted = changed(story.moved), [move for move in story.moved if not move.changed]
    plural = len(drifted) > 1 or any(move.prediction for move in drifted)
    since = f" since {story.since}" if story.since else ""
    said = [f"{subjects(drifted)} {'have' if plural else 'has'} drifted{since}"] if drifted else []
    return "; ".join([*said, *([schema] if schema else [])])


def subjects(moves: Sequence[Move]) -> str:
    """Count columns: `3 columns and the predictions`."""
    data = sum(not move.prediction for move in moves)
    parts = [count(data, "column")] if data else []
    return " and ".join([*parts, *(["the predictions"] if data < len(moves) else [])])


def changed(moves: Sequence[Move]) -> str:
    """Count the columns that are gone or of another kind, which are none of those that drifted."""
    number = sum(move.changed for move in moves)
    return f"the schema of {count(number, 'column')} changed" if number else ""


def _needed(story: Story) -> str:
    """Return what an alarm takes, as the check of a column that moved without one says it."""
    found = (_NEEDED.search(check.detail or "") for move in story.watched for check in move.checks)
    return next((f"an alarm needs the same in {match[1]}" for match in found if match), "")


def failed(move: Move, kinds: str | tuple[str, ...] = "") -> list[Check]:
    """Return the checks of a column, of these kinds, that raised the alarm."""
    return [check for check in move.checks if check.status == "fail" and check.id.startswith(kinds)]


def _fell(story: Story) -> str:
    check = story.checks.get("performance")
    if check is None or check.status != "fail":
        return ""
    return next(iter(scores(story)), "the model's performance fell")


def scores(story: Story) -> list[str]:
    """Say of each score how it changed: `accuracy fell from 96.1 to 91.2 %`."""
    found = []
    for name, now, then in story.scores:
        before, after = numbers.pair(then.value, now.value, now.unit)
        unit = after.rpartition(" ")[2]
        before = before.removesuffix(f" {unit}") if " " in after else before
        verb = "stayed" if now.value == then.value else "fell" if now.value < then.value else "rose"
        how = f"at {after}" if verb == "stayed" else f"from {before} to {after}"
        found.append(f"{label(name)} {verb} {how}")
    return found


def kinds(story: Story) -> list[tuple[str, Status, str]]:
    """Return name, status and a few words for each kind of drift, apart: what hurts first."""
    found: list[tuple[str, Status, str]] = []
    check = story.checks.get("performance")
    if check:
        told = scores(story) or [phrases.seen(check) or check.title]
        why = check.detail if check.status in {"skip", "unsure"} and check.detail else ""
        found.append(("performance", check.status, ". ".join(["; ".join(told), *([why] if why else [])])))
    for name, answers in (("predictions", True), ("data", False)):
        moves = [move for move in story.columns if move.prediction == answers]
        if moves:
            found.append((name, *_kind(moves)))
    return found


def _kind(moves: list[Move]) -> tuple[Status, str]:
    total = phrases.count(len(moves), "column") if len(moves) > 1 else shorten(moves[0].column, 60)
    found = [move for move in moves if move.alarming == "fail" and not move.changed]
    bad, soon = len(found), sum(move.alarming == "warn" for move in moves)
    status = max((move.alarming for move in moves), key=SEVERITY.index)
    if len(moves) == 1:
        said = {"fail": "drifted", "warn": "moved, no alarm yet", "unsure": "can't be told", "skip": "was not compared"}
        how = "is gone, or of another kind" if changed(moves) else said.get(status, "has not moved")
        return status, f"{total} {how}"
    names = ", ".join(shorten(move.column, 40) for move in found[:5]) + (", …" if bad > 5 else "")
    parts = [f"{bad:,} of {total} drifted: {names}"] if bad else []
    parts += [f"{soon:,} more moved" if bad else f"{soon:,} of {total} moved, no alarm yet"] if soon else []
    parts += [text] if (text := changed(moves)) else []
    rest = {"unsure": f"{total}: can't be told", "skip": f"{total}: not compared"}.get(status, f"none of {total} moved")
    return status, "; ".join(parts) or rest


def told(check: Check) -> tuple[str, str]:
    """Return what a check of a column saw in words, and then its test: `mean 41.2 → 47.9` and `KS 0.21, p < 1e-9`."""
    kind, _, column = check.id.partition("/")
    seen = check.observed or ""
    if kind in {"data", "prediction", "nulls"}:
        cut = seen.partition(", " if kind == "nulls" else "; ")
        said, test = (f"nulls {cut[0]}", cut[2]) if kind == "nulls" else (cut[2], cut[0])
        return said, test
    if kind == "schema":
        return ": ".join(part for part in (check.title.removeprefix(f"{column} "), seen) if part), ""
    return phrases.seen(check) or check.title, ""


def tests(moves: Sequence[Move]) -> str:
    """Explain the distances that the checks of these columns name, empty where they name none."""
    named = DISTANCES.keys() & {told(check)[1].partition(" ")[0] for move in moves for check in move.seen}
    return "; ".join(f"{name}: {DISTANCES[name]}" for name in sorted(named)) + "." if named else ""


def when(check: Check, year: int | None) -> str:
    """Return since when a check finds something, and how often: `since 18 November, in 2 of the last 2 windows`."""
    often, since = began(check)
    return ", ".join(part for part in (f"since {day(since, year)}" if since else "", often) if part)
