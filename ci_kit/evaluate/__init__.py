"""Test the model.

Your own model tests, and the gate against the baseline on the same rows.
"""

from ci_kit.options import Option

OPTIONS = (
    Option(name="model", key="evaluate.model", help="An ONNX file, or `path.py:function`."),
    Option(name="data", key="evaluate.data", help="The data set to score; the model tests see it, too."),
    Option(name="first-run", key="evaluate.first-run", help="Verdict without a comparable baseline: fail or allow."),
)

EXAMPLES = (
    "ci-kit evaluate",
    "ci-kit evaluate --first-run allow              # without a baseline",
    "ci-kit evaluate --data recent --result recent  # beside the usual Result",
)
