"""The command-line options of a step: each overrides a key of `ci-kit.yaml` or asks for another function."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Option:
    """One option: `--name VALUE`, the configuration key that it overrides, and its help (also the action's input).

    An empty value means "not given", because an action's input is always a string. Without a key it is a flag,
    `--name`, that runs the function of that name in the step's module instead of `run`; a `verb` can be said without
    the dashes, too (`ci-kit package list`), and so can the value of the option that is `bare` (`ci-kit deploy prod`).
    A flag that `prints` leaves its answer in that file of `.ci-kit`: this goes to stdout, and all else to stderr.
    """

    name: str
    key: str = ""
    help: str
    verb: bool = False
    bare: bool = False
    prints: str = ""


def examples(*lines: str) -> str:
    """Return what stands at the end of a command's help; the mark keeps click from wrapping it."""
    return "\n".join(("\b", "Examples:", *(f"  {line}" for line in lines)))
