"""Train a small network on the digits and export it to ONNX.

On SIGTERM the epoch is finished and what there is gets exported, so that a cancelled run loses little.
"""

import json
import signal
from pathlib import Path

import numpy as np
import torch
import yaml
from torch import nn

from ci_kit.export import export_torch

HOLDOUT = 100


class Digits(nn.Module):
    """Pixels of 0 to 16 in, probabilities of the ten digits out."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(64, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10)
        )

    def logits(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.layers(pixels / 16 - 0.5)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return torch.softmax(self.logits(pixels), dim=1)


def read(path: str, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    with Path(path).open() as file:
        header = file.readline().strip().split(",")
        table = np.loadtxt(file, delimiter=",", dtype="int64")
    pixels = table[:, [index for index, name in enumerate(header) if name.startswith("p") and name != "position"]]
    return torch.tensor(pixels, dtype=torch.float32, device=device), torch.tensor(
        table[:, header.index("digit")], device=device
    )


def fit(params: dict[str, float], device: torch.device) -> tuple[Digits, list[dict[str, float]]]:
    stop: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stop.append(number))
    x, y = read("data/train.csv", device)
    train_x, train_y, held_x, held_y = x[:-HOLDOUT], y[:-HOLDOUT], x[-HOLDOUT:], y[-HOLDOUT:]
    model = Digits(int(params["width"])).to(device)
    optimiser = torch.optim.AdamW(model.parameters(), lr=params["rate"], weight_decay=params["decay"])
    loss = nn.CrossEntropyLoss()
    history = []
    with Path("curves.jsonl").open("w") as curves:
        for epoch in range(1, int(params["epochs"]) + 1):
            losses = []
            for rows in torch.randperm(len(train_x), device=device).split(32):
                optimiser.zero_grad()
                batch = loss(model.logits(train_x[rows]), train_y[rows])
                batch.backward()
                optimiser.step()
                losses.append(batch.item())
            with torch.no_grad():
                held = loss(model.logits(held_x), held_y).item()
            step = {"step": epoch, "train/loss": sum(losses) / len(losses), "validation/loss": held}
            history.append(step)
            curves.write(json.dumps(step) + "\n")
            curves.flush()
            print(
                f"epoch {epoch}/{params['epochs']}  train {step['train/loss']:.4f}  validation {held:.4f}", flush=True
            )
            if stop:
                print("asked to stop: exporting what there is", flush=True)
                break
    return model, history


def main() -> None:
    params = yaml.safe_load(Path("params.yaml").read_text())["train"]
    torch.set_num_threads(1)  # the network is so small that threads only wait for each other
    torch.manual_seed(params["seed"])
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    print(f"training on {device}", flush=True)
    model, history = fit(params, device)
    model = model.cpu()
    export_torch(model, 16 * torch.rand(HOLDOUT, 64), "model.onnx", inputs="pixels", output="probabilities")
    np.savez("weights.npz", **{name: weight.numpy() for name, weight in model.state_dict().items()})
    Path("metrics.json").write_text(
        json.dumps({"validation/loss": history[-1]["validation/loss"], "epochs": len(history)})
    )


if __name__ == "__main__":
    main()
