"""The sections of the third journey: keep it true."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from ci_kit.sections.base import DataName, Duration, OneOrMore, Pause, Section, Share, Workflow


class Window(Section):
    """How the current data is cut into windows, each of which is judged once."""

    column: str | None = Field(None, description="The column of timestamps (UTC where they carry no zone).")
    every: Duration | None = Field(
        None, description="Windows of this length by `column`, aligned to UTC: `1d` starts at midnight, `1w` on Monday."
    )
    rows: int | None = Field(None, ge=1, description="Windows of so many rows, in the order of the data.")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.every is None) == (self.rows is None):
            raise ValueError("give either `every` (with `column`) or `rows`")
        if self.every and not self.column:
            raise ValueError("`every` needs `column`, the column of timestamps")
        return self


class Alarm(Section):
    """How long something must have moved: in `windows` of the last `of` windows."""

    windows: int = Field(2, ge=1, le=50, description="In how many windows the same column must have moved.")
    of: int = Field(2, ge=1, le=50, description="Of how many windows, the newest included.")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.windows > self.of:
            raise ValueError(f"{self.windows} of {self.of} windows can never be")
        return self


class Drift(Section):
    """Drift checks: whether the data, the predictions or the performance moved away from the reference."""

    monitor: DataName = Field("default", description="One history and one pull request are kept per monitor.")
    reference: DataName = Field("train", description="The data set that the current one is compared with.")
    profile: str | None = Field(
        None, description="The folder where `ci-kit drift --build-reference` keeps what is needed of the reference."
    )
    current: DataName = Field("current", description="The data set to watch, such as the log of predictions.")
    window: Window | None = Field(None, description="How the current data is cut; default: all of it is one window.")
    every: Duration | None = Field(
        None,
        description="How often the check should run; default: `window.every`. Two periods without one are a warning.",
    )
    columns: OneOrMore = Field(
        (), description="The columns to compare; default: all that both have but key, target and timestamps."
    )
    prediction: OneOrMore = Field((), description="The columns with the model's answers, reported apart.")
    target: str | None = Field(
        None, description="The column with the truth, for performance drift; default: `evaluate.target`."
    )
    labels: DataName | None = Field(None, description="A data set with the truth by key, where it arrives later.")
    drop: Share = Field(0.02, description="Allowed fall of accuracy (absolute), or relative rise of absolute error.")
    q: float = Field(0.01, gt=0, lt=1, description="The false discovery rate over all tests of a window.")
    effect: Share = Field(0.05, description="The least effect: Kolmogorov-Smirnov or total variation distance.")
    effects: dict[str, Share] = Field({}, description="The least effect of single columns.")
    sample: int = Field(100_000, ge=1000, description="Rows a side that the tests see.")
    min_rows: int = Field(1000, ge=20, description="With fewer rows a side the verdict is open.")
    alarm: Alarm = Field(default_factory=lambda: Alarm(), description="How long a column must have moved.")


class Retrain(Section):
    """Retraining where drift persisted: one pull request per monitor."""

    update: OneOrMore = Field((), description="Shell commands that bring the new data, such as `dvc update data.dvc`.")
    train: bool = Field(True, description="Whether to train after the update.")
    compare: OneOrMore = Field(
        (), description="The data sets that both models are scored on, old and new; default: `evaluate.data`."
    )
    cool_down: Pause = Field(
        "7d", description="The least time between two retrainings; `0s`: at once, and again for the same window."
    )
    attempts: int = Field(3, ge=1, description="Retrainings until drift is gone or the reference has changed.")
    budget: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = Field(
        None, description="Most money for those attempts, in the currency of `train.price`."
    )
    workflow: Workflow | None = Field(
        None,
        description="A workflow to dispatch on the branch where the token's pull requests start none.",
    )
