"""The journeys: which steps, in which order, and when one is not run."""

import contextlib
from collections.abc import Mapping
from pathlib import Path

from ci_kit import actions, data, errors
from ci_kit.evaluate.foresee import foresee
from ci_kit.result import FOLDER, result_path
from ci_kit.steps import configuration, step

CHECK = ("validate", "train", "evaluate")
REPORTS = (f"{FOLDER}/report.md", f"{FOLDER}/report.html")


def check(root: Path, overrides: Mapping[str, Mapping[str, object]], *, report: bool = True) -> int:
    """Run validate, train and evaluate until one of them fails, then the report; return the exit code."""
    # A run that is cancelled must not leave the last run's words behind, nor a retraining what it has compared.
    named = [path for name in CHECK for path in (root / FOLDER).glob(f"{name}-*.json")]
    for stale in [result_path(root, name) for name in (*CHECK, "report")] + [root / name for name in REPORTS] + named:
        stale.unlink(missing_ok=True)
    code, first, steps = errors.PASSED, None, list(CHECK)
    while steps:
        name = steps.pop(0)
        try:
            marks = _data_marks(root) if name == "train" else {}
            done = step(name, root, overrides.get(name), foresee if name == "train" else None)
            if done.status == "fail":
                code = done.exit_code
            elif name == "train" and _data_marks(root) != marks:
                print("The training changed the data: it is tested again.")  # noqa: T201 - for people
                steps.insert(0, "validate")
        except errors.Cancelled:
            raise
        except Exception as error:  # noqa: BLE001 - raised again after the report
            first, code = error, getattr(error, "exit_code", errors.BROKEN)
        if code != errors.PASSED:
            break
    if report and _reportable(root):
        published = step("report", root, overrides.get("report"))
        code = code or (errors.FAILED if published.status == "fail" else errors.PASSED)
    if first is not None:
        raise first
    return code


def watch(root: Path, overrides: Mapping[str, Mapping[str, object]]) -> int:
    """Run the drift check, then retrain, which also records what was seen; return the exit code."""
    result_path(root, "retrain").unlink(missing_ok=True)  # where drift can't judge, the last run's words must not stay
    drift = step("drift", root, overrides.get("drift"))
    retrain = step("retrain", root, overrides.get("retrain"))
    return errors.FAILED if "fail" in (drift.status, retrain.status) else errors.PASSED


def ship(root: Path, overrides: Mapping[str, Mapping[str, object]]) -> int:
    """Run package, then deploy what it registered; return the exit code."""
    result_path(root, "deploy").unlink(missing_ok=True)  # where packaging fails, the last run's words must not stay
    packaged = step("package", root, overrides.get("package"))
    if packaged.status == "fail":
        return errors.FAILED
    wanted = dict(overrides.get("deploy", {}))
    tag = next(check.observed or "" for check in packaged.checks if check.id == "registered")
    wanted["deploy.version"] = tag.rpartition("@")[2]
    deployed = step("deploy", root, wanted)
    return errors.FAILED if deployed.status == "fail" else errors.PASSED


def _data_marks(root: Path) -> dict[Path, tuple[object, ...]]:
    """Say cheaply which bytes the data sets have, and how DVC names them: a stage of the training may write both."""
    settings, _ = configuration(root, actions.event(), {})
    found: dict[Path, tuple[object, ...]] = {}
    for dataset in settings.data.values():
        with contextlib.suppress(errors.UserError):
            paths = data.files(dataset, root)
            name = data.tracked(paths[0], root) if len(paths) == 1 else None
            stats = {path: path.stat() for path in paths}
            found |= {path: (stat.st_ino, stat.st_mtime_ns, stat.st_size, name) for path, stat in stats.items()}
    return found


def _reportable(root: Path) -> bool:
    return any(result_path(root, name).is_file() for name in CHECK)
