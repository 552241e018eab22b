"""What `export_torch` refuses before anything is exported, and that the model is left as it was."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from ci_kit.errors import UserError
from ci_kit.export import export_torch, needs


class Answering(nn.Module):  # type: ignore[misc]
    """Answers whatever the function makes of its input."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> Any:
        return self.function(x)


LINE = nn.Linear(3, 2)
ROWS = torch.ones(4, 3)


def broken(x: torch.Tensor) -> None:
    raise ValueError("no such\nthing") from KeyError("pixel")


@pytest.mark.parametrize(
    ("model", "sample", "more", "says"),
    [
        ({}, ROWS, {}, "a dict can't be exported (it is no torch.nn.Module). Build the network"),
        (LINE, [[1.0]], {}, "the sample holds a list (`forward` takes tensors)"),
        (LINE, torch.ones(3), {}, "the sample is no table (it has the shape (3,);"),
        (LINE, torch.ones(1, 1, 8, 8), {}, "Let `forward` begin with x.reshape(-1, …)"),
        (LINE, torch.ones(0, 3), {}, "the sample is no table (it has the shape (0, 3);"),
        (LINE, (torch.ones(2, 1), torch.ones(3, 1)), {}, "it has the shape (3, 1)"),
        (LINE, (torch.ones(2, 1), torch.ones(2, 2)), {}, "n×1 to each of several inputs"),
        (LINE, ROWS, {"inputs": ("a", "b")}, "`inputs` has 2 names (the sample has 1 tensors)"),
        (nn.Linear(3, 2, device="meta"), ROWS, {}, "the model or its sample lies on meta. Type: model.cpu()"),
        (nn.Linear(20_000, 20_000, device="meta"), ROWS, {}, "its weights have 1,600,080,000 bytes, and at most"),
        (LINE, torch.ones(4, 5), {}, "the model fails on a sample of 4 rows (RuntimeError: mat1 and mat2"),
        (Answering(broken), ROWS, {}, "the model fails on a sample of 4 rows (KeyError: 'pixel')"),
        (Answering(lambda x: {"a": x}), ROWS, {}, "the model answers a dict (one output is served). Wrap it"),
        (Answering(lambda x: (x, x)), ROWS, {}, "the model answers a tuple"),
        (Answering(lambda x: x.sum()), ROWS, {}, "the model answers () to 4 rows"),
        (Answering(lambda x: x[:2]), ROWS, {}, "the model answers (2, 3) to 4 rows"),
        (Answering(lambda x: x[:2]), torch.ones(1, 3), {}, "the model answers (2, 3) to 3 rows"),
        (Answering(lambda x: x.squeeze()), ROWS, {}, "the model answers (3,) to 1 rows"),
        (Answering(lambda x: x.reshape(-1, 3, 1)), ROWS, {}, "the model answers (4, 3, 1) to 4 rows"),
    ],
)
def test_what_can_not_be_served_is_refused_in_one_line_and_nothing_is_written(
    tmp_path: Path, model: Any, sample: Any, more: dict[str, Any], says: str
) -> None:
    with pytest.raises(UserError) as error:
        export_torch(model, sample, tmp_path / "model.onnx", **more)
    assert says in str(error.value)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


def test_each_part_goes_back_into_its_own_mode_also_when_the_export_fails(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Dropout(), nn.BatchNorm1d(3), Answering(broken)).train()
    model[1].eval()
    with pytest.raises(UserError):
        export_torch(model, ROWS, tmp_path / "model.onnx")
    assert [part.training for part in model.modules()] == [True, True, False, True]


@pytest.mark.parametrize(("missing", "says"), [("onnxscript", "onnxscript"), ("onnxruntime", "'ci-kit[evaluate]'")])
def test_a_library_that_is_missing_is_named_with_what_to_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str, says: str
) -> None:
    monkeypatch.setattr(needs, "find_spec", lambda name: None if name == missing else object())
    with pytest.raises(UserError, match=rf"{missing} is not installed. Type: pip install {says}".replace("[", r"\[")):
        export_torch(LINE, ROWS, tmp_path / "model.onnx")
