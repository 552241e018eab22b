"""What the end of a command means: its exit code, and the lines that it left last."""

import re
import signal

from ci_kit.supervise.outcome import Outcome

_DETAIL, _LINE = 3500, 400
_FULL = re.compile(r"No space left on device|ENOSPC|\[Errno 28\]")
_GPU_FULL = re.compile(r"(CUDA|HIP) out of memory|CUDA_ERROR_OUT_OF_MEMORY|CUBLAS_STATUS_ALLOC_FAILED")
_NO_MEMORY = re.compile(r"^(\w+\.)*_?(Array)?MemoryError\b|can't allocate memory|std::bad_alloc|Cannot allocate memory")


def last_words(tail: tuple[str, ...]) -> str:
    """Return the last lines of the output that fit into a check's detail."""
    lines: list[str] = []
    split = 2 if tail[1:2] == ("…",) else 0  # an exception that the last lines are part of
    for line in reversed(tail[split:]):
        lines.insert(0, line[:_LINE])
        if sum(map(len, lines)) + len(lines) > _DETAIL:
            lines.pop(0)
            break
    lines = [line[:_LINE] for line in tail[:split]] + lines
    return "\n".join(lines)


def exhausted(outcome: Outcome) -> str | None:
    """Return which resource was used up, None where none is known to be."""
    if any(_FULL.search(line) for line in outcome.tail):
        return "the disk"
    if any(_GPU_FULL.search(line) for line in outcome.tail):
        return "the GPU's memory"
    return "the memory" if outcome.oom or any(_NO_MEMORY.search(line) for line in outcome.tail) else None


def meaning(outcome: Outcome) -> str:
    """Say why it ended so; a shell adds 128 to the number of the signal that ended its command."""
    if outcome.late:
        return f"its time was up ({outcome.late}), and it has left no checkpoint"
    if outcome.stalled:
        return f"ended as it did nothing: no output, and no CPU or GPU at work for {outcome.stalled:,.0f} s"
    return f"exit {outcome.code}: {_why(outcome)}".removesuffix(": ")


def _why(outcome: Outcome) -> str:
    code, used = outcome.code, exhausted(outcome)
    if used == "the disk":
        return "no space left on the disk"
    if used:
        return "killed by the kernel: out of memory" if outcome.oom else f"{used} was used up"
    number = -code if code < 0 else code - 128
    known = {item.value: item.name for item in signal.Signals}
    if number == signal.SIGKILL:
        return "killed by SIGKILL, probably out of memory"
    if number == signal.SIGTERM:
        return "ended by SIGTERM, which ci-kit did not send: something else stopped it"
    if number in known:
        return f"ended by {known[number]}"
    return {126: "the command is not executable", 127: "no such command"}.get(code, "")
