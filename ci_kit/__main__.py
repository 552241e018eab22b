"""The entry point: runs the command line and turns every ending into one line and an exit code."""

import os
import sys
import tempfile
import traceback

from ci_kit.errors import BROKEN, CANCELLED, CiKitError


def main() -> None:
    """Run `ci-kit`; exit codes are listed in `ci_kit.errors`."""
    from ci_kit.cli import app

    try:
        code = app(standalone_mode=False)
    except CiKitError as error:
        code = _say(str(error), error.exit_code)
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


def _say(line: str, code: int) -> int:
    from ci_kit.actions import active, annotate, redact

    line = redact(line)
    sys.stdout.flush()
    print(f"ci-kit: {line}", file=sys.stderr)  # noqa: T201 - the one line that the user sees
    if active():
        annotate("error", line, title="ci-kit")
    return code


if __name__ == "__main__":
    main()
