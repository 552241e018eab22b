"""The log of a Ray Job as it is written, each part once, also after the connection was lost."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable


class Follower:
    """Shows what `tail` yields, all from the beginning each time it is called, until it ends by itself."""

    def __init__(self, tail: Callable[[], AsyncIterator[str]], show: Callable[[str], None], pause: float = 1.0) -> None:
        self._tail, self._show, self._pause, self._shown = tail, show, pause, 0
        self._ended = False
        self._thread = threading.Thread(target=lambda: asyncio.run(self._follow()), daemon=True)

    def start(self) -> None:
        """Begin, in a thread."""
        self._thread.start()

    def finish(self, within: float) -> bool:
        """Wait for the rest of the log; False when it did not come within so many seconds."""
        self._thread.join(within)
        self._ended = True
        return not self._thread.is_alive()

    async def _follow(self) -> None:
        while not self._ended:
            seen = 0
            try:
                async for text in self._tail():
                    new = text[max(0, self._shown - seen) :]
                    seen += len(text)
                    if new:
                        self._show(new)
                    self._shown = max(self._shown, seen)
            except Exception:  # noqa: BLE001 - whatever broke the connection, the job's end is seen elsewhere
                await asyncio.sleep(self._pause)
            else:
                return
