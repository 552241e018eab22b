"""The verdict and the sentences of a report, as raw text that a renderer has yet to escape."""

from ci_kit.parts import Check
from ci_kit.render.drift_words import headline as drifted
from ci_kit.render.phrases import count, label, told
from ci_kit.render.text import shorten
from ci_kit.render.view import Difference, Row, View
from ci_kit.result import Result

CHANGED = "the data that was tested is not the data that was scored: "
_ORDER = ("worse", "unsure", "within", "better", "same", "none")


STRANGER = (
    "Told by the fork's own run, and not checked here:",
    " the code of this pull request ran there and can write any number, also those of the base branch and the limits. "
    "No gate of this repository has judged it: read the change before you rely on a number.",
)


def headline(view: View) -> str:
    """Say the verdict in a few words."""
    return f"the fork's own run says: {_headline(view)}" if view.fork else _headline(view)


def _headline(view: View) -> str:
    if not view.results and not view.damaged:
        return "there are no results"
    failures = [CHANGED + shorten(", ".join(one.data for one in view.changed), 60)] if view.changed else []
    failures += [f"the result of {step} can't be used" for step in view.damaged]
    failures += [_failure(result, view) for result in view.results.values() if result.status == "fail"]
    if failures:
        return "; ".join(failures[:2])
    if view.missing:
        return f"incomplete, no result of {' and '.join(view.missing)}"
    rows = [row for row in view.rows() if row.gate]
    if view.status == "unsure":
        if any(row.outcome == "unsure" for row in rows):
            return f"can't tell whether the candidate is worse than {view.base}"
        return f"{count(len(_having(view, 'unsure')), 'check')} could not be told"
    warnings = _having(view, "warn")
    if any(check.id == "baseline" for check in warnings) and not any(row.change for row in rows):
        return f"nothing to compare with on {view.base} yet"
    return _good(rows, view) + (f", with {count(len(warnings), 'warning')}" if warnings else "")


def _having(view: View, status: str) -> list[Check]:
    return [check for _, check in view.attention() if check.status == status]


def _good(rows: list[Row], view: View) -> str:
    outcomes = {row.outcome for row in rows}
    if not rows or not any(row.change for row in rows):
        return "all checks pass"
    if "within" in outcomes:
        return f"the candidate is a little worse than {view.base}, within the limit"
    return f"the candidate is {'better than' if 'better' in outcomes else 'as good as'} {view.base}"


def _failure(result: Result, view: View) -> str:
    failed = [check for check in result.checks if check.status == "fail"]
    ids = [check.id for check in failed]
    if "error" in ids:
        return f"{result.step} could not judge"
    if result.step == "train":
        return "training failed"
    if result.step == "drift":
        return drifted(result)
    if result.step == "validate":
        return f"the data fails {count(len(failed), 'check')}"
    if any(name.startswith("gate/") for name in ids):
        return f"the candidate is worse than {view.base}"
    if "baseline" in ids:
        return "no comparable baseline"
    if ids and all(name.startswith("tests/") for name in ids):
        return f"{count(len(failed), 'model test')} failed"
    return f"{result.step} fails {count(len(failed), 'check')}"


def lead(view: View) -> list[tuple[str, str]]:
    """Say how much, how sure and on how many rows: at most four sentences, each with its emphasised part first.

    Of a fork's run the first one says what it is not.
    """
    rows = sorted((row for row in view.rows() if row.gate and row.change), key=lambda row: _ORDER.index(row.outcome))
    compared = [sentence(row) for row in rows[:2]]
    sentences = [reading(one) for one in view.changed[:2]]
    sentences += [(f"{step}:", f" {why}.") for step, why in view.damaged.items()]
    sentences += compared[:1] if rows and rows[0].outcome == "worse" else []
    sentences += [_failures(step, result) for step, result in view.results.items() if _failed(result)]
    sentences += [one for one in compared if one not in sentences]
    if view.missing:
        sentences.append((" and ".join(view.missing), f" {absence(view)}."))
    return [STRANGER] * view.fork + sentences[:4]


def reading(one: Difference) -> tuple[str, str]:
    """Say which step read which bytes of a data set that changed in between."""
    reads = [f"{step} read {digest[:19]}" for step, digest in (one.first, one.second)]
    return f"{shorten(one.data, 60)}:", f" {' but '.join(reads)}."


def absence(view: View) -> str:
    """Say why an expected step left nothing."""
    return f"did not run, because {view.stopped} failed" if view.stopped else "left no result"


def sentence(row: Row) -> tuple[str, str]:
    """Say what became of a gated metric, on how many rows, and what the limit is or why it can't be told."""
    strong = f"{label(row.name)} {told(row)}"
    rows = f" on the same {row.change.n:,} rows" if row.change and row.change.n else ""
    limit = f"the limit is {row.gate.limit}" if row.gate and row.gate.limit else ""
    if row.outcome == "unsure":
        why = f": {row.gate.detail.rstrip('.')}" if row.gate and row.gate.detail else ""
        return strong, f"; whether that is too much can't be told{why}{' (' + limit + ')' if limit else ''}."
    if row.outcome == "worse":
        return strong, f"{rows}{'; ' + limit if limit else ''}."
    return strong, f"{rows}{' (' + limit + ')' if limit else ''}."


def failure(result: Result) -> str:
    """Say in one line why a step failed that was run by itself."""
    return drifted(result) if result.step == "drift" else "".join(_failures(result.step, result))


def _failed(result: Result) -> list[Check]:
    return [check for check in result.checks if check.status == "fail" and not check.id.startswith("gate/")]


def _failures(step: str, result: Result) -> tuple[str, str]:
    failed = _failed(result)
    if len(failed) > 1:
        names = "; ".join(check.title for check in failed[:3]) + ("; …" if len(failed) > 3 else ".")
        return f"{step}, {len(failed):,} of {count(len(result.checks), 'check')} failed:", f" {names}"
    detail = failed[0].detail if failed[0].detail and "\n" not in failed[0].detail.strip() else None
    known = ". ".join(part.strip().rstrip(".") for part in (failed[0].observed, detail) if part)
    return f"{step}: {failed[0].title}{':' if known else '.'}", f" {known}." if known else ""
