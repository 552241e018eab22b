"""An archive on its way to a file: it is there whole, or not at all."""

import contextlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from ci_kit.errors import UserError
from ci_kit.files import digest


@contextlib.contextmanager
def landing(target: Path, what: str, sha256: str | None = None) -> Iterator[BinaryIO]:
    """Yield a file that becomes `target` when the block ends well and, where one is given, the digest is right.

    Raises UserError, which begins with `what`, when the disk does not take it; nothing half-written stays.
    """
    with writing(target.parent, what):
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=".part")
        part = Path(name)
        try:
            with os.fdopen(handle, "w+b") as file:
                yield file
            if sha256 is not None and digest(part) != sha256:
                why = "its digest is another"
                raise UserError(f"what came as {target.name} is damaged", why=why, hint="Do not use it")
            part.chmod(0o644)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)


@contextlib.contextmanager
def writing(folder: Path, what: str) -> Iterator[None]:
    """Turn what the disk of a folder refuses into a UserError that begins with `what`."""
    try:
        yield
    except OSError as error:
        why, hint = error.strerror or type(error).__name__, f"Look at the disk of {folder}"
        raise UserError(what, why=why, hint=hint) from error


def save(chunks: Iterable[bytes], file: BinaryIO, size: int) -> None:
    """Write the chunks from the file's first byte on; raise UserError when they are not `size` bytes."""
    file.seek(0)
    count = 0
    for chunk in chunks:
        count += len(chunk)
        if count > size:
            break
        file.write(chunk)
    if count != size:
        why = f"{'more' if count > size else 'fewer'} bytes came than the {size:,} that were promised"
        raise UserError("what the store sent is damaged", why=why, hint="Do not use it")
