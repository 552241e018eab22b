"""torch: numbers in, one probability out, that of being late."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import nn

from ci_kit.export import export_torch

HERE = Path(__file__).parent
COLUMNS = ("distance", "people")


class Late(nn.Module):  # type: ignore[misc]
    """A network that takes what is missing for 0."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 1))

    def forward(self, numbers: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(self.layers(torch.nan_to_num(numbers)))


def matrix(frame: pl.DataFrame) -> torch.Tensor:
    return torch.from_numpy(frame.select(COLUMNS).to_numpy().astype("float32"))


def answers(frame: pl.DataFrame) -> Any:
    model = Late().eval()
    with np.load(HERE / "weights.npz") as weights:
        model.load_state_dict({name: torch.from_numpy(weights[name]) for name in weights})
    with torch.no_grad():
        return model(matrix(frame)).numpy()


def main() -> None:
    torch.manual_seed(0)
    frame = pl.read_parquet("train.parquet")
    x, y = matrix(frame), torch.from_numpy(frame["late"].to_numpy().astype("float32").reshape(-1, 1))
    model = Late()
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(60):
        optimiser.zero_grad()
        nn.functional.binary_cross_entropy(model(x), y).backward()
        optimiser.step()
    export_torch(model, x[:3], "model.onnx", output="probability")
    np.savez("weights.npz", **{name: weight.numpy() for name, weight in model.state_dict().items()})
    np.save("answers.npy", answers(pl.read_parquet("data.parquet")))


if __name__ == "__main__":
    main()
