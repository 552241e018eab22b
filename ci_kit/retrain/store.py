"""The files that DVC keeps: recorded after an update, their bytes pushed, and brought back when the update is over."""

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ci_kit.data import dvc
from ci_kit.errors import CiKitError, UserError
from ci_kit.forge.git import Git
from ci_kit.job import Job
from ci_kit.parts import Check
from ci_kit.retrain.commands import run
from ci_kit.retrain.scratch import deaf
from ci_kit.supervise import environment


class Store:
    """DVC in the repository of the job. Where there is none, nothing is asked of it.

    Raises UserError where DVC is not installed, or where what it keeps has changes of the user's own.
    """

    def __init__(self, job: Job) -> None:
        self.job, self.top = job, _top(job.root)
        self.stale: set[str] = set()  # what differs from dvc.lock since the last record
        self.program = dvc.command() if self.top else None
        if self.top and self.program is None:
            raise UserError(
                "DVC is not installed",
                why="the repository uses it",
                hint="Type: pip install dvc",
                code="config/install",
            )
        seen = self._status()
        self.away = set(seen["deleted"])
        if mine := seen["modified"]:
            why = f"DVC keeps {_names(mine)}, which differ from what is committed"
            hint = "Record it: dvc commit && git commit --all. Or bring back what was: dvc checkout --force"
            raise UserError("the work tree has changes", why=why, hint=hint, code="retrain/worktree")
        lost = sorted(set(seen["not_in_cache"]) - self.away)
        if lost and job.event == "local":  # a runner is thrown away
            why = f"DVC's cache has no copy of {_names(lost)}, which the update may overwrite"
            raise UserError(
                "a retraining could lose data", why=why, hint="Type: dvc commit --force", code="retrain/worktree"
            )

    def record(self) -> None:
        """Let each `.dvc` file say what its file or folder holds by now; raise UserError where DVC can't."""
        known, modified = self._pointers(), self._status()["modified"]
        self.stale = {path for path in modified if path not in known}
        stale = sorted({known[path] for path in modified if path in known})
        if stale:
            done = run(self.job, [*self._dvc(), "commit", "--force", "--", *stale], f"dvc commit {' '.join(stale)}")
            if done.code:
                raise UserError("DVC can't record what was changed", why=_words(done.tail), hint="Nothing was proposed")

    def left_out(self, named: Mapping[str, str]) -> Check | None:
        """Return the check that names what of the training neither git nor DVC has in this change; None for nothing.

        `named` maps each path that counts to the setting that names it. It fails, but warns where there is no DVC: who
        keeps no model has none that could stay the old one, and trains again for each change.
        """
        git, here = Git(self.job.root), self.job.root.resolve()
        for name, key in named.items():
            path = Path(os.path.normpath(here / name))
            if not path.exists() or git.run("check-ignore", "--quiet", "--", name).returncode == 1:
                continue  # git has it, or takes it up: a tracked file is never ignored
            above = [place for place in (path, *path.parents) if self.top and self.top in place.parents]
            places = {self._name(place) for place in above}
            title = f"{key} {name} is not part of this change"
            if places & self.stale:
                detail = "It is not what dvc.lock says: let `dvc repro` make it, or track it by a .dvc file of its own."
            elif places & self._pointers().keys() or any(dvc.tracked(place, here) for place in above):
                continue
            elif self.top:
                detail = f"Git ignores it and DVC does not know it. Track it with DVC: dvc add {name}"
            else:
                detail = "Git ignores it: the pull request brings what it is trained from. To bring it too, use DVC."
            return Check(id="outputs", title=title, status="fail" if self.top else "warn", detail=detail)
        return None

    def push(self) -> Check | None:
        """Bring the bytes to DVC's remote, which must be before anybody sees the pointers; None without DVC.

        Raises UserError, with DVC's own words, when that fails.
        """
        if not self.top:
            return None
        listed = self._ask("remote", "list")
        if not listed.stdout.strip():
            detail = "The new data and model stay on this machine: whoever checks the pull request can't have them."
            return Check(id="push", title="DVC has no remote", status="warn", detail=detail)
        done = run(self.job, [*self._dvc(), "push", "--run-cache"], "dvc push --run-cache")
        if done.code:
            hint = "Nothing was proposed: check the remote with `dvc push`, then run ci-kit retrain again"
            raise UserError("DVC can't push", why=_words(done.tail), hint=hint)
        return Check(id="push", title="The bytes are in DVC's remote", status="pass")

    @contextlib.contextmanager
    def restored(self) -> Iterator[None]:
        """Bring back, at the end, what the block has changed of the files that DVC keeps for what is then checked out.

        They were as committed before and their bytes are in the cache: whatever differs by then is the block's doing.
        """
        try:
            yield
        finally:
            with deaf():
                self._restore()

    def _restore(self) -> None:
        words = ""
        try:
            seen = self._status()
            changed = sorted({*seen["modified"], *seen["deleted"]} - self.away)
            if changed:
                done = self._ask("checkout", "--quiet", "--force", "--", *changed)
                words = _words(done.stderr.decode("utf-8", "replace").splitlines()) if done.returncode else ""
        except CiKitError as error:
            words = str(error)
        if words:
            say = "DVC could not bring back all files that were here before. Type: dvc pull --force"
            self.job.say(f"retrain: {say} ({words})")

    def _status(self) -> dict[str, list[str]]:
        """Return what differs from the pointers of the work tree: paths from DVC's root, without a slash at the end."""
        if not self.top:
            return {"modified": [], "deleted": [], "not_in_cache": []}
        done = self._ask("data", "status", "--json")
        try:
            seen = json.loads(done.stdout)
        except ValueError as error:
            words = _words(done.stderr.decode("utf-8", "replace").splitlines())
            raise UserError("DVC can't say what has changed", why=words, hint="Type: dvc data status") from error
        found, here = {"not_in_cache": seen.get("not_in_cache") or []}, seen.get("uncommitted") or {}
        found |= {"deleted": here.get("deleted") or [], "modified": here.get("modified") or []}
        return {key: [path.rstrip("/") for path in paths] for key, paths in found.items()}

    def _pointers(self) -> dict[str, str]:
        """Map what `.dvc` files track to the file that does, both as paths from DVC's root."""
        if not self.top:
            return {}
        kinds = ("--cached", "--others", "--exclude-standard")
        listed = Git(self.top).run("ls-files", "-z", *kinds, "--", ":(glob)**/*.dvc").stdout
        found = {}
        for name in filter(None, listed.decode("utf-8", "surrogateescape").split("\0")):
            document = dvc.read(self.top / name)
            outs = document.get("outs")
            home = (self.top / name).parent / str(document.get("wdir") or ".")
            for out in outs if isinstance(outs, list) else ():
                if isinstance(out, dict) and "path" in out:
                    found[self._name(home / str(out["path"]))] = name
        return found

    def _name(self, path: Path) -> str:
        # Not resolved: what DVC keeps may be a link into its cache.
        return os.path.relpath(os.path.normpath(path), self.top).replace(os.sep, "/")

    def _dvc(self) -> list[str]:
        return [*(self.program or ()), "--cd", str(self.top)]

    def _ask(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([*self._dvc(), *arguments], env=environment(), capture_output=True, check=False)


def _words(lines: Sequence[str] | None) -> str:
    """Return DVC's own words for what went wrong."""
    told = [line for line in lines or () if line.strip()] or ["no reason given"]
    return next((line for line in told if line.startswith("ERROR")), told[-1]).removeprefix("ERROR: ")[:300]


def _names(paths: Sequence[str]) -> str:
    return ", ".join(paths[:3]) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")


def _top(root: Path) -> Path | None:
    top = root.resolve()
    for folder in (top, *top.parents):
        if (folder / ".dvc").is_dir():
            return folder
        if (folder / ".git").exists():
            break
    return None
