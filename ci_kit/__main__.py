"""The entry point: runs the command line and turns every ending into one line and an exit code."""

import io
import os
import sys
import tempfile
import traceback

from ci_kit.errors import BROKEN, CANCELLED, CiKitError
from ci_kit.explain.codes import code_of


def main() -> None:
    """Run `ci-kit`; exit codes are listed in `ci_kit.errors`."""
    from ci_kit.cli import app

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # With -u, too, a line is written at once and whole: a runner that joins both streams would tear it.
            stream.reconfigure(write_through=False, line_buffering=True)
    try:
        code = app(prog_name="ci-kit", standalone_mode=False)
    except CiKitError as error:
        code = _say(str(error), error.exit_code, code_of(error))
    except KeyboardInterrupt:
        code = _say("cancelled", CANCELLED)
    except Exception as error:  # noqa: BLE001 - the last line of defence
        code = _usage(error)
    sys.exit(code)


def _usage(error: Exception) -> int:
    # Typer's own errors (a wrong option) know their exit code and how to show themselves.
    show = getattr(error, "show", None)
    if show is not None:
        show()
        return int(getattr(error, "exit_code", BROKEN))
    if type(error).__name__ == "Abort":
        return CANCELLED
    handle, path = tempfile.mkstemp(prefix="ci-kit-", suffix=".log")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(traceback.format_exc())
    return _say(f"ci-kit broke: {type(error).__name__}. This is our bug; please report it with {path}", BROKEN)


def _say(line: str, code: int, about: str = "") -> int:
    """Say the one line that the user sees, with the code that `ci-kit explain` takes behind it."""
    from ci_kit.actions import active, annotate, redact

    line, more = redact(line), f"More: ci-kit explain {about}" if about else ""
    sys.stdout.flush()
    print(f"ci-kit: {line} [{about}]" if about else f"ci-kit: {line}", file=sys.stderr)  # noqa: T201
    if more and sys.stderr.isatty():
        print(f"        {more}", file=sys.stderr)  # noqa: T201 - in a log the code stands behind the line
    if active():
        annotate("error", "\n".join(filter(None, (line, more))), title="ci-kit")
    return code


if __name__ == "__main__":
    main()
