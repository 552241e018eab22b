"""Train the model.

Runs the command under supervision and records what it made, took and cost.
"""

from ci_kit.options import Option

OPTIONS = (
    Option(name="command", key="train.command", help="The shell command; default: `dvc repro`."),
    Option(name="checkpoints", key="train.checkpoints", help="The folder that checkpoints are kept in."),
    Option(name="node", key="train.node", help="Which of several machines this is, from 0."),
    Option(name="gpu", key="train.gpu", help="none, auto or required."),
    Option(name="proceed", help="Only start the next run of one whose time was up: what holds the token."),
)

EXAMPLES = (
    "ci-kit train",
    "ci-kit train --command 'python train.py' --gpu none",
)
