"""The configuration: it loads, and what it names is there."""

import os
from collections.abc import Iterator
from glob import glob
from pathlib import Path

from ci_kit.config import FILE
from ci_kit.data import dvc, stages
from ci_kit.doctor.code import code
from ci_kit.doctor.context import Context
from ci_kit.doctor.finding import finding
from ci_kit.doctor.naming import here, missing
from ci_kit.parts import Check

PICKLES = (".pkl", ".pickle", ".joblib", ".pt", ".pth", ".bin")


def configuration(context: Context) -> Iterator[Check]:
    """Yield what is wrong with ci-kit.yaml."""
    if context.mistake:
        yield _unreadable(context)
        return
    yield from _data(context)
    yield from code(context)
    yield from _model(context)
    yield from _files(context)
    yield from _names(context)
    yield from _placeholder(context)


def _unreadable(context: Context) -> Check:
    if not (context.root / FILE).exists():
        why = "Every step reads it: which data, which schemas, which model."
        return finding(
            "config", f"There is no {FILE}", observed=f"in {context.root}", why=why, hint="Type: ci-kit init"
        )
    error = context.mistake
    what, why, hint = (error.what, error.why, error.hint) if error else ("", "", "")
    why = f"No step runs with it{f': {why}' if why else ''}."
    return finding("config", f"{FILE} does not load", observed=what, why=why, hint=hint)


def _data(context: Context) -> Iterator[Check]:
    """Yield data that is nowhere: not here, not with DVC, made by no stage, and not ignored by git.

    What only the drift check reads comes while the model serves, and what git ignores comes from elsewhere.
    """
    config = context.settings
    if not config.data:
        why, hint = (
            "There is nothing to validate, and nothing to evaluate with.",
            "Add: data: {evaluation: {path: data.csv}}",
        )
        yield finding("no-data", "No data set is configured", why=why, hint=hint, location=here(context, "data"))
    live = {config.drift.current, config.drift.labels} if context.drifts else set()
    for name, dataset in config.data.items():
        for entry in dataset.path:
            if name not in live and not _found(context, entry):
                hint = f"Add it (git add, dvc add), or mend `data.{name}.path`"
                yield missing(context, entry, f"The data set `{name}` can't be read.", hint)


def _found(context: Context, entry: str) -> bool:
    root = context.root
    path = root / os.path.expanduser(entry)  # noqa: PTH111 - Path.expanduser raises where there is no home
    if "://" in entry or path.exists() or glob(str(path), recursive=True):  # noqa: PTH207
        return True
    above = [one for one in (path, *path.parents) if one.is_relative_to(root) and one != root]
    if any(dvc.tracked(one, root) for one in above) or stages.built(entry, root):
        return True
    return context.top is not None and context.git.run("check-ignore", "-q", "--", entry).returncode == 0


def _model(context: Context) -> Iterator[Check]:
    model, config = context.settings.evaluate.model, context.settings
    if ".py:" in model:
        return
    if model.endswith(PICKLES):
        why = "A pickle runs code when it is loaded, so ci-kit never loads one."
        hint = "Export ONNX (ci_kit.export), and name that in `evaluate.model`"
        yield finding(
            "pickle", "The model is a pickle", observed=model, why=why, hint=hint, location=here(context, model)
        )
        return
    trained = config.train.command is not None or (context.root / "dvc.yaml").is_file()
    if context.configured("evaluate") and not trained and not _found(context, model):
        yield missing(
            context, model, "It is the model to evaluate, and nothing trains one.", "Set `train.command`, or add it"
        )


def _files(context: Context) -> Iterator[Check]:
    config = context.settings
    for key, value in (("package.card", config.package.card), ("deploy.key", config.deploy.key)):
        if value and not (context.root / Path(value).expanduser()).is_file():
            yield missing(context, value, f"`{key}` names it.", f"Add it, or mend `{key}`")
    if context.drifts and config.drift.profile and not _found(context, config.drift.profile):
        hint = "Type: ci-kit drift --build-reference"
        yield missing(context, config.drift.profile, "The drift check compares with it.", hint)
    workflow = config.retrain.workflow
    known = {one.path.rpartition("/")[2]: one for one in context.workflows}
    if workflow and known and workflow not in known:
        why, hint = (
            "`retrain` starts it on its branch, so that the checks run.",
            f"It must be one of {', '.join(known)}",
        )
        yield missing(context, workflow, why, hint)


def _names(context: Context) -> Iterator[Check]:
    """Yield names of data sets that there are none of."""
    config = context.settings
    named = [(one, "validate.overlap") for pair in config.validate_.overlap for one in pair.between]
    named += [(one, "retrain.compare") for one in config.retrain.compare]
    if context.configured("evaluate"):
        named.append((config.evaluate.data, "evaluate.data"))
    if context.configured("drift"):
        named += [(config.drift.reference, "drift.reference"), (config.drift.current, "drift.current")]
        named += [(config.drift.labels, "drift.labels")] if config.drift.labels else []
    for name, key in named:
        if config.data and name not in config.data:
            what, known = "A data set that the configuration names is not defined", ", ".join(config.data)
            why, hint = f"`{key}` is about it.", f"Define it under `data`, or take one of {known}"
            yield finding("data-name", what, observed=name, why=why, hint=hint, location=here(context, name))


def _placeholder(context: Context) -> Iterator[Check]:
    if "YOU/REPOSITORY" in (identity := context.settings.deploy.identity or ""):
        why = "No signature can be by this identity, so nothing can be deployed."
        hint = "Write the owner and the name of your repository"
        where = here(context, "identity")
        yield finding("placeholder", "A placeholder is left", observed=identity, why=why, hint=hint, location=where)
