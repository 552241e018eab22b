"""Data sets as the configuration names them: their files, their rows, their digest; and the user's own code.

`scan` reads with polars and lazily, `frame` with pandas; the same file gives what plain polars or pandas would give.
Nothing heavy is imported before it is needed.
"""

from ci_kit.data.code import load_object
from ci_kit.data.digest import fingerprint
from ci_kit.data.dvc import tracked
from ci_kit.data.paths import files, kind
from ci_kit.data.rows import frame, reading, scan

__all__ = ["files", "fingerprint", "frame", "kind", "load_object", "reading", "scan", "tracked"]
