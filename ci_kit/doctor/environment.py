"""The Python environment that we run in: combinations that are known not to work, and extras that are missing."""

import importlib.metadata
import re
from collections.abc import Iterator

from ci_kit.doctor.combinations import combinations
from ci_kit.doctor.context import Context
from ci_kit.doctor.finding import finding
from ci_kit.parts import Check

_REQUIRED = re.compile(r"^([A-Za-z0-9._-]+).*\bextra\s*==\s*['\"]([a-z]+)['\"]")
# Where CVE-2025-4517 (a tar file writes outside its folder) is mended, by minor version.
_TAR = {11: 13, 12: 11, 13: 4}


def environment(context: Context) -> Iterator[Check]:
    """Yield what is wrong with this Python and what is installed in it."""
    major, minor, patch = context.python
    if major == 3 and patch < _TAR.get(minor, 0):
        why = "Unpacking a hostile tar file can write anywhere (CVE-2025-4517), whoever in your code does it."
        hint = f"Install 3.{minor}.{_TAR[minor]} or later"
        observed = f"{major}.{minor}.{patch}"
        yield finding("python", "This Python has a known hole", observed=observed, why=why, hint=hint, status="warn")
    yield from combinations(context.version)
    yield from _extras(context)


def wanted(context: Context) -> Iterator[tuple[str, str]]:
    """Yield what is configured and the extra that it needs."""
    config = context.settings
    piped = (context.root / "dvc.yaml").is_file()
    yield from [("data", "validate")] if config.data else []
    yield from [("train", "train")] if config.train.command or piped else []
    yield from [("train.launcher", "ray")] if config.train.launcher == "ray" else []
    yield from [(one, one) for one in ("evaluate", "package", "retrain") if context.configured(one)]
    yield from [("deploy.targets", "deploy")] if config.deploy.targets else []
    yield from [("drift", "drift")] if context.drifts else []


def _extras(context: Context) -> Iterator[Check]:
    """Yield extras that are configured and not installed: a warning, as our actions install what they need."""
    needs: dict[str, list[str]] = {}
    for line in importlib.metadata.requires("ci-kit") or ():
        if match := _REQUIRED.match(line):
            needs.setdefault(match[2], []).append(re.sub(r"[-_.]+", "-", match[1]).lower())
    for key, extra in wanted(context):
        missing = [name for name in needs.get(extra, ()) if name != "ci-kit" and context.version(name) is None]
        if missing:
            why = f"`{key}` is configured. Our actions install it by themselves; `ci-kit {extra}` does not run here."
            observed, hint = ", ".join(missing), f"Type: pip install 'ci-kit[{extra}]'"
            what = f"The extra `{extra}` is not installed here"
            yield finding("extra", what, observed=observed, why=why, hint=hint, status="warn")
