"""The processes that train together, as torch.distributed knows them."""

import os
from typing import Any

import torch
import torch.distributed as dist


class Ranks:
    """The present process among those that train together; alone it agrees with itself.

    Raises RuntimeError where there are several, and they have not met yet.
    """

    def __init__(self) -> None:
        self._together = dist.is_available() and dist.is_initialized()
        if not self._together and int(os.environ.get("WORLD_SIZE") or 1) > 1:
            raise RuntimeError("several processes train together: call init_process_group before Checkpoint")
        self.rank = dist.get_rank() if self._together else 0

    @property
    def first(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def agree(self, *flags: bool) -> list[bool]:
        """Return for each flag whether it is set in any process."""
        if not self._together:
            return list(flags)
        device = "cuda" if dist.get_backend() == "nccl" else "cpu"
        found = torch.tensor([int(flag) for flag in flags], device=device)
        dist.all_reduce(found, dist.ReduceOp.MAX)
        return [bool(flag) for flag in found.tolist()]

    def gathered(self, value: Any) -> list[Any]:
        """Return the values of all processes in the first one, nothing in the others."""
        if not self._together:
            return [value]
        values: list[Any] | None = [None] * dist.get_world_size() if self.first else None
        dist.gather_object(value, values)
        return values or []

    def wait(self) -> None:
        """Wait for all of them."""
        if self._together:
            dist.barrier()
