"""What the GPUs waited for, from outside: who worked while they did not."""

from collections.abc import Collection, Sequence

from ci_kit.parts import Check
from ci_kit.supervise import Usage

ENOUGH = 30.0  # seconds below which start and end are most of a run
UNUSED = 0.01  # the share of work below which the training runs on the CPU
CORE, SOME = 0.5, 0.1
"""The share of a core that a trainer takes which does not wait, and that loaders take which work at all: on a busy
machine they get no more, and what waits takes a few hundredths."""
READING = 2**20  # bytes a second from the disk above which it is what a process waits for
WORDS = {
    "data": "the data loaders or the disk",
    "host": "the training's own Python",
    "idle": "something that does not run here",
}
ADVICE = {
    "data": "More or faster data loaders would help: `num_workers`, data that is decoded beforehand, a faster disk.",
    "host": "The training's main process kept it waiting: load data in workers, take larger batches, read numbers back"
    " from the GPU less often, try torch.compile.",
    "idle": "Neither a GPU nor a CPU was at work: it waits for the network, a lock or a sleep.",
}


class Waiting:
    """Seconds of GPU time by what they were for: `work`, `data`, `host` and `idle`."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(("work", *WORDS), 0.0)
        self._cpu: dict[int, float] = {}
        self._read = 0

    def note(self, usage: Sequence[Usage], on_gpu: Collection[int], use: float, seconds: float) -> None:
        """Take what the processes have used so far, and how busy the GPUs (per cent) were in the last `seconds`.

        `on_gpu` are the processes that NVML names: none that can be seen from inside a container. The trainers are
        then the processes of the highest level that did a fifth of the work: what starts others does little itself.
        """
        spent = {one.pid: one.cpu - self._cpu.get(one.pid, 0.0) for one in usage}
        read = sum(one.read for one in usage)
        trainers = _trainers(usage, on_gpu)
        ours = max((spent[pid] for pid in trainers), default=0.0) / seconds
        others = sum(value for pid, value in spent.items() if pid not in trainers) / seconds
        data = others >= SOME or (read - self._read) / seconds >= READING
        cause = "host" if ours >= CORE else "data" if data else "host" if ours >= SOME else "idle"
        self.seconds["work"] += seconds * use / 100
        self.seconds[cause] += seconds * (1 - use / 100)
        self._cpu, self._read = {one.pid: one.cpu for one in usage}, read

    def checks(self) -> tuple[Check, ...]:
        """Return what they waited for: a warning with advice where they did so most of the time, if they were used."""
        total = sum(self.seconds.values())
        shares = {word: value / max(total, 1e-9) for word, value in self.seconds.items()}
        if total < ENOUGH or shares["work"] < UNUSED:
            return ()
        waited = [f"{shares[word]:.0%} for {name}" for word, name in WORDS.items() if shares[word] >= 0.005]
        observed = f"at work {shares['work']:.0%} of the time" + (f"; waited {', '.join(waited)}" if waited else "")
        worst = max(WORDS, key=shares.__getitem__)
        idle = shares["work"] < 0.5
        title = "The GPU waited most of the time" if idle else "What the GPU waited for"
        status, detail = ("warn", ADVICE[worst]) if idle else ("pass", None)
        return (Check(id="waiting", title=title, status=status, observed=observed, detail=detail),)


def _trainers(usage: Sequence[Usage], on_gpu: Collection[int]) -> set[int]:
    if found := {one.pid for one in usage} & set(on_gpu):
        return found
    total = sum(one.cpu for one in usage)
    for depth in sorted({one.depth for one in usage}):
        level = [one for one in usage if one.depth == depth]
        if sum(one.cpu for one in level) >= total / 5:
            return {one.pid for one in level}
    return set()
