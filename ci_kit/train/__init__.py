"""Train the model: run the command under supervision and record what it made, took and cost."""

from ci_kit.options import Option

OPTIONS = (
    Option(name="command", key="train.command", help="The shell command; default: `dvc repro`."),
    Option(name="gpu", key="train.gpu", help="none, auto or required."),
)
