"""What every forge can do, and the marks by which a comment of ours is known again."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from ci_kit.errors import Unavailable, UserError
from ci_kit.forge.verdict import Verdict

if TYPE_CHECKING:
    from ci_kit.forge.parts import Part

MARKER_BYTES = 512  # what `mark` adds to a body at the most
TURNS = 12  # rounds of looking and acting before we give up
SETTLE = 1.0  # seconds between a write and the look that checks it; GitHub asks for as much between writes


class Refused(UserError):  # noqa: N818 - it reads as what it is
    """The forge understood the request and said no; `status` is HTTP's."""

    code = "github/permission"

    def __init__(self, status: int, what: str, *, why: str = "", hint: str = "") -> None:
        super().__init__(what, why=why, hint=hint)
        self.status = status


class Unknown(Unavailable):
    """A call that must not be repeated blindly got no answer: it may have worked."""


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


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A pull request as it should be: `files` maps a path to its new text, or to None where it goes.

    `base` is the branch to merge into and `parent` the commit that the change was made on. `name` tells ours from
    others' (`retrain-<monitor>`): it stands in the body's mark and as a trailer of the commit's message. `unchecked`
    is the body where the checks do not start by themselves (see `Pull.checked`); default: `body`.
    """

    name: str
    branch: str
    base: str
    parent: str
    title: str
    body: str
    message: str
    files: Mapping[str, str | None]
    unchecked: str | None = None


@dataclass(frozen=True, kw_only=True)
class Pull:
    """A pull request and what became of it; `number` is None on the local forge.

    `url` is empty where nothing but a branch of a person's was found, which was kept.
    `checked` is false where its checks wait for a person: those of a workflow's own token do not start by themselves.
    """

    url: str
    outcome: Literal["created", "updated", "unchanged", "kept", "closed"]
    number: int | None = None
    checked: bool = True
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class Head:
    """An open pull request: its newest commit, that of its merge where there is one, and the branch to merge into."""

    number: int
    sha: str
    merge_sha: str | None
    base: str


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

    def share(self, comment: str, part: "Part") -> str:
        """Show the report as a part of the comment of that name, beside those of others; return where it is."""

    def show(self, name: str, stamp: Stamp, title: str, text: str, well: bool | None) -> None:
        """Say in a check on the commit how something stands, or, with `well`, how it ended; nothing locally."""

    def check(self, name: str, stamp: Stamp, verdict: Verdict) -> str:
        """Have the check of that name on the commit say the verdict, unless a newer run has; return where it is."""

    def status(self, name: str, stamp: Stamp, verdict: Verdict) -> str:
        """Have the commit's status of that name say so, unless a newer run has; return where that run is."""

    def record(self, files: Mapping[str, bytes | None], message: str) -> str | None:
        """Add files to the history branch in one commit, and return the commit that has them; None without files.

        The same content again makes no commit. None takes a file away, where it is still there.
        """

    def keep(self, pictures: Mapping[str, bytes]) -> dict[str, str]:
        """Keep SVG pictures where a comment can show them; name → address, to be used as it is in the comment.

        On GitHub they are on the history branch, in one commit; locally they are files beside the comment's. Raises
        CiKitError, as `Refused` with 403 where the token only reads.
        """

    def tag(self, name: str, commit: str, message: str) -> bool:
        """Make an annotated tag; False where there is one of that name already, which stays as it is."""

    def propose(self, proposal: Proposal, stamp: Stamp) -> Pull:
        """Keep exactly one open pull request from the branch into the base, whoever else does so at the same time.

        `unchanged` when it was as it should be, `kept` when it was left alone and `detail` says why: a newer run wrote
        it, or a person has pushed to the branch.
        """

    def opened(self, branch: str, base: str) -> str | None:
        """Return where the open pull request from the branch into the base is, None when there is none."""

    def heads(self, source: str, branch: str) -> list[Head]:
        """Return all open pull requests from a branch of the repository `source`, `owner/name`; none locally."""

    def withdraw(self, branch: str, base: str, name: str, why: str, stamp: Stamp) -> Pull | None:
        """Close the open pull request of that name with exactly one comment and delete its branch.

        `kept` when it was left alone and `detail` says why: it is not ours, or a person has pushed to its branch. None
        when none is open, or the open one is a newer run's. A branch of ours that was left over is deleted.
        """

    def dispatch(self, workflow: str, branch: str, inputs: Mapping[str, str] | None = None) -> None:
        """Start a workflow on a branch; the local forge has none to start and does nothing."""


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
