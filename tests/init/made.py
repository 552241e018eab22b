"""Small model repositories as people have them before they know of ci-kit: path → content."""

import json
import random
from pathlib import Path

from tests.e2e.copier import git

TRAIN = """\
import pandas as pd
from sklearn.linear_model import LogisticRegression

train = pd.read_csv("{data}")
X = train.drop(columns=["sold", "id"])
y = train["sold"]
model = LogisticRegression()
model.fit(X, y)
print("accuracy", model.score(X, y))
"""
EXPORT = """\
from ci_kit.export import export_sklearn

export_sklearn(model, X, "model.onnx")
"""
STAGE = "stages:\n  train:\n    cmd: python train.py\n    deps: [train.py, data/train.csv]\n    outs: [model.onnx]\n"
POETRY = """\
[tool.poetry]
name = "houses"
version = "1.0.0"
description = ""
authors = []
package-mode = false

[tool.poetry.dependencies]
python = ">=3.11"
scikit-learn = "*"
"""
UV = '[project]\nname = "houses"\nversion = "1.0.0"\nrequires-python = ">=3.11"\ndependencies = ["scikit-learn"]\n'


def rows(count: int, start: int = 0, seed: int = 1) -> str:
    """Return houses as CSV: which sell is a matter of rooms and price, and a bit of chance."""
    chance = random.Random(seed)
    lines = ["id,rooms,price,age,sold"]
    for number in range(start, start + count):
        room, price, age = chance.randint(1, 6), round(chance.uniform(50, 500), 1), chance.randint(0, 90)
        sold = int(80 * room - price + chance.gauss(0, 40) > 0)
        lines.append(f"{number},{room},{price},{age},{sold}")
    return "\n".join(lines) + "\n"


def train(data: str = "data/train.csv", *, exports: bool = True) -> str:
    return TRAIN.replace("{data}", data) + (EXPORT if exports else "")


def both(prefix: str = "") -> dict[str, str]:
    """Return rows to train on and rows to evaluate on."""
    return {f"{prefix}data/train.csv": rows(300), f"{prefix}data/test.csv": rows(120, 300, 2)}


def notebook(code: str) -> str:
    cell: dict[str, object] = {
        "cell_type": "code",
        "id": "a",
        "metadata": {},
        "source": code,
        "outputs": [],
        "execution_count": None,
    }
    kernel = {"language_info": {"name": "python", "file_extension": ".py"}}
    return json.dumps({"cells": [cell], "metadata": kernel, "nbformat": 4, "nbformat_minor": 5})


REPOSITORIES: dict[str, dict[str, str]] = {
    "csv": {"houses.csv": rows(300), "train.py": train("houses.csv", exports=False)},
    "notebook": {**both(), "train.ipynb": notebook(train()), "requirements.txt": "scikit-learn\nskl2onnx\n"},
    "dvc": {**both(), "train.py": train(), "dvc.yaml": STAGE, "requirements.txt": "scikit-learn\nskl2onnx\n"},
    "poetry": {**both(), "train.py": train(), "pyproject.toml": POETRY, "poetry.lock": "# made by poetry\n"},
    "uv": {**both(), "train.py": train(), "pyproject.toml": UV, "uv.lock": "version = 1\n"},
    "monorepo": {
        "requirements.txt": "scikit-learn\nskl2onnx\n",
        **both("ml/flats/"),
        "ml/flats/train.py": train(),
        **both("ml/houses/"),
        "ml/houses/train.py": train(),
    },
}


def lay(folder: Path, files: dict[str, str], *, commit: bool = True) -> Path:
    """Write the files, and commit them on `main`."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    folder.mkdir(exist_ok=True)
    if commit:
        git(folder, "init", "-q", "-b", "main")
        git(folder, "add", "-A")
        git(folder, "-c", "user.name=Octo", "-c", "user.email=octo@example.com", "commit", "-qm", "Start")
    return folder
