"""The checks of a window: what its tests decided, and the exact facts beside them, which never alarm by themselves."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from ci_kit.drift.decide import OTHERS, Moved, alike, counted, empty, lost
from ci_kit.drift.persist import standing
from ci_kit.drift.side import MAX_LEVELS, Column, Side
from ci_kit.drift.wording import label, listed, seen, shares
from ci_kit.parts import Check, Status
from ci_kit.render import numbers
from ci_kit.result import Result
from ci_kit.sections import Alarm

EXPECTED = 10
"""A level is missed where so many rows of it were to be expected: none comes by chance in 1 of 20,000 windows."""


def decided(
    tests: Sequence[Moved],
    reference: Side,
    current: Side,
    began: str,
    past: Sequence[Result],
    alarm: Alarm,
    sensitive: Collection[str] = (),
) -> Iterator[Check]:
    """Yield a check a test; the window `began` then, and `past` is the evidence of those before."""
    for test in tests:
        name, nulls = label(test.column), test.subject == "nulls"
        identity = f"{'nulls' if nulls else test.family}/{name}"
        subject = f"{name}: the share of nulls" if nulls else name
        status: Status = "pass"
        detail = None
        if test.moved:
            found = standing(identity, began, past, alarm)
            status, detail = "fail" if found.alarm else "warn", found.words
        yield Check(
            id=identity,
            title=f"{subject} {'moved' if test.moved else 'has not moved'}",
            status=status,
            observed=seen(test, reference, current, quiet=test.column in sensitive),
            limit=numbers.plain(test.limit),
            detail=detail,
        )


def schema(wanted: Collection[str], reference: Side, current: Side) -> Iterator[Check]:
    """Yield what changed in the columns to compare: one that is gone or of another kind fails at once."""
    same = True
    for column in wanted:
        old, new, name = reference.columns[column], current.columns.get(column), label(column)
        gone = lost(column, reference, current)
        if new is None or gone:
            told = f" Null in all {numbers.number(current.rows, 'rows')} of the window." if gone else ""
            detail = f"The reference has it: {old.kind} ({old.dtype}).{told}"
            yield Check(id=f"schema/{name}", title=f"{name} is missing", status="fail", detail=detail)
        elif not alike(old, new):
            kinds = f"{old.kind} ({old.dtype}) → {new.kind} ({new.dtype})"
            yield Check(id=f"schema/{name}", title=f"{name} is of another kind", status="fail", observed=kinds)
        same = same and not gone and new is not None and alike(old, new)
    if same:
        yield Check(id="schema", title="All columns are there and of the same kinds", status="pass")


def unchecked(wanted: Collection[str], reference: Side) -> Iterator[Check]:
    """Yield, for each column whose values are not compared, why."""
    for column in wanted:
        old, name = reference.columns[column], label(column)
        if old.kind in ("text", "time"):
            texts = f"more than {MAX_LEVELS:,} different texts" if old.dtype == "String" else f"values of {old.dtype}"
            why = "times" if old.kind == "time" else texts
            seen = f"{why}: only its nulls are compared"
            yield Check(
                id=f"values/{name}", title=f"The values of {name} are not compared", status="pass", observed=seen
            )


def spaced(columns: Mapping[str, Collection[str]]) -> Iterator[Check]:
    """Yield a warning for each column whose texts are numbers but for the spaces around them, as in `39, 77516`."""
    for column, texts in columns.items():
        if any(text != text.strip() for text in texts) and all(map(_is_number, texts)):
            name = label(column)
            detail = "It is compared as text. Write the file without spaces beside the commas, and the reference again."
            yield Check(
                id=f"spaces/{name}", title=f"{name}: are these numbers with spaces?", status="warn", detail=detail
            )


def _is_number(text: str) -> bool:
    try:
        return text.isascii() and isinstance(float(text), float)
    except ValueError:
        return False


def new(columns: Collection[str]) -> Iterator[Check]:
    """Yield a warning for each of these columns, which the reference lacks."""
    for name in map(label, columns):
        detail = "It is not compared. Build the reference again, or name the columns to compare in `drift.columns`."
        yield Check(id=f"schema/{name}", title=f"{name} is new", status="warn", detail=detail)


def facts(columns: Collection[str], reference: Side, current: Side, sensitive: Collection[str] = ()) -> Iterator[Check]:
    """Yield, for columns that both sides have, levels that came or went and values outside the reference's range."""
    for column in columns:
        old, new, quiet = reference.columns[column], current.columns[column], column in sensitive
        if old.kind == new.kind == "category" and not (empty(old) or empty(new)):
            yield from _levels(label(column), old, new, quiet=quiet)
        if old.kind == new.kind == "number":
            yield from _range(label(column), old, new, quiet=quiet)


def _levels(name: str, reference: Column, current: Column, *, quiet: bool) -> Iterator[Check]:
    old, new = shares(reference), shares(current)
    came = sorted(new.keys() - old.keys(), key=lambda level: -new[level])
    rows = sum(counted(current).values())
    went = [level for level in old if level not in new and old[level] * rows >= EXPECTED]
    went.sort(key=lambda level: -old[level])
    if not came and not went:
        return
    share = sum(new[level] for level in came)
    parts = []
    if came:
        names = "" if quiet else f": {listed([level for level in came if level != OTHERS])}"
        many = f"more than {len(came) - 1:,}" if OTHERS in came else f"{len(came):,}"
        parts.append(f"{many} new, {numbers.number(share, 'share')} of rows{names}")
    if went:
        parts.append(f"{len(went):,} gone{'' if quiet else f': {listed(went)}'}")
    status: Status = "warn" if went or share > _unseen(reference) else "pass"
    yield Check(id=f"levels/{name}", title=f"{name} has other values", status=status, observed="; ".join(parts))


def _unseen(column: Column) -> float:
    """Return the share of values that the reference lets expect to be new, at the most.

    Good and Turing estimate it by the values that were seen once; no fewer than 3/n (the rule of three).
    """
    counts = counted(column).values()
    once = sum(count == 1 for count in counts)
    return float((once + 2 * once**0.5 + 3) / max(sum(counts), 1))


def _range(name: str, reference: Column, current: Column, *, quiet: bool) -> Iterator[Check]:
    if reference.low is None or reference.high is None or current.low is None or current.high is None:
        return
    parts = []
    if current.low < reference.low:
        parts.append("below the minimum" if quiet else f"minimum {_two(reference.low, current.low)}")
    if current.high > reference.high:
        parts.append("above the maximum" if quiet else f"maximum {_two(reference.high, current.high)}")
    if parts:
        title = f"{name} has values outside the reference's range"
        yield Check(id=f"range/{name}", title=title, status="pass", observed="; ".join(parts))


def _two(old: float, new: float) -> str:
    finite = old not in (float("inf"), float("-inf")) and new not in (float("inf"), float("-inf"))
    return " → ".join(numbers.pair(old, new)) if finite else f"{old:g} → {new:g}"
