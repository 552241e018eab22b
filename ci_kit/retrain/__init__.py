"""Retrain where drift persisted.

Runs the update, trains, compares both models, and keeps exactly one pull request with the evidence.
"""

from ci_kit.options import Option

OPTIONS = (
    Option(name="monitor", key="drift.monitor", help="One history and one pull request are kept per monitor."),
    Option(name="cool-down", key="retrain.cool-down", help="The least time between two retrainings."),
    Option(name="update", help="Only update, train and compare: what runs your code, without a token."),
    Option(name="publish", help="Only publish: what holds the token, without your code."),
)

EXAMPLES = (
    "ci-kit retrain                 # after ci-kit drift",
    "ci-kit retrain --cool-down 0s  # one more all the same",
)
