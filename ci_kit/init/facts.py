"""What the rows of a column say: type, what is missing, range, categories, dates in text."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

CATEGORIES = 50  # more different values are no list that a person reads
REPEATED = 5  # rows a value, on average: fewer are no categories
LONG = 100  # characters: a category is a word, not a text
FORMS = (
    "%Y-%m-%d",
    "%Y-%m-%dT%H:%M:%S%.f%#z",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f%#z",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d %H:%M",
    "%Y/%m/%d",
    "%d.%m.%Y",
    "%m/%d/%Y",
    "%d/%m/%Y",
)
ID = re.compile(r"(?i:(?:^|[\W_])(?:ids?|uuid|guid|key|index|instant|rowid|row|position))$|[a-z](?:Id|ID|Key|Index)$")


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What all rows of one column say, those of all data sets that share a schema.

    `values` are the categories where there are few enough, sorted; `alone` those that a single data set has, by its
    name; `form` is how a text writes dates (strptime), `odd` a few texts among numbers. `once`: no value occurs twice
    in a data set, and none is missing. `bare`: read from text, where a column of floats may look like one of ints.
    """

    name: str
    dtype: pl.DataType
    rows: int
    missing: int = 0
    nan: int = 0
    distinct: int = 0
    low: Any = None
    high: Any = None
    infinite: bool = False
    values: tuple[Any, ...] = ()
    alone: Mapping[str, tuple[Any, ...]]
    once: bool = False
    names: bool = False
    form: str = ""
    numbers: int = 0
    spaced: bool = False
    odd: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    bare: bool = False


def gather(name: str, parts: Mapping[str, pl.Series], *, bare: bool) -> Facts:
    """Look at a column's values in each data set (name → values) and return what they say together."""
    whole, types = _joined(list(parts.values()))
    nan = whole.is_nan().fill_null(False) if whole.dtype.is_float() else None
    known = whole.drop_nulls() if nan is None else whole.filter(~nan).drop_nulls()
    common: dict[str, Any] = {"name": name, "dtype": whole.dtype, "rows": len(whole), "types": types, "bare": bare}
    common |= {"missing": len(whole) - len(known), "nan": int(nan.sum()) if nan is not None else 0}
    if whole.dtype.is_nested() or whole.dtype in (pl.Object, pl.Binary, pl.Null) or not len(known):
        return Facts(**common, alone={})
    common["distinct"] = known.n_unique()
    if whole.dtype.is_float():
        finite = known.filter(known.is_finite())
        common["infinite"], known = len(finite) < len(known), finite
    if whole.dtype.is_numeric() or whole.dtype.is_temporal():
        common["low"], common["high"] = known.min(), known.max()
    if whole.dtype == pl.String:
        common |= _texts(known)
    once = all(not one.null_count() and one.n_unique() == len(one) for one in parts.values())
    common |= {"once": once, "names": once and _names_rows(name, known)}
    values = _values(known, common["distinct"])
    return Facts(**common, values=values, alone=_alone(parts, whole.dtype) if values else {})


def _joined(parts: list[pl.Series]) -> tuple[pl.Series, tuple[str, ...]]:
    """Return the values of all parts in one type, and the names of their types where these differ."""
    types = tuple(dict.fromkeys(str(one.dtype) for one in parts))
    if len(types) == 1:
        return pl.concat(parts), ()
    numeric = all(one.dtype.is_numeric() for one in parts)
    kind = pl.Float64 if numeric and any(one.dtype.is_float() for one in parts) else pl.Int64 if numeric else pl.String
    return pl.concat([one.cast(kind, strict=False) for one in parts]), types


def _texts(known: pl.Series) -> dict[str, Any]:
    bare = known.str.strip_chars()
    numeric = bare.cast(pl.Float64, strict=False).is_not_null()
    form = next((form for form in FORMS if _fits(known, form)), "")
    if form in FORMS[-2:] and all(_fits(known, one) for one in FORMS[-2:]):
        form = ""  # 1/2/2026 may be either: a guess would be wrong in half of the world
    odd = tuple(known.filter(~numeric).unique(maintain_order=True).head(3).to_list()) if numeric.any() else ()
    return {
        "numbers": int(numeric.sum()),
        "odd": odd,
        "spaced": bool((bare != known).any()),
        "form": form,
    }


def _fits(known: pl.Series, form: str) -> bool:
    def all_of(some: pl.Series) -> bool:
        if "%H" in form:
            return not some.str.to_datetime(form, strict=False, time_unit="us").null_count()
        return not some.str.to_date(form, strict=False).null_count()

    return all_of(known.head(100)) and all_of(known)


def _values(known: pl.Series, distinct: int) -> tuple[Any, ...]:
    """Return the categories, sorted, and none where there are too many, or texts that are too long."""
    kind = known.dtype
    listed = kind == pl.String or kind.is_integer() or isinstance(kind, pl.Categorical)
    if not listed or not 0 < distinct <= CATEGORIES:
        return ()
    if not kind.is_integer() and len(known) < REPEATED * distinct:
        return ()
    values = sorted(known.unique().to_list())
    return () if any(isinstance(one, str) and len(one) > LONG for one in values) else tuple(values)


def _alone(parts: Mapping[str, pl.Series], kind: pl.DataType) -> dict[str, tuple[Any, ...]]:
    if len(parts) < 2:
        return {}
    seen = {name: set(one.cast(kind, strict=False).drop_nulls().unique().to_list()) for name, one in parts.items()}
    others = {name: set().union(*(seen[other] for other in seen if other != name)) for name in seen}
    return {name: tuple(sorted(seen[name] - others[name])) for name in seen if seen[name] - others[name]}


def _names_rows(name: str, known: pl.Series) -> bool:
    """Say whether values that occur once are names of rows: by the column's name, or as they count or look alike."""
    if ID.search(name):
        return known.dtype.is_integer() or known.dtype == pl.String
    if known.dtype.is_integer():
        low, high = known.min(), known.max()
        counts = isinstance(low, int) and isinstance(high, int) and high - low + 1 == len(known)
        return len(known) > REPEATED and counts and known.is_sorted()
    if known.dtype == pl.String:
        sizes = known.str.len_chars()
        return len(known) > REPEATED and sizes.n_unique() == 1 and sizes[0] >= 8 and not known.str.contains(" ").any()
    return False
