"""The parts of a comment that several reports share: what stands in its text, and what belongs there.

Nothing inside a part can pass for a mark of ours: an HTML comment is broken wherever a part has one.
"""

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import BeforeValidator, Field, ValidationError

from ci_kit.forge.base import Stamp
from ci_kit.parts import Closed, Status

COMMITS = 2  # of so many commits, the newest ones that the comment has seen, parts are kept
_BLOCK = re.compile(
    r"^<!-- ci-kit:part (\{[^\n]*\}) -->\n((?:(?!<!-- ci-kit:(?:part|end) )[^\n]*\n)*)<!-- ci-kit:end -->$", re.M
)
_PIECE = re.compile(r"^<!-- ci-kit:piece ([0-9]) -->\n(.*?)\n\n(?=<!-- ci-kit:(?:piece|foot) )", re.S | re.M)


def _unmarked(text: object) -> object:
    if not isinstance(text, str):
        return text
    return text.encode("utf-8", "replace").decode().replace("\r\n", "\n").replace("<!--", "<! --").strip()


def _line(text: object) -> object:
    # Spaces that do not break stay.
    return re.sub(r"[ \t\r\n\f\v]+", " ", str(_unmarked(text)).replace("|", "│")) if isinstance(text, str) else text


Line = Annotated[str, BeforeValidator(_line), Field(max_length=2500)]


class Piece(Closed):
    """Some Markdown of a report; of the highest `rank` the last one is given up first."""

    rank: Annotated[int, Field(ge=0, le=9)]
    text: Annotated[str, BeforeValidator(_unmarked)]


class Part(Closed):
    """One report's part: a row of the table, and its pieces, folded.

    `title` and `says` are harmless HTML, `numbers` harmless Markdown, each one line; `url` is the page of its run.
    `digest` names what its writer had to say, also where it has been `cut` since.
    """

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,40}$")]
    run: Annotated[int, Field(ge=0)]
    attempt: Annotated[int, Field(ge=0)]
    sha: Annotated[str, Field(pattern=r"^[0-9a-f]{1,64}$")]
    status: Status
    icon: Annotated[str, BeforeValidator(_line), Field(max_length=4)]
    title: Line
    says: Line
    numbers: Line = ""
    url: Annotated[str, Field(pattern=r"^(https?://[A-Za-z0-9.:/_-]{1,400})?$")] = ""
    digest: str = Field("", pattern=r"^[0-9a-f]{0,16}$")
    cut: bool = False
    pieces: tuple[Piece, ...] = Field((), exclude=True)

    @property
    def order(self) -> tuple[int, int]:
        """Sort as `Stamp` does."""
        return Stamp(run_id=self.run, attempt=self.attempt, sha=self.sha).order

    def sealed(self) -> "Part":
        """Return the part with its digest."""
        said = self.model_dump_json() + "\0".join(piece.text for piece in self.pieces)
        return self.model_copy(update={"digest": hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()[:16]})

    def mark(self) -> str:
        """Return all but the pieces as one HTML comment."""
        text = self.model_dump_json().replace("<", "\\u003c").replace(">", "\\u003e").replace("--", "-\\u002d")
        return f"<!-- ci-kit:part {text} -->"


@dataclass(frozen=True, kw_only=True)
class Board:
    """What a shared comment holds: parts by id, the commits it has seen (run and sha, the newest first), its `turn`.

    No two writes have the same turn.
    """

    parts: dict[str, Part] = field(default_factory=dict)
    commits: tuple[tuple[int, str], ...] = ()
    turn: str = ""

    @property
    def sha(self) -> str:
        """The newest commit."""
        return self.commits[0][1] if self.commits else ""

    def has(self, wanted: "Board") -> bool:
        """Say whether every part of another board stands here, or a newer one of its id."""
        return all(name in self.parts and self.parts[name].order >= part.order for name, part in wanted.parts.items())


def head(comment: str, board: Board) -> str:
    """Return the mark of a shared comment."""
    commits = ",".join(f"{run}:{sha}" for run, sha in board.commits)
    return f"<!-- ci-kit:shared id={comment} turn={board.turn} commits={commits} -->"


def read(text: str, comment: str) -> Board | None:
    """Return what stands in a comment, None when it is not the shared one of that name; a damaged part is left out."""
    text = text.replace("\r\n", "\n")
    known = r"turn=([0-9a-f]+) commits=((?:[0-9]{1,20}:[0-9a-f]{1,64},?)*) -->\n"
    first = re.match(rf"<!-- ci-kit:shared id={re.escape(comment)} {known}", text)
    if first is None:
        return None
    commits = tuple((int(run), sha) for run, _, sha in (one.partition(":") for one in first[2].split(",") if one))
    parts: dict[str, Part] = {}
    for mark, body in _BLOCK.findall(text):
        try:
            fields = json.loads(mark)
            pieces = tuple(Piece(rank=rank, text=said) for rank, said in _PIECE.findall(body))
            part = Part.model_validate({**fields, "pieces": pieces})
        except (ValueError, TypeError, ValidationError, RecursionError):
            continue
        parts[part.id] = max(part, parts.get(part.id, part), key=lambda one: one.order)
    return Board(parts=parts, commits=commits, turn=first[1])


def merge(*boards: Board) -> Board:
    """Return the newest part of each id, without those of commits that are more than one push behind the newest.

    Of two that are equally new, that of the later board counts.
    """
    parts: dict[str, Part] = {}
    runs: dict[str, tuple[int, int]] = {}
    for turn, board in enumerate(boards):
        for part in board.parts.values():
            if part.id not in parts or part.order >= parts[part.id].order:
                parts[part.id] = part
        for run, sha in (*board.commits, *((part.run, part.sha) for part in board.parts.values())):
            runs[sha] = max((run, turn), runs.get(sha, (0, 0)))
    newest = sorted(runs, key=lambda sha: runs[sha], reverse=True)[:COMMITS]
    kept = {name: part for name, part in parts.items() if part.sha in newest}
    return Board(parts=kept, commits=tuple((runs[sha][0], sha) for sha in newest))
