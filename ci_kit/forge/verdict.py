"""What a check or a status says of a commit: the verdict in a line, the report, and what is found at which line."""

from dataclasses import dataclass
from typing import Literal

TEXT = 65_535  # characters that GitHub takes as a check's summary
TITLE, MESSAGE = 255, 64 * 2**10  # of an annotation: characters, and bytes
DESCRIPTION = 140  # characters of a status


@dataclass(frozen=True, kw_only=True)
class Note:
    """One finding at a line of a file; `path` is relative to the root of the repository."""

    path: str
    line: int
    level: Literal["notice", "warning", "failure"]
    title: str
    text: str

    @property
    def annotation(self) -> dict[str, str | int]:
        """What GitHub's API takes, cut to its limits."""
        message = self.text.encode("utf-8", "replace")[:MESSAGE].decode("utf-8", "ignore")
        place: dict[str, str | int] = {"path": self.path, "start_line": self.line, "end_line": self.line}
        return place | {"annotation_level": self.level, "title": self.title[:TITLE], "message": message}


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How a commit was judged; `text` is Markdown."""

    outcome: Literal["success", "neutral", "failure"]
    title: str
    text: str = ""
    notes: tuple[Note, ...] = ()
