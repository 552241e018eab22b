"""The update: run the user's commands, train, compare champion and challenger, push the bytes, note the change."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime

from ci_kit import actions
from ci_kit.errors import UserError
from ci_kit.forge import watched
from ci_kit.forge.git import Git
from ci_kit.job import Job
from ci_kit.parts import Check, Metric, Status
from ci_kit.render.watch.compared import verdict
from ci_kit.result import Findings, result_path
from ci_kit.retrain import change as changes
from ci_kit.retrain import commands
from ci_kit.retrain.change import Change
from ci_kit.retrain.evidence import beside, broken, compared, judged, window, windows
from ci_kit.retrain.plan import plan
from ci_kit.retrain.scratch import Scratch, interrupted
from ci_kit.retrain.store import Store


def update(job: Job) -> Findings:
    """Return the check `plan` and, where a retraining is due, what became of it; `.ci-kit/change.json` is the change.

    The work tree is as before afterwards. Raises UserError for a drift check of another commit, a work tree with
    changes, a change that is not small and text, and a DVC remote that can't be reached.
    """
    git, monitor = Git(job.root), job.config.drift.monitor
    interrupted(git)
    (job.folder / changes.FILE).unlink(missing_ok=True)
    drift = judged(job)
    if broken(drift) or drift.status != "fail":
        detail = "The drift check could not judge." if broken(drift) else None
        return Findings(checks=(Check(id="plan", title="No drift that persisted", status="skip", detail=detail),))
    _possible(job)
    past = [*watched.past(git, "drift", monitor, job.say), *windows(job)[0]]
    attempts = watched.past(git, "retrain", monitor, job.say)
    due = plan(drift, past, attempts, job.config.retrain, datetime.now(UTC))
    if due.status != "pass":
        return Findings(checks=(due,))
    return _Attempt(job, window(drift)).findings([due, *_unseen(git)])


def _unseen(git: Git) -> list[Check]:
    """Warn where caps may not hold; without `origin` there is nothing but what is here."""
    if git.remote_url() is None or watched.known(git):
        return []
    detail = "Earlier attempts don't count: right for a first run; a later one needs the branch `ci-kit` in the clone."
    return [Check(id="history", title="No history can be seen", status="warn", detail=detail)]


def _possible(job: Job) -> None:
    """Raise UserError for settings that could never work, before an hour of training and not after."""
    settings, known = job.config.retrain, ", ".join(job.config.data) or "none"
    for name in settings.compare:
        if name not in job.config.data:
            raise UserError(f"`retrain.compare` names {name!r}", why=f"`data` has {known}", code="config/unknown-name")
    if settings.budget is not None and settings.train and job.config.train.price is None:
        raise UserError(
            "`retrain.budget` can't be kept",
            why="no cost is known",
            hint="Set `train.price`",
            code="config/invalid-value",
        )
    if not settings.update and not trains(job):
        hint = "Set `retrain.update`, such as `dvc update data.dvc`, or configure a training"
        raise UserError(
            "there is nothing to retrain with", why="no update and no training", hint=hint, code="config/invalid-value"
        )


def trains(job: Job) -> bool:
    """Say whether a training is asked for and configured."""
    return job.config.retrain.train and (job.config.train.command is not None or (job.root / "dvc.yaml").is_file())


class _Attempt:
    """One retraining, and what is known of it so far."""

    def __init__(self, job: Job, window: str) -> None:
        self.job, self.window, self.clock = job, window, time.monotonic()
        self.started = datetime.now(UTC).isoformat()
        self.scratch = Scratch(job.root)
        self.store = Store(job)
        self.checks: list[Check] = []
        for step, name in [("train", None), *(("evaluate", name) for name in compared(job))]:
            result_path(job.root, step, name).unlink(missing_ok=True)

    def findings(self, checks: list[Check]) -> Findings:
        """Do all of it on a scratch branch; what it took is noted, also where it fails."""
        self.checks = checks
        self.note(None)  # a kill leaves no more than this: an attempt without a change
        try:
            with self.store.restored(), self.scratch.entered():
                files = self.files()
        except BaseException:
            self.note(None)
            raise
        change = self.note(files)
        metrics = {"seconds": Metric(value=change.seconds, unit="s", direction="down")}
        if change.cost:
            metrics["cost"] = Metric(value=change.cost.amount, unit=change.cost.currency, direction="down")
        return Findings(checks=tuple(self.checks), metrics=metrics, cost=change.cost)

    def files(self) -> dict[str, str | None] | None:
        """Return what the commands changed, None where one of them failed."""
        for number, command in enumerate(self.job.config.retrain.update, 1):
            self.checks.append(commands.shell(self.job, number, command))
            if self.checks[-1].status == "fail":
                return None
        files = self.changed()
        if trains(self.job):
            self.checks.append(self.train())
            if self.checks[-1].status == "fail":
                return None
            files = self.changed()
            if left := self.store.left_out(self.made()):
                self.checks.append(left)
                if left.status == "fail":
                    return None
        if not files:
            detail = "Neither the update nor the training changed a file that git knows."
            self.checks.append(Check(id="change", title="The update brought nothing new", status="warn", detail=detail))
            return None
        names = ", ".join(files)
        self.checks.append(Check(id="change", title=f"{len(files)} files changed", status="pass", observed=names))
        self.checks += [self.compare(name) for name in compared(self.job)]
        pushed = self.store.push()
        self.checks += [pushed] if pushed else []
        return files

    def changed(self) -> dict[str, str | None]:
        """Return what has changed so far; raise UserError for what can't be proposed, before hours of training."""
        self.store.record()
        files = self.scratch.commit()
        changes.fit(files)
        self.secretless(files)
        return files

    def made(self) -> dict[str, str]:
        """Return what a training makes, by the setting that names it."""
        config = self.job.config
        model = {} if ".py:" in config.evaluate.model else {config.evaluate.model: "evaluate.model"}
        return model | dict.fromkeys(config.train.outputs, "train.outputs")

    def secretless(self, files: Mapping[str, str | None]) -> None:
        """Raise UserError for a file that quotes a secret of this environment: a pull request shows it to everybody."""
        for path, text in files.items():
            if text and actions.redact(text) != text:
                raise UserError(f"{path!r:.200} quotes a secret", why="what was changed would be published")

    def train(self) -> Check:
        """Train by the step of that name, whose Result is part of the evidence."""
        done, found = commands.kit(self.job, "train"), beside(self.job, "train")
        if found is not None and found.status != "fail" and not done.code:
            title, observed = "The training has ended well", f"{done.seconds:,.1f} s"
            return Check(id="train", title=title, status="pass", observed=observed)
        failed = [check for check in found.checks if check.status == "fail"] if found else []
        observed = failed[0].title if failed else f"exit {done.code}"
        detail = (failed[0].detail or failed[0].observed) if failed else None
        return Check(id="train", title="The training failed", status="fail", observed=observed, detail=detail)

    def compare(self, name: str) -> Check:
        """Score both models on a data set; whatever comes out is evidence for the reviewer and stops nothing."""
        commands.kit(self.job, "evaluate", "--data", name, "--result", name)
        found, title = beside(self.job, "evaluate", name), f"Champion and challenger on {name}"
        if found is None or broken(found):
            why = found.checks[0].detail if found else "ci-kit evaluate left no result"
            return Check(id=f"compare/{name}", title=f"No comparison on {name}", status="warn", detail=why)
        status: Status = "warn" if found.status == "fail" else "pass"
        observed = verdict(name, found).partition(": ")[2]
        detail = "; ".join(check.title for check in found.checks if check.status == "fail") or None
        if found.source.base_sha != self.scratch.start:
            base, start = str(found.source.base_sha)[:12], self.scratch.start[:12]
            status, detail = "warn", f"Compared with {base}, not with {start} where the update began: push that first."
        return Check(id=f"compare/{name}", title=title, status=status, observed=observed, detail=detail)

    def note(self, files: dict[str, str | None] | None) -> Change:
        """Write down what is known of the attempt."""
        trained = beside(self.job, "train")
        change = Change(
            base=self.scratch.start,
            window=self.window,
            monitor=self.job.config.drift.monitor,
            started=self.started,
            seconds=round(time.monotonic() - self.clock, 3),
            cost=trained.run.cost if trained else None,
            files=files,
        )
        changes.save(change, self.job.folder)
        return change
