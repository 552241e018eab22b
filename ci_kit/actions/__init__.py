"""The one way to the Actions runtime: outputs, summary, annotations, groups, the event; everything is escaped here."""

from ci_kit.actions.filters import Filter, harmless
from ci_kit.actions.payload import Event, ForkRun, event, fork_run
from ci_kit.actions.redaction import redact, redact_all, redactor
from ci_kit.actions.runtime import active, annotate, group, mask, output, summary

__all__ = [
    "Event",
    "Filter",
    "ForkRun",
    "active",
    "annotate",
    "event",
    "fork_run",
    "group",
    "harmless",
    "mask",
    "output",
    "redact",
    "redact_all",
    "redactor",
    "summary",
]
