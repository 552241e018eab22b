"""Which Python a training runs in, and for what the torch in there was built; torch itself is never imported."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ci_kit.sections import Train
from ci_kit.supervise import environment

_VERSION = re.compile(r"^__version__\b[^=\n]*=\s*['\"]([^'\"\n]+)", re.MULTILINE)
_BACKEND = re.compile(r"^(cuda|hip|rocm|xpu)\b[^=\n]*=\s*(\S+)", re.MULTILINE)
_PYTHON = re.compile(r"(?:\S*/)?python[\d.]*")
# What comes before the command in these runs in an environment that they choose.
_CHOOSERS = re.compile(
    r"uvx?|poetry|pdm|pipenv|hatch|rye|pixi|conda|mamba|micromamba|docker|podman|apptainer|singularity|srun|ssh|module"
    r"|nix|nix-shell|bazel|(.*/)?activate"
)
# Not the folder where it runs: a file of the user's named like a module of Python would be imported.
ALONE = "import sys; sys.path = [path for path in sys.path if path]\n"
_FIND = f"""{ALONE}
import importlib.util, pathlib
spec = importlib.util.find_spec("torch")
if spec and spec.origin:
    print(pathlib.Path(spec.origin).with_name("version.py").read_text("utf-8"))
"""


@dataclass(frozen=True, kw_only=True)
class Torch:
    """An installed torch; `cuda` is the version that it was built for, `gpu` whether it can use any GPU at all."""

    version: str
    cuda: str | None
    gpu: bool

    def __str__(self) -> str:
        """Return its name and version."""
        return f"torch {self.version}"


def python(train: Train, root: Path) -> str | None:
    """Return the Python that the training runs in: the one it names, else that on PATH; None where it can't be told."""
    words = re.split(r"[\s;&|()]+", train.command or "")
    if any(map(_CHOOSERS.fullmatch, words)):
        return None
    if train.launcher == "local":
        for word in filter(_PYTHON.fullmatch, words):
            return shutil.which(str(root / word) if "/" in word else word)
    return shutil.which("python") or shutil.which("python3")


def find(python: str | None, root: Path) -> Torch | None:
    """Return the torch that this Python would import from the folder `root`; None without one."""
    if python is None:
        return None
    words = [python, "-c", _FIND]
    try:
        done = subprocess.run(
            words, cwd=root, env=environment(), stdin=subprocess.DEVNULL, capture_output=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return parse(done.stdout.decode("utf-8", "replace"))


def parse(text: str) -> Torch | None:
    """Return what `torch/version.py` says; of an unknown form, a torch that may be able to use a GPU."""
    version = _VERSION.search(text)
    if version is None:
        return None
    found = {name: None if value == "None" else value.strip("'\"") for name, value in _BACKEND.findall(text)}
    gpu = not version[1].endswith("+cpu") and (not found or any(found.values()))
    return Torch(version=version[1], cuda=found.get("cuda"), gpu=gpu)
