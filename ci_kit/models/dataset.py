"""The evaluation data: the table, the truth, and which columns a model may read."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ci_kit.config import Config
from ci_kit.errors import UserError
from ci_kit.models.frames import Frame, column, names
from ci_kit.sections import DataSet


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """`frame` holds all columns (pandas where the data set's schema is a pandas one, else polars).

    `truth` is n labels (whole numbers or text) or n finite float64, `features` the columns that a model may read,
    `sensitive` the columns whose values no message may show.
    """

    name: str
    frame: Frame = field(repr=False)
    truth: npt.NDArray[Any] = field(repr=False)
    features: tuple[str, ...]
    target: str
    task: str
    schema: Any = None
    fingerprint: str = ""
    sensitive: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.truth)


def load_dataset(config: Config, root: Path) -> Dataset:
    """Read `evaluate.data`; raise UserError if it is not configured, empty, or without a usable target or feature."""
    from ci_kit.data import fingerprint, load_object

    settings = config.evaluate
    dataset = config.data.get(settings.data)
    if dataset is None:
        what, known = f"no data set {settings.data!r}", f"`data` has {', '.join(config.data) or 'none'}"
        raise UserError(what, why=known, hint="Set `evaluate.data`", code="config/unknown-name")
    schema = load_object(dataset.schema_, root) if dataset.schema_ else None
    secret = sensitive(config)
    frame = _rows(dataset, root, settings.data, in_pandas=flavour(schema) == "pandas", quiet=bool(secret))
    have = names(frame)
    if settings.target not in have:
        shown = ", ".join(have[:8]) + ("…" if len(have) > 8 else "")
        why = f"{settings.data} has {shown}"
        raise UserError(f"no target column {settings.target!r}", why=why, hint="Set `evaluate.target`")
    # What a service answered stands beside what it was asked, where rows come from its log.
    others = {settings.target, *dataset.key, *config.drift.prediction}
    features = settings.features or tuple(name for name in have if name not in others)
    missing = [name for name in features if name not in have]
    if missing:
        raise UserError(f"`features` names {missing[0]!r}", why=f"{settings.data} has no such column")
    if not features:
        raise UserError(f"{settings.data} has no feature column", why="only the target and the key")
    if not len(frame):
        raise UserError(f"{settings.data} has no rows", why="there is nothing to evaluate on", code="data/empty")
    truth = target(column(frame, settings.target), settings.task, f"{settings.data}.{settings.target}")
    return Dataset(
        name=settings.data,
        frame=frame,
        truth=truth,
        features=features,
        target=settings.target,
        task=settings.task,
        schema=schema,
        fingerprint=fingerprint(dataset, root),
        sensitive=secret,
    )


def sensitive(config: Config) -> tuple[str, ...]:
    """Return the columns that any data set calls sensitive: the same column may lie in another one, and be read."""
    return tuple(dict.fromkeys(name for dataset in config.data.values() for name in dataset.sensitive))


def flavour(schema: Any) -> str:
    """Return `pandas` for a pandas schema of pandera, else `polars`."""
    kind = schema if isinstance(schema, type) else type(schema)
    modules = {one.__module__ for one in kind.__mro__}
    return "pandas" if any(name.startswith("pandera.api.pandas") for name in modules) else "polars"


def target(values: npt.NDArray[Any], task: str, name: str) -> npt.NDArray[Any]:
    """Return the truth as whole numbers or text (classification), or float64 (regression).

    Raises UserError if a row has none: what can't be scored is never dropped in silence.
    """
    missing = int(np.isnan(values).sum()) if values.dtype.kind == "f" else int(sum(one is None for one in values))
    if missing:
        hint = "Drop those rows from the data set, or mend them"
        raise UserError(f"{name} is missing in {missing:,} of {len(values):,} rows", hint=hint, code="data/target")
    if task == "regression":
        if values.dtype.kind not in "iufb" or not np.isfinite(values).all():
            raise UserError(
                f"{name} is no column of finite numbers", why=f"regression; it holds {values.dtype}", code="data/target"
            )
        return values.astype(np.float64)
    if values.dtype.kind == "f":
        whole = values.astype(np.int64) if np.isfinite(values).all() else values
        if (whole != values).any():
            raise UserError(
                f"{name} holds fractions",
                why="classification needs labels",
                hint="Set `evaluate.task`",
                code="data/target",
            )
        return whole
    return values.astype(np.int64) if values.dtype.kind == "b" else values


def _rows(dataset: DataSet, root: Path, name: str, *, in_pandas: bool, quiet: bool) -> Frame:
    from ci_kit.data import frame, reading, scan

    if in_pandas:
        return frame(dataset, root)
    with reading(name, quiet=quiet):
        return scan(dataset, root).collect()
