"""JSON Lines as servers write them: what a crash tore is left out and counted, all other lines are rows."""

import contextlib
import gzip
import io
import json
from pathlib import Path

import polars as pl

from ci_kit.data import reading
from ci_kit.data.paths import shown
from ci_kit.errors import UserError

HELD = 2**29
"""Text files of at most so many bytes are parsed once and held in memory; of larger ones each pass parses all."""
_DAMAGED = (pl.exceptions.ComputeError, pl.exceptions.SchemaError)


def scan_log(paths: list[Path], root: Path, *, quiet: bool = False) -> tuple[pl.LazyFrame, int]:
    """Return the rows of all files, whose lines may have different keys, and how many lines are no JSON object.

    A file that polars can't read as it is is read line by line. `NaN` and `Infinity`, which Python
    writes and JSON does not know, are nulls. Raises UserError when more than half of the lines are torn.
    """
    frames, torn = [], 0
    for path in paths:
        with reading(shown(path, root), quiet=quiet):
            frame, lost = _scan(path)
        frames.append(frame)
        torn += lost
    with reading(f"{shown(paths[0], root)} and the files beside it", quiet=quiet):
        rows = pl.concat(frames, how="diagonal_relaxed")
        if torn and torn > (good := int(rows.select(pl.len()).collect(engine="streaming").item())):
            why = f"{torn:,} of {torn + good:,} lines are no JSON object"
            raise UserError("the log can't be read", why=why, hint="Is `format: jsonl` right, and is it a log of rows?")
    return rows, torn


def _scan(path: Path) -> tuple[pl.LazyFrame, int]:
    lazy = pl.scan_ndjson(path, infer_schema_length=None)
    try:
        if path.stat().st_size <= HELD:
            return lazy.collect(engine="streaming").lazy(), 0
        lazy.select(pl.all().null_count()).collect(engine="streaming")
    except _DAMAGED:
        raw = path.read_bytes()
        raw = gzip.decompress(raw) if raw.startswith(b"\x1f\x8b") else raw
        return _mended(raw.removeprefix(b"\xef\xbb\xbf"))
    return lazy, 0


def _mended(raw: bytes) -> tuple[pl.LazyFrame, int]:
    before, _, last = raw.rpartition(b"\n")
    if before.strip() and last.strip() and _object(last) is None:
        # The usual case, a log that is being written: only where more is torn is each line read by itself.
        with contextlib.suppress(*_DAMAGED):
            return pl.read_ndjson(io.BytesIO(before), infer_schema_length=None).lazy(), 1
    lines = [line for line in raw.split(b"\n") if line.strip()]
    good = [mended for line in lines if (mended := _object(line)) is not None]
    frame, kept = _read(good)
    return frame.lazy(), len(lines) - kept


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


def _read(lines: list[bytes]) -> tuple[pl.DataFrame, int]:
    """Return the rows of the lines that polars, too, takes for JSON (not those nested a thousand levels deep)."""
    if not lines:
        return pl.DataFrame(), 0
    try:
        return pl.read_ndjson(io.BytesIO(b"\n".join(lines)), infer_schema_length=None), len(lines)
    except _DAMAGED:
        if len(lines) <= 1:
            return pl.DataFrame(), 0
    half = len(lines) // 2
    halves = [_read(lines[:half]), _read(lines[half:])]
    return pl.concat([frame for frame, _ in halves], how="diagonal_relaxed"), sum(kept for _, kept in halves)
