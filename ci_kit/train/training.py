"""Train under supervision: preflight, the command or `dvc repro`, its outputs, metrics, curves, telemetry and cost."""

import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from types import MappingProxyType

from ci_kit import actions
from ci_kit.data import pulled
from ci_kit.errors import Cancelled
from ci_kit.job import Job
from ci_kit.parts import Check, Cost
from ci_kit.progress import busy
from ci_kit.result import Findings
from ci_kit.supervise import Limits, Outcome, supervise
from ci_kit.train import dvc, launch, pipeline, verdict
from ci_kit.train.around import Around, around
from ci_kit.train.attempts import MEETINGS, attempts
from ci_kit.train.gpu import Gpus, gpus
from ci_kit.train.made import CLOCK, Made
from ci_kit.train.preflight import preflight, ready
from ci_kit.train.proceed import chain
from ci_kit.train.stages import Stages, reused
from ci_kit.train.unchanged import unchanged


def run(job: Job) -> Findings:
    """Run the configured training and return what it made, took and cost.

    A command that fails, an output that is missing or old, and numbers that are not finite are failed checks;
    `Cancelled` is raised after SIGINT or SIGTERM, when everything has ended.
    """
    train = job.config.train
    if train.command is None and not (job.root / dvc.PIPELINE).is_file():
        detail = "Set `train.command` in ci-kit.yaml, or add a dvc.yaml."
        return Findings(checks=(Check(id="command", title="No training is configured", status="skip", detail=detail),))
    with gpus() as found:
        device = found if train.gpu != "none" and train.launcher != "ray" else None
        name = device.name if device else None
        if train.command is None and pipeline.wants_hardware(job.root):
            pipeline.write_hardware(job.root, name)
        if train.command is None and unchanged(job.root):
            return _Training(job, None).skipped()
        busy("looking at the machine")
        checks = preflight(train, job.root, name)
        if any(check.status == "fail" for check in checks):
            return Findings(checks=checks, gpu=name)
        return _Training(job, device).findings(checks)


class _Training:
    """The training of this job and the state of the repository before it."""

    def __init__(self, job: Job, device: Gpus | None) -> None:
        self.job, self.config, self.root, self.device = job, job.config.train, job.root.resolve(), device
        self.dvc = self.config.command is None
        self.made, self.chain = Made(job, by_dvc=self.dvc), chain(actions.event().inputs)
        self.here = self.config.launcher != "ray"
        self.lock, self.ran, self.stages = dvc.lock(self.root), not self.dvc, Stages()
        self.around: Around | None = None

    def findings(self, checks: tuple[Check, ...]) -> Findings:
        """Run the command and judge what it left behind."""
        with around(self.job, self.made, self.device, self.chain.spent) as self.around:
            checks += ready(self.config, self.root, self.around.place.folder, self.around.need, self.around.devices)
            if any(check.status == "fail" for check in checks):
                return Findings(checks=checks, gpu=self.device.name if self.device else None)
            if self.device:
                self.device.start()
            barren = MEETINGS if self.config.nodes > 1 else 0
            story = attempts(self.train, self.around.place, self.config.attempts, self.job.say, barren=barren)
            outcome, teller, self.around.well = story.outcome, self.around.teller, not story.outcome.code
            kept = self.kept() if self.around.well and not self.around.place.node else Findings()
        if story.goes_on:
            actions.output("unfinished", "true")
        checks = (*checks, *self.chain.checks(self.config), *story.checks, *verdict.left(outcome))
        measured = (
            verdict.telemetry(outcome, self.device.count if self.device else 0, here=self.here)
            | teller.metrics()
            | (self.device.stop() if self.device else {})
        )
        if self.ran and (story.goes_on or not outcome.code):
            self.around.past.keep(measured)
        if outcome.code:
            checks += (verdict.unfinished(outcome) if story.goes_on else verdict.failure(outcome, self.dvc),)
            checks += verdict.used_up(outcome, bool(self.around.place.mark()))
        else:
            changed = self.ran or dvc.lock(self.root) != self.lock
            checks += (verdict.success(outcome, ran=self.ran, changed=changed), *kept.checks)
        trained = self.ran or outcome.code
        price = self.config.price if trained else None
        return Findings(
            checks=(*checks, *(teller.checks() if trained else ())),
            metrics={**(measured if trained else {}), **self.stages.metrics(), **kept.metrics},
            charts=(*kept.charts, *(teller.charts() if trained else ())),
            files=kept.files,
            gpu=self.device.name if self.device else None,
            cost=Cost(amount=outcome.seconds / 3600 * price.per_hour, currency=price.currency) if price else None,
        )

    def skipped(self) -> Findings:
        """Read what an earlier training has left, as nothing has changed since."""
        kept = self.kept()
        metrics = {**reused(pipeline.names(self.root)), **kept.metrics}
        return replace(kept, checks=(verdict.SKIPPED, *kept.checks), metrics=metrics)

    def kept(self) -> Findings:
        """Read and judge what was written, after a download of what DVC has and this checkout has not."""
        moved = (*self.fetch(), *self.push())
        busy("reading what it has made")
        numbers, read = self.made.metrics()
        charts, drawn = self.made.curves()
        checks = (*moved, *self.made.outputs(), *read, *drawn)
        return Findings(checks=checks, metrics=numbers, charts=charts, files=self.made.files())

    def train(self, env: Mapping[str, str]) -> Outcome:
        """Run the command once."""
        known = self.around.horizon.environment() if self.around else {}
        try:
            return self.supervise(self.command(), "Training", {**env, **known})
        finally:
            self.stages.end()
            if self.around:
                self.around.past.after(self.around.place)

    def command(self) -> list[str]:
        """Return DVC's command, or the user's as it is launched."""
        if self.dvc and self.config.launcher == "local":
            return dvc.repro()
        return launch.command(self.config, self.device.count if self.device else 0, self.made.wanted)

    def supervise(self, command: Sequence[str], title: str, env: Mapping[str, str] = MappingProxyType({})) -> Outcome:
        """Run a command with its output folded; raise Cancelled, naming what was saved, when we were stopped."""
        hidden = {"CUDA_VISIBLE_DEVICES": ""} if self.config.gpu == "none" else {}
        started = time.time()
        busy("")  # what it writes has the terminal
        told = actions.group(f"{title}: {self.config.command or ' '.join(command[1:])}")
        with told, pulled.by_dvc(self.root, lambda: self.stages.ran) if self.dvc else nullcontext():
            outcome = supervise(
                command,
                root=self.root,
                say=self.say,
                env={**hidden, **env},
                limits=self.around.limits if self.around else Limits(),
                each=self.around.teller.note if self.around else lambda _: None,
            )
        if outcome.stopped:
            written = verdict.written(self.root, since=max(started, time.time() - outcome.stopping - CLOCK))
            why = f"{outcome.stopped} came; the command ended {outcome.stopping:.1f} s later"
            saved = f"Written in that time: {', '.join(written)}" if written else "It wrote no file in that time"
            if self.around and self.around.place.mark():
                saved = "The same training goes on from its last checkpoint: type the same again"
            raise Cancelled("Training was stopped", why=why, hint=saved)
        return outcome

    def say(self, text: str) -> None:
        """Pass output on and notice whether DVC runs a stage."""
        self.ran = self.ran or dvc.ran(text)
        if self.dvc:
            self.stages.hear(text)
        if self.around:
            self.around.teller.hear(text)
        self.job.say(text)

    def fetch(self) -> tuple[Check, ...]:
        """Download outputs that DVC did not make because nothing changed."""
        if not self.dvc:
            return ()
        wanted = self.made.missing
        outcome = self.supervise(dvc.pull(wanted), "Download") if wanted else None
        return (verdict.failure(outcome, False, "pull", "Download of outputs"),) if outcome and outcome.code else ()

    def push(self) -> tuple[Check, ...]:
        """Upload what DVC has made here, where that is wanted, and warn of what would not come back as it is."""
        if not (self.dvc and self.ran):
            return ()
        outcome = self.supervise(dvc.push(), "Upload") if self.config.push else None
        failed = (verdict.failure(outcome, False, "push", "Upload of outputs"),) if outcome and outcome.code else ()
        return (*failed, *pipeline.warnings(self.root, self.made.paths, shared=self.config.push))
