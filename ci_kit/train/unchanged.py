"""Whether anything is to be trained, from DVC's files alone: DVC itself takes most of a second to say no.

Only a certain no counts. What is not understood here (templates that need more than `params.yaml`, stages that always
run, remote dependencies, more data than is quickly read) is left to DVC.
"""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from ci_kit.files import md5
from ci_kit.forge.git import Git
from ci_kit.train.dvc import LOCK, PIPELINE, writes

MOST = 2**28  # bytes that are read at the most: half a second; DVC remembers what it has hashed
_KNOWN = {"cmd", "deps", "params", "outs", "metrics", "plots", "wdir", "desc", "meta", "frozen"}
_TEMPLATE = re.compile(r"\$\{\s*([\w.-]+)\s*\}")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Unsure(Exception):  # noqa: N818 - it never leaves this module
    """DVC must be asked."""


def unchanged(root: Path) -> bool:
    """Say whether every stage of `dvc.yaml` is as `dvc.lock` has it: command, parameters, dependencies and outputs.

    What is not there but has the digest that a `.dvc` file or the lock gives it counts as unchanged.
    """
    try:
        return _Pipeline(root).unchanged()
    except (_Unsure, OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError, yaml.YAMLError):
        return False


class _Pipeline:
    def __init__(self, root: Path) -> None:
        self.root, self.read = root, 0
        self.stages, self.locked = _load(root / PIPELINE), _load(root / LOCK)
        self.params = _load(root / "params.yaml") if (root / "params.yaml").is_file() else {}
        # A stage elsewhere may make what a stage here depends on.
        others = Git(root).read("ls-files", "--cached", "--others", "--exclude-standard", f"*/{PIPELINE}")
        if self.stages.keys() - {"stages", "params", "metrics", "plots", "artifacts"} or others != "":
            raise _Unsure

    def unchanged(self) -> bool:
        if self.locked.get("schema") != "2.0" or not self.stages["stages"]:
            raise _Unsure
        stages = {name: self.resolved(stage) for name, stage in self.stages["stages"].items()}
        return all(self.same(stage, self.locked["stages"][name]) for name, stage in stages.items())

    def resolved(self, thing: Any) -> Any:
        """Fill in what `params.yaml` says, as DVC does where a stage names no other variables."""
        if isinstance(thing, Mapping):
            return {self.resolved(key): self.resolved(value) for key, value in thing.items()}
        if isinstance(thing, list):
            return [self.resolved(one) for one in thing]
        if not isinstance(thing, str) or "${" not in thing:
            return thing
        found = _TEMPLATE.sub(lambda match: self.plain(match[1]), thing)
        if "${" in found:
            raise _Unsure
        return found

    def plain(self, name: str) -> str:
        value = _at(self.params, name)
        if not isinstance(value, str) and (isinstance(value, bool) or not isinstance(value, int)):
            raise _Unsure  # DVC has its own way to write these
        return str(value)

    def same(self, stage: Mapping[str, Any], locked: Mapping[str, Any]) -> bool:
        if stage.keys() - _KNOWN or not stage.get("deps") or stage.get("frozen"):
            raise _Unsure
        home = self.root / stage.get("wdir", ".")
        deps, outs = set(stage["deps"]), {name for name, _ in writes(stage)}
        known = {part: {one["path"]: one for one in locked.get(part, ())} for part in ("deps", "outs")}
        return (
            stage["cmd"] == locked["cmd"]
            and deps == known["deps"].keys()
            and outs == known["outs"].keys()
            and self.wanted(stage, home) == locked.get("params", {})
            and all(self.as_locked(home, one) for part in known.values() for one in part.values())
        )

    def wanted(self, stage: Mapping[str, Any], home: Path) -> dict[str, Any]:
        """Return the parameters as the lock names them: file → name → value."""
        found: dict[str, dict[str, Any]] = {}
        for one in stage.get("params", ()):
            for file, names in one.items() if isinstance(one, Mapping) else [("params.yaml", [one])]:
                values = _load(home / file)
                for name in values if names is None else names:
                    found.setdefault(file, {})[name] = _at(values, name)
        return found

    def as_locked(self, home: Path, entry: Mapping[str, Any]) -> bool:
        if entry.get("hash") != "md5" or "://" in entry["path"]:
            raise _Unsure
        path = Path(os.path.normpath(home / entry["path"]))
        pointer = path.with_name(f"{path.name}.dvc")
        if pointer.is_file():
            (out,) = _load(pointer)["outs"]
            if out["md5"] != entry["md5"]:
                raise _Unsure
        elif not path.exists() and not self.made(path, entry["md5"]):
            raise _Unsure
        return not path.exists() or self.digest(path) == entry["md5"]

    def made(self, path: Path, md5: str) -> bool:
        """Say whether the lock has it as an output that DVC keeps, with that digest."""
        for name, stage in self.locked["stages"].items():
            home = self.root / self.stages["stages"][name].get("wdir", ".")
            kept = {one for one, cached in writes(self.resolved(self.stages["stages"][name])) if cached}
            for out in stage.get("outs", ()):
                if Path(os.path.normpath(home / out["path"])) == path and out["path"] in kept:
                    return bool(out["md5"] == md5)
        return False

    def digest(self, path: Path) -> str:
        if path.is_file():
            self.read += path.stat().st_size
            if self.read > MOST:
                raise _Unsure
            return md5(path)
        if (self.root / ".dvcignore").is_file() and _rules(self.root / ".dvcignore"):
            raise _Unsure
        files = sorted((one.relative_to(path).as_posix(), one) for one in path.rglob("*") if not one.is_dir())
        listed = [{"md5": self.digest(one), "relpath": name} for name, one in files]
        whole = json.dumps(listed, sort_keys=True).encode()
        return f"{hashlib.md5(whole, usedforsecurity=False).hexdigest()}.dir"


def _load(path: Path) -> dict[str, Any]:
    document = yaml.load(path.read_bytes(), _LOADER)  # noqa: S506 - a safe one, in C where there is one
    if not isinstance(document, dict):
        raise _Unsure
    return document


def _at(values: Any, name: str) -> Any:
    for part in name.split("."):
        values = values[part]
    return values


def _rules(path: Path) -> bool:
    lines = path.read_text("utf-8").splitlines()
    return any(line.strip() and not line.startswith("#") for line in lines)
