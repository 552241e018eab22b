"""How a finding about data is said: counts are exact, values are few, short, and never those of sensitive columns."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from ci_kit.parts import Check, Location, Status

VALUE = 80


def share(bad: int, total: int) -> str:
    """Return such as `1,234 of 10,000,000 rows (0.012 %)`; a part is never rounded to 0 % or to 100 %."""
    if not total:
        return f"{bad:,} of 0 rows"
    percent = 100 * bad / total
    if percent < 0.001 and bad:
        text = "< 0.001"
    elif percent > 99.9 and bad < total:
        text = "> 99.9"
    else:
        text = f"{percent:#.2g}".rstrip(".") if 0 < percent < 10 else f"{percent:.3g}"
    return f"{bad:,} of {total:,} rows ({text} %)"


def value(thing: Any, *, quote: bool = True) -> str:
    """Return the value as text on one line, cut to a readable length."""
    text = str(thing) if isinstance(thing, date) else " ".join((repr if quote else str)(thing).split())
    return text if len(text) <= VALUE else f"{text[: VALUE - 1]}…"


def samples(columns: Sequence[str], rows: Sequence[int], values: Sequence[tuple[Any, ...]]) -> str:
    """Return such as `row 12: -1, row 40: 999`; rows count from 0, and rows of several columns name them."""
    if len(columns) == 1:
        return ", ".join(f"row {row}: {value(one[0])}" for row, one in zip(rows, values, strict=True))
    lines = []
    for row, one in zip(rows, values, strict=True):
        pairs = zip(columns[:8], one, strict=False)
        more = f", … {len(columns) - 8} more columns" if len(columns) > 8 else ""
        lines.append(f"row {row}: " + ", ".join(f"{name}={value(cell)}" for name, cell in pairs) + more)
    return "\n".join(lines)


def numbers(rows: Sequence[int]) -> str:
    """Return such as `rows 12, 40`."""
    return f"row{'s' * (len(rows) > 1)} {', '.join(map(str, rows))}"


def hidden(sensitive: Sequence[str], rows: Sequence[int] = ()) -> str:
    """Return what stands where values would: the numbers of the rows say nothing about them."""
    where = f"{numbers(rows)}; " if rows else ""
    return f"{where}values not shown, sensitive: {', '.join(sensitive)}"


def check(
    path: str,
    title: str,
    status: Status,
    observed: str,
    limit: str,
    *,
    detail: str = "",
    location: Location | None = None,
) -> Check:
    """Build a Check; empty texts are left out."""
    return Check(
        id=path,
        title=title,
        status=status,
        observed=observed or None,
        limit=limit or None,
        detail=detail or None,
        location=location,
    )
