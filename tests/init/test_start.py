"""From a clone to a local report in at most five commands, those of docs/start.md, in six kinds of repositories."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
import yaml

from ci_kit import result
from tests.e2e.copier import git
from tests.init.made import REPOSITORIES, lay

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

START = Path(__file__).parent.parent.parent / "docs" / "start.md"
HEADINGS = {
    "csv": "A script and a CSV file",
    "notebook": "A notebook",
    "dvc": "DVC",
    "poetry": "Poetry",
    "uv": "uv",
    "monorepo": "Several models in one repository",
}


def commands(kind: str) -> list[str]:
    """Return the commands that the page shows for a kind of repository."""
    (section,) = re.findall(rf"^## {HEADINGS[kind]}\n(.*?)(?=^## )", START.read_text(), re.MULTILINE | re.DOTALL)
    (block,) = re.findall(r"^```\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    return str(block).splitlines()


class Terminal:
    """Where the commands are typed: this environment stands first on the PATH, as an activated one does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        bin_ = Path(sys.executable).parent
        quiet = {"DVC_NO_ANALYTICS": "1", "UV_NO_SYNC": "1", "UV_PROJECT_ENVIRONMENT": str(bin_.parent)}
        self.env = os.environ | quiet | {"PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}", "UV_OFFLINE": "1"}

    def type(self, command: str, *, code: int = 0) -> str:
        done = subprocess.run(
            shlex.split(command),
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert done.returncode == code, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout + done.stderr


def reported(folder: Path) -> None:
    """Each step passed, the model was scored, and the report is there."""
    for step in ("validate", "train", "evaluate"):
        loaded = result.load(folder / ".ci-kit" / f"{step}.json")
        assert loaded.status in ("pass", "warn"), [one for one in loaded.checks if one.status == "fail"]
    assert "accuracy" in loaded.metrics
    assert [check.status for check in loaded.checks if check.id.startswith("test")].count("pass") >= 2
    assert list((folder / ".ci-kit" / "comments").glob("*.md"))


@pytest.mark.parametrize("kind", ["poetry", "uv"])
def test_a_locked_environment(tmp_path: Path, kind: str) -> None:
    terminal = Terminal(lay(tmp_path / "houses", REPOSITORIES[kind]))
    assert len(commands(kind)) <= 5
    for command in commands(kind):
        terminal.type(command)
    reported(terminal.folder)
    workflow = yaml.safe_load((terminal.folder / ".github/workflows/pull-request.yml").read_text())
    _, install, check, _ = workflow["jobs"]["check"]["steps"]
    assert f" {kind} " in install["run"]
    assert check["with"] == {"python": ".venv/bin/python"}


def test_a_script_and_a_csv_file(tmp_path: Path) -> None:
    terminal = Terminal(lay(tmp_path / "houses", REPOSITORIES["csv"]))
    first, second = commands("csv")
    said = terminal.type(first)
    (lines,) = re.findall(r"Add to its end.*\n((?: {4}.*\n|\n)+)", said)
    script = terminal.folder / "train.py"
    script.write_text(script.read_text() + dedent(lines))
    assert dedent(lines) in START.read_text()
    terminal.type(second)
    reported(terminal.folder)
    # The command that splits the only file is one that can be typed, and the next look takes what it wrote.
    (split,) = re.findall(r"To split it by chance: (.*)", said)
    terminal.type(split)
    (terminal.folder / "ci-kit.yaml").unlink()
    again = terminal.type(first)
    assert "+    path: evaluation.csv" in again
    assert "between: [train, evaluation]" in again


def test_a_notebook(tmp_path: Path) -> None:
    terminal = Terminal(lay(tmp_path / "houses", REPOSITORIES["notebook"]))
    convert, *rest = commands("notebook")
    said = terminal.type("ci-kit init --yes", code=2)
    assert shlex.split(said.rstrip().partition("Type: ")[2].removesuffix(" [init/untold]")) == shlex.split(convert)
    for command in (convert, *rest):
        terminal.type(command)
    reported(terminal.folder)


def test_a_pipeline_of_dvc(tmp_path: Path) -> None:
    origin = Terminal(lay(tmp_path / "origin", REPOSITORIES["dvc"]))
    git(origin.folder, "rm", "-rq", "--cached", "data")
    origin.type("dvc init -q")
    origin.type(f"dvc remote add -q -d store {tmp_path / 'store'}")
    origin.type("dvc add -q data/train.csv data/test.csv")
    origin.type("dvc push -q")
    git(origin.folder, "add", "-A")
    origin.type("git commit -qm 'Track the data'")
    git(tmp_path, "clone", "-q", str(origin.folder), "houses")
    terminal = Terminal(tmp_path / "houses")
    pull, *rest = commands("dvc")
    assert terminal.type("ci-kit init --yes", code=2).endswith(f"Type: {pull} [init/untold]\n")
    for command in (pull, *rest):
        terminal.type(command)
    reported(terminal.folder)
    assert "command" not in yaml.safe_load((terminal.folder / "ci-kit.yaml").read_text())["train"]


def test_several_models(tmp_path: Path) -> None:
    terminal = Terminal(lay(tmp_path / "houses", REPOSITORIES["monorepo"]))
    said = terminal.type("ci-kit init --yes", code=2)
    assert "ml/flats, ml/houses. Type: ci-kit init -C ml/flats" in said
    assert len(commands("monorepo")) <= 5
    for command in commands("monorepo"):
        terminal.type(command)
    for name in ("flats", "houses"):
        reported(terminal.folder / "ml" / name)
        assert yaml.safe_load((terminal.folder / f"ml/{name}/ci-kit.yaml").read_text())["report"]["id"] == f"ml-{name}"
    jobs = yaml.safe_load((terminal.folder / ".github/workflows/pull-request.yml").read_text())["jobs"]
    assert {job["strategy"]["matrix"]["directory"] == ["ml/flats", "ml/houses"] for job in jobs.values()} == {True}
    assert "no change" in terminal.type("ci-kit init -C ml/flats --yes")
