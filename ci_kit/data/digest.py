"""One digest for a data set, so that a Result says which bytes it speaks of."""

import hashlib
import os
from pathlib import Path

from ci_kit.data.dvc import tracked
from ci_kit.data.paths import files
from ci_kit.files import digest_all, md5
from ci_kit.sections import DataSet

EXACT, BLOCK, PARTS = 2**28, 2**20, 64


def fingerprint(dataset: DataSet, root: Path) -> str:
    """Return `md5:…`, DVC's own name, for one file that DVC tracks and whose bytes are still those; else `sha256:…`.

    The SHA-256 covers the names relative to the root and the bytes of all files. Raises UserError as `files` does.
    """
    paths = files(dataset, root)
    # What is tracked may have changed, and nobody has added it again: its bytes tell.
    if len(paths) == 1 and (known := tracked(paths[0], root)) and md5(paths[0]) == known:
        return f"md5:{known}"
    return f"sha256:{digest_all(paths, root)}"


def mark(dataset: DataSet, root: Path) -> str:
    """Return the fingerprint of data of at most EXACT bytes; of more `blocks:…`, for which only a part is read.

    That SHA-256 covers all names and sizes, and of each large file PARTS blocks of one MiB, the first and the last
    among them: enough to know data again that a monitor has seen, in little time. Raises UserError as `files` does.
    """
    paths = files(dataset, root)
    if sum(path.stat().st_size for path in paths) <= EXACT:
        return fingerprint(dataset, root)
    total = hashlib.sha256()
    for name, path in sorted((os.path.relpath(path, root), path) for path in paths):
        size = path.stat().st_size
        total.update(f"{name}\0{size}\n".encode())
        with path.open("rb") as file:
            for part in range(PARTS):
                file.seek(max(part * BLOCK, (size - BLOCK) * part // (PARTS - 1)))
                total.update(file.read(BLOCK))
    return f"blocks:{total.hexdigest()}"
