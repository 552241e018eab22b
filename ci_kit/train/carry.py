"""Carry checkpoints to another runner: a copy in a store, kept up to date while the training goes on."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ci_kit.train.copies import Copies, Store
from ci_kit.train.place import Place

EVERY = 5.0  # seconds between two looks at the folder
LEAVE = 1.0  # seconds that an upload gets when the training was cancelled: what is not there then stays as it was


class Carrier:
    """Sends what is new from a thread; a trouble is said, once, and never ends the training."""

    def __init__(self, copies: Copies, say: Callable[[str], None]) -> None:
        self._copies, self._say, self._trouble = copies, say, ""
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def begin(self, *, fetch: bool) -> None:
        """Fetch what another machine has left, where that is wanted, and follow from now on."""
        if fetch:
            self._safely(self._fetch)
        self._thread.start()

    def end(self, *, finished: bool) -> None:
        """Bring the copy up to date, or remove it when the training is `finished`."""
        self._done.set()
        self._thread.join()
        self._safely(self._copies.forget if finished else self._copies.send)

    def leave(self) -> None:
        """Give up on what can't be sent in a second: the copy stays as it was."""
        last = threading.Thread(target=self._safely, args=(self._copies.send,), daemon=True)
        self._done.set()
        self._thread.join(LEAVE)
        if not self._thread.is_alive():
            last.start()
            last.join(LEAVE)

    def _follow(self) -> None:
        while not self._done.wait(EVERY):
            self._safely(self._copies.send)

    def _fetch(self) -> None:
        if names := self._copies.fetch():
            self._say(f"train: fetched the checkpoints of another runner: {', '.join(names)[:200]}")

    def _safely(self, act: Callable[[], None]) -> None:
        try:
            act()
        except OSError as error:
            trouble = str(error).partition("\n")[0][:300] or type(error).__name__
            if trouble != self._trouble:
                self._say(f"train: the checkpoints can't be carried: {trouble}")
            self._trouble = trouble


@contextmanager
def carried(store: Store | None, place: Place, say: Callable[[str], None]) -> Iterator[None]:
    """Carry the checkpoints of a training meanwhile; when it was cancelled, what a second allows."""
    if store is None:
        yield
        return
    carrier = Carrier(Copies(store, place), say)
    carrier.begin(fetch=not place.mark())
    try:
        yield
    except BaseException:
        carrier.leave()
        raise
    carrier.end(finished=place.finished)
