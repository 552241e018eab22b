"""Look at a repository, ask what can't be told, and write what ci-kit needs to check it. No step: it judges nothing."""

import json
import shlex
import sys
from contextlib import nullcontext, redirect_stdout
from pathlib import Path

from ci_kit.errors import UserError
from ci_kit.progress import progress


def init(directory: Path, target: str = "", *, yes: bool = False, as_json: bool = False) -> None:
    """Write ci-kit.yaml, schemas.py, model tests and workflows for a folder; `target` is the column with the truth.

    `yes` takes all defaults without asking; `as_json` sends what it says to stderr, and an object to stdout. Raises
    UserError, which says in one line what is missing.
    """
    try:
        from ci_kit.init.ask import Asker
        from ci_kit.init.run import start
    except ImportError as error:
        raise UserError(f"{error.name} is not installed", hint="Type: pip install 'ci-kit[validate]'") from error
    if not directory.is_dir():
        raise UserError(f"no folder {directory}", hint="Name the folder of the model: ci-kit init -C FOLDER")
    where = "" if directory == Path() else f" -C {shlex.quote(str(directory))}"
    with redirect_stdout(sys.stderr) if as_json else nullcontext(), progress("init"):
        done = start(directory.resolve(), target, Asker(yes=yes, where=where))
    if as_json:
        print(json.dumps(done, indent=1, ensure_ascii=False))  # noqa: T201 - the command's answer
