"""The user's own model tests: pytest in a process of its own, each test a check."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from ci_kit.actions import Filter, redact, redactor
from ci_kit.errors import UserError
from ci_kit.evaluate.baseline import Baseline
from ci_kit.evaluate.subject import OUTCOMES, WITHHELD, hand_over
from ci_kit.job import Job
from ci_kit.models.dataset import sensitive
from ci_kit.parts import Check, Location, Status

GRACE = 3.0  # seconds between asking pytest to stop and killing it
USAGE, NONE_COLLECTED = 4, 5  # pytest's exit codes; 0 and 1 are told by the tests themselves
_SHOWN: dict[str, Status] = {"pass": "pass", "fail": "fail", "skip": "skip"}


def run_tests(job: Job, baseline: Baseline) -> list[Check]:
    """Run `evaluate.tests` and return one check per test, and one for what kept pytest from running them.

    The same as plain `pytest` with these paths: no folder is put on the import path but those that pytest puts there.
    Where the data has sensitive columns pytest's output is not shown, as any line of it may quote a row. Raises
    UserError when a path does not exist.
    """
    tests = job.config.evaluate.tests
    if not tests:
        return []
    for name in tests:
        if name.startswith("-") or not (job.root / name.partition("::")[0]).exists():
            raise UserError(f"no model tests at {name}", hint="Check `evaluate.tests`")
    with tempfile.TemporaryDirectory(prefix="ci-kit-") as folder:
        has_baseline = baseline.model is not None
        hand_over(job, Path(folder), has_baseline=has_baseline, why=baseline.why_no_model)
        code, last = _pytest(job, Path(folder), tests)
        try:
            outcomes = json.loads((Path(folder) / OUTCOMES).read_bytes())
        except (OSError, ValueError):
            outcomes = {"tests": [], "errors": []}
    return _checks(job.root, outcomes, code, last)


def _pytest(job: Job, folder: Path, tests: tuple[str, ...]) -> tuple[int, list[str]]:
    """Run pytest, pass its output on through the filter, and return its exit code and its last lines."""
    quiet = bool(sensitive(job.config))
    if quiet:
        job.say(f"model tests: pytest's output is {WITHHELD}")
    command = [sys.executable, "-P", "-m", "pytest", "-p", "ci_kit", "-p", "no:cacheprovider", "--color=no"]
    command += [f"--rootdir={job.root.resolve()}", f"--ci-kit-job={folder}", *tests]
    # Hypothesis would leave its files in the workspace.
    env = {"HYPOTHESIS_STORAGE_DIRECTORY": str(folder / "hypothesis"), "PYTHONUNBUFFERED": "1"} | os.environ
    lines, clean = Filter(), redactor()
    last: list[str] = []

    def show(found: list[str]) -> None:
        for line in map(clean, found):
            if not quiet:
                job.say(line)
            last[:] = [*last[-20:], WITHHELD if quiet else line]

    with subprocess.Popen(command, cwd=job.root, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdout is not None  # noqa: S101 - said to the type checker
        try:
            while chunk := os.read(process.stdout.fileno(), 65536):
                show(lines.feed(chunk))
        except BaseException:
            process.terminate()
            try:
                process.wait(GRACE)
            except subprocess.TimeoutExpired:
                process.kill()
            raise
    show(lines.close())
    return process.returncode, last


def _checks(root: Path, outcomes: dict[str, Any], code: int, last: list[str]) -> list[Check]:
    checks = [_test(root, one) for one in outcomes["tests"]]
    for error in outcomes["errors"]:
        place = _location(root, error["file"], 1)
        title, text = f"{error['file'] or 'tests'} can't be collected", redact(error["text"])
        checks.append(Check(id=f"tests/{error['file']}", title=title, status="fail", detail=text, location=place))
    if outcomes.get("more"):
        checks.append(Check(id="tests/more", title=f"{outcomes['more']:,} more tests that did not fail", status="pass"))
    if code == NONE_COLLECTED:
        detail = "No test was found: pytest looks for functions `test_…` in files `test_….py`."
        checks.append(Check(id="tests", title="No model tests", status="fail", detail=detail))
    elif code not in (0, 1) and not outcomes["errors"]:
        said = [line for line in last if line.strip()]
        cause = next((line for line in reversed(said) if "rror" in line), said[-1] if said else "")
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        checks.append(Check(id="tests", title=f"pytest ended with {how}", status="fail", detail=redact(cause)))
    elif code == 1 and not any(one.status == "fail" for one in checks):
        checks.append(Check(id="tests", title="pytest failed, though no test did", status="fail"))
    return checks


def _test(root: Path, one: dict[str, Any]) -> Check:
    observed, limit = one.get("measured") or (None, None)
    return Check(
        id=f"tests/{one['id']}",
        title=one["id"].partition("::")[2] or one["id"],
        status=_SHOWN[one["outcome"]],
        observed=observed,
        limit=limit,
        detail=redact(one.get("text") or "") or None,
        location=_location(root, one["file"], one["line"]),
    )


def _location(root: Path, file: str, line: int) -> Location | None:
    """Return the place relative to the root; pytest counts from its own root, which may lie above."""
    return Location(file=file, line=max(1, line)) if file and (root / file).is_file() else None
