"""A script for the user's own Python: one second of matrix products on every GPU, and what came of them.

It appends a line of JSON to the file it is given for everything it is about to do or has found, so that what was known
before a crash or a hang is known. Numbers are whole and small, so that every order of adding, and every precision that
a GPU may take for float32, gives the same product. It must run in any Python that has a torch: no newer syntax.
"""

import json
import sys
import time
from typing import Any

SMALL, LARGE = 256, 2048  # rows


def main(path: str, seconds: float) -> None:
    """Import torch, ask what it was built for, and multiply; every finding is a line in the file `path`."""

    def tell(**fact: Any) -> None:
        with open(path, "a") as file:  # noqa: PTH123
            file.write(json.dumps(fact) + "\n")

    tell(doing="importing torch")
    try:
        import torch

        tell(doing="starting CUDA")
        torch.cuda.init()
        count = torch.cuda.device_count()
        tell(archs=torch.cuda.get_arch_list(), count=count)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
        tell(error=said(error))
        return
    for index in range(count):
        tell(doing=f"a matrix product on its GPU {index}")
        try:
            tell(gpu=index, wrong=product(torch, f"cuda:{index}", min(seconds, 8 * seconds / count)))
        except Exception as error:  # noqa: BLE001 - as above
            tell(gpu=index, error=said(error))


def product(torch: Any, device: str, seconds: float) -> "str | None":
    """Multiply on the device for so long; return what is wrong with the products, None where nothing is."""
    small = whole(torch, SMALL)
    there = small.to(device)
    if not torch.equal((there @ there).cpu(), small @ small):
        return "a product differs from the CPU's"
    large = whole(torch, LARGE).to(device)
    first, end = large @ large, time.monotonic() + seconds
    while True:
        for _ in range(10):
            last = large @ large
        if not torch.equal(first, last):
            return "the same product came out differently"
        if time.monotonic() >= end:
            return None


def whole(torch: Any, rows: int) -> Any:
    """Return a square matrix of float32 with whole numbers from -8 to 8."""
    return (torch.arange(rows * rows) % 17 - 8).float().reshape(rows, rows)


def said(error: Exception) -> str:
    """Return the first line of an exception."""
    return (type(error).__name__ + ": " + str(error).strip().split("\n")[0])[:300]


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
