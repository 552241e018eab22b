"""What the configuration names and is not there, at the line that names it."""

from ci_kit.config import FILE
from ci_kit.doctor.context import Context
from ci_kit.doctor.finding import finding, line_of
from ci_kit.parts import Check, Location


def here(context: Context, word: str) -> Location:
    """Return the line of ci-kit.yaml that has the word."""
    return Location(file=f"{context.prefix}{FILE}", line=line_of(context.text, word))


def missing(context: Context, entry: str, why: str, hint: str) -> Check:
    """Return the finding that a file is not there."""
    what = "A file that the configuration names is not there"
    return finding("missing-file", what, observed=entry, why=why, hint=hint, location=here(context, entry))
