"""A bento as one file: the same content gives the same bytes, and only plain files ever come out of it."""

import errno
import gzip
import io
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from ci_kit.bento.content import facts
from ci_kit.errors import UserError

FILES, BYTES, NAME = 10_000, 16 * 2**30, 400
_HINT = "Package the model again"


def pack(folder: Path, target: Path) -> None:
    """Write a `.bento` of the files that the manifest lists: a tar.gz, which BentoML imports under that suffix."""
    names = sorted([*facts(folder)["files"], "manifest.json"])
    with (
        target.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0, compresslevel=6) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name in names:
            member = tarfile.TarInfo(name)
            member.size, member.mode = (folder / name).stat().st_size, 0o644
            with (folder / name).open("rb") as file:
                archive.addfile(member, file)


def unpack(archive: Path, folder: Path) -> None:
    """Write the files of an archive into a new folder; raise UserError, and leave nothing, for what is not plain.

    Links, devices, absolute paths, paths that lead out, names that meet, more than FILES files or BYTES bytes: all are
    refused, and nothing is left to tarfile's own extraction.
    """
    folder.mkdir(parents=True)
    try:
        with tarfile.open(archive, "r:gz") as opened:
            for member, path in _members(opened):
                source = opened.extractfile(member)
                target = folder / path
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("xb") as file:
                    shutil.copyfileobj(source or io.BytesIO(), file)
    except (tarfile.TarError, OSError, EOFError, ValueError, zlib.error) as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise  # no fault of the archive
        raise UserError(f"{archive.name} can't be unpacked", why=str(error)[:200], hint=_HINT) from error
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _members(opened: tarfile.TarFile) -> Iterator[tuple[tarfile.TarInfo, PurePosixPath]]:
    seen: set[str] = set()
    total = 0
    for member in opened:
        path = PurePosixPath(member.name)
        total += member.size
        if member.isdir():
            continue
        if not member.isreg() or member.issparse():
            raise ValueError(f"{member.name[:80]!r} is no plain file")
        if path.is_absolute() or ".." in path.parts or "\\" in member.name or not member.name.isprintable():
            raise ValueError(f"{member.name[:80]!r} is no path within a bento")
        if len(member.name) > NAME or not path.parts or str(path).casefold() in seen:
            raise ValueError(f"{member.name[:80]!r} is too long, empty, or there twice")
        seen.add(str(path).casefold())
        if len(seen) > FILES or total > BYTES or member.size < 0:
            raise ValueError(f"more than {FILES:,} files or {BYTES:,} bytes")
        yield member, path
