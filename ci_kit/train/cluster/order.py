"""What a Ray Job is asked to do, handed from `ci-kit train` to the process that submits it."""

import json
from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True, kw_only=True)
class Order:
    """The words of the command, the paths it may write anew, what stays here, the cluster, and what is reserved there.

    `wait` are the seconds that the job may wait for these resources.
    """

    command: tuple[str, ...]
    outputs: tuple[str, ...]
    exclude: tuple[str, ...]
    address: str | None
    gpus: float
    cpus: float
    wait: float

    def text(self) -> str:
        """Return it as one word of a command line."""
        return json.dumps(asdict(self))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return what `text` made."""
        found: dict[str, Any] = json.loads(text)
        lists = {name: tuple(value) for name, value in found.items() if isinstance(value, list)}
        return cls(**(found | lists))

    @property
    def resources(self) -> str:
        """What it asks for, such as `2 GPUs and 4 CPUs`; without it Ray takes the head node."""
        asked = [(self.gpus, "GPU"), (self.cpus, "CPU")]
        return " and ".join(f"{n:g} {unit}{'s' * (n != 1)}" for n, unit in asked if n) or "the head node"
