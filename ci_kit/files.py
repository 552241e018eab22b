"""Files that are written whole or not at all, and their digests."""

import hashlib
import os
import tempfile
from functools import partial
from pathlib import Path

LOCKFILES = ("uv.lock", "poetry.lock", "pdm.lock", "pixi.lock", "conda-lock.yml", "requirements.txt")


def atomic_write(path: Path, content: bytes) -> None:
    """Replace the file so that a reader, or a crash, sees the old bytes or the new ones and never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes 0600; results are read by other users of a shared runner and by artifact uploads.
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def digest(path: Path) -> str:
    """Return the SHA-256 of the file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def md5(path: Path) -> str:
    """Return the MD5 of the file's bytes, in hex: DVC's name for them, no protection."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, partial(hashlib.md5, usedforsecurity=False)).hexdigest()


def digest_all(paths: list[Path], root: Path) -> str:
    """Return one SHA-256 over the sorted relative names and contents of several files."""
    total = hashlib.sha256()
    for name, path in sorted((os.path.relpath(path, root), path) for path in paths):
        total.update(f"{name}\0{digest(path)}\n".encode())
    return total.hexdigest()


def state_folder(repository: str) -> Path:
    """Return where lies what must outlive the workspace, which CI wipes."""
    base = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(base).expanduser() / "ci-kit" / repository.replace("/", "--")
