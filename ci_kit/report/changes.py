"""What differs between the base and this change, but for code: parameters, data and dependencies."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ci_kit.data.dvc import read
from ci_kit.files import LOCKFILES
from ci_kit.forge.git import Git
from ci_kit.job import Job
from ci_kit.render import numbers
from ci_kit.render.view import Change
from ci_kit.result import Result

PARAMS = "params.yaml"
MOST, BYTES = 500, 2**22  # names of one kind, and bytes of one file, beyond which nobody reads on
_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==([^\s;#\\]+)", re.MULTILINE)
Values = dict[str, str]
History = Mapping[str, Sequence[Result]]


def changes(job: Job, results: Mapping[str, Result], before: History) -> tuple[Change, ...] | None:
    """Return them in the order parameter, data, dependency; None where there is no base to compare with."""
    base, git = job.source.base_sha, Git(job.root)
    if base is None or not git.is_repository() or git.find(base) is None:
        return None
    found = list[Change]()
    for name in _files(job.root):
        old, new = (_leaves(raw) for raw in (git.show(base, name), _here(job.root / name)))
        title = "" if name == PARAMS else f"{name}: "
        found += _compared(
            "parameter",
            {f"{title}{key}": value for key, value in old.items()},
            {f"{title}{key}": value for key, value in new.items()},
        )
    step = next((step for step, one in results.items() if one.step == "validate" and before.get(step)), None)
    if step:
        found += _compared("data", _data(before[step][-1]), _data(results[step]))
    lock = next((name for name in LOCKFILES if (job.root / name).is_file()), None)
    if lock:
        found += _compared("dependency", _pins(lock, git.show(base, lock)), _pins(lock, _here(job.root / lock)))
    return tuple(found)


def _compared(kind: str, before: Values, after: Values) -> Iterator[Change]:
    for name in sorted({*before, *after})[:MOST]:
        if before.get(name) != after.get(name):
            yield Change(kind=kind, name=name, before=before.get(name, ""), after=after.get(name, ""))


def _files(root: Path) -> list[str]:
    """Return the files of parameters: DVC's own, and those that its stages name."""
    stages = read(root / "dvc.yaml").get("stages")
    named = [PARAMS]
    for stage in (stages if isinstance(stages, dict) else {}).values():
        wanted = stage.get("params") if isinstance(stage, dict) else None
        for one in wanted if isinstance(wanted, list) else ():
            named += [str(name) for name in one] if isinstance(one, dict) else []
    return list(dict.fromkeys(name for name in named if ".." not in Path(name).parts and not Path(name).is_absolute()))


def _here(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() and path.stat().st_size <= BYTES else None


def _leaves(raw: bytes | None) -> Values:
    """Return what stands at the ends of a YAML or JSON file, by the names that lead to it."""
    try:
        document: Any = yaml.safe_load(raw or b"")
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    return dict(_ends(document, "")) if isinstance(document, dict) else {}


def _ends(value: Any, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _ends(inner, f"{name}.{key}" if name else str(key))
    else:
        yield name, str(value)


def _data(result: Result) -> Values:
    """Return what is known of each data set: its rows and its digest, shortened."""
    found = {}
    for name, digest in result.source.data.items():
        rows = result.metrics.get(f"rows/{name}")
        kind, _, value = digest.partition(":")
        size = f"{numbers.plain(rows.value)} rows, " if rows else ""
        found[name] = f"{size}{kind}:{value[:12]}" if value else f"{size}{digest[:16]}"
    return found


def _pins(name: str, raw: bytes | None) -> Values:
    """Return package → version, as far as the lock file says them in a way that is known."""
    text = (raw or b"").decode("utf-8", "replace")
    if name.endswith(".txt"):
        return {package.lower(): version for package, version in _PIN.findall(text)}
    try:
        packages = tomllib.loads(text).get("package") if name.endswith(".lock") else None
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}
    found = packages if isinstance(packages, list) else ()
    return {str(one["name"]): str(one.get("version", "")) for one in found if isinstance(one, dict) and "name" in one}
