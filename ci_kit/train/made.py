"""What the training of a job leaves behind: outputs, metrics, curves and the model, of this run and no other."""

import os
import time

from ci_kit.job import Job
from ci_kit.parts import Chart, Check, File, Metric
from ci_kit.train import curves, dvc, metrics, outputs, verdict

# DVCLive's own places, used when nothing else is configured.
LIVE_METRICS, LIVE_CURVES = "dvclive/metrics.json", "dvclive/plots/metrics"
CLOCK = 0.05  # seconds by which a file system's clock may lag behind ours


class Made:
    """The files that a training is to write, and the state that they had before it; `by_dvc` has them kept by DVC."""

    def __init__(self, job: Job, *, by_dvc: bool) -> None:
        self._config, self._root, self._dvc = job.config.train, job.root.resolve(), by_dvc
        self._model = job.config.evaluate.model if job.config.evaluate.model.endswith(".onnx") else None
        config = self._config
        named = [*config.outputs, self._model, config.metrics, config.curves, LIVE_METRICS, LIVE_CURVES]
        self.paths = {name: outputs.within(self._root, name) for name in named if name}
        self._before = {name: outputs.stamp(path) for name, path in self.paths.items()}
        self._started = time.time() - CLOCK

    @property
    def wanted(self) -> tuple[str, ...]:
        """The paths from the root of all that is read afterwards."""
        return tuple(path.relative_to(self._root).as_posix() for path in self.paths.values())

    @property
    def names(self) -> tuple[str, ...]:
        """What may be written, those of DVC's outputs included."""
        return (*self.wanted, *dvc.tracked(self._root), dvc.LOCK)

    @property
    def missing(self) -> list[str]:
        """What is not there and can be downloaded: declared, or an output of DVC's."""
        known = dvc.tracked(self._root)
        gone = [name for name, path in self.paths.items() if not path.exists()]
        return [name for name in gone if name in self._config.outputs or dvc.holds(known, name)]

    def outputs(self) -> tuple[Check, ...]:
        """Judge the declared outputs."""
        return tuple(self._output(name) for name in self._config.outputs)

    def metrics(self) -> tuple[dict[str, Metric], tuple[Check, ...]]:
        """Read the metrics file; without a configured one, DVCLive's place is good too and none is no failure."""
        name = self._config.metrics
        if "metrics" in self._config.model_fields_set and (check := self._there(name)).status == "fail":
            return {}, (verdict.absent("metrics", check),)
        for one in (name, LIVE_METRICS):
            path = self.paths[one]
            if self._there(one).status == "pass" or (os.path.lexists(path) and not path.is_file()):
                numbers, check = metrics.read(path, one)
                return numbers, (check,)
        return {}, ()

    def curves(self) -> tuple[tuple[Chart, ...], tuple[Check, ...]]:
        """Read the curves, or DVCLive's when none are configured."""
        name = self._config.curves or LIVE_CURVES
        if (check := self._there(name)).status == "fail":
            return (), (verdict.absent("curves", check),) if self._config.curves else ()
        charts, check = curves.read(self.paths[name], name)
        return charts, (check,)

    def files(self) -> tuple[File, ...]:
        """Describe the model and the outputs of this run."""
        found: dict[str, File] = {}
        for name in dict.fromkeys([*([self._model] if self._model else []), *self._config.outputs]):
            if self._output(name).status == "pass":
                role = "model" if name == self._model else "output"
                for file in outputs.describe(self.paths[name], self._root, role):
                    found.setdefault(file.path, file)
        return tuple(found.values())[:500]

    def _output(self, name: str) -> Check:
        """Judge one output; DVC alone decides what it makes anew."""

        def cached() -> bool:
            return dvc.holds(dvc.tracked(self._root), name)

        before = None if self._dvc else self._before[name]
        return outputs.declared(name, self.paths[name], before, root=self._root, since=self._started, cached=cached)

    def _there(self, name: str) -> Check:
        """Judge whether the file is there and of this run, whatever it holds."""
        return outputs.judge(name, self.paths[name], None if self._dvc else self._before[name])
