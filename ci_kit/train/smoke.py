"""Whether torch can use every GPU: a matrix product on each, in the training's own Python, and why one failed."""

import json
import re
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ci_kit.errors import Cancelled
from ci_kit.parts import Check
from ci_kit.supervise import End, Limits, meaning, supervise
from ci_kit.train.torch_build import ALONE, Torch

SECONDS, LONGEST, ENDING = 1.0, 60.0, 5.0
"""Seconds of products on one GPU; after which the whole is ended; which it has to end by itself."""
_ARCH = re.compile(r"(sm|compute)_(\d+)(\d)([af]?)")
# The oldest branch of the driver for a version of CUDA (CUDA's release notes, "CUDA minor version compatibility").
_BRANCHES = {11: 450, 12: 525, 13: 580}


@dataclass(frozen=True, kw_only=True)
class Driver:
    """What NVML tells: the driver's version, the newest CUDA that it supports, each GPU's name and capability."""

    version: str | None = None
    cuda: tuple[int, int] | None = None
    capabilities: tuple[tuple[str, tuple[int, int]], ...] = ()


def judge(python: str, torch: Torch, driver: Driver, root: Path, *, required: bool) -> Check:
    """Return whether torch can use the GPUs, as seen by running it; NVML's facts say why not.

    A GPU that calculates wrongly always fails; one that can't be used only where it is required. Raises Cancelled when
    we were stopped meanwhile.
    """
    title = "torch can use the GPU"
    if not torch.gpu:
        detail = "This build of torch can't use the GPU of this machine. Install one with CUDA: pytorch.org/get-started"
        status = "fail" if required else "warn"
        observed = f"{torch} (CPU only)".replace("+cpu (CPU only)", "+cpu")
        return Check(id="preflight/torch", title=title, status=status, observed=observed, detail=detail)
    facts, ending = product(python, root)
    wrong = [f"GPU {fact['gpu']}: {fact['wrong']}" for fact in facts if fact.get("wrong")]
    if wrong:
        detail = f"{'; '.join(wrong)}. What this GPU calculates can't be trusted: take another one."
        return Check(
            id="preflight/torch", title="The GPU calculates wrongly", status="fail", observed=wrong[0], detail=detail
        )
    failed = [fact["error"] for fact in facts if "error" in fact] or ([ending] if ending else [])
    if not failed and not any("gpu" in fact for fact in facts):
        failed = ["torch sees none of the GPUs that NVML shows"]
    if not failed:
        observed = f"{torch}, CUDA {torch.cuda}" if torch.cuda else str(torch)
        return Check(id="preflight/torch", title=title, status="pass", observed=observed)
    cause, remedy = why(torch, driver, _architectures(facts)) or (failed[0], "")
    slow = _doing(facts) == "importing torch" and ending is not None
    status = "fail" if required and not slow else "warn"
    detail = f"{remedy} {'; '.join(dict.fromkeys(failed))}".strip()
    return Check(id="preflight/torch", title=title, status=status, observed=cause, detail=detail)


def product(python: str, root: Path) -> tuple[list[dict[str, Any]], str | None]:
    """Run `product.py`; return what it told, and what it was doing when it crashed or was ended, None if it was not."""
    script = ALONE + Path(__file__).with_name("product.py").read_text("utf-8")
    with tempfile.TemporaryDirectory(prefix="ci-kit-") as folder:
        told = Path(folder) / "facts.jsonl"
        command = [python, "-c", script, str(told), str(SECONDS)]
        until = time.monotonic() + LONGEST
        limits = Limits(end=lambda: End(left=until - time.monotonic(), saving=ENDING, why="it takes a second"))
        outcome = supervise(command, root=root, say=lambda _: None, limits=limits)
        facts = list(_read(told))
    if outcome.stopped:
        raise Cancelled("Training was stopped", why=f"{outcome.stopped} came before the command was started")
    if outcome.late:
        return facts, f"no answer for {LONGEST:g} s, doing: {_doing(facts)}"
    return facts, f"{meaning(outcome)}, doing: {_doing(facts)}" if outcome.code else None


def why(torch: Torch, driver: Driver, archs: list[str]) -> tuple[str, str] | None:
    """Return the known cause of a torch that can't use the GPUs and what to install, None where none is known."""
    needed = torch.cuda.split(".")[0] if torch.cuda else ""
    if driver.cuda and needed.isdigit() and int(needed) > driver.cuda[0]:
        major, minor = driver.cuda
        branch = f": {_BRANCHES[int(needed)]} or later" if int(needed) in _BRANCHES else ""
        cause = f"{torch} is built for CUDA {torch.cuda}, the driver {driver.version or ''} supports {major}.{minor}"
        remedy = f"Install a torch for CUDA {major} (pytorch.org/get-started), or a newer driver{branch}."
        return " ".join(cause.split()), remedy
    for name, capability in driver.capabilities:
        if archs and not runs(archs, capability):
            code = "sm_{}{}".format(*capability)
            cause = f"{torch} has no code for {name} ({code}), only {' '.join(archs)}"
            return cause, f"Install a torch that was built for {code}: pytorch.org/get-started."
    return None


def runs(archs: Iterable[str], capability: tuple[int, int]) -> bool:
    """Return whether code for one of these architectures runs on a GPU of this compute capability.

    A binary (`sm_`) runs on its own major version from its minor version on, with `a` on exactly its own; PTX
    (`compute_`) on everything newer (CUDA C++ programming guide, "Binary Compatibility", "PTX Compatibility").
    """
    for kind, major, minor, suffix in (match.groups() for match in map(_ARCH.fullmatch, archs) if match):
        built = (int(major), int(minor))
        if built == capability:
            return True
        if built < capability and suffix != "a" and (kind == "compute" or built[0] == capability[0]):
            return True
    return False


def _read(path: Path) -> Iterable[dict[str, Any]]:
    if path.is_file():
        for line in path.read_text("utf-8", "replace").splitlines():
            try:
                yield json.loads(line)
            except ValueError:  # the last line, if it was ended while it wrote it
                return


def _doing(facts: list[dict[str, Any]]) -> str:
    return next((fact["doing"] for fact in reversed(facts) if "doing" in fact), "starting Python")


def _architectures(facts: list[dict[str, Any]]) -> list[str]:
    return next((fact["archs"] for fact in facts if "archs" in fact), [])
