"""Whether the columns that are to stay hidden are named right: a misspelt name would hide nothing."""

import difflib
from collections.abc import Collection, Iterator

from ci_kit.parts import Check
from ci_kit.validate.source import Source
from ci_kit.validate.wording import check


def unknown(source: Source) -> Iterator[Check]:
    """Yield a failure for each sensitive column that the data does not have, with the nearest one that it has."""
    for column in source.dataset.sensitive:
        if column not in source.columns:
            close = difflib.get_close_matches(column, source.columns, n=1, cutoff=0.5)
            nearest = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(source.columns[:10])}"
            title = f"{source.name}: `sensitive` names {column}"
            detail = "Until then no value of this data set is shown."
            path = f"sensitive/{source.name}/{column}"
            yield check(path, title, "fail", f"no such column, {nearest}", "", detail=detail)


def uneven(sources: Collection[Source]) -> Iterator[Check]:
    """Yield a warning for each column that is sensitive in one data set and shown in another one that has it too."""
    for source in sources:
        for column in source.dataset.sensitive:
            for other in sources:
                if column in other.columns and column not in other.sensitive:
                    title = f"{other.name}.{column}: sensitive in {source.name}"
                    detail = f"Add it to `sensitive` of {other.name}, or its values may be shown."
                    path = f"sensitive/{other.name}/{column}"
                    yield check(path, title, "warn", f"not in {other.name}", "", detail=detail)
