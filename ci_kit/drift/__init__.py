"""Check for drift.

Compares the newest windows of current data with a reference: data, predictions and performance.
"""

from ci_kit.options import Option

OPTIONS = (
    Option(name="monitor", key="drift.monitor", help="One history and one pull request are kept per monitor."),
    Option(name="current", key="drift.current", help="The data set to watch."),
    Option(name="build-reference", help="Write the profile of the reference data instead."),
    Option(name="replay", help="Say for every window of the current data whether it would have alarmed, instead."),
)

EXAMPLES = (
    "ci-kit drift",
    "ci-kit drift --replay  # what would have alarmed",
    "ci-kit drift --build-reference",
)
