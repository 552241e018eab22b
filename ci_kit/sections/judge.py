"""The sections that judge a change: model tests, the gate, the report."""

from typing import Literal

from pydantic import Field

from ci_kit.sections.base import DataName, OneOrMore, Places, Section, Share


class Gate(Section):
    """How much worse a candidate may be before it fails."""

    headline: Literal["accuracy", "mae", "rmse", "r2"] | None = Field(
        None, description="The metric that people talk about; default: accuracy, or rmse for regression."
    )
    score_margin: Share = Field(0.05, description="Allowed relative rise of log loss, or of absolute error.")
    headline_margin: Share = Field(
        0.005, description="Allowed fall of accuracy or R² (absolute), or rise of an error (relative)."
    )


class Evaluate(Section):
    """Model tests and the gate against the baseline."""

    task: Literal["classification", "regression"] = Field("classification", description="What the model predicts.")
    model: str = Field("model.onnx", description="An ONNX file, or `path.py:function` (frame in, array out).")
    data: DataName = Field("evaluation", description="The data set to score.")
    target: str = Field("target", description="The column with the truth.")
    features: tuple[str, ...] | None = Field(
        None, description="The model's columns, in order; default: all but target, key and `drift.prediction`."
    )
    output: str | None = Field(None, description="The ONNX output to use; default: probabilities, else the first.")
    tests: OneOrMore = Field((), description="Your pytest files or folders of model tests.")
    slices: OneOrMore = Field(
        (),
        description="Columns that the report cuts the rows by; default: the target's labels, and each column of 2 to 12"
        " distinct values that is neither key nor sensitive.",
    )
    gate: Gate = Field(default_factory=lambda: Gate(), description="How much worse is too much.")
    first_run: Literal["fail", "allow"] = Field("fail", description="Verdict where there is no comparable baseline.")


class Budget(Section):
    """What the check of one change may take, all its steps together."""

    minutes: float | None = Field(None, gt=0, allow_inf_nan=False, description="Minutes.")
    gpu_minutes: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="Minutes times the GPUs that trainings held."
    )
    money: float | None = Field(None, gt=0, allow_inf_nan=False, description="Money, in the currency of `train.price`.")
    exceeded: Literal["warn", "fail"] = Field("warn", description="What happens where it takes more.")


class Report(Section):
    """The report on the pull request."""

    id: DataName = Field("default", description="One comment is kept per id.")
    comment: DataName | None = Field(
        None,
        description="All reports of the same name here are parts of one comment, each under its own id; default: a"
        " comment of its own.",
    )
    show: Places = Field(
        ("comment",),
        min_length=1,
        description="Where it is shown: as a comment, as a check of the commit with the findings at their lines (the "
        "token then needs `checks: write`), as a status of the commit (`statuses: write`).",
    )
    title: str = Field("", max_length=80, description="What is reported on; default: the repository's name.")
    budget: Budget | None = Field(None, description="What the check of one change may take.")
    publisher: Literal["github", "cml"] = Field("github", description="Who posts the comment.")
