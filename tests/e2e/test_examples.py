"""Each example does what its README says, by the commands that stand there."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ci_kit.result import Result, load

ROOT = Path(__file__).parents[2] / "examples"
WHO = {f"GIT_{one}_{what}": "octo@example.com" for one in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
EXAMPLES = ("loans", "demand", "tumours")
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def typed(folder: Path, text: str) -> tuple[int, str]:
    """Run a block of commands as a person would, up to the first one that fails."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, **WHO, "PATH": path, "HOME": str(folder.parent), "OMP_NUM_THREADS": "1"}
    command = ["bash", "-euc", text]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=200, check=False)
    return done.returncode, done.stdout[-6000:] + done.stderr[-2000:]


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_commands_of_the_readme_do_what_it_says(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    shutil.copytree(ROOT / name, folder, ignore=shutil.ignore_patterns(".ci-kit", "data", "__pycache__", "*.onnx"))
    start, change = re.findall(r"```bash\n(.*?)```", (folder / "README.md").read_text("utf-8"), re.DOTALL)
    code, output = typed(folder, start)
    assert code == 0, output
    first = evaluated(folder)
    assert [check.id for check in first.checks if check.status != "pass"] == ["baseline"]
    code, output = typed(folder, change)
    assert code == 1, output
    second = evaluated(folder)
    score = "mae" if "mae" in second.metrics else "log_loss"
    assert {check.id: check.status for check in second.checks}[f"gate/{score}"] == "fail"
    assert f"{folder.name}: the candidate is worse than main" in (folder / ".ci-kit" / "report.md").read_text("utf-8")


def evaluated(folder: Path) -> Result:
    return load(folder / ".ci-kit" / "evaluate.json")


def test_every_example_is_tested() -> None:
    there = {path.parent.name for path in ROOT.glob("*/ci-kit.yaml")}
    assert there == {*EXAMPLES, "digits"}  # that one is the demo's
