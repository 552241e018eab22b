"""What the model tests are about: the same model, baseline and data in `ci-kit evaluate` and in plain pytest."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ci_kit import config
from ci_kit.config import Config
from ci_kit.errors import UserError
from ci_kit.job import Job
from ci_kit.models.dataset import Dataset, load_dataset, sensitive
from ci_kit.models.model import Model, candidate, load
from ci_kit.result import FOLDER

JOB, OUTCOMES = "job.json", "outcomes.json"
WITHHELD = "withheld: the data has sensitive columns; run pytest to see it"


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One configuration; `strict` says that a test which needs a baseline may not be skipped."""

    root: Path
    config: Config
    strict: bool = False
    known: tuple[str | None, str] | None = None

    @classmethod
    def find(cls, folder: str | None, start: Path, top: Path) -> Self:
        """Read the job in `folder`, else the `ci-kit.yaml` in or above `start`, else in `top`; UserError if none."""
        if folder:
            job = json.loads((Path(folder) / JOB).read_bytes())
            settings = Config.model_validate(job["config"], by_alias=True)
            strict = settings.evaluate.first_run == "fail"
            return cls(root=Path(job["root"]), config=settings, strict=strict, known=(job["baseline"], job["why"]))
        for place in (start, *start.parents, top):
            if (place / config.FILE).is_file():
                return cls(root=place, config=config.load(place / config.FILE))
        raise UserError(
            f"no {config.FILE} in {start} or above", hint="The fixtures of ci-kit need one", code="config/missing-file"
        )

    def dataset(self) -> Dataset:
        """Read the evaluation data; raise UserError as `load_dataset` does."""
        return load_dataset(self.config, self.root)

    def model(self, dataset: Dataset) -> Model:
        """Load the candidate and let it learn the labels; raise UserError as `load` does."""
        model = candidate(self.config, self.root, dataset)
        model.bind(dataset.frame, dataset.truth)
        return model

    def baseline(self, dataset: Dataset) -> tuple[Model | None, str]:
        """Load the baseline, or say why there is none."""
        if self.known is None:
            from ci_kit.evaluate.baseline import compare_with

            found = compare_with(Job(root=self.root, config=self.config, say=lambda _: None), dataset)
            return found.model, found.why_no_model
        path, why = self.known
        if path is None:
            return None, why
        model = load(Path(path), self.root, task=dataset.task, features=dataset.features, sensitive=dataset.sensitive)
        model.name = "the baseline"
        model.bind(dataset.frame, dataset.truth)
        return model, ""


def hand_over(job: Job, folder: Path, *, has_baseline: bool, why: str) -> None:
    """Write the job for the pytest process: its configuration as it stands after overrides, and the baseline."""
    from ci_kit.evaluate.baseline import MODEL

    path = str((job.root / FOLDER / MODEL).resolve()) if has_baseline else None
    settings = job.config.model_dump(mode="json", by_alias=True)
    document = {
        "root": str(job.root.resolve()),
        "config": settings,
        "baseline": path,
        "why": why,
        "quiet": bool(sensitive(job.config)),
    }
    (folder / JOB).write_text(json.dumps(document))
