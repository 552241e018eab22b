"""What is installed: extras that a configured section needs, and versions that are known not to work together."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from ci_kit.config import Config
from ci_kit.doctor.finding import Finding, Patient, broken, warning

Read = Callable[[str], str | None]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Versions of `package` from `least` on (below it, where `below`) that fail, beside `other` where one is named."""

    package: str
    at: tuple[int, ...]
    below: bool
    why: str
    hint: str
    other: str = ""


# Each was met: it does not import, or it answers wrongly.
RULES = (
    Rule(
        package="pandas",
        at=(3, 1),
        below=False,
        other="evidently",
        why="evidently 0.7 does not import beside pandas 3.1",
        hint="pip install 'pandas<3.1'",
    ),
    Rule(
        package="sqlglot",
        at=(30, 16),
        below=False,
        other="ibis-framework",
        why="ibis 12 breaks on sqlglot after 30.15",
        hint="pip install 'sqlglot<=30.15'",
    ),
    Rule(
        package="bentoml", at=(1, 4, 39), below=True, why="ci-kit package needs 1.4.39", hint="pip install -U bentoml"
    ),
    Rule(
        package="onnx",
        at=(1, 21),
        below=True,
        why="older ones load files outside of theirs",
        hint="pip install -U onnx",
    ),
    Rule(package="pandera", at=(0, 35), below=True, why="ci-kit validate needs 0.35", hint="pip install -U pandera"),
)
EXTRAS = {
    "validate": ("pandera", "polars"),
    "train": ("psutil",),
    "evaluate": ("onnxruntime", "numpy", "pytest", "sklearn"),
    "drift": ("evidently", "scipy"),
}


def installed(package: str) -> str | None:
    """Return the version of a package, None where there is none."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def look(patient: Patient, read: Read = installed) -> Iterator[Finding]:
    """Yield what is missing or does not fit; nothing is imported for it."""
    for rule in RULES:
        have = read(rule.package)
        other = read(rule.other) if rule.other else ""
        if have is not None and other is not None and (_numbers(have) < rule.at) == rule.below:
            beside = f" beside {rule.other} {other}" if rule.other else ""
            yield broken("environment/versions", f"{rule.package} {have}{beside}", rule.why, rule.hint)
    if read("model-signing") and not read("pyopenssl"):
        why = "model-signing does not import without it, and does not say so"
        yield broken("environment/versions", "model-signing without pyopenssl", why, "pip install pyopenssl")
    if patient.config is not None:
        yield from _extras(patient.config)
        yield from _dvc(patient)


def _numbers(text: str) -> tuple[int, ...]:
    parts = text.split("+")[0].split(".")
    return tuple(int(digits) for part in parts if (digits := "".join(char for char in part if char.isdigit())))


def _extras(config: Config) -> Iterator[Finding]:
    wanted = ["train"] + ["validate", "evaluate"] * bool(config.data)
    wanted += ["drift"] * (config.drift.current in config.data)
    for name in wanted:
        lost = [module for module in EXTRAS[name] if find_spec(module) is None]
        if lost:
            why = f"`ci-kit {name}` stops without {', '.join(lost)}; the actions install it by themselves"
            hint = f"pip install 'ci-kit[{name}]'"
            yield warning("environment/extra", f"the extra {name} is not installed here", why, hint)


def _dvc(patient: Patient) -> Iterator[Finding]:
    from ci_kit.data.dvc import command

    uses = any((patient.root / name).exists() for name in ("dvc.yaml", ".dvc")) or any(patient.root.glob("*/*.dvc"))
    if uses and command() is None:
        why = "data and models that DVC tracks can't be pulled, nor stages run"
        yield broken("environment/dvc", "the repository uses DVC, and there is none here", why, "pip install dvc")
