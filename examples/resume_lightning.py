"""Train a Lightning module on the digits, and go on where it was cut off."""

import json
import os
import warnings
from pathlib import Path

import torch
from lightning.pytorch import LightningModule, Trainer, seed_everything
from safetensors.torch import save_file
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

from ci_kit.resume.batches import Batches
from ci_kit.resume.lightning import Resume, WholeFiles

pixels, digits = (torch.tensor(part) for part in load_digits(return_X_y=True))
data = TensorDataset(pixels.float(), digits)


class Digits(LightningModule):
    def __init__(self):
        super().__init__()
        drop = torch.nn.Dropout(0.2)
        self.layers = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), drop, torch.nn.Linear(32, 10))

    def train_dataloader(self):  # called when the checkpoint is restored, so that the step says which batch is next
        batches = Batches(len(data), 32, start=self.trainer.global_step)
        return DataLoader(data, batch_sampler=batches, generator=torch.Generator())

    def training_step(self, batch, _):
        rows, truth = batch
        return torch.nn.functional.cross_entropy(self.layers(rows), truth)

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters())


warnings.filterwarnings("ignore", ".*dataloader is not resumable")  # it is, by its batches
seed_everything(1)
folder = os.environ.get("CI_KIT_CHECKPOINT_DIR", "checkpoints")
resume = Resume(folder, every_n_train_steps=50)  # a ModelCheckpoint; saves when the job is about to end, too
trainer = Trainer(
    max_epochs=10,
    accelerator="cpu",
    logger=False,
    enable_progress_bar=False,
    callbacks=[resume],
    plugins=[WholeFiles()],  # which are there entirely or not at all
)
model = Digits()
trainer.fit(model, ckpt_path="last", weights_only=True)  # the newest one, if any; nothing in it can run as code

save_file(model.state_dict(), "model.safetensors")
right = model.eval().layers(pixels.float()).argmax(1) == digits
Path("metrics.json").write_text(json.dumps({"accuracy": right.double().mean().item()}))
