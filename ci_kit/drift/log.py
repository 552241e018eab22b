"""JSON Lines as servers write them: what a crash tore is left out and counted, all other lines are rows."""

import atexit
import contextlib
import gzip
import io
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import polars as pl

from ci_kit.data import reading
from ci_kit.data.paths import shown
from ci_kit.errors import UserError

HELD = 2**29
"""Text files of at most so many bytes are parsed once and held in memory; of larger ones each pass parses all."""
PIECE = 2**24
_GZIP, _MARK = b"\x1f\x8b", b"\xef\xbb\xbf"
# What is read later, in each pass, must be there until the end.
_COPIES = contextlib.ExitStack()
atexit.register(_COPIES.close)
Places = list[tuple[int, int]]  # lines of a file, and how many of its rows come before each
_DAMAGED = (pl.exceptions.ComputeError, pl.exceptions.SchemaError)


@dataclass(frozen=True, kw_only=True)
class Torn:
    """A line that is no row: where it is, how many rows of the log come before it, and which are those of its file."""

    file: str
    line: int
    row: int
    begin: int
    end: int


def scan_log(paths: list[Path], root: Path, *, quiet: bool = False) -> tuple[pl.LazyFrame, list[Torn]]:
    """Return the rows of all files, whose lines may have different keys, and the lines that are no JSON object.

    A file that polars can't read as it is is read line by line; one of more than HELD bytes is copied without what is
    torn, and the copy removed when the process ends. `NaN` and `Infinity`, which Python
    writes and JSON does not know, are nulls. Raises UserError when more than half of the lines are torn.
    """
    frames, lost = [], []
    for path in paths:
        with reading(shown(path, root), quiet=quiet):
            frame, places = _scan(path)
        frames.append(frame)
        lost.append(places)
    with reading(f"{shown(paths[0], root)} and the files beside it", quiet=quiet):
        rows = pl.concat(frames, how="diagonal_relaxed")
        if not any(lost):
            return rows, []
        heights = [int(frame.select(pl.len()).collect(engine="streaming").item()) for frame in frames]
    torn = [
        Torn(file=shown(path, root), line=line, row=begin + row, begin=begin, end=begin + height)
        for path, places, begin, height in zip(paths, lost, accumulate(heights, initial=0), heights, strict=False)
        for line, row in places
    ]
    if len(torn) > (good := sum(heights)):
        why = f"{len(torn):,} of {len(torn) + good:,} lines are no JSON object"
        raise UserError("the log can't be read", why=why, hint="Is `format: jsonl` right, and is it a log of rows?")
    return rows, torn


def _scan(path: Path) -> tuple[pl.LazyFrame, Places]:
    large = path.stat().st_size > HELD
    lazy = pl.scan_ndjson(path, infer_schema_length=None)
    try:
        return _read_once(lazy) if large else lazy.collect(engine="streaming").lazy(), []
    except _DAMAGED:
        if large:
            return _copied(path)
        raw = path.read_bytes()
        raw = gzip.decompress(raw) if raw.startswith(_GZIP) else raw
        return _mended(raw.removeprefix(_MARK))


def _read_once(lazy: pl.LazyFrame) -> pl.LazyFrame:
    lazy.select(pl.all().null_count()).collect(engine="streaming")
    return lazy


def _copied(path: Path) -> tuple[pl.LazyFrame, Places]:
    """Copy the lines that are whole, or else those that are rows; no more than a piece is in memory."""
    copy = Path(_COPIES.enter_context(tempfile.TemporaryDirectory(prefix="ci-kit-"))) / "log.jsonl"
    last, lines = b"", 0
    with copy.open("wb") as target:
        for piece in _pieces(path):
            target.write(last)
            lines += last.count(b"\n")
            last = piece
    if last.strip() and _object(last) is None:
        with contextlib.suppress(*_DAMAGED):
            whole = _read_once(pl.scan_ndjson(copy, infer_schema_length=None))
            return whole, [(lines + 1, int(whole.select(pl.len()).collect(engine="streaming").item()))]
    torn: Places = []
    lines = rows = 0
    with copy.open("wb") as target:
        for piece in _pieces(path):
            _, good, lost = _rows(piece)
            target.writelines(line + b"\n" for line in good)
            torn += [(lines + line, rows + row) for line, row in lost]
            lines, rows = lines + piece.count(b"\n"), rows + len(good)
    return (pl.scan_ndjson(copy, infer_schema_length=None) if copy.stat().st_size else pl.LazyFrame()), torn


def _pieces(path: Path) -> Iterator[bytes]:
    """Yield the text in pieces of whole lines; the last is what follows the last line's end."""
    rest, first = b"", True
    with path.open("rb") as raw, contextlib.ExitStack() as stack:
        zipped = raw.read(2) == _GZIP
        raw.seek(0)
        source = stack.enter_context(gzip.open(raw)) if zipped else raw
        while piece := source.read(PIECE):
            whole, end, rest = (rest + (piece.removeprefix(_MARK) if first else piece)).rpartition(b"\n")
            first = False
            yield whole + end
    yield rest


def _mended(raw: bytes) -> tuple[pl.LazyFrame, Places]:
    before, _, last = raw.rpartition(b"\n")
    if before.strip() and last.strip() and _object(last) is None:
        # The usual case, a log that is being written: only where more is torn is each line read by itself.
        with contextlib.suppress(*_DAMAGED):
            whole = pl.read_ndjson(io.BytesIO(before), infer_schema_length=None)
            return whole.lazy(), [(before.count(b"\n") + 2, whole.height)]
    frame, _, torn = _rows(raw)
    return frame.lazy(), torn


def _rows(raw: bytes) -> tuple[pl.DataFrame, list[bytes], Places]:
    """Return the rows, their lines, and where the other lines are that are not blank."""
    lines = {number: _object(line) for number, line in enumerate(raw.split(b"\n"), 1) if line.strip()}
    frame, kept = _read([line for line in lines.values() if line is not None])
    torn: Places = []
    row = 0
    for number, line in lines.items():
        if row < len(kept) and line is kept[row]:
            row += 1
        else:
            torn.append((number, row))
    return frame, kept, torn


def _object(line: bytes) -> bytes | None:
    """Return the line if it is a JSON object, without the constants that JSON does not know."""
    constants: list[str] = []
    try:
        value = json.loads(line, parse_constant=constants.append)
        if not isinstance(value, dict):
            return None
        return json.dumps(value).encode() if constants else line
    except (ValueError, RecursionError):
        return None


def _read(lines: list[bytes]) -> tuple[pl.DataFrame, list[bytes]]:
    """Return the rows of the lines that polars, too, takes for JSON (not those nested a thousand levels deep)."""
    if not lines:
        return pl.DataFrame(), []
    try:
        return pl.read_ndjson(io.BytesIO(b"\n".join(lines)), infer_schema_length=None), lines
    except _DAMAGED:
        if len(lines) <= 1:
            return pl.DataFrame(), []
    half = len(lines) // 2
    (one, first), (two, second) = _read(lines[:half]), _read(lines[half:])
    return pl.concat([one, two], how="diagonal_relaxed"), [*first, *second]
