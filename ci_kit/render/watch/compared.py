"""Champion against challenger on each data set, as Markdown: what the retraining did to the model."""

from collections.abc import Mapping

from ci_kit.parts import Check
from ci_kit.render import phrases, words
from ci_kit.render.text import cell, plain, shorten
from ci_kit.render.view import ICONS, Row, View, urgent
from ci_kit.result import SEVERITY, Result, Status

ROWS, MOST, NOTES = 12, 10, 8
_WORDS = {"better": "better", "worse": "worse", "same": "not worse", "within": "within limit", "unsure": "unsure"}


def rows(result: Result) -> list[Row]:
    """Return the metrics of one evaluation, gated ones first."""
    return View(results={"evaluate": result}).rows()


def settled(compared: Mapping[str, Result]) -> dict[str, Result]:
    """Return the evaluations without the warning that the champion was scored again: a retraining brings other data."""
    found = {}
    for name, result in compared.items():
        scored = any(row.baseline for row in rows(result))
        checks = (_passed(check) if scored and check.id == "baseline" else check for check in result.checks)
        found[name] = result.model_copy(update={"checks": tuple(checks)})
    return found


def _passed(check: Check) -> Check:
    return check.model_copy(update={"status": "pass"}) if check.status == "warn" else check


def headline(compared: Mapping[str, Result]) -> str:
    """Say of all data sets together whether the challenger is good enough."""
    said = {
        "fail": "The challenger is not good enough",
        "unsure": "Whether the challenger is good enough can't be told",
        "warn": "The challenger is good enough, with warnings",
    }.get(status(compared))
    if said:
        return said
    found = [{row.outcome for row in rows(result) if row.gate} for result in compared.values()]
    better = sum("better" in outcomes for outcomes in found)
    if not better or any("within" in outcomes for outcomes in found):
        return "The challenger is good enough"
    total = len(found)
    if better < total:
        return f"The challenger is better than the champion on {better} of {total} data sets, and not worse elsewhere"
    where = {1: shorten(next(iter(compared)), 40), 2: "both data sets"}.get(total, f"all {total} data sets")
    return f"The challenger is better than the champion on {where}"


def status(compared: Mapping[str, Result]) -> Status:
    """Return the worst status of all evaluations; `skip` where there is none."""
    return max((result.status for result in compared.values()), key=SEVERITY.index, default="skip")


def verdict(name: str, result: Result) -> str:
    """Say in a few words how the challenger does on one data set."""
    view = View(results={"evaluate": result}, base="the champion")
    said = words.headline(view).replace("the candidate", "the challenger")
    return f"on {name}: {said}"


def lines(compared: Mapping[str, Result]) -> list[str]:
    """Return a sentence for each data set, what is bad first."""
    ordered = sorted(compared.items(), key=lambda pair: -SEVERITY.index(pair[1].status))
    return [f"- {ICONS[result.status]} {plain(shorten(verdict(name, result), 200))}" for name, result in ordered[:MOST]]


def tables(compared: Mapping[str, Result], most: int = ROWS) -> str:
    """Return one table: metric, champion, challenger, change, verdict, for each data set."""
    lines = []
    for name, result in compared.items():
        found = rows(result)
        for row in found[:most]:
            before, after = phrases.pair(row)
            arrow = {"up": " ↑", "down": " ↓", None: ""}[row.candidate.direction]
            label = f"{cell(shorten(phrases.label(row.name), 60))}{arrow}"
            icon = ICONS[row.gate.status] if row.gate else ""
            cells = (
                cell(shorten(name, 40)),
                f"**{label}**" if row.gate else label,
                cell(before) if before else "–",
                cell(after),
                cell(phrases.difference(row)) if row.change else "",
                f"{icon} {_WORDS.get(row.outcome, '')}".strip(),
            )
            lines.append("| " + " | ".join(cells) + " |")
        if len(found) > most:
            lines.append(f"| {cell(shorten(name, 40))} | and {len(found) - most:,} more | | | | |")
    head = ["| data set | metric | champion | challenger | change | verdict |", "|:--|:--|:--|:--|:--|:--|"]
    return "\n".join([*head, *lines]) if lines else ""


def notes(compared: Mapping[str, Result]) -> str:
    """Return what else the evaluations found, apart from their gates: at most NOTES checks, the worst first."""
    found = [(name, check) for name, result in compared.items() for check in urgent(result)]
    found = [(name, check) for name, check in found if not check.id.startswith("gate/")]
    found.sort(key=lambda pair: -SEVERITY.index(pair[1].status))
    lines = []
    for name, check in found[:NOTES]:
        said = ": ".join(part for part in (check.title, phrases.seen(check) or check.detail) if part)
        lines.append(f"- {ICONS[check.status]} {plain(shorten(f'on {name}: {said}', 300))}")
    more = [f"- and {len(found) - NOTES:,} more"] if len(found) > NOTES else []
    return "\n".join([*lines, *more, *_champions(compared)])


def _champions(compared: Mapping[str, Result]) -> list[str]:
    """Return of each data set what the champion's scores are."""
    found = [
        (name, check.observed)
        for name, result in compared.items()
        for check in result.checks
        if check.id == "baseline" and check.status == "pass" and check.observed
    ]
    return [f"- {plain(shorten(f'The champion on {name}: {said}', 300))}" for name, said in found[:NOTES]]
