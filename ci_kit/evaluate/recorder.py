"""Inside pytest: what became of each test, and which line of the user's own files it failed on."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from ci_kit.errors import CiKitError
from ci_kit.evaluate.subject import JOB, OUTCOMES, WITHHELD

TEXT = 2000
TESTS = 4000
_OURS = Path(__file__).resolve().parents[1]


class Recorder:
    """Collects outcomes and writes them to the folder when the session ends; under xdist only the controller does.

    Where the data has sensitive columns only words of our own are kept: any other may quote a row.
    """

    def __init__(self, folder: str, root: Path, *, writes: bool) -> None:
        self._path, self._root, self._writes = Path(folder) / OUTCOMES, root, writes
        self._quiet = bool(json.loads((Path(folder) / JOB).read_bytes())["quiet"])
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
            note |= {"file": file, "line": line, "text": self._said(call.excinfo)}
        if report.outcome == "skipped":
            note["text"] = self._reason(report, call.excinfo)
        report.ci_kit = note
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the worst of setup, call and teardown."""
        note = getattr(report, "ci_kit", {"file": report.location[0], "line": (report.location[1] or 0) + 1})
        known = self._tests.get(report.nodeid)
        if report.outcome == "failed":
            self._tests[report.nodeid] = note | {"outcome": "fail"}
        elif report.outcome == "skipped" and (known is None or known["outcome"] != "fail"):
            self._tests[report.nodeid] = note | {"outcome": "skip"}
        elif report.outcome == "passed" and report.when == "call":
            self._tests[report.nodeid] = note | {"outcome": "pass"}

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keep what could not be imported."""
        if report.failed:
            lines = [line for line in str(report.longrepr).splitlines() if line.startswith("E ")]
            text = " ".join(line[1:].strip() for line in lines) or str(report.longrepr).strip().splitlines()[-1]
            text = WITHHELD if self._quiet else text[:TEXT]
            self._errors.append({"file": report.nodeid.partition("::")[0], "text": text})

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Write the outcomes."""
        if self._writes:
            tests = [{"id": name} | note for name, note in self._tests.items()]
            tests.sort(key=lambda one: one["outcome"] != "fail")
            document = {"tests": tests[:TESTS], "more": len(tests[TESTS:]), "errors": self._errors[:50]}
            self._path.write_text(json.dumps(document | {"exit": int(exitstatus)}))

    def _said(self, excinfo: pytest.ExceptionInfo[BaseException]) -> str:
        return WITHHELD if self._quiet and not _ours(excinfo) else _brief(excinfo)

    def _reason(self, report: pytest.TestReport, excinfo: pytest.ExceptionInfo[BaseException] | None) -> str:
        """Return why a test was skipped; a mark stands in the source, all else was said while the test ran."""
        why = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else getattr(report, "wasxfail", ""))
        raised = None if excinfo is None else excinfo.value
        spoken = isinstance(raised, pytest.skip.Exception | pytest.xfail.Exception)
        marked = not spoken or getattr(raised, "_use_item_location", False)
        kept = not self._quiet or marked or (excinfo is not None and _ours(excinfo))
        return why.removeprefix("Skipped: ")[:TEXT] if kept else WITHHELD

    def _place(self, excinfo: pytest.ExceptionInfo[BaseException], file: str, line: int) -> tuple[str, int]:
        """Return the deepest line that is the user's: below the root, in no library."""
        for entry in reversed(excinfo.traceback):
            path = Path(str(entry.path))
            if path.is_relative_to(self._root) and not {"site-packages", "ci_kit"} & set(path.parts):
                return path.relative_to(self._root).as_posix(), entry.lineno + 1
        return file, line


def _ours(excinfo: pytest.ExceptionInfo[BaseException]) -> bool:
    """Say whether our own code raised an error of our own, whose text shows no value of a sensitive column."""
    own = AssertionError | CiKitError | pytest.fail.Exception | pytest.skip.Exception
    places = [Path(str(entry.path)) for entry in excinfo.traceback]
    raised = next((place for place in reversed(places) if place.parent.name != "_pytest"), Path())
    return isinstance(excinfo.value, own) and raised.is_relative_to(_OURS)


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
