"""torch: rows of 64 pixels that are looked at as images; logits of ten digits."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import nn

from ci_kit.export import export_torch

HERE = Path(__file__).parent


class Digits(nn.Module):  # type: ignore[misc]
    """Two convolutions, normalised over the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.AdaptiveAvgPool2d(2)),
            *(nn.Flatten(), nn.Linear(64, 10)),
        )

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.layers(pixels.reshape(-1, 1, 8, 8) / 16)


def matrix(frame: pl.DataFrame) -> torch.Tensor:
    return torch.from_numpy(frame.select(r"^p\d\d$").to_numpy().astype("float32"))


def answers(frame: pl.DataFrame) -> Any:
    model = Digits().eval()
    with np.load(HERE / "weights.npz") as weights:
        model.load_state_dict({name: torch.from_numpy(weights[name]) for name in weights})
    with torch.no_grad():
        return model(matrix(frame)).numpy()


def main() -> None:
    torch.manual_seed(0)
    frame = pl.read_parquet("train.parquet")
    x, y = matrix(frame), torch.from_numpy(frame["digit"].to_numpy())
    model = Digits()
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    for rows in torch.cat([torch.randperm(len(x)) for _ in range(5)]).split(100):
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
        optimiser.step()
    export_torch(model, x[:1], "model.onnx", output="logits")
    np.savez("weights.npz", **{name: weight.numpy() for name, weight in model.state_dict().items()})
    np.save("answers.npy", answers(pl.read_parquet("data.parquet")))


if __name__ == "__main__":
    main()
