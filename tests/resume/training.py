"""A training with all that makes resuming hard: dropout, momentum, a scheduler, workers that read ahead."""

import hashlib
import os
import random
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

from ci_kit.resume.batches import Batches
from ci_kit.resume.torch import Checkpoint

ROWS, SIZE, EPOCHS = 64, 8, 6


def train(output: Path, *, every: float, pause: float, workers: int = 0) -> None:
    """Train for 48 steps and write the digest of the weights; each step is a line in `output`.steps."""
    torch.set_num_threads(1)
    for seed in (torch.manual_seed, random.seed, np.random.seed):
        seed(7)
    model = torch.nn.Sequential(torch.nn.Linear(10, 32), torch.nn.ReLU(), torch.nn.Dropout(0.3), torch.nn.Linear(32, 3))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.05, total_steps=ROWS // SIZE * EPOCHS)
    checkpoint = Checkpoint(every=every, model=model, optimizer=optimizer, scheduler=scheduler)
    source = torch.Generator().manual_seed(3)
    data = TensorDataset(torch.randn(ROWS, 10, generator=source), torch.randint(0, 3, (ROWS,), generator=source))
    batches = Batches(ROWS, SIZE, seed=5, start=checkpoint.step)
    loader = DataLoader(data, batch_sampler=batches, generator=torch.Generator(), num_workers=workers)
    step = checkpoint.step
    while step < len(batches) * EPOCHS:
        for rows, truth in loader:
            noise = random.random() + float(np.random.rand())
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(model(rows) * (1 + 0.01 * noise), truth)
            loss.backward()
            optimizer.step()
            scheduler.step()
            step += 1
            with output.with_suffix(".steps").open("a") as log:
                log.write(f"{step}\n")
            time.sleep(pause)
            checkpoint.save(step)
    weights = b"".join(one.detach().numpy().tobytes() for one in model.state_dict().values())
    output.write_text(hashlib.sha256(weights).hexdigest())


if __name__ == "__main__":
    train(Path(sys.argv[1]), every=float(os.environ.get("EVERY", "0.02")), pause=float(os.environ.get("PAUSE", "0.01")))
