"""Results to render: of a change that is worse, better or can't be told, and of any size, with any text in them."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from ci_kit.parts import Chart, Check, Cost, File, Location, Metric, Run, Series, Source, Status, Table
from ci_kit.render.view import Change, View
from ci_kit.result import Result

STEPS = ("validate", "train", "evaluate")
SHA, BASE = "9d1e77c0" + "a1" * 16, "3f2c1ab4" + "b2" * 16
URL = "https://github.com/octo/digits/actions/runs/4711"
PICTURE = f"https://github.com/octo/digits/blob/{SHA}/pictures/ab/{'ab' * 32}.svg?raw=true"
Write = Callable[[str], str]


def same(text: str) -> str:
    return text


def result(
    step: str,
    *checks: Check,
    write: Write = same,
    charts: tuple[Chart, ...] = (),
    metrics: Mapping[str, Metric] = MappingProxyType({}),
) -> Result:
    return Result(
        step=step,
        about=write("about"),
        checks=checks,
        metrics=dict(metrics),
        charts=charts,
        files=(File(path=".ci-kit/scores.npz", sha256="0" * 64, bytes=2048, role=write("scores")),),
        source=Source(repo=write("octo/digits"), sha=SHA, base_sha=BASE, data={write("evaluation"): write("md5:6f1a")}),
        run=Run(
            kit=write("0.1.0"),
            started=write("2026-11-21T05:00:00+00:00"),
            seconds=38.2,
            machine=write("Linux"),
            gpu=write("GPU"),
            url=write(URL),
            cost=Cost(amount=0.012, currency="EUR"),
        ),
    )


def check(name: str, status: Status = "pass", write: Write = same, **more: str) -> Check:
    texts = {key: write(text) for key, text in more.items()}
    if "limit" in texts and write is not same:  # or it could be a part of the title, and would not be said again
        texts["limit"] = f"limit {texts['limit']}"
    place = Location(file=write("tests/test_model.py"), line=31)
    return Check(id=name, title=write(name), status=status, location=place, **texts)


def gated(before: float, after: float, low: float, high: float, *, name: str, unit: str = "") -> dict[str, Metric]:
    way = "up" if unit == "share" else "down"
    return {
        name: Metric(value=after, unit=unit, direction=way, n=450),
        f"{name}@baseline": Metric(value=before, unit=unit, direction=way, n=450),
        f"{name}@change": Metric(value=after - before, unit=unit, direction=way, low=low, high=high, n=450),
    }


LOSS = {
    "fail": gated(0.142, 0.171, 0.017, 0.041, name="log_loss"),
    "pass": gated(0.171, 0.142, -0.041, -0.017, name="log_loss"),
    "unsure": gated(0.142, 0.145, -0.009, 0.016, name="log_loss"),
}


def evaluated(status: Status = "pass", *more: Check, write: Write = same) -> Result:
    gate = check("gate/log_loss", status, write, limit="+5 %", detail="450 rows show changes of 11 % or more.")
    return result("evaluate", gate, *more, write=write, metrics=LOSS[status])


def curve(write: Write = same, points: int = 12) -> Chart:
    x = tuple(float(index) for index in range(1, points + 1))
    lines = (("validation loss", 0.9), ("training loss", 0.7))
    series = tuple(Series(name=write(name), x=x, y=tuple(base**value for value in x)) for name, base in lines)
    return Chart(kind="line", title=write("loss by epoch"), x=write("epoch"), y=write("loss"), series=series)


def bars(write: Write = same) -> Chart:
    names = tuple(write(name) for name in ("a", "b", "c"))
    series = (Series(name=write("rows"), x=names, y=(1.0, 2.0, -3.0)),)
    return Chart(kind="bar", title=write("rows by class"), x=write("class"), y=write("rows"), series=series)


def matrix(write: Write = same) -> Chart:
    names = tuple(write(name) for name in ("cat", "dog"))
    rows = tuple(
        Series(name=name, x=names, y=counts) for name, counts in zip(names, ((40.0, 2.0), (3.0, 55.0)), strict=True)
    )
    return Chart(kind="matrix", title=write("what was answered"), x=write("answered"), y=write("true"), series=rows)


def points(write: Write = same) -> Chart:
    series = Series(name=write("this change"), x=(1.0, 2.5, 4.0), y=(0.5, -0.25, 1.0))
    return Chart(kind="points", title=write("residuals"), x=write("predicted"), y=write("error"), series=(series,))


def table(write: Write = same, rows: int = 2) -> Table:
    body = tuple((write("writer 9"), write("91.8 % → 84.9 %")) for _ in range(rows))
    return Table(title=write("slices"), head=(write("slice"), write("accuracy")), rows=body, note=write("of 25"))


def reads(one: Result, **data: str) -> Result:
    return one.model_copy(update={"source": one.source.model_copy(update={"data": data})})


def view(*results: Result, **more: object) -> View:
    return View(results={one.step: one for one in results}, expected=STEPS, title="digits", url=URL, **more)  # type: ignore[arg-type]


def passing(*names: str) -> list[Result]:
    return [result(name, check("rows")) for name in names]


def everywhere(texts: Iterator[str], *, lines: bool = False) -> View:
    """Put the next text into every field that takes one; `lines` also keeps the line breaks of details."""

    def write(_: str) -> str:
        text = f"w{next(texts)}"
        return text if lines else text.replace("\n", " ")

    names = iter(range(1000))

    def unique(_: str) -> str:
        return f"{next(names)}{write('')}".replace("@", "_")[:150]

    statuses: tuple[Status, ...] = ("pass", "fail", "warn", "unsure", "skip")
    checks = [
        check(f"c/{status}", status, write, observed="observed", limit="limit", detail="detail") for status in statuses
    ]
    charts = (curve(write), bars(write), matrix(write), points(write))
    metrics = {unique("metric"): Metric(value=0.5, unit=write("unit")) for _ in range(2)}
    trained = result("train", *checks, write=write, charts=charts, metrics=metrics)
    found = evaluated("fail", *checks, write=write)
    name = unique("metric")
    more = {
        f"{name}{end}": Metric(value=0.5, unit=write("unit"), direction="up", low=0.4, high=0.6, n=9)
        for end in ("", "@baseline", "@change")
    }
    found = found.model_copy(update={"metrics": found.metrics | more, "tables": (table(write),)})
    damaged = {"validate": write("why")}
    moved = (Change(kind="parameter", name=write("name"), before=write("before"), after=write("after")),)
    return View(
        results={"train": trained, "evaluate": found},
        expected=STEPS,
        damaged=damaged,
        title=write("title"),
        url=URL,
        changes=moved,
        pictures={"train/3": PICTURE},
    )
