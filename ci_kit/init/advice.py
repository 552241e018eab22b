"""What is still missing, each in a line or with the very lines to add."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from ci_kit.characters import visible
from ci_kit.init import workflows
from ci_kit.init.infer import Rule
from ci_kit.init.look import Found, by_dvc, unkept
from ci_kit.init.schema import literal
from ci_kit.init.script import Script
from ci_kit.init.texts import Plan

LARGE = 50 * 2**20  # bytes; GitHub warns at 50 MB and refuses 100
SPLIT = (
    'python -c "import polars as pl; rows = pl.read_csv({source!r}).sample(fraction=1, shuffle=True, seed=1); '
    "rows[: len(rows) // 5].write_csv('evaluation.csv'); rows[len(rows) // 5 :].write_csv('train.csv')\""
)


def missing(found: Found, script: Script | None, plan: Plan, rules: list[Rule]) -> Iterator[str]:
    """Yield what a person must do or look at, the most important first."""
    yield from _model(found, script, plan)
    yield from _data(found, plan)
    odd = [one for one in rules if one.look]
    if odd:
        yield f"schemas.py says “look at this” of {len(odd)} of {len(rules)} columns."
    if script and script.arguments and not found.stages:
        needed = ", ".join(map(visible, script.arguments))
        yield f"{visible(script.path)} must be told {needed}: complete `train.command`."
    if other := workflows.other(found.top):
        yield f"No workflow was written, as {other} uses ci-kit already."
    elif workflows.kit().startswith(workflows.HOME):
        yield f"In .github/workflows, write for OWNER who holds ci-kit: {workflows.kit()}."
    if found.stages and not any((place / ".dvc").is_dir() for place in (found.root, found.top)):
        yield "dvc.yaml is here, and DVC was never set up: dvc init"
    if not found.git:
        yield "This is no git repository yet: git init"


def _model(found: Found, script: Script | None, plan: Plan) -> Iterator[str]:
    model = visible(plan.model)
    if script and not script.writes_onnx and not (found.stages and found.models):
        yield f"{visible(script.path)} must write {model}, which is what ci-kit scores. {_export(script, plan)}"
    if found.pickles and not found.models:
        yield f"{visible(found.pickles[0])} is refused: loading a pickle can run any code. The model is {model}."
    kinds, _ = workflows.environment(found)
    if not kinds and not workflows.described(found):
        needs = " ".join(sorted(_package(one) for one in (script.frameworks if script else ())))
        yield f"No requirements.txt says what the training needs on a runner{f': {needs}' if needs else ''}."


def _export(script: Script, plan: Plan) -> str:
    torch, others = "torch" in script.frameworks, script.frameworks - {"sklearn", "torch"}
    if not torch and (others or not script.frameworks):
        return "How XGBoost, LightGBM and Keras do: python -c 'import ci_kit.export; help(ci_kit.export)'"
    name, install = ("export_torch", "onnxscript") if torch else ("export_sklearn", "skl2onnx")
    rows = f"{script.frame}[:2]" if torch else script.frame
    lines = f"    from ci_kit.export import {name}\n\n    {name}({script.model}, {rows}, {literal(plan.model)})"
    return f"Add to its end, and {install} to its requirements:\n{lines}"


def _package(framework: str) -> str:
    return {"sklearn": "scikit-learn skl2onnx", "torch": "torch onnxscript"}.get(framework, framework)


def _data(found: Found, plan: Plan) -> Iterator[str]:
    for name, one in plan.sets.items():
        path = visible(one.path[0])
        add = f"Type: dvc add {shlex.quote(path)}"
        if unkept(found, one.path[0]):
            yield f"{path} is ignored by git and not under DVC: no runner has it. {add}"
        elif (size := _size(found.root / one.path[0])) > LARGE and not by_dvc(found, one.path[0]):
            yield f"{path} has {size / 1e6:,.0f} MB, too much for git. {add}"
        if any(re.fullmatch(r"column_\d+", column) for column in one.columns or ()):
            yield f"{path} has no header: name its columns in `data.{name}.columns`."
    if len(plan.sets) == 1:
        split = f" To split it by chance: {SPLIT.format(source=path)}" if _simple(path) else ""
        yield f"{path} is the only data: a model that was trained on it looks too good.{split}"
    if len({*plan.models.values()}) > 1:
        yield f"{' and '.join(plan.sets)} have different columns: each has a schema of its own."
    if plan.untold:
        yield f"{visible(plan.target)} is missing in rows of {plan.evaluation}: {plan.untold:,}. Drop them."
    if plan.common:
        yield f"{plan.common:,} rows of {plan.evaluation} are in train, too: they flatter the model (see ci-kit.yaml)."


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _simple(path: str) -> bool:
    return path.endswith(".csv") and path.isascii() and not {*path} & {*"'\"\\$`! "}
