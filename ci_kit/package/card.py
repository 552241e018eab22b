"""The model card: what the model is, how good it was, what it may be asked, and where it comes from."""

import json
from itertools import groupby
from typing import Any

from ci_kit.job import Job
from ci_kit.package.lineage import Lineage, metrics
from ci_kit.parts import Metric
from ci_kit.render.phrases import count, label, measured
from ci_kit.render.text import cell, code, fence
from ci_kit.serving.asgi import ROUTE
from ci_kit.serving.contract import Column, Contract
from ci_kit.serving.request import Row

_SLICES, _ALIKE = 20, 5


_VERDICTS = {"pass": "It passed its evaluation.", "warn": "It passed its evaluation, with warnings."}
_VERDICTS |= {"unsure": "Its evaluation could not tell all.", "fail": "It failed its evaluation."}


def card(job: Job, contract: Contract, line: Lineage, notes: list[str], example: Row, own: str) -> str:
    """Return the card in Markdown.

    `own` is the user's Markdown, `notes` say what of the schema is not enforced, `example` is a row to ask for.
    """
    package = job.config.package
    parts = [f"# {package.name}", _summary(job, contract, line)]
    parts += [own.strip()] if own.strip() else []
    parts += ["## How good it was", _quality(line)]
    parts += ["## What it may be asked", _inputs(contract)]
    parts += [f"Not checked by the service: {cell('; '.join(notes))}."] if notes else []
    parts += ["## What it answers", _answers(contract), *_asked(example)]
    parts += ["## Where it comes from", _origin(line)]
    parts += ["## Licence", cell(package.licence) if package.licence else "None was named: `package.licence`."]
    return "\n\n".join(parts) + "\n"


def facts(job: Job, contract: Contract, line: Lineage) -> dict[str, Any]:
    """Return the same for machines, as CycloneDX's modelCard has it."""
    found = [
        {"type": name, "value": f"{one.value:.6g}", **_interval(one)} for name, one in metrics(line.evaluated).items()
    ]
    data = [
        {"type": "dataset", "name": name, "contents": {"properties": [{"name": "digest", "value": digest}]}}
        for name, digest in line.facts["data"].items()
    ]
    inputs = [{"format": f"{column.name}: {column.kind}"} for column in contract.columns]
    parameters = {"task": job.config.evaluate.task, "datasets": data, "inputs": inputs}
    return {"modelParameters": parameters, "quantitativeAnalysis": {"performanceMetrics": found}}


def _interval(one: Metric) -> dict[str, Any]:
    if one.low is None or one.high is None:
        return {}
    return {"confidenceInterval": {"lowerBound": f"{one.low:.6g}", "upperBound": f"{one.high:.6g}"}}


def _summary(job: Job, contract: Contract, line: Lineage) -> str:
    kind = f"{job.config.evaluate.task} of {code(job.config.evaluate.target)}"
    judged = _VERDICTS.get(line.evaluated.status, "") if line.evaluated else "It was not evaluated."
    article = "An" if kind[0] in "aeiou" else "A"
    columns = count(len(contract.columns), "column")
    return f"{article} {kind} from {columns}, as ONNX behind an HTTP service. {judged}".strip()


def _quality(line: Lineage) -> str:
    found = metrics(line.evaluated)
    if not found or line.evaluated is None:
        return "Nothing is known: no Result of `ci-kit evaluate` speaks of this very model."
    rows = ["| metric | value, 95 % interval | rows |", "|:--|:--|--:|"]
    rows += [
        f"| {cell(label(name))} | {cell(measured(one))} | {f'{one.n:,}' if one.n else ''} |"
        for name, one in found.items()
    ]
    tests = [check for check in line.evaluated.checks if check.id.startswith("tests/")]
    shown = [f"| {cell(one.title)} | {one.status} | {cell(one.observed or '')} |" for one in tests[:_SLICES]]
    table = ["", "| model test | verdict | measured |", "|:--|:--|:--|", *shown] if shown else []
    return "\n".join([*rows, *table])


def _inputs(contract: Contract) -> str:
    rows = ["| column | type | allowed | missing |", "|:--|:--|:--|:--|"]
    for (kind, allowed, missing), alike in groupby(contract.columns, _rule):
        names = [code(one.name) for one in alike]
        # A picture has a column a pixel: the first and the last say it.
        shown = ", ".join(names) if len(names) < _ALIKE else f"{names[0]} … {names[-1]} ({len(names):,} columns)"
        rows.append(f"| {shown} | {kind} | {cell(allowed)} | {missing} |")
    limits = f"A request has at most {contract.rows:,} rows and {contract.bytes / 2**20:g} MiB."
    keys = ", ".join(code(one.name) for one in contract.keys)
    return "\n".join(rows) + f"\n\n{limits}" + (f" A row may carry {keys}, which only the log keeps." if keys else "")


def _rule(one: Column) -> tuple[str, str, str]:
    return one.kind, _allowed(one), "yes" if one.nullable else "no"


def _allowed(one: Column) -> str:
    if one.among is not None:
        return ", ".join(map(str, one.among[:20])) + (", …" if len(one.among) > 20 else "")
    parts = [] if one.low is None else [f"{'>' if one.above else '≥'} {one.low}"]
    parts += [] if one.high is None else [f"{'<' if one.below else '≤'} {one.high}"]
    parts += [] if one.short is None else [f"at least {one.short} characters"]
    parts += [] if one.long is None else [f"at most {one.long} characters"]
    parts += [f"not {', '.join(map(str, one.out[:10]))}"] if one.out else []
    return ", ".join([*parts, *(f"matches {pattern}" for pattern in one.patterns)])


def _answers(contract: Contract) -> str:
    if not contract.classes:
        return "A `prediction` a row."
    names = ", ".join(code(str(one)) for one in contract.classes[:30])
    return f"A `prediction` a row, and the `probabilities` of {names}{', …' if len(contract.classes) > 30 else ''}."


def _asked(example: Row) -> list[str]:
    body = json.dumps({"rows": [example]}, ensure_ascii=False)
    return [f"`POST {ROUTE}` with a body such as", fence(body, "json")]


def _origin(line: Lineage) -> str:
    source, model = line.facts["source"], line.facts["model"]
    rows = [("commit", source.get("commit", "none")), ("committed", line.time), ("repository", source.get("repo", ""))]
    rows += [("work tree", "with changes that are in no commit")] if source["dirty"] else []
    rows += [
        ("model file", f"{model['path']}, sha256 {model['sha256']}"),
        ("packaged by", f"ci-kit {line.facts['kit']}"),
    ]
    rows += [(f"data {name}", digest) for name, digest in line.facts["data"].items()]
    rows += [("dependencies", source["lock"])] if "lock" in source else []
    return "\n".join(
        ["| what | which |", "|:--|:--|", *(f"| {cell(one)} | {code(str(two))} |" for one, two in rows if two)]
    )
