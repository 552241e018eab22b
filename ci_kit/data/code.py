"""The user's own code: an object named `path/to/file.py:Name`, imported from the repository."""

import difflib
import importlib.util
import itertools
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from ci_kit.errors import UserError

_number = itertools.count()
_owners: dict[str, Path] = {}


def load_object(reference: str, root: Path) -> Any:
    """Import `path.py:Name` relative to the root and return the object.

    The file gets a module name of its own, so no other module can pass for it; its folder and the root stand at the
    end of `sys.path` while it is imported, so siblings are found and the standard library is never shadowed. Raises
    UserError with file and line if it can't be imported or has no such name.
    """
    file, _, name = reference.rpartition(":")
    path = (root / file).resolve()
    if not path.is_file():
        raise UserError(f"no file {file}", why=f"named by {reference!r}", hint="Check the path in ci-kit.yaml")
    module = _import(path, root.resolve(), file)
    if not hasattr(module, name):
        names = [one for one in vars(module) if not one.startswith("_")]
        close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        hint = f"Did you mean {close[0]!r}?" if close else f"It has: {', '.join(names[:10]) or 'nothing'}"
        raise UserError(f"{file} has no {name!r}", hint=hint)
    return getattr(module, name)


def _import(path: Path, root: Path, file: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"_ci_kit_user_{next(_number)}_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise UserError(f"{file} is no Python file", hint="Name it `something.py`")
    module = importlib.util.module_from_spec(spec)
    with _importable(root, path.parent):
        sys.modules[spec.name] = module
        try:
            spec.loader.exec_module(module)
        except (Exception, SystemExit) as error:
            del sys.modules[spec.name]
            raise _explain(error, root, path, file) from error
    return module


@contextmanager
def _importable(root: Path, folder: Path) -> Iterator[None]:
    """Let the user's modules import each other, and only those of this root."""
    for name in [name for name, owner in _owners.items() if owner != root]:
        sys.modules.pop(name, None)
        del _owners[name]
    before, path, writes = set(sys.modules), list(sys.path), sys.dont_write_bytecode
    # The kit runs with -I, which ignores PYTHONPATH; the user's own code may need it (`env: PYTHONPATH: src`).
    theirs = [root / one for one in os.environ.get("PYTHONPATH", "").split(os.pathsep) if one]
    sys.path += [str(one) for one in dict.fromkeys((folder, root, *theirs)) if str(one) not in path]
    sys.dont_write_bytecode = True
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:], sys.dont_write_bytecode = path, writes
        for name in set(sys.modules) - before:
            if _theirs(Path(getattr(sys.modules[name], "__file__", None) or "/"), root):
                _owners[name] = root


def _theirs(path: Path, root: Path) -> bool:
    # An environment inside the repository (.venv) holds libraries, not the user's code.
    return path.is_relative_to(root) and "site-packages" not in path.parts


def _explain(error: BaseException, root: Path, path: Path, file: str) -> UserError:
    place = file
    for frame in traceback.extract_tb(error.__traceback__):
        where = Path(frame.filename)
        if where == path or _theirs(where, root):
            place = f"{where.relative_to(root) if where.is_relative_to(root) else file}:{frame.lineno}"
    if isinstance(error, SyntaxError) and error.filename:
        where = Path(error.filename)
        place = f"{where.relative_to(root) if where.is_relative_to(root) else where.name}:{error.lineno}"
    text = next(iter(str(error).splitlines()), "")[:200]
    hint = ""
    if isinstance(error, ModuleNotFoundError):
        hint = f"Install {error.name} where ci-kit runs (in CI: the input `requirements` of actions/setup)"
    return UserError(f"{place} can't be imported", why=f"{type(error).__name__}: {text}".rstrip(": "), hint=hint)
