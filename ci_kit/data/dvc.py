"""What DVC's files say of a data set, read without DVC, and DVC itself for bytes that this checkout does not have."""

import importlib.util
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import yaml

from ci_kit.data import pulled
from ci_kit.errors import UserError
from ci_kit.progress import busy

# Two pulls at a time get in each other's way, and leave less than there was.
_one_at_a_time = threading.Lock()


def tracked(path: Path, root: Path) -> str | None:
    """Return the MD5 that `<path>.dvc` or `dvc.lock` gives the file or folder, None when neither names it."""
    outs = _outs(read(path.with_name(path.name + ".dvc")), path.parent)
    lock = read(root / "dvc.lock").get("stages")
    for stage in (lock if isinstance(lock, dict) else {}).values():
        outs |= _outs(stage, root)
    return outs.get(path.resolve())


def beside(entry: str, root: Path) -> list[str]:
    """Return what else the stage of DVC writes that makes a file, as paths from the root."""
    path, lock = (root / entry).resolve(), read(root / "dvc.lock").get("stages")
    made = [set(_outs(stage, root)) for stage in (lock if isinstance(lock, dict) else {}).values()]
    others = next((outs - {path} for outs in made if path in outs), set())
    return sorted(one.relative_to(root.resolve()).as_posix() for one in others if one.is_relative_to(root.resolve()))


def pull(entry: str, root: Path) -> bool:
    """Download a missing file or folder that DVC tracks, itself or in a folder above; say whether it is there now.

    Raises UserError, with DVC's own words, when DVC tracks it and can't bring it.
    """
    with _one_at_a_time:
        path, top = (root / entry).resolve(), root.resolve()
        above = [place for place in (path, *path.parents) if place.is_relative_to(top) and place != top]
        known = next((place for place in above if tracked(place, root)), None)
        if known and not path.exists():
            # The whole output, not the file in it: asked for a part, DVC may remove the rest of the folder.
            _bring(entry, known.relative_to(top).as_posix(), root)
        return path.exists()


def _bring(entry: str, output: str, root: Path) -> None:
    program = command()
    if program is None:
        raise UserError(
            f"no data at {entry}",
            why="DVC tracks it and is not installed",
            hint="Type: pip install dvc",
            code="config/install",
        )
    env = os.environ | {"DVC_NO_ANALYTICS": "1"}
    busy(f"dvc pull {output}")
    with pulled.by_dvc(root):
        done = subprocess.run([*program, "pull", "--", output], cwd=root, env=env, capture_output=True, check=False)
    if done.returncode or not (root / entry).exists():
        lines = (done.stderr or done.stdout).decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
        words = next((line for line in lines if line.startswith("ERROR")), lines[-1]).removeprefix("ERROR: ")[:300]
        why = f"DVC tracks it and can't bring it: {words}"
        raise UserError(f"no data at {entry}", why=why, hint=f"Try: dvc pull {output}")


def command() -> list[str] | None:
    """Return how to start DVC: that of our environment, else the one on the PATH, None where there is none."""
    if importlib.util.find_spec("dvc"):
        return [sys.executable, "-P", "-m", "dvc"]
    found = shutil.which("dvc")
    return [found] if found else None


def _outs(document: object, folder: Path) -> dict[Path, str]:
    outs = document.get("outs") if isinstance(document, dict) else None
    return {
        (folder / str(out["path"])).resolve(): str(out["md5"])
        for out in (outs if isinstance(outs, list) else ())
        if isinstance(out, dict) and "path" in out and "md5" in out
    }


def read(path: Path) -> dict[str, object]:
    """Return what a file of DVC says; a missing or damaged one says nothing."""
    try:
        document = yaml.safe_load(path.read_bytes())
    except (OSError, ValueError, yaml.YAMLError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
