"""The bill of materials of a bento: CycloneDX 1.6, the same for the same inputs."""

import json
from importlib.metadata import metadata
from typing import Any

from ci_kit.job import Job
from ci_kit.package.lineage import Lineage
from ci_kit.serving.contract import Contract

SPECIFICATION = "1.6"


def sbom(job: Job, contract: Contract, line: Lineage, packages: dict[str, str], card: dict[str, Any]) -> str:
    """Return the document: the model with its card, and each package that serves it.

    Without a serial number and a time of its own, as two builds of the same inputs are to be equal.
    """
    name = job.config.package.name
    model = {
        "type": "machine-learning-model",
        "bom-ref": f"model:{contract.digest}",
        "name": name,
        "hashes": [{"alg": "SHA-256", "content": contract.digest}],
        "modelCard": card,
    }
    if job.config.package.licence:
        model["licenses"] = [{"license": {"name": job.config.package.licence}}]
    libraries = [_library(one, version) for one, version in packages.items()]
    document = {
        "$schema": f"http://cyclonedx.org/schema/bom-{SPECIFICATION}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": SPECIFICATION,
        "version": 1,
        "metadata": {
            "timestamp": line.time,
            "tools": {"components": [{"type": "application", "name": "ci-kit", "version": line.facts["kit"]}]},
            "component": {"type": "application", "bom-ref": name, "name": name, "version": contract.digest[:12]},
        },
        "components": [model, *libraries],
        "dependencies": [{"ref": name, "dependsOn": sorted(str(one["bom-ref"]) for one in (model, *libraries))}],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _library(name: str, version: str) -> dict[str, Any]:
    purl = f"pkg:pypi/{name}@{version}"
    found = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
    licence = metadata(name).json.get("license_expression")
    return found | ({"licenses": [{"expression": licence}]} if licence else {})
