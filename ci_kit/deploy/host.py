"""Another machine, reached by the command `ssh`: files go there, and a program of ours runs there."""

import gzip
import hashlib
import io
import re
import shlex
import subprocess
import tarfile
from collections.abc import Callable
from importlib.metadata import distribution
from pathlib import Path
from typing import IO

from ci_kit import __version__, bento
from ci_kit.errors import Unavailable, UserError
from ci_kit.supervise import environment

LOCK = Path(bento.__file__).with_name("locked.txt")
"""What serves a bento, and what we need beside it, by its hashes."""
OPTIONS = ("-o", "BatchMode=yes", "-o", "ConnectTimeout=20", "-o", "ServerAliveInterval=15", "-T")
ASK, INSTALL, SEND = 60.0, 1800.0, 1800.0  # seconds
UNREACHED = 255  # what ssh itself exits with
HOME = "$HOME/.local/share/ci-kit"
THERE = f'test -e "{HOME}/kits/$1/complete"'
# A folder of another name first: what is cut off is never taken for complete.
MAKE = f"""\
set -eu
place="{HOME}/kits/$1" part="{HOME}/kits/$1.part"
rm -rf "$part" && mkdir -p "$part" && tar -xzf - -C "$part"
command -v "$2" >/dev/null || {{ echo "there is no $2" >&2; exit 3; }}
"$2" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {{ echo "$2 is older than Python 3.11" >&2; exit 3; }}
"$2" -I -m venv "$part/env"
"$part/env/bin/python" -I -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: \\
  --no-deps -r "$part/locked.txt" >&2
"$part/env/bin/python" -I -c 'import sys, sysconfig
open(sysconfig.get_path("purelib") + "/ci-kit.pth", "w").write(sys.argv[1] + "\\n")' "$place/kit"
touch "$part/complete" && rm -rf "$place" && mv "$part" "$place"
"""
TAKE = f'set -eu; mkdir -p "{HOME}/incoming"; cd "{HOME}/incoming"; cat >"$1.part"; mv "$1.part" "$1"'
RUN = f'exec "{HOME}/kits/$1/env/bin/python" -P -u -m ci_kit.deploy.agent'


class Host:
    """A machine that is logged in to without a password; `python` is what makes environments there."""

    def __init__(self, name: str, python: str) -> None:
        self.name, self._python = name, python

    def install(self, say: Callable[[str], None]) -> str:
        """Have this very ci-kit there, with what serves a bento, and return its mark."""
        kit = packed(LOCK)
        mark = hashlib.sha256(kit).hexdigest()[:16]
        if self._run(THERE, mark, within=ASK).returncode:
            say(f"deploy: installing ci-kit on {self.name}")
            self._must(
                "ci-kit can't be installed on {}", MAKE, mark, self._python, stdin=io.BytesIO(kit), within=INSTALL
            )
        return mark

    def send(self, archive: Path, name: str) -> None:
        """Copy a file into the folder `incoming` of ci-kit's home there."""
        with archive.open("rb") as file:
            self._must("the bento can't be sent to {}", TAKE, name, stdin=file, within=SEND)

    def agent(self, mark: str) -> subprocess.Popen[bytes]:
        """Start our program there; it ends early when its stdin does."""
        return subprocess.Popen(
            self._command(RUN, mark),
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def failed(self, what: str, code: int, stderr: bytes) -> UserError | Unavailable:
        """Return the error for a command that failed there; `{}` in `what` becomes the machine's name."""
        lines = [line for line in stderr.decode("utf-8", "replace").splitlines() if line.strip()] or [f"exit {code}"]
        told = next((line for line in lines if line.startswith("ERROR:")), lines[-1])  # pip's, which says more below it
        why = re.sub(r"[^\x20-\x7e\u00a0-\uffff]", " ", told)[:300]
        if code == UNREACHED:
            hint = f"Try: ssh -o BatchMode=yes {self.name} true"
            return Unavailable(f"{self.name} was not reached", why=f"{why}. {hint}")
        return UserError(what.format(self.name), why=why)

    def _must(self, what: str, script: str, *words: str, stdin: IO[bytes], within: float) -> None:
        done = self._run(script, *words, stdin=stdin, within=within)
        if done.returncode:
            raise self.failed(what, done.returncode, done.stderr)

    def _run(
        self, script: str, *words: str, stdin: IO[bytes] | None = None, within: float
    ) -> subprocess.CompletedProcess[bytes]:
        try:
            done = subprocess.run(
                self._command(script, *words),
                env=environment(),
                input=stdin.read() if stdin else b"",
                capture_output=True,
                timeout=within,
                check=False,
            )
        except FileNotFoundError as error:
            raise UserError("ssh is not installed", hint="Install OpenSSH's client", code="config/install") from error
        except subprocess.TimeoutExpired as error:
            raise Unavailable(f"{self.name} did not end within {within:.0f} s") from error
        if done.returncode == UNREACHED:
            raise self.failed("", done.returncode, done.stderr)
        return done

    def _command(self, script: str, *words: str) -> list[str]:
        # ssh hands one string to the user's shell there, whichever that is.
        return ["ssh", *OPTIONS, "--", self.name, shlex.join(["sh", "-c", script, "sh", *words])]


def packed(lock: Path) -> bytes:
    """Return this very ci-kit with a lock as a tar.gz that depends on nothing else: `kit/` and `locked.txt`."""
    ours, made = Path(__file__).parents[1], io.BytesIO()
    metadata = (distribution("ci-kit").read_text("METADATA") or "").encode()
    files = {"locked.txt": lock.read_bytes(), f"kit/ci_kit-{__version__}.dist-info/METADATA": metadata}
    for path in sorted(ours.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            files[f"kit/ci_kit/{path.relative_to(ours).as_posix()}"] = path.read_bytes()
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=made, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name, content in sorted(files.items()):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o644
            archive.addfile(member, io.BytesIO(content))
    return made.getvalue()
