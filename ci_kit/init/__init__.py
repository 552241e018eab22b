"""Look at a repository, ask what can't be told, and write what ci-kit needs to check it. No step: it judges nothing."""

import shlex
from pathlib import Path

from ci_kit.errors import UserError


def init(directory: Path, target: str = "", *, yes: bool = False) -> None:
    """Write ci-kit.yaml, schemas.py, model tests and workflows for a folder; `target` is the column with the truth.

    `yes` takes all defaults without asking. Raises UserError, which says in one line what is missing.
    """
    try:
        from ci_kit.init.ask import Asker
        from ci_kit.init.run import start
    except ImportError as error:
        raise UserError(f"{error.name} is not installed", hint="Type: pip install 'ci-kit[validate]'") from error
    if not directory.is_dir():
        raise UserError(f"no folder {directory}", hint="Name the folder of the model: ci-kit init -C FOLDER")
    where = "" if directory == Path() else f" -C {shlex.quote(str(directory))}"
    start(directory.resolve(), target, Asker(yes=yes, where=where))
