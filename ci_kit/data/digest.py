"""One digest for a data set, so that a Result says which bytes it speaks of."""

import hashlib
from pathlib import Path

import yaml

from ci_kit.data.paths import files
from ci_kit.files import digest_all
from ci_kit.sections import DataSet


def fingerprint(dataset: DataSet, root: Path) -> str:
    """Return `md5:…`, DVC's own name, for one file that DVC tracks and whose bytes are still those; else `sha256:…`.

    The SHA-256 covers the names relative to the root and the bytes of all files. Raises UserError as `files` does.
    """
    paths = files(dataset, root)
    if len(paths) == 1 and (known := _dvc(paths[0], root)):
        # A changed file that nobody has added again would otherwise pass for the old one.
        with paths[0].open("rb") as file:
            if hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest() == known:
                return f"md5:{known}"
    return f"sha256:{digest_all(paths, root)}"


def _dvc(path: Path, root: Path) -> str | None:
    """Return the MD5 that `<path>.dvc` or `dvc.lock` gives the file."""
    outs = _outs(_read(path.with_name(path.name + ".dvc")), path.parent)
    lock = _read(root / "dvc.lock").get("stages")
    for stage in (lock if isinstance(lock, dict) else {}).values():
        outs |= _outs(stage, root)
    return outs.get(path.resolve())


def _outs(document: object, folder: Path) -> dict[Path, str]:
    outs = document.get("outs") if isinstance(document, dict) else None
    return {
        (folder / str(out["path"])).resolve(): str(out["md5"])
        for out in (outs if isinstance(outs, list) else ())
        if isinstance(out, dict) and "path" in out and "md5" in out
    }


def _read(path: Path) -> dict[str, object]:
    try:
        document = yaml.safe_load(path.read_bytes())
    except (OSError, yaml.YAMLError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
