"""The recipes for other libraries are run as the docstring of ci_kit.export has them."""

import ast
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from ci_kit import export
from ci_kit.models.model import load

pytestmark = pytest.mark.e2e

RECIPES = {
    name: textwrap.dedent(code)
    for name, code in re.findall(r"^(\w+).*?::\n\n((?:    .*\n)+)", export.__doc__ or "", re.MULTILINE)
}
WIDTH = 4


@pytest.fixture(scope="module")
def rows() -> Any:
    """Return rows of which each seventh number is missing, and three classes."""
    draw = np.random.default_rng(0)
    table = draw.normal(0, 3, (400, WIDTH)).round(2)
    labels = np.digitize(table[:, 0] + table[:, 1], [-2, 2])
    table[draw.random(table.shape) < 1 / 7] = np.nan
    return table, labels


def fitted(name: str, table: Any, labels: Any) -> Any:
    if name == "XGBoost":
        import xgboost

        return xgboost.XGBClassifier(n_estimators=9).fit(table, labels)
    import lightgbm

    return lightgbm.LGBMClassifier(n_estimators=9, verbose=-1).fit(table, np.array(["a", "b", "c"])[labels])


@pytest.mark.parametrize("name", ["XGBoost", "LightGBM"])
@pytest.mark.parametrize("classes", [2, 3])
def test_a_recipe_gives_a_file_that_answers_as_the_model_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: Any, name: str, classes: int
) -> None:
    table, labels = rows[0], np.minimum(rows[1], classes - 1)
    model = fitted(name, table, labels)
    monkeypatch.chdir(tmp_path)
    made = []
    for _ in range(2):
        exec(RECIPES[name], {"model": model, "width": WIDTH, "Path": Path})
        made.append((tmp_path / "model.onnx").read_bytes())
    assert made[0] == made[1]
    names = tuple(f"c{column}" for column in range(WIDTH))
    loaded = load("model.onnx", tmp_path, task="classification", features=names)
    given = loaded.bind(pl.DataFrame(table, schema=list(names)), model.predict(table))
    np.testing.assert_allclose(given, model.predict_proba(table), atol=1e-5)


def test_a_recipe_that_is_not_run_says_so_and_is_python() -> None:
    assert set(RECIPES) == {"XGBoost", "LightGBM", "Keras"}
    assert "This recipe is not run" in (export.__doc__ or "")
    assert len(ast.parse(RECIPES["Keras"]).body) == 3


def test_the_helpers_import_nothing_heavy_before_they_are_called() -> None:
    code = "import sys, ci_kit.export; print(*{'numpy', 'onnx', 'onnxruntime', 'sklearn', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.strip() == ""
