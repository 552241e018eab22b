"""The text of schemas.py: pandera models, in which a column's name is a string and never code."""

import keyword
import re
import textwrap
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ci_kit.init.infer import Rule

WIDTH = 120
HEAD = '''\
"""What a row looks like: written by `ci-kit init` from the data, to be read and mended by you.

Numbers may lie a tenth of the observed range beyond what was seen. Where "look at this" stands, the data are odd.
"""
'''
_EXAMPLES = {"%Y": "2026", "%m": "05", "%d": "31", "%H": "08", "%M": "30", "%S": "00", "%.f": "", "%#z": "Z"}
_WORD = re.compile(r"[a-z][a-z0-9_]{0,60}")
# What the text itself uses, and what pandera's models have; a column of that name gets another identifier.
_RESERVED = re.compile(r"column_\d+|.*_is_a_date|.*_")
_TAKEN = frozenset(("int", "float", "str", "bool", "annotated", "config", "pa", "pl", *keyword.kwlist))


def source(models: Mapping[str, Sequence[Rule]]) -> str:
    """Return the text of a module with one model for each name (an identifier) → the rules of its columns."""
    bodies = [_model(name, rules) for name, rules in models.items()]
    code = "\n\n\n".join(bodies)
    polars = ["import polars as pl"] if re.search(r"\bpl\.", code) else []
    annotated = ["from typing import Annotated", ""] if "Annotated[" in code else []
    imports = "\n".join([*annotated, "import pandera.polars as pa", *polars])
    return f"{HEAD}\n{imports}\n\n\n{code}\n"


def _model(name: str, rules: Sequence[Rule]) -> str:
    identifiers = _identifiers([one.name for one in rules])
    fields = [_field(word, one) for word, one in zip(identifiers, rules, strict=True)]
    checks = [_dated(word, one) for word, one in zip(identifiers, rules, strict=True) if one.form]
    strict = all(one.kind for one in rules)
    config = "class Config:\n    strict = True  # a column that is not named here fails" if strict else ""
    body = "\n".join(fields)
    parts = [f'"""{len(rules)} columns."""', body, config, *checks]
    return f"class {name}(pa.DataFrameModel):\n" + textwrap.indent("\n\n".join(filter(None, parts)), "    ")


def _identifiers(names: Iterable[str]) -> list[str]:
    """Return an identifier for each name: the name itself where it is a harmless one, else one made of its letters."""
    from pandera.polars import DataFrameModel

    taken = _TAKEN | {one.lower() for one in dir(DataFrameModel)}
    found: list[str] = []
    for number, name in enumerate(names, 1):
        plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
        word = re.sub(r"[^a-z0-9]+", "_", plain).strip("_") if not _WORD.fullmatch(name) else name
        spare = f"column_{number}"
        good = _WORD.fullmatch(word) and not _RESERVED.fullmatch(word) and word not in taken and word not in found
        found.append(word if good else spare)
    return found


def _field(word: str, one: Rule) -> str:
    look = "".join(f"# look at this: {text}\n" for text in one.look)
    if not one.kind:
        return look.rstrip("\n")
    alias = [("alias", one.name)] if word != one.name else []
    given = [f"{key}={literal(value)}" for key, value in (*alias, *one.given)]
    line = f"{word}: {one.kind} = pa.Field({', '.join(given)})" if given else f"{word}: {one.kind}"
    if len(line) > WIDTH - 4:
        inner = textwrap.indent(",\n".join(_long(one, alias)), "    ")
        line = f"{word}: {one.kind} = pa.Field(\n{inner},\n)"
    return f"{look}{line}"


def _long(one: Rule, alias: list[tuple[str, Any]]) -> list[str]:
    lines = []
    for key, value in (*alias, *one.given):
        text = f"{key}={literal(value)}"
        if isinstance(value, list) and len(text) > WIDTH - 9:
            text = f"{key}=[\n{_filled([literal(item) for item in value])}\n]"
        lines.append(text)
    return lines


def _filled(items: list[str]) -> str:
    """Return the items in lines of 100 characters or so, as many as go into each."""
    lines = [""]
    for item in items:
        if lines[-1] and len(lines[-1]) + len(item) > WIDTH - 20:
            lines.append("")
        lines[-1] += f" {item}," if lines[-1] else f"    {item},"
    return "\n".join(lines)


def _dated(word: str, one: Rule) -> str:
    timed = "%H" in one.form
    kind, more = ("to_datetime", ', time_unit="us"') if timed else ("to_date", "")
    read = f"str.{kind}({literal(one.form)}, strict=False{more})"
    return (
        f"@pa.check({literal(one.name)})\n"
        f"def {word}_is_a_date(cls, data: pa.PolarsData) -> pl.LazyFrame:\n"
        f'    """Dates such as {_example(one.form)}."""\n'
        f"    text = pl.col(data.key)\n"
        f"    date = text.{read}\n"
        f"    return data.lazyframe.select(text.is_null() | date.is_not_null())"
    )


def _example(form: str) -> str:
    for code, text in _EXAMPLES.items():
        form = form.replace(code, text)
    return form


def literal(value: Any) -> str:
    """Return the value as Python code; text with double quotes, as formatters like it."""
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    text = repr(value)
    plain = isinstance(value, str) and text.startswith("'") and '"' not in value and "\\" not in text
    return f'"{text[1:-1]}"' if plain else text
