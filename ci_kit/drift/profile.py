"""The stored reference: `profile.json` with the facts and `sample.parquet` with the sample, read as untrusted input."""

import io
import json
import math
from pathlib import Path
from typing import Annotated, Literal

import polars as pl
from pydantic import ConfigDict, Field, ValidationError

from ci_kit.data import reading
from ci_kit.drift.side import MAX_LEVELS, Column, Kind, Side
from ci_kit.errors import UserError
from ci_kit.files import atomic_write, digest
from ci_kit.parts import Closed

PROFILE, SAMPLE = "profile.json", "sample.parquet"
SCHEMA = 1
MAX_BYTES = 32 * 2**20
_AGAIN = "Type: ci-kit drift --build-reference"
_Count = Annotated[int, Field(ge=0)]
_Number = Annotated[float, Field(ge=-math.inf)]  # infinite values are values, NaN is a null


class _Column(Closed):
    model_config = ConfigDict(ser_json_inf_nan="strings")

    kind: Kind
    dtype: Annotated[str, Field(max_length=1000)]
    nulls: _Count
    low: _Number | None = None
    high: _Number | None = None
    levels: Annotated[dict[str, _Count], Field(max_length=MAX_LEVELS)] | None = None
    others: _Count = 0


class _Sample(Closed):
    rows: _Count
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Profile(Closed):
    schema_version: Annotated[Literal[1], Field(alias="schema")] = 1
    mark: Annotated[str, Field(max_length=200)]
    rows: _Count
    sample: _Sample
    columns: Annotated[dict[str, _Column], Field(max_length=5000)]


def write(side: Side, folder: Path) -> tuple[Path, Path]:
    """Write both files, each in one atomic step, and return their paths; the same side gives the same bytes."""
    buffer = io.BytesIO()
    side.sample.write_parquet(buffer, compression="zstd", statistics=False)
    sample = folder / SAMPLE
    atomic_write(sample, buffer.getvalue())
    columns = {name: _Column(**vars(column)) for name, column in side.columns.items()}
    about = _Sample(rows=side.sample.height, sha256=digest(sample))
    profile = _Profile(mark=side.mark, rows=side.rows, sample=about, columns=columns)
    atomic_write(folder / PROFILE, (profile.model_dump_json(indent=1, exclude_none=True) + "\n").encode())
    return folder / PROFILE, sample


def load(folder: Path, name: str) -> Side:
    """Read and verify the profile in the folder that the user calls `name`.

    Raises UserError when a file of it is missing, damaged, or written by a newer ci-kit, and when the two files do not
    belong together.
    """
    profile = _parse(_bytes(folder / PROFILE, f"{name}/{PROFILE}"), f"{name}/{PROFILE}")
    raw = folder / SAMPLE
    if not raw.is_file() or digest(raw) != profile.sample.sha256:
        what = f"{name}/{SAMPLE} does not belong to {name}/{PROFILE}" if raw.is_file() else f"no {name}/{SAMPLE}"
        raise UserError(what, why="the two are written together", hint=f"Commit both, or build them again. {_AGAIN}")
    with reading(f"{name}/{SAMPLE}"):
        sample = pl.read_parquet(raw)
    columns = {one: Column(**dict(column)) for one, column in profile.columns.items()}
    kept = {one: column.kind for one, column in columns.items() if column.kind != "text"}
    good = sample.height == profile.sample.rows <= profile.rows and list(kept) == sample.columns
    if not good or any(not _fits(sample[one].dtype, kind) for one, kind in kept.items()):
        raise UserError(f"{name}/{SAMPLE} is not the sample of {name}/{PROFILE}", hint=_AGAIN)
    return Side(rows=profile.rows, columns=columns, sample=sample, mark=profile.mark)


def _fits(dtype: pl.DataType, kind: Kind) -> bool:
    return dtype == pl.String if kind == "category" else dtype.is_numeric()


def _bytes(path: Path, name: str) -> bytes:
    try:
        if (size := path.stat().st_size) > MAX_BYTES:
            raise UserError(f"{name} is {size:,} bytes", why=f"a profile has at most {MAX_BYTES:,}", hint=_AGAIN)
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"no reference at {name}", why=error.strerror or "", hint=_AGAIN) from error


def _parse(raw: bytes, name: str) -> _Profile:
    try:
        document = json.loads(raw)
        version = document.get("schema") if isinstance(document, dict) else None
        if isinstance(version, int) and version > SCHEMA:
            why = f"it has schema {version}, this ci-kit reads up to {SCHEMA}"
            raise UserError(
                f"{name} was written by a newer ci-kit", why=why, hint="Upgrade ci-kit", code="config/newer"
            )
        return _Profile.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "profile"
        raise UserError(f"{name} is not a valid profile", why=f"{where}: {first['msg']}"[:300], hint=_AGAIN) from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{name} is not a profile", why=str(error)[:200], hint=_AGAIN) from error
