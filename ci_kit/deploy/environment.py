"""The Python that a bento is served with: ours where it has the very packages, else one of the bento's own."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Collection
from importlib.metadata import PackageNotFoundError, distributions, version
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
        return lasting(folder)
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


def lasting(folder: Path) -> str:
    """Return a Python with our own packages that is still there when this job is over.

    A runner of GitHub empties its temporary folder, in which the actions install us, after each job: then it is a copy
    in `folder`, made once for each set of packages.
    """
    temporary = os.environ.get("RUNNER_TEMP")
    if not temporary or not Path(sys.prefix).resolve().is_relative_to(Path(temporary).resolve()):
        return sys.executable
    place = folder / _packages()
    if not place.is_dir():
        part = place.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(sys.prefix, part, symlinks=True)
        part.rename(place)
    return str(place / "bin" / "python")


def prune(folder: Path, used: Collection[str]) -> None:
    """Remove the environments whose path is in none of these texts."""
    for place in folder.iterdir() if folder.is_dir() else ():
        if not any(str(place) in text for text in used):
            shutil.rmtree(place, ignore_errors=True)


def _packages() -> str:
    """Return what names the set of our packages, ci-kit's own files included."""
    found = sorted(f"{one.name}=={one.version}" for one in distributions())
    ours = Path(__file__).parents[1]
    found += [f"{path.relative_to(ours)} {digest(path)}" for path in sorted(ours.rglob("*.*")) if path.suffix != ".pyc"]
    return hashlib.sha256("\n".join(found).encode()).hexdigest()[:16]


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
