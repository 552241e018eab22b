"""Networks that are exported for real, some of them by another process: seconds each."""

import logging
import runpy
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from ci_kit.errors import UserError
from ci_kit.export import export_torch, proof

pytestmark = pytest.mark.e2e

SCRIPT = """
import sys
import pandas as pd
import torch
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from torch import nn

from ci_kit.export import export_sklearn, export_torch

torch.manual_seed(0)
export_torch(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)), torch.ones(1, 3), "torch.onnx")
frame = pd.DataFrame({"city": ["Oslo", "Rome"] * 9, "note": ["fine day", "bad", "good day"] * 6})
parts = [("c", OneHotEncoder(), ["city"]), ("n", TfidfVectorizer(), "note")]
model = make_pipeline(ColumnTransformer(parts), LogisticRegression()).fit(frame, [0, 1, 1] * 6)
export_sklearn(model, frame, "sklearn.onnx")
"""


class Images(nn.Module):  # type: ignore[misc]
    """Looks at rows of 64 numbers as images of 8 × 8."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 4, 3),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Dropout(),
            nn.Linear(36, 3),
        )

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return torch.softmax(self.layers(pixels.reshape(-1, 1, 8, 8)), dim=1)


class Branching(nn.Module):  # type: ignore[misc]
    """Does what a graph can't."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x if x.sum() > 0 else -x


class Sum(nn.Module):  # type: ignore[misc]
    """Has an input per column."""

    def forward(self, age: torch.Tensor, fare: torch.Tensor) -> torch.Tensor:
        return age + 2 * fare


def answers(path: Path, **fed: Any) -> Any:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {name: np.asarray(values, dtype=np.float32) for name, values in fed.items()})[0]


@pytest.fixture(scope="module")
def images() -> Images:
    torch.manual_seed(0)
    return Images()


@pytest.fixture(scope="module")
def exported(images: Images, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "images.onnx"
    export_torch(images, torch.rand(64, 5).T[:1], path, output="probabilities")  # by columns, as polars has it
    return path


@pytest.mark.parametrize("rows", [1, 2, 7, 64])
def test_a_network_of_images_answers_any_number_of_rows_of_a_table(images: Images, exported: Path, rows: int) -> None:
    sample = torch.rand(rows, 64)
    modes = images.training, images.eval()(sample).detach().numpy()
    np.testing.assert_allclose(answers(exported, pixels=sample), modes[1], atol=1e-5)
    images.train(modes[0])


def test_it_was_left_in_training_and_is_named_as_its_forward_and_the_caller_say(images: Images, exported: Path) -> None:
    session = onnxruntime.InferenceSession(exported, providers=["CPUExecutionProvider"])
    assert images.training
    assert [(one.name, one.shape) for one in session.get_inputs()] == [("pixels", ["batch", 64])]
    assert [one.name for one in session.get_outputs()] == ["probabilities"]


def test_one_file_holds_all_and_nothing_of_where_it_was_made(exported: Path) -> None:
    assert [path.name for path in exported.parent.iterdir()] == ["images.onnx"]
    assert str(Path(__file__).parent).encode() not in exported.read_bytes()


def test_two_folders_make_the_same_bytes_without_a_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
        (folder / "train.py").write_text(SCRIPT)
    command = [sys.executable, "-W", "default", "train.py"]
    done = subprocess.run(command, cwd=there, capture_output=True, text=True, timeout=100, check=True)
    assert (done.stdout, done.stderr) == ("", "")
    monkeypatch.chdir(here)
    runpy.run_path("train.py")
    for name in ("torch.onnx", "sklearn.onnx"):
        assert (here / name).read_bytes() == (there / name).read_bytes()


def settings(names: list[str]) -> Any:
    levels = {name: (logging.getLogger(name).level, logging.getLogger(name).disabled) for name in names}
    return levels, logging.root.manager.disable, list(warnings.filters)


def test_what_can_not_be_exported_is_told_in_one_line_and_the_old_file_stays(
    tmp_path: Path, exported: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"old")
    names = list(logging.root.manager.loggerDict)
    before = settings(names)
    with pytest.raises(
        UserError, match=r"^torch can't export model\.onnx \(GuardOnDataDependent\S+: Could not"
    ) as error:
        export_torch(Branching(), torch.ones(4, 3), path)
    assert "\n" not in str(error.value)
    assert path.read_bytes() == b"old"
    assert capfd.readouterr() == ("", "")
    assert settings(names) == before


def test_several_inputs_are_columns(tmp_path: Path) -> None:
    export_torch(Sum(), (torch.ones(1, 1), torch.ones(1, 1)), tmp_path / "a.onnx", inputs=("years", "price"))
    assert answers(tmp_path / "a.onnx", years=[[1], [2]], price=[[10], [20]]).tolist() == [[21], [42]]


def test_half_precision_and_a_compiled_module_are_exported_too(tmp_path: Path) -> None:
    compiled = nn.Module()
    compiled._orig_mod = nn.Linear(3, 1).half()  # as torch.compile does
    export_torch(compiled, torch.ones(2, 3).half(), tmp_path / "a.onnx", inputs="x")
    assert onnxruntime.InferenceSession(tmp_path / "a.onnx").get_inputs()[0].type == "tensor(float16)"


def test_an_export_that_is_wrong_in_one_output_is_named_and_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = nn.Linear(3, 4)
    right = proof.written

    def wrong(write: Any, shown: str) -> bytes:
        proto = onnx.load_model_from_string(right(write, shown))
        bias = next(one for one in proto.graph.initializer if list(one.dims) == [4])
        values = onnx.numpy_helper.to_array(bias) + np.array([0, 0, 1e-3, 0], dtype=np.float32)
        bias.CopyFrom(onnx.numpy_helper.from_array(values, bias.name))
        return bytes(proto.SerializeToString())

    monkeypatch.setattr(proof, "written", wrong)
    with pytest.raises(UserError, match=r"row \d, logits\[2\]: \S+ instead of \S+, an error of 0\.001\)$"):
        export_torch(model, torch.rand(5, 3), tmp_path / "model.onnx", output="logits")
    assert not list(tmp_path.iterdir())
