"""What the end of a command means: its exit code, and the lines that it left last."""

import re
import signal

_DETAIL, _LINE = 3500, 400
_FULL = re.compile(r"No space left on device|ENOSPC|\[Errno 28\]")


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


def meaning(code: int, tail: tuple[str, ...], stalled: float = 0.0, *, late: bool = False) -> str:
    """Say what an exit code means; a shell adds 128 to the number of the signal that ended its command.

    `stalled` are the seconds after which it was ended for doing nothing, `late` that its time was up.
    """
    if late:
        return "its time was up (`train.limit`), and it has left no checkpoint"
    if stalled:
        return f"ended as it did nothing: no output, and no CPU or GPU at work for {stalled:,.0f} s"
    number = -code if code < 0 else code - 128
    known = {item.value: item.name for item in signal.Signals}
    if any(_FULL.search(line) for line in tail):
        return f"exit {code}: no space left on the disk"
    if number == signal.SIGKILL:
        return f"exit {code}: killed by SIGKILL, probably out of memory"
    if number == signal.SIGTERM:
        return f"exit {code}: ended by SIGTERM, which ci-kit did not send: something else stopped it"
    if number in known:
        return f"exit {code}: ended by {known[number]}"
    if code in (126, 127):
        return f"exit {code}: " + ("the command is not executable" if code == 126 else "no such command")
    return f"exit {code}"
