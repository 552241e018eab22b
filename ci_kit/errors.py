"""The errors that ci-kit raises on purpose, each with its exit code.

CiKitError
├── UserError      2    the user's mistake: what happened, why, what to type next
├── Unavailable    1    a service did not answer after every permitted retry
└── Cancelled      130  somebody stopped the run

Anything else that escapes is a bug of ours and ends with exit code 3. A failed check is no error: it is a verdict,
it lives in the Result, and the command ends with exit code 1; of a training also with 74 when it has used up the disk
or the memory, and with 75 (sysexits' "try again") when its time was up and it goes on when the same is typed again.
"""

import sys

PASSED, FAILED, MISUSED, BROKEN, EXHAUSTED, UNFINISHED, CANCELLED = 0, 1, 2, 3, 74, 75, 130


class CiKitError(Exception):
    """What every deliberate error shares: one line of text, an exit code, and the code that `ci-kit explain` takes.

    `code` is empty where that of the module that made the error says enough: see `ci_kit.explain.codes`.
    """

    exit_code = BROKEN
    code = ""

    def __init__(self, what: str, *, why: str = "", hint: str = "", code: str = "") -> None:
        """Join what happened, why it usually happens and what to type next into one line."""
        self.what, self.why, self.hint = what, why, hint
        self.code = code or self.code
        self.module = str(sys._getframe(1).f_globals.get("__name__", ""))
        text = what if not why else f"{what} ({why})"
        super().__init__(" ".join(f"{text}. {hint}".split()) if hint else " ".join(text.split()))


class UserError(CiKitError):
    """The user can mend this: a wrong key, a missing file, a token without permission."""

    exit_code = MISUSED


class Unavailable(CiKitError):  # noqa: N818 - it reads as what it is
    """A service stayed out of reach after every permitted retry."""

    exit_code = FAILED


class Cancelled(CiKitError):  # noqa: N818 - as above
    """Somebody stopped the run with SIGINT or SIGTERM."""

    exit_code = CANCELLED
    code = "config/cancelled"
