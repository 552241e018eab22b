"""The recipes for other frameworks: killed and cancelled, they end with the very weights of an undisturbed run."""

import os
import random
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from ci_kit.errors import CANCELLED, PASSED
from ci_kit.resume import STOPPED

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
ROOT = Path(__file__).parents[2]


ROUNDS = int(os.environ.get("CI_KIT_ROUNDS", "1"))


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A recipe, the weights it writes, its steps, those between two checkpoints, and the touches of one save."""

    name: str
    output: str
    steps: int
    every: int
    touches: int


RECIPES = [
    Recipe(name="sklearn", output="model.npz", steps=570, every=50, touches=8),
    Recipe(name="lightning", output="model.safetensors", steps=570, every=50, touches=3),
    Recipe(name="trainer", output="model/model.safetensors", steps=285, every=20, touches=18),
]


class Kit:
    """`ci-kit train` on a recipe, in a folder of its own."""

    def __init__(self, root: Path, recipe: Recipe, plan: str = "") -> None:
        self.root, self.recipe, self.plan = root, recipe, plan
        root.mkdir()
        command = f"{sys.executable} -m tests.resume.watched {ROOT}/examples/resume_{recipe.name}.py"
        train = {"command": command, "outputs": recipe.output, "gpu": "none", "checkpoints": str(root / "state")}
        (root / "ci-kit.yaml").write_text(yaml.safe_dump({"train": train}))

    def start(self) -> subprocess.Popen[str]:
        # Two threads of torch on a busy machine of two cores wait for each other most of the time.
        env = os.environ | {"PYTHONPATH": str(ROOT), "PLAN": self.plan, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        words = [sys.executable, "-m", "ci_kit", "train"]
        return subprocess.Popen(
            words, cwd=self.root, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def attempts(self) -> list[list[str]]:
        """Return what each attempt has logged."""
        return [part.split("\n")[1:-1] for part in (self.root / "steps").read_text().split("begin")[1:]]

    def made(self) -> tuple[bytes, bytes]:
        return (self.root / self.recipe.output).read_bytes(), (self.root / "metrics.json").read_bytes()


def ended(running: subprocess.Popen[str], code: int) -> str:
    said, _ = running.communicate(timeout=240)
    assert running.returncode == code, said
    return said


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda one: one.name)
def test_killed_cancelled_and_killed_again(tmp_path: Path, recipe: Recipe) -> None:
    """Once here; CI_KIT_ROUNDS=20 asks for more."""
    whole = Kit(tmp_path / "whole", recipe)
    undisturbed, moments = whole.start(), random.Random(2026)
    for number in range(ROUNDS):
        touches = [recipe.touches + moments.randint(1, recipe.touches) for _ in range(2)]
        stop, delay = recipe.every + moments.randint(1, recipe.every), moments.uniform(0, 0.05)
        plan = f"kill:{touches[0]}:0 stop:{stop} kill:{touches[1]}:{delay:.3f}"
        torn = Kit(tmp_path / f"torn-{number}", recipe, plan)
        said = ended(torn.start(), CANCELLED)
        assert torn.attempts()[-1][-1] == f"exit {STOPPED}", said
        said += ended(torn.start(), PASSED)
        assert said.count("killed by SIGKILL") >= 2, said
        if number == 0:
            ended(undisturbed, PASSED)
            assert whole.attempts() == [[str(step) for step in range(1, recipe.steps + 1)]]
        assert torn.made() == whole.made(), plan
        first, cancelled, killed, last = ([int(line) for line in one if line.isdigit()] for one in torn.attempts())
        assert len(cancelled) == stop, "it ended at once"
        assert cancelled[-1] + 1 == killed[0], "what was cancelled had saved"
        for before, after in ((first, cancelled), (killed, last)):
            assert after[0] > 1, "it went on"
            assert before[-1] - after[0] + 1 <= recipe.every, plan
        assert list((torn.root / "state").iterdir()) == []


def test_a_lightning_training_that_ends_with_an_epoch_does_none_twice(tmp_path: Path) -> None:
    """Lightning alone counts one epoch too few where that happens twice."""
    command = [sys.executable, "-m", "tests.resume.epochs", str(tmp_path)]
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    assert [line.rpartition(" ")[2] for line in done.stdout.splitlines()] == ["same"] * 4, done.stdout
