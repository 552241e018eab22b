"""A scratch branch for the time of an update: what it changes is committed there, and the user gets back what was."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from ci_kit.errors import Cancelled, CiKitError, UserError
from ci_kit.files import atomic_write
from ci_kit.forge.git import Git
from ci_kit.result import FOLDER
from ci_kit.retrain.change import HINT, ONE, place, unreadable

BRANCH = "ci-kit-scratch"
STOPPED = "the retraining was stopped"
NEW = "??"
LFS = "version https://git-lfs.github.com/spec/"
FILE_MODE, NOTHING = "100644", "000000"
_IDENTITY = {f"GIT_{role}_{key}": "ci-kit@localhost" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}


def interrupted(git: Git) -> None:
    """Raise UserError where an update was killed before it could put everything back."""
    if git.branch() == BRANCH:
        why = f"{BRANCH} is checked out: an update is running, or was killed"
        hint = f"Type: git checkout --force - && git branch -D {BRANCH}"
        raise UserError("the repository is in the middle of a retraining", why=why, hint=hint, code="retrain/worktree")


def mine(git: Git) -> str:
    """Name the first three paths that differ from the commit, `.ci-kit` and ignored ones apart; empty for none."""
    own = ":(top,exclude,glob)**/.ci-kit/**"
    found = git.run("status", "--porcelain", "-z", "--no-renames", "--untracked-files=normal", "--", ":(top)", own)
    paths = [entry[3:] for entry in found.stdout.decode("utf-8", "replace").split("\0") if entry]
    more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
    return ", ".join(repr(path)[1:-1] for path in paths[:3]) + more


class Scratch:
    """The branch; `start` is the commit that it begins at. Leaving the block always goes back."""

    def __init__(self, root: Path) -> None:
        """Raise UserError unless the work tree is clean but for ignored files and `.ci-kit`."""
        self.git, self._folder = Git(root), root / FOLDER
        self.start = self.git.sha()
        self.top = Path(self.git.must("rev-parse", "--show-toplevel"))
        interrupted(self.git)
        if changed := mine(self.git):
            hint = "Commit your changes, or put them aside: git stash --include-untracked"
            why = f"{changed}; a retraining starts from a commit"
            raise UserError("the work tree has changes", why=why, hint=hint, code="retrain/worktree")
        self._home = self.git.branch()
        if not (self._folder / ".gitignore").exists():  # what a run leaves behind is no part of the change
            atomic_write(self._folder / ".gitignore", b"*\n")

    @contextlib.contextmanager
    def entered(self) -> Iterator["Scratch"]:
        """Check out the branch, and go back at the end, whatever happens but a kill; a signal then comes too late."""
        with _stoppable():
            try:
                self.git.must("switch", "--quiet", "--no-track", "--force-create", BRANCH, self.start)
                yield self
            finally:
                with deaf():
                    self._back()

    def commit(self) -> dict[str, str | None]:
        """Commit what has changed and return it: path from the top of the repository → text, None where it is gone.

        Raises UserError, before git takes it in, for what can't be in a retraining.
        """
        if self.git.branch() != BRANCH:
            raise UserError(
                "the update left the branch that it was started on",
                hint="Let it only change files",
                code="retrain/worktree",
            )
        for _, path in self._changed():
            place(path)
            found = self.top / path
            if found.is_file() and not found.is_symlink() and found.stat().st_size > ONE:
                raise _large(path, found.stat().st_size)
        self._commit()
        return dict(self._differences())

    def _back(self) -> None:
        git = self.git
        if git.branch() == BRANCH:
            with contextlib.suppress(CiKitError):
                self._commit()  # nothing is thrown away: the reflog has it
        where = (self._home,) if self._home else ("--detach", self.start)
        done = git.run("switch", "--quiet", *where)
        if done.returncode:
            words = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
            hint = f"Type: git checkout --force - && git branch -D {BRANCH}"
            raise UserError(
                "what was checked out before can't be brought back",
                why=words[-1][:300],
                hint=hint,
                code="retrain/worktree",
            )
        git.run("branch", "--quiet", "-D", BRANCH)

    def _commit(self) -> None:
        """Commit all changes but untracked files that are too large to take a copy of."""
        git = Git(self.top)
        git.must("add", "--update")
        small = [path for code, path in self._changed() if code == NEW and _small(self.top / path)]
        if small:
            names = "\0".join(small).encode("utf-8", "surrogateescape")
            literal = {"GIT_LITERAL_PATHSPECS": "1"}
            git.must("add", "--pathspec-from-file=-", "--pathspec-file-nul", stdin=names, env=literal)
        if git.run("diff", "--cached", "--quiet").returncode:
            git.must("commit", "--quiet", "--no-verify", "--no-gpg-sign", "--message", "Update", env=_IDENTITY)

    def _changed(self) -> list[tuple[str, str]]:
        """Return what differs from the last commit, ignored files apart: git's two letters, path from the top."""
        done = self.git.run("status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--", ":(top)")
        entries = done.stdout.decode("utf-8", "surrogateescape").split("\0")
        return [(entry[:2], entry[3:]) for entry in entries if entry]

    def _differences(self) -> Iterator[tuple[str, str | None]]:
        done = self.git.run("diff-tree", "-r", "-z", "--no-renames", "--raw", self.start, "HEAD")
        fields = done.stdout.decode("utf-8", "surrogateescape").split("\0")
        for about, path in zip(fields[::2], fields[1::2], strict=False):
            place(path)
            _, mode, _, blob, _ = about.split()
            yield path, None if mode == NOTHING else self._text(path, mode, blob)

    def _text(self, path: str, mode: str, blob: str) -> str:
        if mode != FILE_MODE:
            kind = {"120000": "a link", "160000": "a submodule", "100755": "executable"}.get(mode, f"of mode {mode}")
            raise UserError(f"{path!r:.200} is {kind}", why="a retraining changes plain text files", hint=HINT)
        size = int(self.git.must("cat-file", "-s", blob))
        if size > ONE:
            raise _large(path, size)
        try:
            text = self.git.run("cat-file", "blob", blob).stdout.decode()
        except UnicodeDecodeError:
            text = "\0"
        if unreadable(text):
            raise UserError(f"{path!r:.200} is no text", why="a retraining changes plain text files", hint=HINT)
        if text.startswith(LFS):  # the pointer would come without its bytes
            raise UserError(f"{path!r:.200} is in Git LFS", why="its bytes can't be proposed", hint="Keep it under DVC")
        return text


def _large(path: str, size: int) -> UserError:
    return UserError(f"{path!r:.200} has {size:,} bytes", why=f"at most {ONE:,} fit into a retraining", hint=HINT)


def _small(path: Path) -> bool:
    return not path.is_file() or path.is_symlink() or path.stat().st_size <= ONE


@contextlib.contextmanager
def _stoppable() -> Iterator[None]:
    """Turn SIGTERM, which would end us on the spot, into an error that lets us go back."""

    def stop(number: int, _: FrameType | None) -> None:
        raise Cancelled(STOPPED, why=signal.Signals(number).name)

    with _handling({signal.SIGTERM: stop, signal.SIGINT: stop}):
        yield


@contextlib.contextmanager
def deaf() -> Iterator[None]:
    """Ignore signals, here and in the commands that are started: going back takes a moment and must not be cut."""
    with _handling({signal.SIGTERM: signal.SIG_IGN, signal.SIGINT: signal.SIG_IGN}):
        yield


@contextlib.contextmanager
def _handling(handlers: dict[signal.Signals, object]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    old = {number: signal.signal(number, handler) for number, handler in handlers.items()}  # type: ignore[arg-type]
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
