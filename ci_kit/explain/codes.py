"""The code of an error: its own, or else that of the module that made it.

A code names a kind of mistake that a person would look up, not a line of source: one is enough for a module whose
mistakes are of one kind, and only the exceptions say `code=` where they are raised. `tests/test_codes.py` holds that
each error has a code and each code a page.
"""

from ci_kit.errors import CiKitError

MODULES = {
    "actions": "github/event",
    "bento": "store/service",
    "bento.archive": "store/damaged",
    "bento.content": "store/damaged",
    "bento.signature": "store/signing",
    "cli": "config/options",
    "config": "config/invalid-file",
    "data.code": "config/code",
    "data.dvc": "data/missing",
    "data.paths": "data/missing",
    "data.rows": "data/unreadable",
    "deploy": "deploy/failed",
    "deploy.cloud": "deploy/not-ours",
    "deploy.cluster": "deploy/no-version",
    "deploy.docker": "deploy/settings",
    "deploy.host": "deploy/unreachable",
    "deploy.local": "deploy/failed",
    "deploy.machine": "deploy/no-version",
    "deploy.render": "deploy/settings",
    "deploy.schema": "deploy/settings",
    "deploy.standing": "deploy/not-ours",
    "deploy.step": "config/unknown-name",
    "doctor": "config/options",
    "drift": "data/columns",
    "drift.drawing": "data/columns",
    "drift.log": "data/unreadable",
    "drift.profile": "drift/reference",
    "drift.reference": "drift/reference",
    "drift.window": "drift/window",
    "evaluate": "evaluate/baseline",
    "evaluate.foresee": "evaluate/tests",
    "evaluate.tests_run": "evaluate/tests",
    "explain": "config/options",
    "export": "model/export",
    "forge": "github/content",
    "forge.client": "github/unreachable",
    "forge.cml": "github/cml",
    "forge.comments": "github/unsettled",
    "forge.commits": "github/unsettled",
    "forge.git": "git/failed",
    "forge.history": "config/result",
    "forge.local": "github/unsettled",
    "forge.onepull": "github/unsettled",
    "forge.plumbing": "git/failed",
    "forge.pulls": "github/unsettled",
    "forge.transfer": "github/unreachable",
    "forge.watched": "config/result",
    "init": "init/untold",
    "mistakes": "config/invalid-value",
    "models.columns": "model/input",
    "models.dataset": "data/columns",
    "models.inputs": "model/input",
    "models.model": "config/code",
    "models.normal": "model/refused",
    "models.reading": "model/output",
    "models.safety": "model/refused",
    "models.session": "model/failed",
    "models.slices": "data/columns",
    "package": "package/build",
    "package.contract": "package/model",
    "package.golden": "package/model",
    "package.lineage": "package/model",
    "package.register": "package/unbuilt",
    "package.stage": "package/files",
    "registry": "store/address",
    "registry.assign": "github/unsettled",
    "registry.bentos": "store/damaged",
    "registry.dvc": "store/dvc",
    "registry.landing": "store/damaged",
    "registry.release": "store/damaged",
    "report": "report/nothing",
    "result": "config/result",
    "retrain": "retrain/refused",
    "retrain.evidence": "retrain/evidence",
    "retrain.store": "store/dvc",
    "steps": "config/options",
    "testing": "evaluate/assertion",
    "train.dvc": "store/dvc",
    "train.launch": "train/launcher",
    "train.outputs": "config/invalid-value",
    "train.place": "train/checkpoints",
    "train.proceed": "train/next-run",
    "train.store": "train/carry",
    "validate": "data/columns",
    "validate.faults": "data/schema",
    "validate.flavour": "data/schema",
}
"""Module, or package, below `ci_kit` → the code of its errors; the longest name counts."""


def default(module: str) -> str:
    """Return the code of the errors that a module such as `ci_kit.data.rows` makes, empty for one that is not ours."""
    parts = module.split(".")[1:] if module.startswith("ci_kit.") else []
    names = (".".join(parts[:end]) for end in range(len(parts), 0, -1))
    return next((MODULES[name] for name in names if name in MODULES), "")


def code_of(error: CiKitError) -> str:
    """Return what to hand to `ci-kit explain` for this error, empty where nothing is known."""
    return error.code or default(error.module)
