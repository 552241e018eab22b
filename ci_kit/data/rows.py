"""From the files of a data set to rows, with polars (lazily) or pandas."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ci_kit.data.paths import files, kind, shown
from ci_kit.errors import UserError
from ci_kit.sections import DataSet

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl


def scan(dataset: DataSet, root: Path) -> "pl.LazyFrame":
    """Return the rows of all files as a polars LazyFrame.

    CSV columns get the type that fits every row, so a bad value in the last line is a wrong dtype, not a crash. Raise
    UserError if a file is damaged or the files have different columns. A value that is damaged deep inside a file
    shows only on `collect`: do that inside `reading`.
    """
    with _extra():
        import polars as pl
    form, paths = kind(dataset, root), files(dataset, root)
    frames = []
    for path in paths:
        with reading(shown(path, root), quiet=bool(dataset.sensitive)):
            frames.append(_scan_one(path, form, dataset))
            _same_columns(frames, paths, root)
    if form == "parquet" and len({tuple(frame.collect_schema().items()) for frame in frames}) == 1:
        return pl.scan_parquet(paths)
    order = frames[0].collect_schema().names()
    return frames[0] if len(frames) == 1 else pl.concat([one.select(order) for one in frames], how="vertical_relaxed")


def frame(dataset: DataSet, root: Path) -> "pd.DataFrame":
    """Return the rows of all files as a pandas DataFrame with a fresh index; raise UserError as `scan` does."""
    with _extra():
        import pandas as pd
    form, paths = kind(dataset, root), files(dataset, root)
    frames = []
    for path in paths:
        with reading(shown(path, root), quiet=bool(dataset.sensitive)):
            frames.append(_read_one(path, form, dataset))
            _same_columns(frames, paths, root)
    return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)


def _scan_one(path: Path, form: str, dataset: DataSet) -> "pl.LazyFrame":
    import polars as pl

    if form == "parquet":
        lazy = pl.scan_parquet(path)
    elif form == "jsonl":
        lazy = pl.scan_ndjson(path, infer_schema_length=None)
    elif dataset.columns:
        lazy = _scan_csv(path, header=False)
        _same_width(len(lazy.collect_schema()), dataset.columns)
        return lazy.rename(dict(zip(lazy.collect_schema().names(), dataset.columns, strict=True)))
    else:
        lazy = _scan_csv(path, header=True)
    lazy.collect_schema()
    return lazy


def _scan_csv(path: Path, *, header: bool) -> "pl.LazyFrame":
    import polars as pl

    schema = pl.scan_csv(path, has_header=header, infer_schema_length=None).collect_schema()
    # Told the schema, polars does not read all rows once more to guess it in each query.
    return _without_tail(pl.scan_csv(path, has_header=header, schema=schema), path)


def _without_tail(lazy: "pl.LazyFrame", path: Path) -> "pl.LazyFrame":
    """Leave out blank last lines, as pandas does; to polars each is a row of nulls."""
    import polars as pl

    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4096))
        tail = file.read().replace(b"\r\n", b"\n")
    blank = len(tail) - len(tail.rstrip(b"\n")) - 1
    if blank < 1 or path.suffix == ".gz":
        return lazy
    return lazy.head(lazy.select(pl.len()).collect().item() - blank)


def _read_one(path: Path, form: str, dataset: DataSet) -> "pd.DataFrame":
    import pandas as pd

    if form == "parquet":
        return pd.read_parquet(path)
    if form == "jsonl":
        try:
            return pd.read_json(path, lines=True, convert_dates=False)
        except ValueError as error:
            raise _Unreadable(str(error)) from error
    if dataset.columns:
        read = pd.read_csv(path, header=None, low_memory=False)
        _same_width(len(read.columns), dataset.columns)
        return read.set_axis(list(dataset.columns), axis=1)
    return pd.read_csv(path, low_memory=False, index_col=False)


class _Unreadable(Exception):  # noqa: N818 - never seen outside
    """What pandas says with a bare ValueError."""


def _same_width(width: int, columns: tuple[str, ...]) -> None:
    if width != len(columns):
        raise UserError(
            f"a file has {width} columns and `columns` names {len(columns)}",
            hint="Make them agree",
            code="data/columns",
        )


def _same_columns(frames: list[Any], paths: list[Path], root: Path) -> None:
    first, last = ([*one.columns] if _eager(one) else one.collect_schema().names() for one in (frames[0], frames[-1]))
    if set(first) != set(last):
        names = f"{shown(paths[0], root)} and {shown(paths[len(frames) - 1], root)}"
        odd = ", ".join(sorted(map(str, set(first) ^ set(last)))[:5])
        raise UserError(f"{names} have different columns", why=f"only one of them has {odd}", code="data/columns")


def _eager(frame: Any) -> bool:
    return not hasattr(frame, "collect_schema")


@contextmanager
def reading(name: str, *, quiet: bool = False) -> Iterator[None]:
    """Turn what polars, pandas and the system say about a damaged `name` into one UserError.

    `quiet` leaves their words out, because they may quote values.
    """
    try:
        yield
    except UserError:
        raise
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{name} can't be read", why=getattr(error, "strerror", None) or _brief(error)) from error
    except Exception as error:
        library = type(error).__module__.partition(".")[0] in ("polars", "pandas", "pyarrow")
        if library or isinstance(error, (UnicodeDecodeError, _Unreadable)):
            why = type(error).__name__ if quiet else _brief(error)
            raise UserError(f"{name} can't be read", why=why, hint="Is it damaged?") from error
        raise


def _brief(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[:160]


@contextmanager
def _extra() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise UserError(
            f"{error.name} is not installed", hint="Type: pip install 'ci-kit[validate]'", code="config/install"
        ) from error
