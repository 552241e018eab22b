"""One data set of this run, opened once for all that is asked of it."""

import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from ci_kit.data import files, frame, kind, reading, scan
from ci_kit.sections import DataSet

# Below this, files are read into memory; above, text files are rewritten once as Parquet, because every rule about a
# column of a text file would otherwise read the whole of it again.
IN_MEMORY = 32 * 2**20


@dataclass(frozen=True)
class Source:
    """A named data set; `folder` takes temporary files."""

    name: str
    dataset: DataSet
    root: Path
    folder: Path

    @cached_property
    def rows(self) -> pl.LazyFrame:
        """The rows as polars sees them, cheap to ask for a column; raises UserError if they can't be read."""
        lazy = scan(self.dataset, self.root)
        with self.reading():
            if sum(file.stat().st_size for file in files(self.dataset, self.root)) <= IN_MEMORY:
                return lazy.collect().lazy()
            if kind(self.dataset, self.root) == "parquet":
                return lazy
            with tempfile.NamedTemporaryFile(dir=self.folder, suffix=".parquet", delete=False) as spool:
                path = spool.name
            lazy.sink_parquet(path, compression="lz4")
            return pl.scan_parquet(path)

    @cached_property
    def height(self) -> int:
        """The number of rows."""
        with self.reading():
            return int(self.rows.select(pl.len()).collect().item())

    @cached_property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return self.rows.collect_schema().names()

    @cached_property
    def sensitive(self) -> tuple[str, ...]:
        """The columns whose values are never shown: all of them where a name is misspelt, as any may be meant."""
        named = self.dataset.sensitive
        return named if not named or set(named) <= set(self.columns) else (*named, *self.columns)

    def pandas(self) -> Any:
        """Return the rows as pandas sees them."""
        return frame(self.dataset, self.root)

    def reading(self) -> Any:
        """Turn what is damaged into one UserError, without values where some column is sensitive."""
        return reading(f"data set {self.name!r}", quiet=bool(self.dataset.sensitive))

    def shown(self, columns: list[str] | tuple[str, ...]) -> tuple[str, ...]:
        """Return the columns whose values may be shown."""
        return tuple(column for column in columns if column not in self.sensitive)
