"""A history to render: of any length, with any text in it."""

from collections.abc import Iterator

from ci_kit.parts import Status
from ci_kit.render.commits import Chronicle, Commit, Mark, Value

DAY = 86_400
STATUSES: tuple[Status, ...] = ("pass", "fail", "unsure", "warn", "skip")


def commit(number: int, texts: Iterator[str] | None = None) -> Commit:
    """Return a commit; each of its texts, names included, is the next one."""
    write = {name: next(texts) if texts else name for name in ("accuracy", "evaluation", "md5:0a1b", "train", "EUR")}
    return Commit(
        sha=f"{number:040x}",
        at=1_700_000_000 + number * DAY,
        subject=next(texts) if texts else f"Change {number}",
        status=STATUSES[number % 5],
        metrics={write["accuracy"]: Value(value=0.9 + number / 1e5, unit="share", direction="up", low=0.8, high=0.99)},
        rows=4500,
        data={write["evaluation"]: write["md5:0a1b"]},
        seconds={"validate": 3.0, write["train"]: 400.0},
        costs={write["train"]: (0.4, write["EUR"])},
    )


def chronicle(count: int, texts: Iterator[str] | None = None) -> Chronicle:
    """Return a history with a version and two drift checks."""
    word = texts or iter(f"word {number}" for number in range(100))
    return Chronicle(
        title=next(word),
        base=next(word),
        commits=tuple(commit(number, texts) for number in range(count)),
        marks=(
            Mark(kind="release", at=1_700_000_000 + DAY, text=next(word)),
            Mark(kind="drift", at=1_700_000_000 + 2 * DAY, text=next(word), status="fail"),
            Mark(kind="retrain", at=1_700_000_000 + 3 * DAY, text=next(word)),
        ),
        notes=(next(word),),
    )
