"""The network as torch itself answers: what is exported and served must give the same (`package.reference`)."""

from pathlib import Path

import numpy as np
import polars as pl
import torch
import yaml
from train import Digits

HERE = Path(__file__).parent


def answers(frame: pl.DataFrame) -> np.ndarray:
    """Return the probabilities of the ten digits for each row of pixels."""
    model = Digits(yaml.safe_load((HERE / "params.yaml").read_text())["train"]["width"])
    with np.load(HERE / "weights.npz") as weights:
        model.load_state_dict({name: torch.from_numpy(weights[name]) for name in weights})
    with torch.no_grad():
        return model.eval()(torch.from_numpy(frame.to_numpy().astype("float32"))).numpy()
