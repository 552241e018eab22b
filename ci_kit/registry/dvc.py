"""DVC's remote as a store: bentos by their MD5, beside the repository's data and apart from its `.dvc` files."""

import contextlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ci_kit.data import dvc
from ci_kit.errors import Unavailable, UserError
from ci_kit.files import md5
from ci_kit.registry.landing import writing
from ci_kit.registry.stores import unknown
from ci_kit.supervise import environment

TIMEOUT = 3600.0  # seconds for one DVC command
_PLACE = re.compile(r"md5:([0-9a-f]{2})([0-9a-f]{30})")


class DVC:
    """The default remote of the repository's DVC; a place is `md5:<digest of the archive>`.

    DVC adds the archive in a folder below `.ci-kit`, which goes away again; its cache keeps a copy. It is fetched from
    where DVC keeps it in the remote, not by a pull: what is damaged there must not get into the cache, and a target
    may have no right to write in the repository.
    """

    def __init__(self, root: Path) -> None:
        program = dvc.command()
        if program is None:
            raise UserError(
                "the store `dvc` needs DVC",
                why="it is not installed",
                hint="Type: pip install dvc",
                code="config/install",
            )
        self._root, self._program = root, program

    def put(self, archive: Path, model: str, digest: str) -> str:  # noqa: ARG002 - DVC has a digest of its own
        """Let DVC add the archive and push it."""
        remote, made = self._remote(), md5(archive)
        with self._apart(archive, f"{model}.bento") as (path, env):
            self._run("DVC can't add the bento", "add", "--", path, env=env)
            self._run("DVC can't push the bento", "push", f"--remote={remote}", "--", f"{path}.dvc", env=env)
            out = _out(self._root / f"{path}.dvc")
        if (out.get("md5"), out.get("hash")) != (made, "md5") or "cloud" in out or "version_id" in out:
            why = f"the remote {remote} keeps versions of files, or DVC is older than 3"
            raise UserError("DVC does not keep the bento by its digest", why=why, hint="Take another store")
        return f"md5:{made}"

    def get(self, place: str, target: Path) -> None:
        """Fetch the archive; it must have that digest."""
        match = _PLACE.fullmatch(place)
        if match is None:
            raise unknown(place, "it is DVC's remote")
        url = f"remote://{self._remote()}/files/md5/{match[1]}/{match[2]}"
        with (
            writing(target.parent, "the bento can't be fetched"),
            tempfile.TemporaryDirectory(dir=target.parent, prefix=".") as folder,
        ):
            came = Path(folder).resolve() / target.name
            self._run(f"DVC can't fetch {place}", "get-url", "--", url, str(came))
            if f"md5:{md5(came)}" != place:
                raise UserError(f"what DVC fetched as {place} is damaged", hint="Do not use it", code="store/damaged")
            came.replace(target)

    def _remote(self) -> str:
        """Return the name of the default remote; raise UserError where there is none."""
        found = self._run("DVC does not know its remote", "config", "core.remote").strip()
        if not re.fullmatch(r"[\w.-]+", found):
            hint = "Type: dvc remote add --default NAME URL, or dvc remote default NAME"
            raise UserError("the store `dvc` needs a remote", why="DVC has no default remote here", hint=hint)
        return found

    @contextlib.contextmanager
    def _apart(self, archive: Path, name: str) -> Iterator[tuple[str, dict[str, str]]]:
        """Yield a copy for DVC, as a path from the root, and the environment in which DVC leaves git alone."""
        home = self._root / ".ci-kit"
        with writing(home, "the bento can't be given to DVC"):
            home.mkdir(exist_ok=True)
            with tempfile.TemporaryDirectory(dir=home, prefix="dvc-") as folder:
                here = Path(folder).resolve()
                shutil.copyfile(archive, here / name)
                # Else DVC refuses what git ignores, and `core.autostage` lets it change the index.
                (here / "config").write_text("[core]\n    no_scm = true\n")
                yield f"{home.name}/{here.name}/{name}", {"DVC_SYSTEM_CONFIG_DIR": str(here)}

    def _run(self, what: str, *arguments: str, env: dict[str, str] | None = None) -> str:
        """Run one DVC command and return its output; raise UserError, with DVC's own words, when it fails."""
        try:
            done = subprocess.run(
                [*self._program, *arguments],
                cwd=self._root,
                env=environment(env),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise Unavailable(what, why=f"it took more than {TIMEOUT:,.0f} s") from error
        if done.returncode:
            raise UserError(what, why=_words(done.stderr or done.stdout), hint="Look at `dvc doctor`")
        return done.stdout.decode("utf-8", "replace")


def _out(pointer: Path) -> dict[str, Any]:
    """Return what a `.dvc` file says of its only output."""
    outs = dvc.read(pointer).get("outs")
    return outs[0] if isinstance(outs, list) and outs and isinstance(outs[0], dict) else {}


def _words(output: bytes) -> str:
    lines = [line for line in output.decode("utf-8", "replace").splitlines() if line.strip()] or ["no reason given"]
    told = next((line for line in lines if line.startswith("ERROR")), lines[-1])
    return "".join(c if c.isprintable() else " " for c in told.removeprefix("ERROR: "))[:300]
