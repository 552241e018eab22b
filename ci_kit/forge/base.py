"""What every forge can do, and the marks by which a comment of ours is known again."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

MARKER_BYTES = 512  # what `mark` adds to a body at the most


@dataclass(frozen=True, kw_only=True)
class Stamp:
    """Which run made a report; `sha` is the commit that was judged."""

    run_id: int
    attempt: int
    sha: str

    @property
    def order(self) -> tuple[int, int]:
        """Sort by run, then by attempt: GitHub's run ids only grow."""
        return self.run_id, self.attempt


class Event(Protocol):
    """What `connect` needs to know of the event; `ci_kit.actions.Event` is one."""

    @property
    def repo(self) -> str:
        """The repository, `owner/name`."""

    @property
    def number(self) -> int | None:
        """The number of the pull request."""

    @property
    def url(self) -> str | None:
        """Where the run can be seen."""


class Forge(Protocol):
    """Where reports are read and Results are kept."""

    def comment(self, report: str, body: str, stamp: Stamp) -> str:
        """Show the report, replacing an older one of the same id; return where it is (URL or path)."""

    def record(self, files: Mapping[str, bytes], message: str) -> None:
        """Add files to the history branch in one commit; the same content again makes none."""


def mark(body: str, report: str, stamp: Stamp, *, watermark: bool = True) -> str:
    """Return the body with our marker as its first line and CML's watermark, invisible, as its last.

    The watermark lets `cml comment update --watermark-title ci-kit-<report>` find the comment. Nothing inside the body
    can pass for either mark: ours counts on the first line only, CML's is broken wherever the body has it.
    """
    body = body.replace("cml.dev/watermark.png#", "cml.dev/watermark.png ")
    sha = stamp.sha or "0"
    first = f"<!-- ci-kit:report id={report} run={stamp.run_id} attempt={stamp.attempt} sha={sha} -->"
    last = f'\n\n<!-- ![](https://cml.dev/watermark.png#{sha} "{_title(report)}") -->\n' if watermark else "\n"
    return f"{first}\n{body.strip()}{last}"


def read_mark(body: str, report: str) -> Stamp | None:
    """Return the stamp of a comment with that report's marks, None when it has neither ours nor CML's.

    A report that the CML command line wrote has no stamp of ours: it counts as older than any run.
    """
    body = body.replace("\r\n", "\n")
    ours = re.match(rf"<!-- ci-kit:report id={re.escape(report)} run=(\d+) attempt=(\d+) sha=([0-9a-f]+) -->\n", body)
    if ours:
        return Stamp(run_id=int(ours[1]), attempt=int(ours[2]), sha=ours[3])
    watermark = rf'!\[\]\(https://cml\.dev/watermark\.png#([0-9a-fA-F]+) "{re.escape(_title(report))}"\)(?: -->)?\s*$'
    cml = re.search(watermark, body)
    return Stamp(run_id=0, attempt=0, sha=cml[1].lower()) if cml else None


def _title(report: str) -> str:
    # CML escapes underscores in the title that it writes and looks for (its watermark.js).
    return f"CML watermark ci-kit-{report}".replace("_", "\\_")
