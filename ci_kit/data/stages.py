"""What the stages of `dvc.yaml` would build, read without DVC."""

import os
from collections.abc import Iterator
from pathlib import Path

from ci_kit.data.dvc import read


def built(entry: str, root: Path) -> bool:
    """Say whether a stage has the file or folder, a folder above it or something in it as an output.

    Each `dvc.yaml` at the root or in a folder above the entry counts; a damaged one has no stages, and an output whose
    name is a template (`${name}`) is not known.
    """
    path, top = _plain(root / entry), _plain(root)
    if path == top or not path.is_relative_to(top):
        return False
    above = {path, *path.parents}
    folders = [place for place in path.parents if place.is_relative_to(top)]
    return any(out in above or path in out.parents for folder in folders for out in _outputs(folder))


def _outputs(folder: Path) -> Iterator[Path]:
    for stage in _items(read(folder / "dvc.yaml").get("stages")):
        # `foreach` repeats what stands below `do`.
        plain = stage.get("do", stage) if isinstance(stage, dict) else None
        if isinstance(plain, dict):
            home = folder / str(plain.get("wdir") or "")
            for out in _items(plain.get("outs")):
                name = next(iter(out), "") if isinstance(out, dict) else out
                if name:
                    yield _plain(home / str(name))


def _plain(path: Path) -> Path:
    return Path(os.path.normpath(path.absolute()))


def _items(thing: object) -> list[object]:
    return list(thing.values()) if isinstance(thing, dict) else thing if isinstance(thing, list) else []
