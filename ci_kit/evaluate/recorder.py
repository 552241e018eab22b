"""Inside pytest: what became of each test, and which line of the user's own files it failed on."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from ci_kit.evaluate.subject import OUTCOMES

TEXT = 2000
TESTS = 4000


class Recorder:
    """Collects outcomes and writes them to the folder when the session ends; under xdist only the controller does."""

    def __init__(self, folder: str, root: Path, *, writes: bool) -> None:
        self._path, self._root, self._writes = Path(folder) / OUTCOMES, root, writes
        self._tests: dict[str, dict[str, Any]] = {}
        self._errors: list[dict[str, Any]] = []

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
        """Note the failing line and what our assertions measured; the attribute travels through xdist."""
        report = yield
        file, line, _ = item.location
        note = {"file": file, "line": (line or 0) + 1, "text": "", "measured": _measured(call.when)}
        if call.excinfo is not None and report.outcome == "failed":
            file, line = self._place(call.excinfo, file, (line or 0) + 1)
            note |= {"file": file, "line": line, "text": _brief(call.excinfo)}
        report.ci_kit = note
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the worst of setup, call and teardown."""
        note = getattr(report, "ci_kit", {"file": report.location[0], "line": (report.location[1] or 0) + 1})
        known = self._tests.get(report.nodeid)
        if report.outcome == "failed":
            self._tests[report.nodeid] = note | {"outcome": "fail"}
        elif report.outcome == "skipped" and (known is None or known["outcome"] != "fail"):
            why = report.longrepr[2] if isinstance(report.longrepr, tuple) else getattr(report, "wasxfail", "")
            self._tests[report.nodeid] = note | {"outcome": "skip", "text": str(why).removeprefix("Skipped: ")[:TEXT]}
        elif report.outcome == "passed" and report.when == "call":
            self._tests[report.nodeid] = note | {"outcome": "pass"}

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keep what could not be imported."""
        if report.failed:
            lines = [line for line in str(report.longrepr).splitlines() if line.startswith("E ")]
            text = " ".join(line[1:].strip() for line in lines) or str(report.longrepr).strip().splitlines()[-1]
            self._errors.append({"file": report.nodeid.partition("::")[0], "text": text[:TEXT]})

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Write the outcomes."""
        if self._writes:
            tests = [{"id": name} | note for name, note in self._tests.items()]
            tests.sort(key=lambda one: one["outcome"] != "fail")
            document = {"tests": tests[:TESTS], "more": len(tests[TESTS:]), "errors": self._errors[:50]}
            self._path.write_text(json.dumps(document | {"exit": int(exitstatus)}))

    def _place(self, excinfo: pytest.ExceptionInfo[BaseException], file: str, line: int) -> tuple[str, int]:
        """Return the deepest line that is the user's: below the root, in no library."""
        for entry in reversed(excinfo.traceback):
            path = Path(str(entry.path))
            if path.is_relative_to(self._root) and not {"site-packages", "ci_kit"} & set(path.parts):
                return path.relative_to(self._root).as_posix(), entry.lineno + 1
        return file, line


def _brief(excinfo: pytest.ExceptionInfo[BaseException]) -> str:
    lines = excinfo.exconly(tryshort=True).splitlines()
    text = "\n".join(lines[:8]) + ("\n…" if len(lines) > 8 else "")
    for noise in ("AssertionError: ", "ci_kit.testing.measure.Broken: ", "Failed: "):
        text = text.removeprefix(noise)
    return text[:TEXT]


def _measured(when: str) -> list[str] | None:
    """Return what an assertion of `ci_kit.testing` observed last in this test, and its limit."""
    module = sys.modules.get("ci_kit.testing.measure")
    if module is None:
        return None
    last = module.LAST[-1:] if when == "call" else []
    module.LAST.clear()
    return list(last[0]) if last else None
