"""The folder that a bento is built from: copies of plain files, and nothing else."""

import fnmatch
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from ci_kit import serving
from ci_kit.errors import UserError
from ci_kit.job import Job
from ci_kit.models.safety import MAGIC
from ci_kit.serving.contract import FILE as CONTRACT
from ci_kit.serving.contract import Contract
from ci_kit.serving.engine import MODEL
from ci_kit.serving.golden import FILE as GOLDEN
from ci_kit.serving.golden import Golden

FOLDER = "served"
ENTRY = "bento_service"
# Nothing of it is a value: what differs from bento to bento is data in `served/`.
SERVICE = '''"""The service; what differs from model to model lies in `served/`."""

from pathlib import Path

from ci_kit.serving.serve import build

service = build(Path(__file__).parent / "served")
'''
OURS = (f"{ENTRY}.py", "ci_kit", FOLDER, "bentofile.yaml")
_JUNK = ("__pycache__", ".git", ".venv", ".ci-kit", ".dvc")


def stage(job: Job, folder: Path, model: bytes, contract: Contract, golden: Golden) -> None:
    """Fill an empty folder: the model, its contract and golden rows, our serving code, and the user's own files."""
    for path in own(job):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(job.root / path, target, follow_symlinks=False)
    (folder / f"{ENTRY}.py").write_text(SERVICE, "utf-8")
    (folder / FOLDER).mkdir()
    (folder / FOLDER / MODEL).write_bytes(model)
    (folder / FOLDER / CONTRACT).write_text(contract.dump(), "utf-8")
    (folder / FOLDER / GOLDEN).write_text(golden.dump(), "utf-8")
    here = Path(serving.__file__).parent
    (folder / "ci_kit" / "serving").mkdir(parents=True)
    (folder / "ci_kit" / "__init__.py").write_text('"""What of ci-kit serves this model."""\n', "utf-8")
    for source in sorted(here.glob("*.py")):
        shutil.copyfile(source, folder / "ci_kit" / "serving" / source.name)


def module(job: Job) -> str:
    """Return how the bento imports the user's own service, `package.module:Name`; empty where there is none."""
    reference = job.config.package.service
    if not reference:
        return ""
    file, _, name = reference.rpartition(":")
    parts = Path(file).with_suffix("").parts
    if not all(part.isidentifier() for part in parts) or parts[0] in (ENTRY, *OURS):
        hint = "Name its file and folders like Python modules"
        raise UserError(f"{file} can't be the module of a service", hint=hint)
    return f"{'.'.join(parts)}:{name}"


def own(job: Job) -> list[str]:
    """Return the user's own files, relative to the root, sorted.

    Raises UserError for a file that is missing, lies outside, is a link or a pickle, or has the name of one of ours.
    """
    settings = job.config.package
    wanted = [settings.service.rpartition(":")[0]] if settings.service else []
    found: set[str] = set()
    for entry in (*wanted, *settings.include):
        matched = sorted(set(_expand(job.root, entry)))
        if not matched:
            raise UserError(f"no file at {entry}", hint="Check `package.service` and `package.include`")
        found |= set(matched)
    for path in sorted(found):
        _check(job.root, path)
    return sorted(found)


def _expand(root: Path, entry: str) -> Iterator[str]:
    path = Path(os.path.normpath(entry))
    if path.is_absolute() or ".." in path.parts:
        raise UserError(f"{entry} lies outside the repository", hint="A bento holds files of its repository alone")
    for place, folders, names in os.walk(root):
        folders[:] = sorted(one for one in folders if one not in _JUNK)
        for name in names:
            relative = Path(place, name).relative_to(root).as_posix()
            if relative == path.as_posix() or Path(relative).is_relative_to(path) or fnmatch.fnmatch(relative, entry):
                yield relative


def _check(root: Path, path: str) -> None:
    full = root / path
    if any(one.is_symlink() for one in (full, *full.parents) if one != root and one.is_relative_to(root)):
        raise UserError(f"{path} is a link", why="a bento holds plain files of its repository alone")
    if not stat.S_ISREG(full.lstat().st_mode):
        raise UserError(f"{path} is no plain file")
    if Path(path).parts[0] in OURS:
        raise UserError(f"{path} has the name of a file of the bento's own", hint="Rename it")
    with full.open("rb") as file:
        start = file.read(16)
    for magic, kind in MAGIC:
        if start.startswith(magic) and "pickle" in kind:
            raise UserError(f"{path} is {kind}", why="loading one can run any code", hint="Keep data as JSON or NPY")
