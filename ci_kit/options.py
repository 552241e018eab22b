"""The command-line options of a step: each one overrides a key of `ci-kit.yaml`."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Option:
    """One option: `--name VALUE`, the configuration key that it overrides, and its help (also the action's input).

    An empty value means "not given", because an action's input is always a string.
    """

    name: str
    key: str
    help: str
