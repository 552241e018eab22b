"""Train under supervision: preflight, the command or `dvc repro`, its outputs, metrics, curves, telemetry and cost."""

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from ci_kit import actions
from ci_kit.errors import Cancelled
from ci_kit.files import state_folder
from ci_kit.job import Job
from ci_kit.parts import Chart, Check, Cost, File, Metric
from ci_kit.result import Findings
from ci_kit.supervise import Outcome, supervise
from ci_kit.train import curves, dvc, launch, metrics, outputs, verdict
from ci_kit.train.attempts import attempts, deadline, limits
from ci_kit.train.gpu import Gpus, gpus
from ci_kit.train.identity import identity
from ci_kit.train.place import Place, place
from ci_kit.train.preflight import preflight

# DVCLive's own places, used when nothing else is configured.
LIVE_METRICS, LIVE_CURVES = "dvclive/metrics.json", "dvclive/plots/metrics"
CLOCK = 0.05  # seconds by which a file system's clock may lag behind ours


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
        device = found if train.gpu != "none" else None
        name = device.name if device else None
        checks = preflight(train, job.root, name)
        if any(check.status == "fail" for check in checks):
            return Findings(checks=checks, gpu=name)
        return _Training(job, device).findings(checks)


class _Training:
    """The training of this job and the state of the repository before it."""

    def __init__(self, job: Job, device: Gpus | None) -> None:
        self.job, self.config, self.root, self.device = job, job.config.train, job.root.resolve(), device
        self.dvc = self.config.command is None
        self.model = job.config.evaluate.model if job.config.evaluate.model.endswith(".onnx") else None
        self.explicit = self.config.model_fields_set
        named = [*self.config.outputs, self.model, self.config.metrics, self.config.curves, LIVE_METRICS, LIVE_CURVES]
        self.paths = {name: outputs.within(self.root, name) for name in named if name}
        self.before = {name: outputs.stamp(path) for name, path in self.paths.items()}
        self.lock, self.ran = dvc.lock(self.root), not self.dvc
        self.started = time.time() - CLOCK
        self.place: Place | None = None
        self.limits = limits(self.config, lambda: bool(device and device.busy))

    def findings(self, checks: tuple[Check, ...]) -> Findings:
        """Run the command and judge what it left behind."""
        if self.device:
            self.device.start()
        made = (*(path.relative_to(self.root).as_posix() for path in self.paths.values()), *dvc.tracked(self.root))
        with place(self.base(), identity(self.job, (*made, dvc.LOCK))) as self.place:
            story = attempts(self.train, self.place, self.config.attempts, self.job.say)
        if story.goes_on:
            actions.output("unfinished", "true")
        outcome, checks = story.outcome, (*checks, *story.checks)
        measured = verdict.telemetry(outcome) | (self.device.stop() if self.device else {})
        checks += verdict.left(outcome)
        files: tuple[File, ...] = ()
        charts: tuple[Chart, ...] = ()
        if outcome.code:
            checks += (verdict.unfinished(outcome) if story.goes_on else verdict.failure(outcome, self.dvc),)
            checks += verdict.used_up(outcome, bool(self.place.mark()))
        else:
            changed = self.ran or dvc.lock(self.root) != self.lock
            checks += (verdict.success(outcome, ran=self.ran, changed=changed), *self.fetch())
            numbers, read = self.metrics()
            charts, drawn = self.curves()
            checks += (*(self.output(name) for name in self.config.outputs), *read, *drawn)
            measured, files = (measured if self.ran else {}) | numbers, self.files()
        price = self.config.price if self.ran or outcome.code else None
        cost = Cost(amount=outcome.seconds / 3600 * price.per_hour, currency=price.currency) if price else None
        name = self.device.name if self.device else None
        return Findings(checks=checks, metrics=measured, charts=charts, files=files, gpu=name, cost=cost)

    def train(self, env: Mapping[str, str]) -> Outcome:
        """Run the command once."""
        return self.supervise(self.command(), "Training", {**env, **deadline(self.limits)})

    def base(self) -> Path:
        """Return the folder for the checkpoints of all trainings."""
        return (
            Path(self.config.checkpoints).expanduser()
            if self.config.checkpoints
            else state_folder(self.job.repository) / "checkpoints"
        )

    def command(self) -> list[str]:
        """Return DVC's command, or the user's as it is launched."""
        if self.dvc and self.config.launcher == "local":
            return dvc.repro()
        return launch.command(self.config, self.device.count if self.device else 0)

    def supervise(self, command: Sequence[str], title: str, env: Mapping[str, str] = MappingProxyType({})) -> Outcome:
        """Run a command with its output folded; raise Cancelled, naming what was saved, when we were stopped."""
        hidden = {"CUDA_VISIBLE_DEVICES": ""} if self.config.gpu == "none" else {}
        started = time.time()
        with actions.group(f"{title}: {self.config.command or ' '.join(command[1:])}"):
            outcome = supervise(command, root=self.root, say=self.say, env={**hidden, **env}, limits=self.limits)
        if outcome.stopped:
            written = verdict.written(self.root, since=max(started, time.time() - outcome.stopping - CLOCK))
            why = f"{outcome.stopped} came; the command ended {outcome.stopping:.1f} s later"
            saved = f"Written in that time: {', '.join(written)}" if written else "It wrote no file in that time"
            if self.place and self.place.mark():
                saved = "The same training goes on from its last checkpoint: type the same again"
            raise Cancelled("Training was stopped", why=why, hint=saved)
        return outcome

    def say(self, text: str) -> None:
        """Pass output on and notice whether DVC runs a stage."""
        self.ran = self.ran or dvc.ran(text)
        self.job.say(text)

    def fetch(self) -> tuple[Check, ...]:
        """Download outputs that DVC did not make because nothing changed."""
        if not self.dvc:
            return ()
        known = dvc.tracked(self.root)
        missing = [name for name, path in self.paths.items() if not path.exists()]
        wanted = [name for name in missing if name in self.config.outputs or dvc.holds(known, name)]
        outcome = self.supervise(dvc.pull(wanted), "Download") if wanted else None
        return (verdict.failure(outcome, False, "pull", "Download of outputs"),) if outcome and outcome.code else ()

    def output(self, name: str) -> Check:
        """Judge one declared output; DVC alone decides what it makes anew."""

        def cached() -> bool:
            return dvc.holds(dvc.tracked(self.root), name)

        before = None if self.dvc else self.before[name]
        return outputs.declared(name, self.paths[name], before, root=self.root, since=self.started, cached=cached)

    def there(self, name: str) -> Check:
        """Judge whether the file is there and of this run, whatever it holds."""
        return outputs.judge(name, self.paths[name], None if self.dvc else self.before[name])

    def metrics(self) -> tuple[dict[str, Metric], tuple[Check, ...]]:
        """Read the metrics file; without a configured one, DVCLive's place is good too and none is no failure."""
        name = self.config.metrics
        if "metrics" in self.explicit and (check := self.there(name)).status == "fail":
            return {}, (verdict.absent("metrics", check),)
        for one in (name, LIVE_METRICS):
            path = self.paths[one]
            if self.there(one).status == "pass" or (os.path.lexists(path) and not path.is_file()):
                numbers, check = metrics.read(self.paths[one], one)
                return numbers, (check,)
        return {}, ()

    def curves(self) -> tuple[tuple[Chart, ...], tuple[Check, ...]]:
        """Read the curves, or DVCLive's when none are configured."""
        name = self.config.curves or LIVE_CURVES
        if (check := self.there(name)).status == "fail":
            return (), (verdict.absent("curves", check),) if self.config.curves else ()
        charts, check = curves.read(self.paths[name], name)
        return charts, (check,)

    def files(self) -> tuple[File, ...]:
        """Describe the model and the outputs of this run."""
        found: dict[str, File] = {}
        for name in dict.fromkeys([*([self.model] if self.model else []), *self.config.outputs]):
            if self.output(name).status == "pass":
                role = "model" if name == self.model else "output"
                for file in outputs.describe(self.paths[name], self.root, role):
                    found.setdefault(file.path, file)
        return tuple(found.values())[:500]
