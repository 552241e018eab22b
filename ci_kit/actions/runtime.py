"""What a step may tell the runner: outputs, the summary, annotations, groups and masks."""

import atexit
import os
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal
from uuid import uuid4

from ci_kit.characters import visible

Level = Literal["error", "warning", "notice"]
SUMMARY_BYTES = 2**20  # the runner drops a bigger summary while the step passes
OUTPUT_CHARACTERS = 250_000  # 1 MB per job, estimated by the runner in UTF-16; we set very few outputs
ANNOTATIONS = 10  # GitHub shows as many per level and step
MESSAGE, TITLE = 4000, 250  # the runner cuts a message at 4,096 characters
CUT = "> Cut here: a job summary has at most 1 MiB. The whole report is in the file beside it.\n\n"

_shown: Counter[str] = Counter()


def active(env: Mapping[str, str] = os.environ) -> bool:
    """Tell whether this process runs inside GitHub Actions."""
    return env.get("GITHUB_ACTIONS") == "true"


def output(name: str, value: str) -> None:
    """Set an output of this step; do nothing outside Actions. A name is lower case with digits, '-' and '_'."""
    if not re.fullmatch(r"[a-z][a-z0-9_-]*", name):
        raise ValueError(f"{name!r} can't name an output")
    path = os.environ.get("GITHUB_OUTPUT")
    if not path:
        return
    if len(value) > OUTPUT_CHARACTERS:
        annotate("warning", f"The output {name} was cut at {OUTPUT_CHARACTERS:,} of {len(value):,} characters.")
        value = value[:OUTPUT_CHARACTERS]
    # A fresh delimiter each time: nobody can have written it into the value (CVE-2022-35954).
    delimiter = f"ghadelimiter_{uuid4()}"
    _append(path, f"{name}<<{delimiter}\n{value}\n{delimiter}\n")


def summary(markdown: str) -> None:
    """Append to the job summary; what is beyond 1 MiB is cut at a line and said so. Do nothing outside Actions."""
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return
    text = markdown if markdown.endswith("\n") else f"{markdown}\n"
    raw = text.encode("utf-8", "replace")
    room = SUMMARY_BYTES - (Path(path).stat().st_size if Path(path).exists() else 0)
    if len(raw) > room:
        # The note comes first: at the end it could lie inside a code block that the cut left open.
        kept = raw[: max(0, room - len(CUT.encode()))]
        text = CUT + kept[: kept.rfind(b"\n") + 1].decode("utf-8", "ignore")
        if room < len(CUT.encode()):
            annotate("warning", "The job summary is full; the whole report is in the file beside it.")
            return
    _append(path, text)


def annotate(level: Level, message: str, *, title: str = "", file: str = "", line: int = 0) -> None:
    """Show a message on the run, and on a line of the diff if `file` is given; do nothing outside Actions.

    Ten per level are shown; at the end of the process one line says how many were left out.
    """
    if not active():
        return
    if not _shown:
        atexit.register(_say_left_out)
    _shown[level] += 1
    if _shown[level] > ANNOTATIONS:
        return
    given = {"title": title[:TITLE], "file": file, "line": str(line) if file.strip() and line > 0 else ""}
    properties = ",".join(f"{key}={_property(value)}" for key, value in given.items() if value.strip())
    _write(f"::{level}{' ' if properties else ''}{properties}::{_data(message[:MESSAGE])}")


@contextmanager
def group(title: str) -> Iterator[None]:
    """Fold what is printed meanwhile in the run's log; outside Actions, print it as it is."""
    if not active():
        yield
        return
    _write(f"::group::{_data(' '.join(title.split())[:TITLE])}")
    try:
        yield
    finally:
        _write("::endgroup::")


def mask(secret: str) -> None:
    """Have the runner hide a value, and each of its lines, in all that follows in the log."""
    if active():
        for part in dict.fromkeys((secret, *secret.splitlines())):
            if part.strip():
                _write(f"::add-mask::{_escape(part)}")


def _say_left_out() -> None:
    more = {level: count - ANNOTATIONS for level, count in _shown.items() if count > ANNOTATIONS}
    if more:
        counts = ", ".join(f"{count:,} of level {level}" for level, count in more.items())
        _write(f"Not shown as annotations: {counts}")


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _data(text: str) -> str:
    return _escape(visible("\n".join(text.splitlines())))


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _append(path: str, text: str) -> None:
    """Append in one write, so that a cancelled step leaves no half of a block."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(handle, text.encode("utf-8", "replace"))
    finally:
        os.close(handle)


def _write(line: str) -> None:
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(line.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    sys.stdout.flush()
