"""Packages that do not work together, or are too old to be trusted with files from outside: each was measured."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from ci_kit.doctor.finding import finding
from ci_kit.parts import Check

Version = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Wrong:
    """Packages and the versions, by name, that are wrong; `needed` may be missing, the others count where they are."""

    packages: tuple[str, ...]
    when: Callable[[Mapping[str, Version]], bool]
    why: str
    remedy: str
    needed: str = ""


KNOWN = (
    Wrong(
        packages=("evidently", "pandas"),
        when=lambda have: have["pandas"] >= (3, 1) and have["evidently"] < (0, 8),
        why="evidently 0.7 uses a name that pandas 3.1 has removed: it does not import, so drift has no report.",
        remedy="'pandas<3.1'",
    ),
    Wrong(
        packages=("ibis-framework", "sqlglot"),
        when=lambda have: have["sqlglot"] >= (30, 16) and have["ibis-framework"][0] == 12,
        why="ibis 12 then writes SQL that drops a table without naming it.",
        remedy="'sqlglot<=30.15'",
    ),
    Wrong(
        packages=("bentoml",),
        when=lambda have: have["bentoml"] < (1, 4, 39),
        why="Versions before 1.4.39 run what the description of a bento says (CVE-2026-44345 and others).",
        remedy="'bentoml>=1.4.39,<2'",
    ),
    Wrong(
        packages=("onnx",),
        when=lambda have: have["onnx"] < (1, 21),
        why="Versions before 1.21 read files outside of the model's folder (CVE-2026-27489 and others).",
        remedy="'onnx>=1.21'",
    ),
    Wrong(
        packages=("pyarrow",),
        when=lambda have: have["pyarrow"] < (14, 0, 1),
        why="Versions before 14.0.1 run code from a Parquet file (CVE-2023-47248).",
        remedy="'pyarrow>=14.0.1'",
    ),
    Wrong(
        packages=("model-signing", "pyopenssl"),
        needed="pyopenssl",
        when=lambda have: not have["pyopenssl"],
        why="model-signing imports OpenSSL and does not say so: nothing can be signed, and nothing verified.",
        remedy="pyopenssl",
    ),
    Wrong(
        packages=("numpy", "onnxruntime"),
        when=lambda have: have["numpy"] >= (2,) and have["onnxruntime"] < (1, 19),
        why="onnxruntime before 1.19 was compiled for NumPy 1, and does not import with NumPy 2.",
        remedy="'onnxruntime>=1.20'",
    ),
    Wrong(
        packages=("onnxruntime", "onnxruntime-gpu"),
        when=lambda have: have["onnxruntime"] > () and have["onnxruntime-gpu"] > (),
        why="Both write the same folder, and what was installed last wins: the GPU may be lost.",
        remedy="--force-reinstall onnxruntime-gpu   (after: pip uninstall onnxruntime)",
    ),
)


def combinations(version: Callable[[str], str | None]) -> Iterator[Check]:
    """Yield each of them that is installed; `version` returns that of a package, None where it is not there."""
    for one in KNOWN:
        have = {name: numbers(version(name)) for name in one.packages}
        if all(have[name] for name in one.packages if name != one.needed) and one.when(have):
            what = "Packages that do not work together" if len(one.packages) > 1 else "A package that is too old"
            observed = ", ".join(f"{name} {version(name) or 'is missing'}" for name in one.packages)
            hint = f"Type: pip install {one.remedy}"
            yield finding("versions", what, observed=observed, why=one.why, hint=hint)


def numbers(version: str | None) -> Version:
    """Return the numbers that a version begins with, `(2, 13, 0)` of `2.13.0+cpu`; none of no version."""
    match = re.match(r"\d+(\.\d+)*", version or "")
    return tuple(int(part) for part in match[0].split(".")) if match else ()
