"""What DVC can't know of a pipeline: the hardware it runs on, and set-ups that bring back old or damaged results."""

import configparser
import json
import os
import platform
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from ci_kit.data.dvc import read
from ci_kit.files import LOCKFILES, atomic_write
from ci_kit.parts import Check
from ci_kit.result import FOLDER
from ci_kit.train.dvc import PIPELINE, writes

HARDWARE = f"{FOLDER}/hardware.json"
"""A stage that depends on this file is trained anew on other hardware."""


def wants_hardware(root: Path) -> bool:
    """Say whether a stage depends on it."""
    return HARDWARE in (root / PIPELINE).read_text("utf-8", "replace")


def write_hardware(root: Path, gpus: str | None) -> None:
    """Write which processor and GPUs there are, the same bytes on the same kind of machine."""
    known = {"processor": platform.machine(), "gpus": gpus or "none"}
    atomic_write(root / HARDWARE, (json.dumps(known, indent=1, sort_keys=True) + "\n").encode())


def names(root: Path) -> list[str]:
    """Return the stages of the pipeline."""
    return [name for name, _ in _stages(root)]


def warnings(root: Path, made: Iterable[str], *, shared: bool) -> tuple[Check, ...]:
    """Return what is dangerous in the stages that make `made`; `shared` says whether the run cache is pushed."""
    stages = {name: stage for name, stage in _stages(root) if {*_outputs(stage)} & {*made}}
    found = []
    for name, stage in stages.items():
        deps = {PurePosixPath(str(one)).name for one in stage.get("deps") or ()}
        if not deps & {*LOCKFILES}:
            there = next((one for one in LOCKFILES if (root / one).is_file()), "a lock file")
            detail = f"After an upgrade of a package DVC would bring back the old model. Add {there} to its deps."
            title = f"The stage {name} depends on no lock file"
            found.append(Check(id=f"dvc/lock/{name}", title=title, status="warn", detail=detail))
        loose = [out for out, cached in writes(stage) if not cached]
        if shared and loose:
            detail = (
                f"DVC's run cache can't restore {', '.join(loose)} (cache: false), so other runners train it again."
            )
            title = f"The stage {name} is not restored elsewhere"
            found.append(Check(id=f"dvc/cached/{name}", title=title, status="warn", detail=detail))
    return (*found, *_links(root))


def _links(root: Path) -> Iterator[Check]:
    config = configparser.ConfigParser(interpolation=None, strict=False)
    home = os.environ.get("DVC_GLOBAL_CONFIG_DIR")
    places = [*([Path(home) / "config"] if home else []), root / ".dvc/config", root / ".dvc/config.local"]
    config.read(places, "utf-8")
    kinds = [kind.strip() for kind in config.get("cache", "type", fallback="").split(",")]
    if os.geteuid() == 0 and {"hardlink", "symlink"} & {*kinds[:1]}:
        title = "Files are links into DVC's cache, and root may write through them"
        detail = (
            "A command that changes a file in place changes the cache of all runs, and nobody sees it. "
            "Run the runner as another user, or type: dvc config cache.type reflink,copy"
        )
        yield Check(id="dvc/links", title=title, status="warn", observed=f"cache.type {','.join(kinds)}", detail=detail)


def _stages(root: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    stages = read(root / PIPELINE).get("stages")
    for name, stage in (stages if isinstance(stages, dict) else {}).items():
        plain = stage.get("do", stage) if isinstance(stage, dict) else None
        if isinstance(plain, dict):
            yield str(name), plain


def _outputs(stage: dict[str, Any]) -> Iterator[str]:
    home = str(stage.get("wdir") or "")
    yield from (os.path.normpath(PurePosixPath(home, name)) for name, _ in writes(stage))
