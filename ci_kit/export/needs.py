"""What an export needs: libraries that are installed, and that they keep quiet."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from importlib.util import find_spec

from ci_kit.errors import UserError

# Where the name of a package differs from that of its module, or an extra brings it.
_PACKAGES = dict.fromkeys(("numpy", "onnx", "onnxruntime"), "'ci-kit[evaluate]'") | {"sklearn": "scikit-learn"}


def needed(*modules: str) -> None:
    """Raise UserError for the first module that is not installed."""
    for name in modules:
        if find_spec(name) is None:
            raise UserError(
                f"{name} is not installed", hint=f"Type: pip install {_PACKAGES.get(name, name)}", code="config/install"
            )


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Let nothing be printed, logged or warned of inside the block, and leave all settings as they were."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def told(error: BaseException) -> str:
    """Return what an error's first cause says, in one line of at most 300 characters."""
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(": ")[:300]
