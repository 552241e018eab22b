"""What must hold before the command starts: room on the disk, a GPU where one is due, a torch that can use it."""

import importlib.util
import re
import shutil
from importlib import metadata
from pathlib import Path

from ci_kit.parts import Check
from ci_kit.sections import Train

_GIB = 2**30
_BACKEND = re.compile(r"^(?:cuda|hip|rocm|xpu)\b[^=\n]*=\s*(\S+)", re.MULTILINE)


def preflight(train: Train, root: Path, gpu: str | None) -> tuple[Check, ...]:
    """Judge the machine; `gpu` names the GPUs that NVML found. With a failed check the command must not start."""
    free = shutil.disk_usage(root).free / _GIB
    status = "pass" if free >= train.disk else "fail"
    limit = f"at least {train.disk:g} GiB"
    checks = [
        Check(id="preflight/disk", title="Free disk space", status=status, observed=f"{free:.1f} GiB", limit=limit)
    ]
    if train.gpu == "none":
        return tuple(checks)
    required = train.gpu == "required"
    if gpu is None:
        observed, detail = "none found", "NVML shows no NVIDIA GPU: no driver, no device, or none visible here."
        if required:
            detail += " Run on a GPU runner, or set `train.gpu: auto`."
        status = "fail" if required else "skip"
        return (*checks, Check(id="preflight/gpu", title="GPU", status=status, observed=observed, detail=detail))
    checks.append(Check(id="preflight/gpu", title="GPU", status="pass", observed=gpu))
    if cpu_only := cpu_torch():
        detail = "This build of torch can't use the GPU of this machine. Install one with CUDA: pytorch.org/get-started"
        status = "fail" if required else "warn"
        checks.append(
            Check(id="preflight/torch", title="torch can use the GPU", status=status, observed=cpu_only, detail=detail)
        )
    return tuple(checks)


def cpu_torch() -> str | None:
    """Return the version of the installed torch if it was built for CPUs only, without importing it."""
    try:
        version = metadata.version("torch")
        if version.endswith("+cpu"):
            return f"torch {version}"
        spec = importlib.util.find_spec("torch")
        if spec is None or spec.origin is None:
            return None
        text = (Path(spec.origin).parent / "version.py").read_text(encoding="utf-8")
    except (metadata.PackageNotFoundError, ImportError, ValueError, OSError):
        return None
    backends = _BACKEND.findall(text)
    return f"torch {version} (CPU only)" if backends and set(backends) == {"None"} else None
