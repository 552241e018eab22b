"""Shuffled batches whose place in the data follows from the step alone."""

import hashlib
from collections.abc import Iterator

import torch


class Batches:
    """Row numbers in batches, a new order every epoch: a `batch_sampler` for torch's DataLoader.

    `start` is the number of batches that were taken already (`Checkpoint.step`, where a step is a batch): the first
    pass gives the rest of that epoch. Nothing of it needs saving, and workers that read ahead do no harm. Give the
    DataLoader a generator of its own, `DataLoader(data, batch_sampler=batches, generator=torch.Generator())`, since it
    would otherwise draw from the random numbers of the training at every pass.
    """

    def __init__(self, rows: int, size: int, *, seed: int = 0, start: int = 0) -> None:
        self._rows, self._size, self._seed = rows, size, seed
        self._epoch, self._skip = divmod(start, len(self))

    def __len__(self) -> int:
        """Return the batches of a whole epoch; the last may be smaller."""
        return -(-self._rows // self._size)

    def __iter__(self) -> Iterator[list[int]]:
        """Give what is left of the present epoch, and begin the next."""
        # By a hash: with seed + epoch, neighbouring seeds would share their orders.
        seed = int.from_bytes(hashlib.sha256(f"{self._seed} {self._epoch}".encode()).digest()[:7])
        order = torch.randperm(self._rows, generator=torch.Generator().manual_seed(seed)).tolist()
        first, self._skip, self._epoch = self._skip, 0, self._epoch + 1
        for number in range(first, len(self)):
            yield order[number * self._size : (number + 1) * self._size]
