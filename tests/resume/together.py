"""A training of several processes: `torchrun … together.py OUTPUT`; each rank has noise of its own."""

import hashlib
import os
import sys
import time
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from ci_kit.resume.torch import Checkpoint

STEPS = 40


def main() -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", timeout=timedelta(seconds=60))
    rank, output = dist.get_rank(), Path(sys.argv[1])
    torch.manual_seed(1)
    model = DistributedDataParallel(
        torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Dropout(0.3), torch.nn.Linear(16, 1))
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    torch.manual_seed(100 + rank)  # dropout and data differ by rank
    checkpoint = Checkpoint(every=float(os.environ.get("EVERY", "0.05")), model=model, optimizer=optimizer)
    for step in range(checkpoint.step, STEPS):
        rows = torch.randn(16, 8)
        optimizer.zero_grad()
        (model(rows) - rows.sum(1, keepdim=True)).square().mean().backward()
        optimizer.step()
        time.sleep(float(os.environ.get("PAUSE", "0.02")))
        if rank == 0:
            with output.with_suffix(".steps").open("a") as log:
                log.write(f"{step + 1}\n")
        checkpoint.save(step + 1)
    if rank == 0:
        weights = b"".join(one.detach().numpy().tobytes() for one in model.state_dict().values())
        output.write_text(hashlib.sha256(weights).hexdigest())
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
