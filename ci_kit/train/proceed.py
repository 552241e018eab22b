"""Start the next run of a training whose time was up: its workflow again, with what the chain has taken so far."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from ci_kit import actions
from ci_kit.errors import UNFINISHED, UserError
from ci_kit.forge import connect
from ci_kit.job import Job
from ci_kit.parts import Check
from ci_kit.result import Findings, load, result_path
from ci_kit.sections import Train

RUN, SPENT, FROM = "run", "spent", "from"
"""Inputs of the workflow: the number of this run, what the runs before it have cost, and, where the workflow has it,
the run whose checkpoints it takes."""


@dataclass(frozen=True, kw_only=True)
class Chain:
    """Which run of one training this is, and what the runs before it have cost."""

    number: int
    spent: float

    def checks(self, train: Train) -> tuple[Check, ...]:
        """Say so, where this is not the first."""
        if self.number < 2:
            return ()
        spent = f"{self.spent:,.2f} {train.price.currency} before it" if train.price else None
        title = f"Run {self.number} of at most {train.runs} of one training"
        return (Check(id="chain", title=title, status="pass", observed=spent),)


def chain(inputs: Mapping[str, str]) -> Chain:
    """Read it from the inputs of the workflow; raise UserError for what is no number."""
    return Chain(number=int(_number(inputs, RUN, 1)), spent=_number(inputs, SPENT, 0.0))


def proceed(job: Job) -> Findings:
    """Dispatch the workflow of this run on its branch, as often and for as much money as `ci-kit.yaml` allows.

    Raises UserError without a Result of `ci-kit train`, or for a workflow that can't be dispatched.
    """
    result, event = load(result_path(job.root, "train")), actions.event()
    if result.exit_code != UNFINISHED:
        return _told(
            job, Check(id="proceed", title="The training has ended: nothing is left to go on with", status="skip")
        )
    if event.name == "local":
        return _told(job, Check(id="proceed", title="It goes on when you type ci-kit train again", status="skip"))
    config = job.config.train
    before = chain(event.inputs)
    number, spent = before.number, before.spent
    spent += result.run.cost.amount if result.run.cost else 0.0
    if number >= config.runs:
        title = f"{number} runs were not enough, and no more are allowed"
        return _told(job, Check(id="proceed", title=title, status="fail", limit="train.runs"))
    if config.budget is not None and spent >= config.budget:
        title, seen = "The budget is spent, and the training is not done", f"{spent:,.2f} of {config.budget:,.2f}"
        return _told(job, Check(id="proceed", title=title, status="fail", observed=seen, limit="train.budget"))
    workflow, branch = _workflow(), event.ref.removeprefix("refs/heads/")
    told = {RUN: str(number + 1), SPENT: f"{spent:.2f}"} | ({FROM: str(event.run_id)} if FROM in event.inputs else {})
    connect(job.root, event).dispatch(workflow, branch, event.inputs | told)
    title = f"Run {number + 1} of at most {config.runs} was started"
    return _told(job, Check(id="proceed", title=title, status="pass", observed=f"{workflow} on {branch}"))


def _told(job: Job, check: Check) -> Findings:
    job.say(f"train: {check}")
    return Findings(about="goes on", checks=(check,))


def _number(inputs: Mapping[str, str], name: str, default: float) -> float:
    text = inputs.get(name) or str(default)
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found < 1e12:
        raise UserError(f"the input {name!r} of the workflow is {text!r:.40}", why="it must be a number")
    return found


def _workflow() -> str:
    """Return the file name of the workflow that runs: GITHUB_WORKFLOW_REF is owner/name/.github/workflows/FILE@REF."""
    path = os.environ.get("GITHUB_WORKFLOW_REF", "").partition("@")[0]
    if "/.github/workflows/" not in path:
        raise UserError("which workflow runs here is not known", why="GITHUB_WORKFLOW_REF names none")
    return path.rpartition("/")[2]
