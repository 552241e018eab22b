"""What every forge does alike with a proposal: refuse what no repository takes, and know a commit of ours again."""

import hashlib
import json
import re
from dataclasses import dataclass

from ci_kit.errors import UserError
from ci_kit.forge.base import Proposal, Stamp

MAX_TEXT = 2**20  # bytes of one file; what is larger belongs into DVC
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,120}")
_SHA = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
# As `git check-ref-format` has it.
_NO_BRANCH = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(/|$)|^[-./]|[./]$|^@?$|^HEAD$")
_SEAL = re.compile(r"ci-kit: (\S+) run=(\d+) attempt=(\d+) tree=([0-9a-f]+) change=([0-9a-f]+)")


@dataclass(frozen=True, kw_only=True)
class Seal:
    """Which run made a commit, and of what change."""

    order: tuple[int, int]
    change: str


def seal(message: str, name: str, stamp: Stamp, tree: str, change: str) -> str:
    """Return the message with our trailer.

    It names the tree of the commit, so that what a person amends or rebases no longer counts as ours.
    """
    last = f"ci-kit: {name} run={stamp.run_id} attempt={stamp.attempt} tree={tree} change={change}"
    return f"{clean(message).strip()}\n\n{last}\n"


def read_seal(message: str, tree: str, name: str) -> Seal | None:
    """Return the seal of a commit that we made under that name and nobody changed, else None."""
    match = _SEAL.fullmatch(message.rstrip().rpartition("\n")[2])
    if not match or match[1] != name or match[4] != tree:
        return None
    return Seal(order=(int(match[2]), int(match[3])), change=match[5])


def change_of(proposal: Proposal) -> str:
    """Return a digest of what the proposal's commit holds: its parent and its files."""
    text = json.dumps([proposal.parent, sorted(proposal.files.items())])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def clean(text: str) -> str:
    """Return text that can be sent: without halves of characters."""
    return text.encode("utf-8", "replace").decode()


def check(proposal: Proposal) -> None:
    """Raise UserError on a name, branch, path or file that must not, or can not, be in a pull request."""
    if not _NAME.fullmatch(proposal.name):
        raise UserError(f"{proposal.name!r} is no name for a pull request of ours")
    if not _SHA.fullmatch(proposal.parent):
        raise UserError(f"{proposal.parent!r} is not a commit id")
    if proposal.branch == proposal.base:
        raise UserError(f"{proposal.branch!r} can't be merged into itself")
    for branch in (proposal.branch, proposal.base):
        if _NO_BRANCH.search(branch) or not branch.isprintable():
            raise UserError(f"{branch!r} is no name for a branch")
    if not proposal.files:
        raise UserError("the pull request would change nothing")
    for path, text in proposal.files.items():
        _check_file(path, text)


def _check_file(path: str, text: str | None) -> None:
    parts = path.split("/")
    if not path.isprintable() or any(part.lower() in ("", ".", "..", ".git") for part in parts):
        raise UserError(f"{path!r} is no path of a repository")
    if text is None:
        return
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise UserError(f"{path} is not text", why=error.reason) from error
    if "\0" in text:
        raise UserError(f"{path} is not text", why="it holds a zero byte")
    if size > MAX_TEXT:
        why = f"a pull request of ours changes texts of up to {MAX_TEXT:,}"
        raise UserError(f"{path} has {size:,} bytes", why=why, hint="Keep the data with DVC and its pointer in git")
