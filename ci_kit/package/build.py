"""From a staged folder to a sealed bento."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

from ci_kit.bento.content import seal
from ci_kit.errors import UserError
from ci_kit.job import Job
from ci_kit.package import docker, requirements
from ci_kit.package.card import card, facts
from ci_kit.package.lineage import Lineage
from ci_kit.package.sbom import sbom
from ci_kit.serving.contract import Contract
from ci_kit.serving.golden import Golden
from ci_kit.supervise import environment

TIMEOUT = 300.0  # seconds
CARD, SBOM = "README.md", "sbom.cdx.json"
_TIME = re.compile(r"^creation_time: .*$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Bento:
    """A bento on disk: its folder, its digest, and how many of its packages are pinned by hashes, too."""

    folder: Path
    digest: str
    packages: int
    hashed: bool
    cuda: bool


def build(job: Job, stage: Path, contract: Contract, line: Lineage, notes: list[str]) -> Bento:
    """Build the bento with BentoML's own API, write what it is installed and described with, and seal it.

    It lies in `.ci-kit/bento/<name>`; one of an earlier run is replaced. Raises UserError with BentoML's own words when
    it can't be built.
    """
    package = job.config.package
    folder = job.folder / "bento" / package.name
    packages = requirements.pins(package.requirements)
    text, hashed = requirements.lines(packages)
    cuda = requirements.cuda(packages)
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    _bentoml(job, stage, folder, contract, "\n".join(f"{name}=={version}" for name, version in packages.items()))
    for old in (folder / "env" / "python").iterdir():
        old.unlink()
    (folder / "env" / "python" / "requirements.txt").write_text(text, "utf-8")
    if cuda:
        (folder / "env" / "python" / "requirements-cuda.txt").write_text(cuda, "utf-8")
    docker.write(folder, hashed=hashed, cuda=cuda is not None)
    example = Golden.load(stage / "served").rows[0]
    (folder / CARD).write_text(card(job, contract, line, notes, example, _own_card(job)), "utf-8")
    (folder / SBOM).write_text(sbom(job, contract, line, packages, facts(job, contract, line)), "utf-8")
    _settle(folder, contract, line)
    digest = seal(folder, {"name": package.name, **line.facts, "served": {"sha256": contract.digest}})
    return Bento(folder=folder, digest=digest, packages=len(packages), hashed=hashed, cuda=cuda is not None)


def _bentoml(job: Job, stage: Path, out: Path, contract: Contract, packages: str) -> None:
    command = [sys.executable, "-P", "-m", "ci_kit.package.builder", str(stage), str(out)]
    command += [contract.name, contract.digest[:12]]
    try:
        done = subprocess.run(
            command,
            input=packages,
            env=environment({"BENTOML_DO_NOT_TRACK": "true"}),
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise UserError(f"BentoML did not build the bento within {TIMEOUT:.0f} s") from error
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()] or ["no reason given"]
        why = lines[-1][:300]
        hint = f"Look at {job.config.package.service}" if job.config.package.service else ""
        raise UserError("BentoML can't build the bento", why=why, hint=hint)


def _settle(folder: Path, contract: Contract, line: Lineage) -> None:
    """Give what BentoML wrote the time of the commit, and the generated service its own API document."""
    path = folder / "bento.yaml"
    path.write_text(_TIME.sub(f"creation_time: '{line.time}'", path.read_text("utf-8"), count=1), "utf-8")
    if not contract.own:
        from ci_kit.serving.openapi import openapi

        document = json.loads(json.dumps(openapi(contract)))
        text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
        (folder / "apis" / "openapi.yaml").write_text(text, "utf-8")
    for leftover in folder.rglob("__pycache__"):
        shutil.rmtree(leftover)


def _own_card(job: Job) -> str:
    name = job.config.package.card
    if name is None:
        return ""
    try:
        return (job.root / name).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"the model card {name} can't be read", hint="Check `package.card`", code="package/files"
        ) from error
