"""The configuration, and whether what it names is there."""

import ast
import shlex
from collections.abc import Iterator
from pathlib import Path

from ci_kit.config import FILE, Config, load
from ci_kit.data.dvc import beside, tracked
from ci_kit.data.stages import built
from ci_kit.doctor.finding import Finding, Patient, broken, warning
from ci_kit.errors import UserError
from ci_kit.sections import DataSet

LFS, POINTER = b"version https://git-lfs.github.com/spec/", 1024


def read(root: Path) -> tuple[Config | None, list[Finding]]:
    """Return the configuration, or what keeps it from being read."""
    try:
        return load(root / FILE), []
    except UserError as error:
        if not (root / FILE).exists():
            found = broken(f"configuration/{FILE}", f"no {FILE} here", "every command starts from it", "ci-kit init")
            return None, [found]
        why = error.why or "no command can run"
        return None, [broken("configuration/invalid", error.what, why, error.hint or "mend that line", FILE)]


def look(patient: Patient) -> Iterator[Finding]:
    """Yield what is named and not there."""
    config = patient.config
    if config is None:
        return
    elsewhere = {config.drift.current, config.drift.labels}  # written where the service runs
    for name, dataset in config.data.items():
        if name not in elsewhere:
            yield from _data(name, dataset, patient.root)
        if dataset.schema_:
            yield from _code(f"data.{name}.schema", dataset.schema_, patient.root)
    for entry in config.evaluate.tests:
        if not (patient.root / entry).exists():
            hint = "write a first model test there, or take the line out"
            yield broken("configuration/tests", f"no model tests at {entry}", "`evaluate` fails without them", hint)
    if ".py:" in config.evaluate.model:
        yield from _code("evaluate.model", config.evaluate.model, patient.root)
    yield from _command(config, patient.root)


def _data(name: str, dataset: DataSet, root: Path) -> Iterator[Finding]:
    for entry in dataset.path:
        path = root / entry
        if path.is_file():
            if path.stat().st_size <= POINTER and path.read_bytes().startswith(LFS):
                why = "a table of three lines would be tested in place of the data"
                yield broken("configuration/lfs", f"{entry} is a pointer of Git LFS", why, "git lfs pull")
            continue
        there = path.is_dir() or any(root.glob(entry)) if not Path(entry).is_absolute() else path.exists()
        if there or tracked(path, root) or beside(entry, root) or built(entry, root):
            continue
        why = "neither a file nor DVC's: the step that reads it stops with exit code 2"
        yield broken("configuration/data", f"no data at {entry} (data.{name})", why, f"mend `path` in {FILE}")


def _code(key: str, reference: str, root: Path) -> Iterator[Finding]:
    """Look for `path.py:Name` by reading the file, never by running it."""
    file, _, name = reference.rpartition(":")
    path = root / file
    if not path.is_file():
        why = "the step that needs it stops with exit code 2"
        yield broken("configuration/code", f"no file {file} ({key})", why, f"write it, or mend `{key}` in {FILE}")
        return
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError) as error:
        yield broken("configuration/code", f"{file} is no Python", str(error)[:120], "mend it", file)
        return
    if name not in _names(tree):
        why = f"`{key}` in {FILE} names it"
        yield broken("configuration/code", f"{file} has no {name}", why, f"define {name}, or mend `{key}`", file)


def _names(tree: ast.Module) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.alias):
            found.add((node.asname or node.name).split(".")[0])
    return found


def _command(config: Config, root: Path) -> Iterator[Finding]:
    try:
        words = shlex.split(config.train.command or "")
    except ValueError:
        return
    script = next((word for word in words[1:3] if word.endswith(".py")), None)
    if script and words[0].rpartition("/")[2].startswith("python") and not (root / script).is_file():
        why = "`train.command` runs it"
        yield broken("configuration/command", f"no script {script}", why, f"write it, or mend `train` in {FILE}")
    if not config.train.command and config.data and not (root / "dvc.yaml").is_file():
        why = "`ci-kit train` runs `train.command`, or else `dvc repro`"
        hint = f"set `train: {{command: python train.py}}` in {FILE}"
        yield warning("configuration/command", "nothing says how the model is trained", why, hint)
