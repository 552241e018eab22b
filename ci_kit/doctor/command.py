"""The command `ci-kit doctor`."""

import time
from pathlib import Path

from ci_kit.doctor.examine import examine
from ci_kit.doctor.show import listed, report
from ci_kit.errors import FAILED, PASSED
from ci_kit.progress import progress


def doctor(root: Path, *, as_json: bool = False) -> int:
    """Print what is wrong and return the exit code: 1 where something is broken, else 0; raise UserError as `look`."""
    started = time.monotonic()
    with progress("doctor"):
        found = examine(root)
    print(listed(found) if as_json else report(found, time.monotonic() - started))  # noqa: T201 - the command's answer
    return FAILED if any(check.status == "fail" for checks in found.values() for check in checks) else PASSED
