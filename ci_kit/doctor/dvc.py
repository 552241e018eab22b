"""DVC: whether the repository uses it, whether it is there, its locks, its cache and its stages."""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from ci_kit.data import dvc
from ci_kit.data.paths import shown
from ci_kit.doctor.context import Context
from ci_kit.doctor.dvc_config import Settings, settings
from ci_kit.doctor.finding import finding
from ci_kit.doctor.remote import remote
from ci_kit.files import LOCKFILES
from ci_kit.parts import Check, Location

# What else says which packages a training has.
ENVIRONMENTS = (*LOCKFILES, "pyproject.toml", "environment.yml", "environment.yaml", "conda.yml", "conda.yaml")


def data_version_control(context: Context) -> Iterator[Check]:
    """Yield what is wrong with DVC; nothing where the repository does not use it."""
    home = _home(context)
    if home is None:
        if (context.root / "dvc.yaml").is_file() or any(context.root.glob("*.dvc")):
            why = "There are files of DVC, and no folder `.dvc` beside or above them: no command of DVC works."
            hint = "Type: dvc init, and add `.dvc` to git"
            yield finding("dvc-init", "The repository of DVC is not set up", why=why, hint=hint)
        return
    known = settings(home, context.env)
    if dvc.command() is None:
        why = "Data that this checkout does not have can't be brought, and stages can't run."
        kind = known.remote.kind if known.remote else ""
        package = f"'dvc[{kind}]'" if kind in ("s3", "gs", "azure", "ssh") else "dvc"
        yield finding("dvc-missing", "DVC is used and not installed", why=why, hint=f"Type: pip install {package}")
    yield from remote(context, known, tracks=_tracks(context, home))
    yield from _lock(home)
    yield from _cache(context, known)
    yield from _stages(context)


def _home(context: Context) -> Path | None:
    """Return the nearest folder `.dvc`, in the folder of ci-kit.yaml or above it up to the top of the repository."""
    for folder in (context.root, *context.root.parents):
        if (folder / ".dvc").is_dir():
            return folder / ".dvc"
        if context.top is None or folder == context.top:
            break
    return None


def _tracks(context: Context, home: Path) -> bool:
    """Say whether there are bytes that only DVC has."""
    listed = context.git.read("ls-files", "--", "*.dvc", "dvc.lock", "*/dvc.lock") if context.top else None
    return bool(listed) or (home.parent / "dvc.lock").is_file() or any(home.parent.glob("*.dvc"))


def _lock(home: Path) -> Iterator[Check]:
    lock = home / "tmp" / "lock"
    try:
        with lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        why = "Other commands of DVC wait for it, and give up after some seconds."
        hint = f"Type: fuser -v {shown(lock, home.parent)}, and end that process if it hangs"
        yield finding("dvc-lock", "A process of DVC holds the repository", why=why, hint=hint, status="warn")
    except OSError:
        return


def _cache(context: Context, known: Settings) -> Iterator[Check]:
    folder = next(one for one in (known.cache, *known.cache.parents) if one.is_dir())
    types = [one.strip() for one in known.option("cache", "type").split(",") if one.strip()]
    linked = [one for one in types if one in ("hardlink", "symlink")]
    if folder.stat().st_dev != context.root.stat().st_dev and "symlink" not in types:
        why = f"No file can be linked from another file system ({known.cache}): each checkout copies all bytes."
        hint = "Type: dvc config cache.type symlink,copy (not for a runner that is root), or move the cache"
        yield finding("dvc-cache", "The cache of DVC is on another disk", why=why, hint=hint, status="warn")
    elif linked and os.geteuid() == 0:
        why = "Root writes through a link, also to a read-only file: that damages the cache, and DVC does not notice."
        hint = "Type: dvc config cache.type reflink,copy"
        what, observed = "Links into the cache of DVC, and we are root", f"cache.type = {','.join(types)}"
        yield finding("dvc-cache", what, observed=observed, why=why, hint=hint, status="warn")


def _stages(context: Context) -> Iterator[Check]:
    """Yield the stage that makes the model, where it does not depend on what packages there are."""
    stages = dvc.read(context.root / "dvc.yaml").get("stages")
    made = {context.settings.evaluate.model, *context.settings.train.outputs}
    for name, stage in stages.items() if isinstance(stages, dict) else ():
        if not isinstance(stage, dict) or not made & set(_paths(stage.get("outs"))):
            continue
        deps = {Path(one).name for one in _paths(stage.get("deps"))}
        if not any(one in ENVIRONMENTS or one.startswith("requirements") for one in deps):
            why = "DVC takes a model from its run cache after an upgrade of torch, as it does not know of packages."
            found = next((one for one in ENVIRONMENTS if (context.root / one).is_file()), "requirements.txt")
            where = Location(file=f"{context.prefix}dvc.yaml")
            what = "The stage that trains does not depend on a lock file"
            hint = f"Add {found} to the `deps` of the stage {name}"
            yield finding("dvc-lockfile", what, observed=str(name), why=why, hint=hint, status="warn", location=where)


def _paths(listed: object) -> Iterator[str]:
    for one in listed if isinstance(listed, list) else ():
        yield str(next(iter(one), "")) if isinstance(one, dict) else str(one)
