"""Registered versions without the seconds of packaging: tiny bentos that really serve, in a git repository.

`repository` makes the repository, `bento` a sealed bento folder, `register` registers it by the real registration,
`release` does both of the latter; `job` is what a step is handed.
"""

import shutil
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from ci_kit import config, serving
from ci_kit.bento.content import facts, seal
from ci_kit.forge.git import Git
from ci_kit.forge.history import BRANCH
from ci_kit.job import Job
from ci_kit.package.register import Built
from ci_kit.package.register import register as registered
from ci_kit.package.stage import SERVICE
from ci_kit.parts import Check, File, Run, Source, Status
from ci_kit.registry.release import Release, find
from ci_kit.result import Result
from ci_kit.serving.contract import FILE as CONTRACT
from ci_kit.serving.contract import Column, Contract
from ci_kit.serving.engine import MODEL
from ci_kit.serving.golden import FILE as GOLDEN
from ci_kit.serving.golden import Golden
from tests.forge.repository import git
from tests.models.made import linear

NAME = "sums"
COLUMNS = ("a", "b")
RUN = Run(kit="0", started="2026-11-25T10:00:00+00:00", seconds=1.0)


@dataclass
class Said:
    """What a step said, line by line."""

    lines: list[str] = field(default_factory=list)

    def __call__(self, line: str) -> None:
        self.lines.append(line)

    def __str__(self) -> str:
        return "\n".join(self.lines)


def repository(root: Path, **deploy: Any) -> Path:
    """Make a git repository with one commit and a `ci-kit.yaml` with that section `deploy`."""
    root.mkdir(parents=True, exist_ok=True)
    document = {"package": {"name": NAME, "store": "store"}, "deploy": deploy}
    (root / "ci-kit.yaml").write_text(yaml.safe_dump(document))
    (root / ".gitignore").write_text(".ci-kit/\nstore/\n")
    git(root, "init", "--quiet", "--initial-branch", "main")
    git(root, "add", ".")
    who = ("-c", "user.name=x", "-c", "user.email=x@localhost", "-c", "commit.gpgsign=false")
    git(root, *who, "commit", "--quiet", "-m", "start")
    return root


def job(root: Path, overrides: dict[str, object] | None = None, *, started: str = RUN.started) -> Job:
    """Return the job of a step; `say` is a Said. Two deployments of one version need two times of `started`."""
    settings = config.load(root / "ci-kit.yaml", overrides)
    source = Source(repo="octo/demo", sha=Git(root).sha())
    return Job(root=root, config=settings, source=source, run=RUN.model_copy(update={"started": started}), say=Said())


def bento(
    folder: Path,
    *,
    factor: float = 1.0,
    columns: tuple[str, ...] = COLUMNS,
    golden: float | None = None,
    own: str = "",
    name: str = NAME,
    note: str = "",
) -> str:
    """Write a sealed bento that answers `factor` times the sum of its columns; return its digest.

    With `golden`, its golden rows are those of another factor, so that it is never ready. `own` is the text of an
    `own_service.py` with a class `Mine`, for what breaks later. `note` changes the digest and nothing else.
    """
    served = folder / "src" / "served"
    served.mkdir(parents=True)
    model = linear(np.full((len(columns), 1), factor)).SerializeToString()
    known = tuple(Column(name=column, kind="number", low=-1e6, high=1e6) for column in columns)
    contract = Contract(
        name=name,
        task="regression",
        columns=known,
        output="y",
        reading="numbers",
        digest=sha256(model).hexdigest(),
        own="own_service:Mine" if own else "",
    )
    rows = tuple({column: float(row + place) for place, column in enumerate(columns)} for row in range(9))
    right = factor if golden is None else golden
    answers = tuple({"prediction": right * sum(row.values())} for row in rows)
    (served / MODEL).write_bytes(model)
    (served / CONTRACT).write_text(contract.dump())
    (served / GOLDEN).write_text(Golden(rows=rows, answers=answers).dump())
    (folder / "src" / "bento_service.py").write_text(SERVICE)
    ours, junk = Path(serving.__file__).parent, shutil.ignore_patterns("__pycache__")
    shutil.copytree(ours, folder / "src" / "ci_kit" / "serving", ignore=junk)
    (folder / "src" / "ci_kit" / "__init__.py").touch()
    if own:
        (folder / "src" / "own_service.py").write_text(own)
    _described(folder, contract, note)
    return seal(folder, {"name": name, "model": {"path": "model.onnx", "sha256": contract.digest}})


def _described(folder: Path, contract: Contract, note: str) -> None:
    """Write what BentoML reads, and the packages: those that are installed here, so that no environment is made."""
    known = {"service": "bento_service:service", "name": contract.name, "version": contract.digest[:12]}
    known |= {"bentoml_version": installed("bentoml"), "creation_time": "2026-01-01T00:00:00+00:00"}
    known |= {"entry_service": contract.name, "spec": 1}  # type: ignore[dict-item]
    services = [{"name": contract.name, "service": "", "models": [], "dependencies": [], "config": {}}]
    (folder / "bento.yaml").write_text(yaml.safe_dump({**known, "services": services}))
    (folder / "README.md").write_text(f"# {contract.name}\n{note}")
    requirements = folder / "env" / "python" / "requirements.txt"
    requirements.parent.mkdir(parents=True)
    requirements.write_text(f"bentoml=={installed('bentoml')}\n")


def evaluated(root: Path, sha256: str, status: Status = "pass") -> Result:
    """Write the Result of an evaluation of the model with that SHA-256, which registration finds."""
    result = Result(
        step="evaluate",
        checks=(Check(id="gate", title="The gate", status=status),),
        files=(File(path="model.onnx", sha256=sha256, bytes=1, role="model"),),
        source=Source(repo="octo/demo", sha=Git(root).sha()),
        run=RUN,
    )
    result.save(root)
    return result


def register(root: Path, folder: Path, version: str, *, evaluation: Status | None = "pass") -> Release:
    """Register a bento folder as that version by the real registration; `evaluation` None is none."""
    (root / ".ci-kit" / "evaluate.json").unlink(missing_ok=True)
    known = facts(folder)
    if evaluation is not None:
        evaluated(root, known["model"]["sha256"], evaluation)
    digest = sha256((folder / "manifest.json").read_bytes()).hexdigest()
    packaged = Result(
        step="package",
        name="build",
        checks=(Check(id="built", title="It was built", status="pass"),),
        source=Source(repo="octo/demo"),
        run=RUN,
    )
    work = job(root, {"package.name": known["name"], "package.version": version})
    registered(work, Built(folder=folder, digest=digest, result=packaged))
    return find(Git(root), known["name"], version)


def release(root: Path, version: str, *, evaluation: Status | None = "pass", **made: Any) -> Release:
    """Make a bento as `bento` does, below `<root>/.ci-kit`, and register it."""
    folder = root / ".ci-kit" / "made" / version
    bento(folder, **made)
    return register(root, folder, version, evaluation=evaluation)


def model_digest(root: Path, version: str) -> str:
    """Return the digest of the model in a bento that `release` made."""
    return Contract.load(root / ".ci-kit" / "made" / version / "src" / "served").digest


def recorded(root: Path, model: str = NAME) -> dict[str, Result]:
    """Return the deployments on the history branch: `<target>/<file>` → Result."""
    folder = f"deploy/{model}/"
    names = (Git(root).read("ls-tree", "-r", "--name-only", BRANCH, folder) or "").splitlines()
    return {one.removeprefix(folder): Result.model_validate_json(git(root, "show", f"{BRANCH}:{one}")) for one in names}
