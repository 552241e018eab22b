"""Findings for people at a terminal and for programs."""

import json
import sys
from collections.abc import Mapping, Sequence

from ci_kit import actions
from ci_kit.characters import coloured
from ci_kit.doctor.finding import URGENCY
from ci_kit.parts import Check, Status
from ci_kit.render.phrases import count
from ci_kit.render.terminal import SIGNS, lines_of, paint

AUDIT = "the full audit of workflows: uvx zizmor --pedantic .github/workflows"


def report(found: Mapping[str, Sequence[Check]], seconds: float, *, colour: bool | None = None) -> str:
    """Return the groups, that with the worst finding first, and what was not looked at; without the last newline."""
    colour = coloured(sys.stdout) if colour is None else colour
    every = [check for checks in found.values() for check in checks]
    broken, warned = (sum(check.status == status for check in every) for status in ("fail", "warn"))
    worst: Status = "fail" if broken else "warn" if warned else "pass"
    counts = [f"{broken} broken"] * bool(broken) + [count(warned, "warning")] * bool(warned)
    lines = [paint(f"{SIGNS[worst]} doctor: {', '.join(counts) or 'nothing wrong'}, {seconds:.1f} s", worst, colour)]
    for name, checks in sorted(found.items(), key=_rank):
        told = [check for check in checks if check.status != "skip"]
        lines += ["", name] * bool(told)
        for check in told:
            first, *rest = lines_of(check)
            lines += [paint(first, check.status, colour), *rest]
    skipped = [check for check in every if check.status == "skip"]
    lines += ["", "not looked at"] * bool(skipped)
    lines += [line for check in skipped for line in lines_of(check)]
    lines += ["", f"  {AUDIT}"] if any(check.status != "skip" for check in found.get("workflows", ())) else []
    return actions.redact("\n".join(lines))


def listed(found: Mapping[str, Sequence[Check]]) -> str:
    """Return all findings as one JSON list of Checks, the worst first."""
    every = sorted((check for checks in found.values() for check in checks), key=lambda one: URGENCY.index(one.status))
    content = [actions.redact_all(check.model_dump(exclude_none=True)) for check in every]
    return json.dumps(content, indent=1, ensure_ascii=False)


def _rank(entry: tuple[str, Sequence[Check]]) -> int:
    return min((URGENCY.index(check.status) for check in entry[1]), default=len(URGENCY))
