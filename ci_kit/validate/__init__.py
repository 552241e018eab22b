"""Test the data.

Every failure in one run: counted, sampled and redacted.
"""

from ci_kit.options import Option

OPTIONS = (Option(name="samples", key="validate.samples", help="How many failing values to show per check."),)

EXAMPLES = (
    "ci-kit validate",
    "ci-kit validate --samples 20  # more of what fails",
)
