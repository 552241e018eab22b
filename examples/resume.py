"""Train on the digits, and go on where it was cut off."""

import torch
from sklearn.datasets import load_digits

from ci_kit.export import export_torch
from ci_kit.resume.batches import Batches
from ci_kit.resume.torch import Checkpoint

torch.manual_seed(1)
pixels, digits = (torch.tensor(part) for part in load_digits(return_X_y=True))
model = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10))
optimizer = torch.optim.AdamW(model.parameters())
checkpoint = Checkpoint(model=model, optimizer=optimizer)  # restores the newest one into both
batches = Batches(len(pixels), 32, start=checkpoint.step)

step = checkpoint.step
while step < 10 * len(batches):
    for rows in batches:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(pixels[rows].float()), digits[rows]).backward()
        optimizer.step()
        step += 1
        checkpoint.save(step)  # writes once a minute, and when the job is about to end

export_torch(model, pixels[:2].float(), "model.onnx")
