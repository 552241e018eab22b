"""Why a Ray Job could not be run to its end, in one line."""


class Trouble(Exception):  # noqa: N818 - it reads as what it is
    """One line for the log, and the exit code that goes with it."""

    def __init__(self, text: str, code: int = 1) -> None:
        """Keep the text's first line, of which Ray's answers can have many."""
        lines = [line for line in text.splitlines() if line.strip()] or [""]
        super().__init__(" ".join(lines[0].split())[:600])
        self.code = code
