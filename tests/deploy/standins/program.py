"""What all stand-ins share: a program on the PATH that keeps a folder, writes down its calls, and fails when told."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[3]


def install(binaries: Path, name: str, home: Path) -> None:
    """Write the program `name`, whose module is of that name here, and whose folder is `home`."""
    binaries.mkdir(parents=True, exist_ok=True)
    home.mkdir(parents=True, exist_ok=True)
    text = f"""#!{sys.executable} -I
import sys
sys.path.insert(0, {str(REPOSITORY)!r})
from pathlib import Path
from tests.deploy.standins.{name} import main
sys.exit(main(Path({str(home)!r}), sys.argv[1:]))
"""
    (binaries / name).write_text(text)
    (binaries / name).chmod(0o755)


def calls(home: Path) -> list[list[str]]:
    """Return the arguments of all calls."""
    path = home / "calls.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def fail(home: Path, words: str, *, at: int = 0, on: str = "", forever: bool = False, after: bool = False) -> None:
    """Have the call with the number `at` from now, or each whose arguments have the word `on`, fail with the words.

    With `forever` all calls after that one fail, too; with `after` the call does its work before it fails.
    """
    number = len(calls(home)) + at if at else 0
    write(home / "fail.json", {"words": words, "at": number, "on": on, "forever": forever, "after": after})


def mend(home: Path) -> None:
    (home / "fail.json").unlink(missing_ok=True)


def run(home: Path, arguments: list[str], act: Callable[[], int]) -> int:
    """Write the call down, and do what it asks for, unless it is to fail."""
    with (home / "calls.jsonl").open("a") as file:
        file.write(json.dumps(arguments) + "\n")
    wanted = read(home / "fail.json", None)
    if wanted is None:
        return act()
    number = len(calls(home))
    now = number == wanted["at"] or (wanted["forever"] and wanted["at"] and number > wanted["at"])
    if not now and not (wanted["on"] and wanted["on"] in arguments):
        return act()
    if wanted["after"]:
        act()
    return error(str(wanted["words"]))


def error(words: str) -> int:
    print(words, file=sys.stderr)
    return 1


def read(path: Path, default: Any) -> Any:
    return json.loads(path.read_text()) if path.exists() else default


def write(path: Path, document: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1))
