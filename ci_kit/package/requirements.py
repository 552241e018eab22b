"""What the service is installed with: the very versions that it was tested with here."""

import re
from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ci_kit import bento
from ci_kit.errors import UserError

SERVING = ("bentoml", "msgspec", "numpy", "onnxruntime")


def pins(extra: Iterable[str] = ()) -> dict[str, str]:
    """Return name → version of all that serving needs and of the user's own packages, with what they need in turn.

    Raises UserError for a package that is not installed here.
    """
    found: dict[str, str] = {}
    waiting = [Requirement(name) for name in (*SERVING, *extra)]
    asked: set[tuple[str, tuple[str, ...]]] = set()
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        if (name, tuple(sorted(wanted.extras))) in asked:
            continue
        asked.add((name, tuple(sorted(wanted.extras))))
        package = _installed(wanted.name)
        found[name] = package.version.partition("+")[0]  # what is built for one machine is not in a registry
        for line in package.requires or ():
            needed = Requirement(line)
            if needed.marker is None or any(needed.marker.evaluate({"extra": one}) for one in (*wanted.extras, "")):
                waiting.append(needed)
    return dict(sorted(found.items()))


def _installed(name: str) -> Distribution:
    try:
        return distribution(name)
    except PackageNotFoundError as error:
        hint = f"Type: pip install {name}"
        raise UserError(
            f"{name} is not installed", why="the service needs it", hint=hint, code="config/install"
        ) from error


def lines(found: dict[str, str]) -> tuple[str, bool]:
    """Return the text of a requirements file, and whether each package has its hashes.

    All have them or none, as pip wants it: where a version is another than those that ci-kit knows, pins must do.
    """
    hashes = _hashes("locked.txt")
    if all(entry in hashes for entry in found.items()):
        return "".join(f"{name}=={version} {hashes[name, version]}\n" for name, version in found.items()), True
    return "".join(f"{name}=={version}\n" for name, version in found.items()), False


def cuda(found: dict[str, str]) -> str | None:
    """Return the same for NVIDIA's GPUs: onnxruntime-gpu of the same version, and CUDA; None where it is not known."""
    hashes = _hashes("cuda.txt")
    text, hashed = lines({name: version for name, version in found.items() if name != "onnxruntime"})
    if ("onnxruntime-gpu", found["onnxruntime"]) not in hashes or not hashed:
        return None
    more = {entry: mark for entry, mark in hashes.items() if entry[0] not in found}
    return text + "".join(f"{name}=={version} {mark}\n" for (name, version), mark in more.items())


def _hashes(name: str) -> dict[tuple[str, str], str]:
    text = (Path(bento.__file__).parent / name).read_text("utf-8").replace("\\\n", " ")
    found = {}
    for line in filter(str.strip, text.splitlines()):
        package, _, version = line.split()[0].partition("==")
        found[package, version] = " ".join(re.findall(r"--hash=\S+", line))
    return found
