"""The user's code that the configuration names: scripts, schemas, functions and model tests."""

import ast
import shlex
from collections.abc import Iterator
from pathlib import Path

from ci_kit.doctor.context import Context
from ci_kit.doctor.finding import finding
from ci_kit.doctor.naming import here, missing
from ci_kit.parts import Check


def code(context: Context) -> Iterator[Check]:
    """Yield user code, `path.py:Name`, whose file or name is not there; the file is read and not run."""
    yield from _scripts(context)
    config, named = context.settings, dict[str, str]()
    named |= {one.schema_: f"`data.{name}.schema`" for name, one in config.data.items() if one.schema_}
    given = {"package.reference": config.package.reference, "package.service": config.package.service}
    given |= {"evaluate.model": config.evaluate.model if ".py:" in config.evaluate.model else None}
    named |= {value: f"`{key}`" for key, value in given.items() if value}
    for reference, key in named.items():
        file, _, name = reference.rpartition(":")
        if not (context.root / file).is_file():
            yield missing(context, file, f"{key} is to be found in it.", f"Write it, or mend {key}")
        elif (known := _defined(context.root / file)) is not None and name not in known:
            near = f"It has {', '.join(sorted(known)[:8])}" if known else "It defines nothing"
            yield finding(
                "missing-name",
                "The code that the configuration names is not in its file",
                observed=reference,
                why=f"{key} can't be used. {near}.",
                hint=f"Define {name} in {file}, or mend {key}",
                location=here(context, reference),
            )


def _defined(path: Path) -> set[str] | None:
    """Return the public names at the top of a module; None where only running it would tell."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, ValueError, SyntaxError, RecursionError):
        return None
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            return None
        if isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return found


def _scripts(context: Context) -> Iterator[Check]:
    config = context.settings
    for name in config.evaluate.tests:
        if not (context.root / name.partition("::")[0]).exists():
            yield missing(context, name, "These model tests would run.", "Write them, or mend `evaluate.tests`")
    try:
        words = shlex.split(config.train.command or "")
    except ValueError:
        return
    plain = words[0].rpartition("/")[2].startswith("python") if words else False
    script = next((one for one in words[1:2] if one.endswith(".py")), None) if plain else None
    if script and not (context.root / script).is_file():
        yield missing(context, script, "`train.command` runs it.", "Write it, or mend `train.command`")
