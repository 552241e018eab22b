"""What is in a repository: data, scripts, notebooks, models, its environment, its base branch. Nothing is run."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ci_kit.data import dvc, tracked
from ci_kit.data.paths import SUFFIXES
from ci_kit.data.stages import built
from ci_kit.forge.git import Git
from ci_kit.init import script
from ci_kit.init.script import Script

DEPTH, MOST = 5, 50_000
_LEAVE = {"node_modules", "site-packages", "__pycache__", "build", "dist", "tests", "docs", "log", "logs", "mlruns"}
_NOT_DATA = re.compile(r"^(metrics|curves|history|requirements|predictions?|submission)\b", re.IGNORECASE)
ROLES: dict[str, tuple[str, ...]] = {
    "train": ("train", "training"),
    "evaluation": ("evaluation", "eval", "test", "testing", "holdout", "validation", "valid", "val", "dev"),
}


@dataclass(frozen=True, kw_only=True)
class Found:
    """What was found; all paths are relative to `root`, the folder of ci-kit.yaml, and written with slashes.

    `data` are files, or folders of files that belong together; `absent` is data that DVC tracks and that is not here.
    `top` is the root of the git repository (`root` without one), `prefix` the way from there to `root`.
    """

    root: Path
    top: Path
    prefix: str
    base: str
    git: bool
    data: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    scripts: tuple[Script, ...] = ()
    notebooks: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    pickles: tuple[str, ...] = ()
    stages: bool = False


def look(root: Path) -> Found:
    """Look through the folder, at most MOST entries and DEPTH folders deep; UserError where git can't be asked."""
    git = Git(root)
    inside = git.is_repository()
    top = Path(git.read("rev-parse", "--show-toplevel") or root) if inside else root
    files = [*_walk(root)]
    names = [path.relative_to(root).as_posix() for path in files]
    scripts = [one for name in _ending(names, ".py") if _trains(name) and (one := script.read(root / name, name))]
    data = [name for name in names if _is_data(name)]
    gone = [name.removesuffix(".dvc") for name in _ending(names, ".dvc") if "/" in name or not name.startswith(".")]
    return Found(
        root=root,
        top=top.resolve(),
        prefix=root.resolve().relative_to(top.resolve()).as_posix().removeprefix("."),
        base=_base(git) if inside else "main",
        git=inside,
        data=tuple(_grouped(data)),
        absent=tuple(name for name in gone if _may_be_data(name) and not (root / name).exists()),
        scripts=tuple(sorted(scripts, key=lambda one: (-one.score, one.path))),
        notebooks=_ending(names, ".ipynb"),
        models=tuple(dict.fromkeys((*_declared(root), *_ending(names, ".onnx")))),
        pickles=_ending(names, ".pkl", ".pickle", ".joblib"),
        stages=bool(dvc.read(root / "dvc.yaml").get("stages")),
    )


def role(name: str) -> str:
    """Return `train` or `evaluation` where the name of the file, or of its folder, says it; else ''."""
    for part in reversed(PurePosixPath(name).parts):
        words = {*re.split(r"[^a-z]+", part.lower())}
        for one, known in ROLES.items():
            if words & {*known}:
                return one
    return ""


def models(found: Found) -> list[str]:
    """Return the folders with a model of their own, where there are several: each has a script and data of its own."""
    if any("/" not in one.path for one in found.scripts) or (found.root / "ci-kit.yaml").exists():
        return []
    folders = {str(PurePosixPath(one.path).parent) for one in found.scripts}
    own = {folder for folder in folders if any(name.startswith(f"{folder}/") for name in found.data + found.absent)}
    return sorted(own) if len(own) > 1 else []


def unkept(found: Found, name: str) -> bool:
    """Say whether neither git nor DVC would bring the file to a runner."""
    loose = found.git and not by_dvc(found, name)
    return loose and not Git(found.root).run("check-ignore", "--quiet", "--", name).returncode


def by_dvc(found: Found, name: str) -> bool:
    """Say whether DVC tracks the file, or a folder above it, or a stage makes it."""
    above = [one.as_posix() for one in PurePosixPath(name).parents if one.name]
    places = [found.root / one for one in (name, *above)]
    return any(tracked(place, found.root) for place in places) or built(name, found.root)


def _walk(root: Path) -> Iterator[Path]:
    seen = 0
    for folder, folders, files in os.walk(root):
        here = Path(folder)
        deep = len(here.relative_to(root).parts) >= DEPTH
        folders[:] = [] if deep else sorted(name for name in folders if _enter(here / name))
        for name in sorted(files):
            seen += 1
            if seen > MOST:
                return
            if (not name.startswith(".") and (here / name).is_file()) or name.endswith(".dvc"):
                yield here / name


def _enter(folder: Path) -> bool:
    name = folder.name
    return not name.startswith((".", "_")) and name not in _LEAVE and not (folder / "pyvenv.cfg").exists()


def _declared(root: Path) -> list[str]:
    """Return the ONNX files that the stages of dvc.yaml name: they may not have been made yet."""
    path = root / "dvc.yaml"
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    return re.findall(r"(?<![\w./-])\w[\w./-]*\.onnx\b", text)


def _ending(names: list[str], *suffixes: str) -> tuple[str, ...]:
    return tuple(name for name in names if name.lower().endswith(suffixes))


def _trains(name: str) -> bool:
    stem = PurePosixPath(name).name
    return not stem.startswith(("test_", "conftest", "setup", "schemas"))


def _may_be_data(name: str) -> bool:
    return _is_data(name) or not PurePosixPath(name).suffix


def _is_data(name: str) -> bool:
    known = any(name.lower().endswith(suffix) for suffix in SUFFIXES)
    return known and not _NOT_DATA.match(PurePosixPath(name).name)


def _grouped(names: list[str]) -> Iterator[str]:
    """Yield the files, and instead of those of one folder that has a role (train/part-0.parquet …) the folder."""
    folders: dict[str, list[str]] = {}
    for name in names:
        folders.setdefault(str(PurePosixPath(name).parent), []).append(name)
    for folder, inside in folders.items():
        own = [PurePosixPath(name).name for name in inside]
        if len(inside) > 1 and role(PurePosixPath(folder).name) and not any(map(role, own)):
            yield folder
        else:
            yield from inside


def _base(git: Git) -> str:
    """Return the branch that changes are compared with: origin's own, else main or master, else the current one."""
    remote = git.read("symbolic-ref", "--short", "refs/remotes/origin/HEAD") or ""
    if remote.startswith("origin/"):
        return remote.removeprefix("origin/")
    known = (git.read("branch", "--format=%(refname:short)") or "").split()
    return next((one for one in ("main", "master") if one in known), git.branch() or "main")
