"""BentoML's command line with a BentoCloud that is the file `cloud.json` of its folder.

`bad` lists versions (`v1.0.0`) that fail to start. As the real one may, it shows the status of the version before for a
while after an update.
"""

import argparse
import json
import os
import tarfile
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.standins.program import error, read, run, write

TOKEN = "token-of-the-test"


def main(home: Path, arguments: list[str]) -> int:
    write(home / "environment.json", dict(os.environ))
    return run(home, arguments, lambda: _done(home, arguments))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("import").add_argument("path", type=Path)
    deploy = verbs.add_parser("deploy")
    deploy.add_argument("bento")
    deploy.add_argument("--name", required=True)
    deploy.add_argument("--no-wait", action="store_true", required=True)
    kinds = verbs.add_parser("deployment").add_subparsers(dest="kind", required=True)
    listed = kinds.add_parser("list")
    listed.add_argument("--search", required=True)
    listed.add_argument("--output", choices=["json"], required=True)
    update = kinds.add_parser("update")
    update.add_argument("name")
    update.add_argument("--bento", required=True)
    terminate = kinds.add_parser("terminate")
    terminate.add_argument("name")
    for one in (deploy, listed, update, terminate):
        one.add_argument("--cluster")
    return parser


def _done(home: Path, arguments: list[str]) -> int:
    asked = _parser().parse_args(arguments)
    local = Path(os.environ["BENTOML_HOME"]) / "imported.json"
    if asked.verb == "import":
        return _import(asked.path, local)
    if os.environ.get("BENTO_CLOUD_API_KEY") != TOKEN:
        return error("Error: [bentoml-cli] `list` failed: UNAUTHORIZED\n* BentoCloud API token is required")
    cloud: dict[str, Any] = {"bentos": {}, "deployments": {}, "bad": []} | read(home / "cloud.json", {})
    deployments = cloud["deployments"]
    match asked.verb if asked.verb == "deploy" else asked.kind:
        case "list":
            found = [_look(name, one) for name, one in deployments.items() if asked.search in name]
            print(json.dumps(found, indent=2))
        case "deploy":
            if asked.name in deployments:
                return error(f"Error: [bentoml-cli] `deploy` failed: {asked.name} exists already")
            if not _pushed(cloud, asked.bento, read(local, {})):
                return error(f"Error: Bento {asked.bento} is not found in both local and bentocloud")
            deployments[asked.name] = _revision(cloud, asked.bento, "deploying")
        case "update":
            if not _pushed(cloud, asked.bento, read(local, {})):
                return error(f"Error: Bento {asked.bento} is not found in both local and bentocloud")
            deployments[asked.name] = _revision(cloud, asked.bento, deployments[asked.name]["shows"][-1])
        case "terminate":
            deployments[asked.name]["shows"] = ["terminated"]
    write(home / "cloud.json", cloud)
    return 0


def _import(path: Path, local: Path) -> int:
    if not path.name.endswith(".tar.gz"):
        return error("_lzma.LZMAError: Input format not supported by decoder")
    with tarfile.open(path, "r:gz") as archive:
        known, contract = (
            yaml.safe_load(archive.extractfile(name) or b"") for name in ("bento.yaml", "src/served/contract.json")
        )
    write(local, read(local, {}) | {f"{known['name']}:{known['version']}": contract["digest"]})
    return 0


def _pushed(cloud: dict[str, Any], tag: str, local: dict[str, str]) -> bool:
    """Push a bento, unless it is there: then it stays as it is."""
    if tag in local:
        cloud["bentos"].setdefault(tag, local[tag])
    return tag in cloud["bentos"]


def _revision(cloud: dict[str, Any], tag: str, before: str) -> dict[str, Any]:
    end = "failed" if tag.partition(":")[2].partition("-")[0] in cloud["bad"] else "running"
    return {"bento": tag, "shows": [before, before, "deploying", end]}


def _look(name: str, one: dict[str, Any]) -> dict[str, Any]:
    status = one["shows"].pop(0) if len(one["shows"]) > 1 else one["shows"][0]
    url = f"https://{name}.example.org"
    return {"name": name, "bento": one["bento"], "status": {"status": status}, "endpoint_urls": [url]}


def serving(home: Path, name: str) -> tuple[str, str]:
    """Return the tag and the final status of a deployment."""
    one = read(home / "cloud.json", {})["deployments"][name]
    return one["bento"], one["shows"][-1]
