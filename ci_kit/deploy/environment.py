"""The Python that a bento is served with: ours where it has the very packages, else one of the bento's own."""

import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ci_kit.errors import UserError
from ci_kit.files import digest

REQUIREMENTS = "env/python/requirements.txt"
TIMEOUT = 1800.0  # seconds


def python(bento: Path, folder: Path) -> str:
    """Return the interpreter; one that has to be made is kept in `folder`, by what is installed in it.

    Raises UserError, with pip's own words, when the packages can't be installed.
    """
    requirements = bento / REQUIREMENTS
    if all(_installed(*line.split()[0].split("==")) for line in requirements.read_text("utf-8").splitlines()):
        return sys.executable
    place = folder / digest(requirements)[:16]
    program = place / "bin" / "python"
    if (place / "complete").is_file():
        return str(program)
    shutil.rmtree(place, ignore_errors=True)
    _run([sys.executable, "-m", "venv", str(place)], "an environment can't be made")
    hashes = ["--require-hashes"] if "--hash=" in requirements.read_text("utf-8") else []
    install = [str(program), "-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run(
        [*install, "--only-binary", ":all:", *hashes, "-r", str(requirements)],
        "the bento's packages can't be installed",
    )
    (place / "complete").touch()
    return str(program)


def _installed(name: str, wanted: str) -> bool:
    try:
        return version(name).partition("+")[0] == wanted
    except PackageNotFoundError:
        return False


def _run(command: list[str], what: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired as error:
        raise UserError(what, why=f"it took more than {TIMEOUT:.0f} s") from error
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or ["no reason given"]
        raise UserError(what, why=lines[-1][:300])
