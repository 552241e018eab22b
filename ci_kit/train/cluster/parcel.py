"""What travels to the cluster, and what comes back from it."""

import json
import os
import shutil
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from ci_kit.files import digest
from ci_kit.train.cluster.trouble import Trouble

MOST = 500 * 2**20
"""Bytes that Ray takes, packed: what its own messages may have, 512 MiB, less what they need (ray 2.60)."""
OURS = PurePosixPath(".ci-kit")
_STAY = frozenset({".git", ".ci-kit", "node_modules", "__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache"})
_DVC = frozenset({".dvc/cache", ".dvc/tmp"})
SEEN = 10.0  # seconds until a network's file system shows everywhere what one machine has written


def pack(root: Path, target: Path, exclude: tuple[str, ...], order: Mapping[str, Any]) -> None:
    """Write the files below `root` to a zip, with our script and its `order`; raise Trouble beyond MOST bytes.

    What git, DVC and tools keep for themselves, virtual environments and what matches a glob of `exclude` stays here;
    links to files travel as these files, links to folders don't.
    """
    sizes, total = list[tuple[int, str]](), 0
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1, strict_timestamps=False) as file:
        file.write(Path(__file__).with_name("ray_job.py"), OURS / "ray_job.py")
        file.writestr(str(OURS / "ray_order.json"), json.dumps(order))
        for path, name in _files(root, exclude):
            file.write(path, name)
            sizes.append((file.infolist()[-1].compress_size, name))
            total += sizes[-1][0]
            if total > MOST:
                largest = ", ".join(f"{name} ({size / 2**20:,.0f} MiB)" for size, name in sorted(sizes)[:-4:-1])
                why = f"the repository has more than the {MOST // 2**20} MiB that a Ray Job may bring along"
                raise Trouble(f"{why}; the largest so far: {largest}. Name in `train.ray.exclude` what stays here")


def _files(root: Path, exclude: tuple[str, ...]) -> Iterator[tuple[Path, str]]:
    def stays(folder: str, name: str) -> bool:
        path = PurePosixPath(Path(folder, name).relative_to(root).as_posix())
        return name in _STAY or str(path) in _DVC or any(path.match(glob) for glob in exclude)

    for folder, folders, names in os.walk(root):
        inside = [name for name in folders if not stays(folder, name)]
        folders[:] = [name for name in inside if not Path(folder, name, "pyvenv.cfg").exists()]
        for name in sorted(names):
            path = Path(folder, name)
            if path.is_file() and not stays(folder, name):
                yield path, path.relative_to(root).as_posix()


def fetch(parcel: Path, root: Path, outputs: tuple[str, ...]) -> None:
    """Put the outputs that a job has packed as `parcel`.tar into `root`; raise Trouble and change nothing otherwise.

    An output that has come replaces the one that is there, a folder as a whole.
    """
    tar, said = parcel.with_name(f"{parcel.name}.tar"), parcel.with_name(f"{parcel.name}.sha256")
    deadline = time.monotonic() + SEEN
    while not (said.is_file() and tar.is_file() and digest(tar) == said.read_text("ascii")):
        if time.monotonic() > deadline:
            what = "are not what was written" if said.is_file() else "are not there"
            raise Trouble(f"the job has succeeded, but its outputs {what}: {tar}")
        time.sleep(0.2)
    (root / OURS).mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root / OURS, prefix="ray-") as folder, tarfile.open(tar) as file:
        try:
            came = _unpack(file, Path(folder), outputs)
        except (tarfile.TarError, OSError) as error:
            raise Trouble(f"the outputs of the job can't be unpacked: {error}") from error
        for name in came:
            _replace(Path(folder, name), root, name)


def _unpack(file: tarfile.TarFile, folder: Path, outputs: tuple[str, ...]) -> list[str]:
    """Write the plain files that belong to an output, and return which outputs have come; raise Trouble for others."""
    came = set()
    for member in file:
        path = PurePosixPath(member.name)
        owner = next((name for name in outputs if path.is_relative_to(name)), None)
        source = file.extractfile(member) if member.isreg() else None
        if owner is None or source is None or ".." in path.parts:
            raise Trouble(f"the outputs of the job hold {member.name!r:.80}, which is no file of an output")
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with source, target.open("wb") as written:
            shutil.copyfileobj(source, written)
        came.add(owner)
    return sorted(came)


def _replace(new: Path, root: Path, name: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.parent.resolve().is_relative_to(root.resolve()):
        raise Trouble(f"the output {name} lies behind a link out of the repository")
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif new.is_dir():
        path.unlink(missing_ok=True)
    new.replace(path)
