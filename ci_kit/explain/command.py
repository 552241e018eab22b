"""`ci-kit explain`."""

import json
import sys
from typing import Annotated

import typer

from ci_kit.characters import coloured
from ci_kit.explain import find, sections, show


def explain(
    code: Annotated[str, typer.Argument(help="A check's id, or what stands in brackets behind an error.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print code, title and text as JSON.")] = False,
) -> None:
    """Say what a code means, what causes it and what to do; without a code, list all.

    Raises UserError for a code that there is not.
    """
    found, colour = find(code) if code else sections(), coloured(sys.stdout)
    if as_json:
        records = [{"code": one.code, "title": one.title, "text": one.text} for one in found]
        typer.echo(json.dumps(records[0] if code and len(records) == 1 else records, indent=2, ensure_ascii=False))
        return
    typer.echo(show.page(found, colour=colour) if code else show.listing(found, colour=colour))
