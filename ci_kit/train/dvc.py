"""DVC as the training command: reproduce what changed, and know from the lock file what did not."""

import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from ci_kit.errors import UserError

PIPELINE, LOCK = "dvc.yaml", "dvc.lock"
_RUNNING = re.compile(r"Running stage '")
_EXIT = re.compile(r"exited with (-?\d{1,5})")


def executable() -> str:
    """Return the DVC of the kit's environment, else of PATH; raise UserError when there is none."""
    beside = Path(sys.executable).parent / "dvc"
    found = str(beside) if beside.is_file() else shutil.which("dvc")
    if found is None:
        why, hint = f"{PIPELINE} is here and train.command is not set", "Type: pip install dvc"
        raise UserError("DVC is not installed", why=why, hint=hint, code="config/install")
    return found


def repro() -> list[str]:
    """Return the command that reproduces what changed and downloads no more than that needs."""
    return [executable(), "repro", "--pull", "--allow-missing"]


def pull(paths: Iterable[str]) -> list[str]:
    """Return the command that downloads the named outputs."""
    return [executable(), "pull", "--", *paths]


def push() -> list[str]:
    """Return the command that uploads outputs, and the run cache by which other runners find them."""
    return [executable(), "push", "--run-cache"]


def lock(root: Path) -> bytes:
    """Return the bytes of dvc.lock, empty when there is none."""
    path = root / LOCK
    return path.read_bytes() if path.is_file() else b""


def tracked(root: Path) -> set[str]:
    """Return the outputs that dvc.lock names, relative to the root."""
    try:
        return set(_outputs(yaml.safe_load(lock(root))))
    except yaml.YAMLError as error:
        raise UserError(f"{LOCK} is not valid YAML", why=str(error), hint="Type: dvc repro") from error


def writes(stage: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """Yield the outputs of a stage of dvc.yaml, and whether DVC keeps them; one that DVC can't read raises."""
    for part in ("outs", "metrics", "plots"):
        for one in stage.get(part, ()):
            if isinstance(one, str):
                yield one, True
            else:
                ((name, flags),) = one.items()
                yield name, (flags or {}).get("cache", True)


def holds(outputs: set[str], name: str) -> bool:
    """Tell whether the file is one of the outputs or lies in one of them."""
    return any(str(part) in outputs for part in (PurePosixPath(name), *PurePosixPath(name).parents))


def ran(line: str) -> bool:
    """Tell whether the line of DVC's output says that a stage is being run."""
    return bool(_RUNNING.search(line))


def exit_code(code: int, tail: Iterable[str]) -> int:
    """Return the exit code of the stage's own command, which DVC only mentions, else DVC's."""
    said = [match for line in tail for match in _EXIT.findall(line)]
    return int(said[-1]) if code > 0 and said else code


def _outputs(document: Any) -> Iterator[str]:
    stages = document.get("stages") if isinstance(document, dict) else None
    for stage in (stages or {}).values():
        for out in stage.get("outs") or ():
            yield str(out["path"])
