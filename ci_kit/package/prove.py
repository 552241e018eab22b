"""Prove that the exported model is the same one, and make a bento of it."""

import hashlib
import tempfile
from dataclasses import replace
from pathlib import Path

from ci_kit import actions
from ci_kit.files import digest
from ci_kit.job import Job
from ci_kit.models.dataset import load_dataset
from ci_kit.models.model import candidate
from ci_kit.models.normal import normalised
from ci_kit.package import parity, stage
from ci_kit.package.build import Bento
from ci_kit.package.build import build as build_bento
from ci_kit.package.contract import contract_of
from ci_kit.package.golden import choose, rows_of, sample, veiled
from ci_kit.package.lineage import Lineage, lineage, model_file, passed
from ci_kit.parts import Check, File, Metric
from ci_kit.progress import busy
from ci_kit.result import Findings
from ci_kit.serving.contract import FILE as CONTRACT
from ci_kit.serving.contract import Contract
from ci_kit.serving.engine import MODEL, Engine
from ci_kit.serving.golden import Golden
from ci_kit.serving.request import Refused, Row, reader

ROWS = 10_000  # rows that are sent through the contract; of more data, so many evenly spread ones


def build(job: Job) -> Findings:
    """Return the checks of parity, contract and packaging, and the bento's manifest as the file `bento`.

    Its SHA-256 is the bento's digest. Raises UserError when there is nothing that could be packaged.
    """
    busy("asking the model")
    path = model_file(job)
    dataset = sample(load_dataset(job.config, job.root), ROWS)
    model = candidate(job.config, job.root, dataset)
    predicted = model.bind(dataset.frame, dataset.truth)
    content = normalised(path, model.name)
    contract, notes = contract_of(job.config, dataset, model, hashlib.sha256(content).hexdigest())
    contract = replace(contract, own=stage.module(job))
    line = lineage(job, digest(path), {dataset.name: dataset.fingerprint})
    what = f"{job.config.package.name} of {model.name}, {len(content):,} bytes, {len(contract.columns)} columns"
    job.say(f"package: {what}")
    with tempfile.TemporaryDirectory(prefix="ci-kit-") as name:
        engine = _engine(Path(name) / "engine", content, contract)
        rows = rows_of(dataset, contract)
        checks = [_judged(line), _rules(notes), _accepts(contract, rows)]
        checks.append(parity.runtime(predicted, engine.raw(rows), model.output, job.config.package.tolerance))
        check, found = parity.framework(job, model, dataset, model.raw(dataset.frame))
        checks = tell(job, [*checks, check])
        if any(one.status == "fail" for one in checks):
            return Findings(checks=tuple(checks), metrics=found, data={dataset.name: dataset.fingerprint})
        chosen = [rows[index] for index in choose(dataset, contract, predicted, job.config.package.golden)]
        golden = _golden(engine, veiled(chosen, dataset, contract), job.config.package.tolerance)
        (Path(name) / "stage").mkdir()
        busy("building the bento")
        stage.stage(job, Path(name) / "stage", content, contract, golden)
        bento = build_bento(job, Path(name) / "stage", contract, line, notes)
    actions.output("digest", bento.digest)
    busy("serving the golden rows")
    served, more = parity.served(bento.folder, golden)
    checks += tell(job, [_packages(bento), *served])
    manifest = File.of(bento.folder / "manifest.json", job.root, "bento")
    return Findings(
        about=job.config.package.name,
        checks=tuple(checks),
        metrics=found | more | _size(bento),
        files=(manifest,),
        data={dataset.name: dataset.fingerprint},
    )


def tell(job: Job, checks: list[Check]) -> list[Check]:
    """Say what was found as soon as it is known, and return it."""
    for check in checks:
        job.say(f"package: {check}")
    return checks


def _engine(folder: Path, content: bytes, contract: Contract) -> Engine:
    folder.mkdir()
    (folder / MODEL).write_bytes(content)
    (folder / CONTRACT).write_text(contract.dump(), "utf-8")
    return Engine(folder)


def _golden(engine: Engine, rows: list[Row], tolerance: float) -> Golden:
    return Golden(rows=tuple(rows), answers=tuple(engine.answers(rows)), atol=tolerance, rtol=tolerance)


def _judged(line: Lineage) -> Check:
    if passed(line.evaluated):
        return Check(id="evaluated", title="This very model passed evaluate", status="pass", observed=line.where)
    if line.evaluated is not None:
        return Check(id="evaluated", title="This model failed evaluate", status="fail", observed=line.where)
    detail = "It can be packaged, not deployed. Type: ci-kit evaluate"
    return Check(id="evaluated", title="No evaluation speaks of this model", status="warn", detail=detail)


def _rules(notes: list[str]) -> Check:
    if not notes:
        return Check(id="contract", title="The service enforces the whole schema", status="pass")
    title = "The service can't enforce all of the schema"
    return Check(id="contract", title=title, status="warn", observed=f"{len(notes)} left out", detail="; ".join(notes))


def _accepts(contract: Contract, rows: list[Row]) -> Check:
    """Send all rows that the model was evaluated on through the request model."""
    from pydantic_core import to_json

    read = reader(contract)
    refused: list[str] = []
    for start in range(0, len(rows), contract.rows):
        part = rows[start : start + contract.rows]
        try:
            read(to_json({"rows": part}, inf_nan_mode="constants"))
        except Refused as error:
            problems = [one | {"row": start + one.get("row", 0)} for one in error.problems]
            refused += [f"row {one['row']}, {one.get('column', '')}: {one['why']}" for one in problems]
    title = "The service would refuse rows that the model was evaluated on"
    if refused:
        seen = f"{len(refused):,} faults or more"
        return Check(id="accepts", title=title, status="fail", observed=seen, detail="\n".join(refused[:10]))
    title = "The service accepts the rows that the model was evaluated on"
    return Check(id="accepts", title=title, status="pass", observed=f"{len(rows):,} rows")


def _packages(bento: Bento) -> Check:
    seen = f"{bento.packages} packages, {'by hash' if bento.hashed else 'by version'}"
    detail = None if bento.hashed else "Some are other versions than those whose hashes ci-kit knows."
    return Check(id="packages", title="What serves the model is pinned", status="pass", observed=seen, detail=detail)


def _size(bento: Bento) -> dict[str, Metric]:
    size = sum(path.stat().st_size for path in bento.folder.rglob("*") if path.is_file())
    return {"bento/size": Metric(value=size, unit="bytes", direction="down")}
