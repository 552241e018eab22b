"""A million rows of twenty columns of all kinds: looked at within 20 s of one core, and right."""

import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from tests.init.made import lay

pytestmark = pytest.mark.e2e

ROWS, SECONDS = 1_000_000, 20


def write(path: Path) -> None:
    row = pl.int_range(ROWS)
    chance = (row * 2654435761 % 4294967296) / 4294967296  # even, and the same in each run
    day = pl.date(2020, 1, 1) + pl.duration(days=row % 2000)
    pl.LazyFrame().select(
        id=row,
        age=18 + (chance * 70).cast(pl.Int64),
        income=(1000 / (chance + 0.01)).round(2),
        share=chance,
        gaps=pl.when(row % 50 > 0).then(chance.round(3)),
        nan=pl.when(row % 40 > 0).then(chance.round(3)).otherwise(float("nan")),
        city=pl.format("city {}", row % 4),
        segment=pl.format("s{}", row % 40),
        text=pl.format("row {} says {} and {} to {}", row, chance, row % 77, row % 13),
        uuid=pl.format("{}", (row * 2654435761 % 4294967296 + 10**11)),
        day=day.dt.to_string("%Y-%m-%d"),
        at=day.dt.to_string("%Y-%m-%dT08:30:00Z"),
        flag=chance < 0.3,
        constant=pl.lit(3),
        user=pl.format("u{}", (chance * 300_000).cast(pl.Int64)),
        mixed=pl.when(row == ROWS - 1).then(pl.lit("n/a")).otherwise(pl.format("{}", row % 100)),
        **{
            "größe in cm": 150 + (chance * 50).round(1),
            "class": row % 3,
            "less": -chance,
            "price": (chance * 9).round(3),
        },
    ).sink_csv(path)


def cpu() -> float:
    times = os.times()
    return times.children_user + times.children_system


@pytest.mark.timeout(300)
def test_a_million_rows(tmp_path: Path) -> None:
    folder = lay(tmp_path / "r", {"train.py": 'y = df["price"]\nmodel.fit(X, y)'})
    write(folder / "evaluation.csv")
    before = cpu()
    for arguments in (("init", "--yes"), ("validate",)):
        done = subprocess.run(
            [sys.executable, "-m", "ci_kit", *arguments], cwd=folder, capture_output=True, text=True, timeout=250
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr
        if arguments == ("init", "--yes"):
            assert cpu() - before < SECONDS
    text = (folder / "schemas.py").read_text()
    for line in (
        "    id: int = pa.Field(unique=True, ge=0)",
        "    age: int = pa.Field(ge=12, le=93)",
        "    share: float = pa.Field(ge=0, le=1.0, coerce=True)",
        "    # look at this: 1 of 1,000,000 are no numbers, such as 'n/a': so this is text\n    mixed: str",
        "    flag: bool",
        '    groe_in_cm: float = pa.Field(alias="größe in cm", ge=145.0, le=205.0, coerce=True)',
        '    column_18: int = pa.Field(alias="class", ge=0, le=2)',
    ):
        assert f"{line}\n" in text, line
