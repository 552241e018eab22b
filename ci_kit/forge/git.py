"""Git as we need it: a thin wrapper over the command, with errors that say what to do."""

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from ci_kit.errors import Unavailable, UserError

TIMEOUT = 30.0  # seconds for one git command
REACH = 20_000  # how many commits back an ancestor is looked for
# What a hook or a calling git may have set; it would send our commands to another repository or index.
_FOREIGN = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR")
_QUIET = {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "GIT_ASKPASS": "", "SSH_ASKPASS": ""}
_SAFE = ("--no-pager", "-c", f"core.hooksPath={os.devnull}", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false")
_SLUG = re.compile(r"^(?:https?://|ssh://|git://|[\w.-]+@[\w.-]+:)(?:[^/]*/)*?([\w.-]+/[\w.-]+?)(?:\.git)?/?$")


class Git:
    """The git repository that holds `root`, which may be a subfolder of it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def run(
        self, *arguments: str, stdin: bytes | None = None, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """Run one git command and return it, whatever its exit code.

        Raises UserError when git is missing, hangs, or refuses the folder because another user owns it.
        """
        inherited = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
        try:
            done = subprocess.run(
                ("git", *_SAFE, *arguments),
                cwd=self.root,
                env=inherited | _QUIET | dict(env or {}),
                input=b"" if stdin is None else stdin,
                capture_output=True,
                timeout=TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise Unavailable(f"git {arguments[0]} did not end within {TIMEOUT:.0f} s") from error
        except OSError as error:
            if not self.root.is_dir():
                raise UserError(f"no folder {self.root}", code="git/repository") from error
            raise UserError(
                "git can't be run", why=error.strerror or "", hint="Install git", code="config/install"
            ) from error
        if b"dubious ownership" in done.stderr:
            hint = f"Try: git config --global --add safe.directory {self.root.resolve()}"
            raise UserError(
                "git refuses this repository", why="another user owns the folder", hint=hint, code="git/repository"
            )
        return done

    def read(self, *arguments: str) -> str | None:
        """Return the command's output without the surrounding white space, None when the command fails."""
        done = self.run(*arguments)
        return None if done.returncode else done.stdout.decode("utf-8", "replace").strip()

    def must(self, *arguments: str, stdin: bytes | None = None, env: Mapping[str, str] | None = None) -> str:
        """Return the command's output as `read` does; raise UserError with git's own words when it fails."""
        done = self.run(*arguments, stdin=stdin, env=env)
        if b"not a git repository" in done.stderr:
            raise UserError(f"{self.root} is not in a git repository", hint="Try: git init", code="git/repository")
        if done.returncode:
            words = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
            raise UserError(f"git {arguments[0]} failed", why=words[-1][:300])
        return done.stdout.decode("utf-8", "replace").strip()

    def is_repository(self) -> bool:
        """Say whether the root lies in a work tree; a machine without git has none."""
        try:
            return self.read("rev-parse", "--is-inside-work-tree") == "true"
        except UserError as error:
            if "can't be run" in error.what:
                return False
            raise

    def sha(self, revision: str = "HEAD") -> str:
        """Return the full commit id of a revision; raise UserError when there is none."""
        found = self.find(revision)
        if found is not None:
            return found
        if not self.is_repository():
            raise UserError(f"{self.root} is not in a git repository", hint="Try: git init", code="git/repository")
        if revision == "HEAD":
            raise UserError(
                "the repository has no commit yet", hint="Try: git add . && git commit -m start", code="git/repository"
            )
        raise UserError(f"git does not know the revision {revision!r}", code="git/revision")

    def find(self, revision: str) -> str | None:
        """Return the full commit id of a revision, None when this clone does not have it."""
        if revision.startswith("-"):
            return None
        return self.read("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")

    def dirty(self) -> bool:
        """Say whether anything but `.ci-kit/` differs from the commit; untracked files count, ignored ones do not."""
        own = ":(top,exclude,glob)**/.ci-kit/**"
        return bool(self.read("status", "--porcelain", "--untracked-files=normal", "--", ":(top)", own))

    def branch(self) -> str | None:
        """Return the checked-out branch, None when HEAD is detached."""
        return self.read("symbolic-ref", "--quiet", "--short", "HEAD")

    def merge_base(self, revision: str) -> str | None:
        """Return the best common ancestor of HEAD and the revision."""
        other = self.find(revision)
        return self.read("merge-base", "HEAD", other) if other else None

    def parent(self, revision: str = "HEAD") -> str | None:
        """Return the first parent, None for a first commit or one whose parents are not in this clone."""
        return self.find(f"{revision}^1")

    def ancestors(self, sha: str) -> Iterator[str]:
        """Yield the commit and its ancestors, the nearest first, at most `REACH`."""
        start = self.find(sha)
        yield from (self.read("rev-list", f"--max-count={REACH}", start) or "").split() if start else ()

    def distance(self, old: str, new: str) -> int:
        """Return how many commits lie between an ancestor and a commit."""
        return int(self.read("rev-list", "--count", f"{old}..{new}") or 0)

    def show(self, sha: str, path: str) -> bytes | None:
        """Return the file's bytes at that commit, None when it has no such file; `path` is relative to the root."""
        found = self.find(sha)
        done = self.run("cat-file", "blob", f"{found}:./{path}") if found else None
        return None if done is None or done.returncode else done.stdout

    def names(self, revision: str, folder: str) -> list[str]:
        """Return the paths of all files in a folder at that revision, from the top of the work tree."""
        listed = self.read("ls-tree", "-r", "-z", "--name-only", "--full-tree", revision, folder) or ""
        return [name for name in listed.split("\0") if name]

    def shallow(self) -> bool:
        """Say whether older commits were left out of this clone."""
        return self.read("rev-parse", "--is-shallow-repository") == "true"

    def prefix(self) -> str:
        """Return the root relative to the top of the work tree, with a slash at its end, empty for the top itself."""
        return self.read("rev-parse", "--show-prefix") or ""

    def remote_url(self) -> str | None:
        """Return where `origin` is."""
        return self.read("config", "--get", "remote.origin.url") or None

    def slug(self) -> str:
        """Return `owner/name` of `origin` when it has an address of that form, else an empty text."""
        match = _SLUG.match(self.remote_url() or "")
        return match[1] if match else ""

    def fetch_branch(self, name: str) -> bool:
        """Fetch one branch of `origin` into `refs/remotes/origin`; say whether that worked."""
        if self.remote_url() is None:
            return False
        try:
            refs = f"+refs/heads/{name}:refs/remotes/origin/{name}"
            return self.read("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "origin", refs) is not None
        except Unavailable:
            return False


def base(git: Git, event_base_sha: str | None, base_branch: str) -> tuple[str | None, str]:
    """Return the commit to compare HEAD with, and how it was found or why there is none.

    It is the merge base with the pull request's base, else with `origin/<base_branch>` or `<base_branch>`; a commit
    that the base branch holds already is compared with its first parent.
    """
    if not git.is_repository():
        return None, "not a git repository"
    head = git.find("HEAD")
    if head is None:
        return None, "the repository has no commit yet"
    names = [event_base_sha] if event_base_sha else [f"origin/{base_branch}", base_branch]
    known = [name for name in names if git.find(name)]
    if not known and not event_base_sha and git.fetch_branch(base_branch):
        known = names[:1]
    cut = "the checkout is shallow; check out with fetch-depth: 0"
    if not known:
        unknown = f"the base commit {event_base_sha} is unknown" if event_base_sha else f"no branch {base_branch!r}"
        return None, cut if git.shallow() else unknown
    found = git.merge_base(known[0])
    if found is None:
        return None, cut if git.shallow() else f"no common ancestor with {known[0]}"
    if found != head and git.branch() != base_branch:
        return found, f"merge base with {known[0]}"
    parent = git.parent()
    if parent is None:
        return None, cut if git.shallow() else "this is the first commit"
    return parent, "first parent"
