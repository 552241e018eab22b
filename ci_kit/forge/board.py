"""The text of a shared comment: a table of all reports, the worst first, and each of them folded below."""

from dataclasses import dataclass

from ci_kit.errors import UserError
from ci_kit.forge.parts import Board, Part, head
from ci_kit.result import SEVERITY, Status

MOST = 65_536  # bytes
SAID: dict[Status, tuple[str, str]] = {
    "fail": ("fails", "fail"),
    "unsure": ("can't tell", "can't tell"),
    "warn": ("warns", "warn"),
    "pass": ("passes", "pass"),
    "skip": ("is skipped", "are skipped"),
}
EARLIER = "🕓"


def compose(comment: str, board: Board, most: int = MOST) -> str:
    """Return the text in at most so many bytes of UTF-8.

    Where it is too long, pieces of the longest part give way until it is no longer the longest, then those of the next;
    what failed or can't be told may be twice as long as others, what is of an earlier commit half as long. Raises
    UserError when the bare table is too long.
    """
    parts = sorted(board.parts.values(), key=lambda part: _place(part, board.sha))
    top = f"{head(comment, board)}\n{_heading(comment, parts, board.sha)}\n\n| report | verdict |\n|:--|:--|\n"
    failed = [part.id for part in parts if part.status == "fail" and part.sha == board.sha]
    sheet = _Sheet(board.sha, failed[0] if len(failed) == 1 else None)
    parts = _fitted(parts, most - len(top.encode()) - 1, sheet)
    rows = "\n".join(sheet.row(part) for part in parts)
    return f"{top}{rows}\n\n" + "\n\n".join(sheet.block(part) for part in parts) + "\n"


def _place(part: Part, sha: str) -> tuple[bool, int, str, str]:
    return part.sha != sha, -SEVERITY.index(part.status), part.title, part.id


def _heading(comment: str, parts: list[Part], sha: str) -> str:
    now = [part for part in parts if part.sha == sha]
    worst = now[0]
    count = sum(part.status == worst.status for part in now)
    said = SAID[worst.status][count != 1]
    lines = [f"## {worst.icon} {comment}: {count:,} of {len(now):,} report{'s' * (len(now) != 1)} {said}"]
    of = f"Of commit `{sha[:7]}`."
    if past := len(parts) - len(now):
        of += f" {past:,} more {'is' if past == 1 else 'are'} of the commit before {EARLIER}: "
        of += "not made anew yet, or no longer made."
    return "\n\n".join([*lines, of])


@dataclass(frozen=True)
class _Sheet:
    """How a part is shown beside others: `sha` is the newest commit, `open` the id of the only one that failed."""

    sha: str
    open: str | None

    def row(self, part: Part) -> str:
        """Return two cells, so that they have room on a phone."""
        icon, says = part.icon, part.says
        if part.sha != self.sha:
            icon, says = EARLIER, f"{part.icon} of `{part.sha[:7]}`: {part.says}"
        more = [part.numbers, *([_whole(part)] if part.url and not part.pieces else [])]
        lines = [says, " · ".join(text for text in more if text)]
        return f"| {icon}&nbsp;<b>{part.title}</b> | {'<br>'.join(text for text in lines if text)} |"

    def block(self, part: Part) -> str:
        """Return a part between its marks, folded."""
        if not part.pieces:
            return f"{part.mark()}\n<!-- ci-kit:end -->"
        icon = part.icon if part.sha == self.sha else f"{EARLIER} {part.icon}"
        lines = [
            part.mark(),
            f"<details{' open' * (part.id == self.open)}><summary>{icon} <b>{part.title}</b></summary>\n",
            *(f"<!-- ci-kit:piece {piece.rank} -->\n{piece.text}\n" for piece in part.pieces),
            "<!-- ci-kit:foot -->",
            *([f"_Shortened to fit. All of it: {_whole(part)}._\n"] if part.cut else []),
            "---\n\n</details>",
            "<!-- ci-kit:end -->",
        ]
        return "\n".join(lines)

    def size(self, part: Part) -> int:
        """Return the bytes that it takes, with what parts it from the next."""
        return len(f"{self.row(part)}\n{self.block(part)}\n\n".encode())

    def weight(self, part: Part) -> float:
        """Say how long it may be beside others."""
        return 0.5 if part.sha != self.sha else 2.0 if part.status in {"fail", "unsure"} else 1.0


def _whole(part: Part) -> str:
    return f"[in the job summary]({part.url})" if part.url else "in the job summary"


def _fitted(parts: list[Part], room: int, sheet: _Sheet) -> list[Part]:
    chosen = list(parts)
    sizes = [sheet.size(part) for part in chosen]
    while sum(sizes) > room:
        long = [place for place, part in enumerate(chosen) if part.pieces]
        if not long:
            what = f"{len(parts):,} reports do not fit into one comment"
            raise UserError(what, hint="Give some of them another name in report.comment")
        most = max(long, key=lambda place: sizes[place] / sheet.weight(chosen[place]))
        chosen[most] = _poorer(chosen[most])
        sizes[most] = sheet.size(chosen[most])
    return chosen


def _poorer(part: Part) -> Part:
    last = max(range(len(part.pieces)), key=lambda place: (part.pieces[place].rank, place))
    return part.model_copy(update={"pieces": (*part.pieces[:last], *part.pieces[last + 1 :]), "cut": True})
