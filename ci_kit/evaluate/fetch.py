"""The model of another revision: from git, or from DVC when git holds only its digest."""

import os
import re
import subprocess
from pathlib import Path, PurePosixPath

import yaml

from ci_kit import config, files
from ci_kit.data import pulled
from ci_kit.data.dvc import command
from ci_kit.errors import UserError
from ci_kit.files import atomic_write
from ci_kit.forge.git import Git

TIMEOUT = 300.0  # seconds for `dvc get`
_MD5 = re.compile(r"[0-9a-f]{32}")


def fetch(git: Git, sha: str, target: Path, *, remote: bool = True) -> None:
    """Write the model that `evaluate.model` names at that revision to `target`; raise UserError if it can't be had.

    Looked for in git, then in DVC's local cache, then by `dvc get` if `remote`, which may take long. A
    `path.py:function` can't be run at another revision, because its imports would be those of this one.
    """
    path = model_path(git, sha)
    content = git.show(sha, path)
    if content is None:
        md5 = _md5(git, sha, path)
        if md5 is None:
            raise UserError(f"{path} at {sha[:7]} is neither in git nor in DVC", hint="Track it with git or DVC")
        cached = _cached(git.root, md5)
        if cached is None and not remote:
            raise UserError(f"{path} at {sha[:7]} is not in DVC's local cache")
        if cached is None:
            _dvc_get(git, sha, path, target)
            return
        content = cached.read_bytes()
    atomic_write(target, content)


def model_path(git: Git, sha: str) -> str:
    """Return the path of the ONNX file that the configuration of that revision names."""
    raw = git.show(sha, config.FILE)
    if raw is None:
        raise UserError(f"{config.FILE} is missing at {sha[:7]}")
    reference = config.read(raw, origin=f"{config.FILE} at {sha[:7]}").evaluate.model
    if ".py:" in reference:
        raise UserError(f"{reference} is code", why="it can't be run as it was at another revision", hint="Use ONNX")
    if PurePosixPath(reference).is_absolute() or ".." in PurePosixPath(reference).parts:
        raise UserError(f"{reference} lies outside the repository")
    return reference


def _md5(git: Git, sha: str, path: str) -> str | None:
    """Return what `<path>.dvc` or `dvc.lock` of that revision says of the model."""
    name = PurePosixPath(path).name
    found = {out.get("path"): out.get("md5") for out in _outs(_yaml(git.show(sha, f"{path}.dvc")))}
    own = found.get(name)
    stages = _yaml(git.show(sha, "dvc.lock")).get("stages")
    for stage in stages.values() if isinstance(stages, dict) else ():
        own = next((out.get("md5") for out in _outs(stage) if out.get("path") == path), own)
    return own if isinstance(own, str) and _MD5.fullmatch(own) else None


def _outs(document: object) -> list[dict[str, object]]:
    outs = document.get("outs") if isinstance(document, dict) else None
    return [out for out in outs if isinstance(out, dict)] if isinstance(outs, list) else []


def _yaml(raw: bytes | None) -> dict[str, object]:
    try:
        document = yaml.safe_load(raw) if raw and len(raw) <= config.MAX_BYTES else None
    except (yaml.YAMLError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _cached(root: Path, md5: str) -> Path | None:
    """Return the file of that digest in DVC's local cache, if it is there and whole."""
    folder = pulled.cache(root)
    path = folder / md5[:2] / md5[2:] if folder else None
    return path if path and path.is_file() and files.md5(path) == md5 else None


def _dvc_get(git: Git, sha: str, path: str, target: Path) -> None:
    top = git.read("rev-parse", "--show-toplevel") or "."
    target.parent.mkdir(parents=True, exist_ok=True)
    options = ("--rev", sha, "--out", str(target), "--force", "--quiet")
    arguments = ("get", *options, "--", top, f"{git.prefix()}{path}")
    quiet = os.environ | {"DVC_NO_ANALYTICS": "1"}
    what, program = f"the model of {sha[:7]} can't be had from DVC", command()
    if program is None:
        raise UserError(what, why="DVC is not installed", hint="Type: pip install dvc", code="config/install")
    try:
        done = subprocess.run(
            (*program, *arguments), cwd=git.root, env=quiet, capture_output=True, timeout=TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise UserError(what, why=f"no answer within {TIMEOUT:.0f} s") from error
    if done.returncode or not target.is_file():
        lines = [line for line in done.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
        raise UserError(what, why=lines[-1].removeprefix("ERROR: ")[:200] if lines else "", hint="Check `dvc pull`")
    pulled.add(target.stat().st_size)
