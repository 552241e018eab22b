"""Training curves: JSON Lines or DVCLive's tables become line charts of at most 200 points a series."""

import json
import math
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from ci_kit.parts import Chart, Check, Series
from ci_kit.train.metrics import Members, leaves, named, number

POINTS, MAX_LINES, MAX_CHARTS, MAX_SERIES = 200, 2_000_000, 20, 12
STEPS = ("step", "global_step", "iteration", "epoch")
_SPLIT = re.compile(r"(?:^|[/_.\- ])(train|training|val|valid|validation|test|eval|dev)(?=$|[/_.\- ])")
Row = tuple[str, float, float]


def read(path: Path, name: str) -> tuple[tuple[Chart, ...], Check]:
    """Read a JSONL file or a folder of `*.tsv`; points that are not finite are left out and named in the check."""
    curves: dict[str, dict[float, float]] = {}
    axis, bad, lost = "step", [], 0
    try:
        rows = _tables(path) if path.is_dir() else _lines(path)
        for one in rows:
            if isinstance(one, str):
                axis = one
            elif math.isfinite(one[1]) and math.isfinite(one[2]):
                curves.setdefault(one[0], {})[one[1]] = one[2]  # a resumed run writes a step again: the last one counts
            else:
                bad.append(f"{one[0]} is {one[2]} at {axis} {one[1]:g}")
    except (OSError, ValueError, RecursionError) as error:
        observed = f"{type(error).__name__}: {error}" if isinstance(error, OSError) else str(error)
        return (), Check(id="curves", title=f"Curves of {name}", status="fail", observed=observed)
    charts = draw(curves, axis)
    lost = max(0, len(charts) - MAX_CHARTS)
    notes = [f"{len(curves)} curves"]
    notes += [f"{len(bad):,} values are not finite: {'; '.join(bad[:5])}"] if bad else []
    notes += [f"{lost} charts were left out"] if lost else []
    status = "warn" if bad or not curves else "pass"
    return charts[:MAX_CHARTS], Check(id="curves", title=f"Curves of {name}", status=status, observed=", ".join(notes))


def draw(curves: dict[str, dict[float, float]], axis: str) -> tuple[Chart, ...]:
    """Make one chart per metric; its training and validation curves share it."""
    groups: dict[str, list[str]] = {}
    for name in curves:
        groups.setdefault(_SPLIT.sub("", name).strip("/_.- ") or name, []).append(name)
    charts = []
    for base, names in groups.items():
        series = []
        for name in names[:MAX_SERIES]:
            points = thin(sorted(curves[name].items()))
            series.append(Series(name=name, x=tuple(x for x, _ in points), y=tuple(y for _, y in points)))
        title = base if len(names) > 1 else names[0]
        charts.append(Chart(kind="line", title=title, x=axis, y=base, series=tuple(series)))
    return tuple(charts)


def thin(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Keep the first, the last and, in equal stretches between, the lowest and the highest point: no peak is lost."""
    if len(points) <= POINTS:
        return points
    inner, stretches = points[1:-1], POINTS // 2 - 1
    kept = [points[0]]
    for index in range(stretches):
        part = inner[index * len(inner) // stretches : (index + 1) * len(inner) // stretches]
        kept += sorted({min(part, key=lambda point: point[1]), max(part, key=lambda point: point[1])})
    return [*kept, points[-1]]


def _lines(path: Path) -> Iterator[Row | str]:
    axis = ""
    with path.open(encoding="utf-8") as file:
        for index, line in enumerate(islice(file, MAX_LINES), 1):
            if not line.strip():
                continue
            try:
                record = json.loads(line, object_pairs_hook=Members)
            except ValueError as error:
                if line.endswith("\n"):
                    raise ValueError(f"line {index} is not JSON: {error}") from error
                continue  # the last line of a run that was killed
            if not isinstance(record, Members):
                raise ValueError(f"line {index} is not an object")
            values = {named(one): value for one, raw in leaves(record) if (value := number(raw)) is not None}
            if not axis:
                axis = next((name for name in STEPS if name in values), "line")
                yield axis
            x = values.get(axis, float(index))
            yield from ((name, x, value) for name, value in values.items() if name not in STEPS)


def _tables(folder: Path) -> Iterator[Row | str]:
    for path in sorted(folder.rglob("*.tsv")):
        name = path.relative_to(folder).with_suffix("").as_posix()
        with path.open(encoding="utf-8") as file:
            header = file.readline().rstrip("\n").split("\t")
            if "step" not in header or path.stem not in header:
                raise ValueError(f"{name}.tsv has no columns step and {path.stem}")
            step, value = header.index("step"), header.index(path.stem)
            for index, line in enumerate(islice(file, MAX_LINES), 2):
                cells = line.rstrip("\n").split("\t")
                if len(cells) != len(header):
                    raise ValueError(f"line {index} of {name}.tsv has {len(cells)} cells, not {len(header)}")
                yield name, float(cells[step]), float(cells[value])
