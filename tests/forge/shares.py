"""Parts of a shared comment to write and to look for."""

from ci_kit.forge.parts import Board, Part, Piece, read
from ci_kit.parts import Status
from tests.forge.fake import Hub

ICONS: dict[Status, str] = {"pass": "✅", "fail": "❌", "unsure": "❔", "warn": "⚠️", "skip": "⏭️"}


def part(
    name: str, run: int = 10, attempt: int = 1, *, status: Status = "pass", sha: str = "", pieces: tuple[str, ...] = ()
) -> Part:
    """Return a part; the commit is that of the run, and `pieces` are ranked as they come."""
    texts = pieces or (f"what {name} says in run {run}, attempt {attempt}",)
    return Part(
        id=name,
        run=run,
        attempt=attempt,
        sha=sha or f"{run:040x}",
        status=status,
        icon=ICONS[status],
        title=name.title(),
        says=f"{name} says",
        numbers="loss 1 → 2",
        url=f"https://run.test/{run}",
        pieces=tuple(Piece(rank=rank, text=text) for rank, text in enumerate(texts)),
    )


def board(*parts: Part) -> Board:
    return Board(parts={one.id: one.sealed() for one in parts}, turn="ab12")


def boards(hub: Hub, comment: str = "models") -> list[Board]:
    """Return what all shared comments of that name hold, the oldest first."""
    return [found for one in hub.comments.values() if (found := read(one["body"], comment))]


def runs(hub: Hub) -> dict[str, tuple[int, int]]:
    """Return by id the run and attempt of each part of the only shared comment."""
    (only,) = boards(hub)
    return {name: one.order for name, one in only.parts.items()}
