"""The same model three times: as its framework answers, in ONNX Runtime, and served over HTTP."""

import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ci_kit.bento.client import SIZES, Client
from ci_kit.bento.server import Server
from ci_kit.data import load_object
from ci_kit.errors import UserError
from ci_kit.job import Job
from ci_kit.models.dataset import Dataset
from ci_kit.models.frames import same
from ci_kit.models.model import Model
from ci_kit.package.golden import answered
from ci_kit.parts import Check, Metric
from ci_kit.serving.golden import Golden

START = 120.0  # seconds until a bento must be ready
ROUNDING = 100.0


def framework(job: Job, model: Model, dataset: Dataset, raw: npt.NDArray[Any]) -> tuple[Check, dict[str, Metric]]:
    """Compare what the exported model answers to every row with `package.reference`, its framework's own answers."""
    reference = job.config.package.reference
    if reference is None:
        detail = "Set `package.reference` to a function of the framework's own model: the table in, its answers out."
        title = "The framework's own model was not asked"
        return Check(id="parity/framework", title=title, status="skip", detail=detail), {}
    function = load_object(reference, job.root)
    try:
        wanted = np.asarray(function(dataset.frame[list(model.features)]))
    except Exception as error:
        line = "" if dataset.sensitive else f": {next(iter(str(error).splitlines()), '')[:200]}"
        raise UserError(f"{reference} failed", why=f"{type(error).__name__}{line}", code="config/code") from error
    title = f"{reference} and ONNX Runtime answer alike"
    return compared("parity/framework", title, raw, wanted, model.output, job.config.package.tolerance)


def runtime(raw: npt.NDArray[Any], served: npt.NDArray[Any], output: str, tolerance: float) -> Check:
    """Compare what evaluate's own way from a table to an answer gives with the way that requests take.

    Rows that the model has no finite answer to are counted in a warning.
    """
    title = "A table and a request get the same answers"
    check, _ = compared("parity/requests", title, served, raw, output, tolerance)
    lost = len(raw) - int(answered(raw).sum())
    if check.status == "fail" or not lost:
        return check
    detail = f"{lost:,} of {len(raw):,} rows have no finite answer: the service refuses them."
    return check.model_copy(update={"status": "warn", "detail": detail})


def compared(
    name: str, title: str, given: npt.NDArray[Any], wanted: npt.NDArray[Any], output: str, tolerance: float
) -> tuple[Check, dict[str, Metric]]:
    """Return the check of two sets of answers, and the largest error as a metric; it is named by row and output."""
    limit = f"≤ {tolerance:.0e} + {tolerance:.0e} × the answer"
    if wanted.size == given.size and 1 in (wanted.shape[-1], given.shape[-1]):
        wanted = wanted.reshape(given.shape)
    if wanted.shape != given.shape:
        observed = f"shapes {wanted.shape} and {given.shape}"
        return Check(id=name, title=title, status="fail", observed=observed, limit=limit), {}
    if given.dtype.kind not in "iufb" or wanted.dtype.kind not in "iufb":
        differ = np.flatnonzero(~same(given, wanted))
        seen = f"{len(differ):,} of {len(given):,} rows differ" + (f", first row {differ[0]}" if len(differ) else "")
        return Check(id=name, title=title, status="fail" if len(differ) else "pass", observed=seen, limit="none"), {}
    one, two = (np.asarray(values, dtype=np.float64).reshape(len(given), -1) for values in (given, wanted))
    with np.errstate(invalid="ignore"):
        error = np.where((one == two) | (np.isnan(one) & np.isnan(two)), 0.0, np.abs(one - two))
        share = np.where(error == 0, 0.0, error / (tolerance + tolerance * np.abs(two)))
    worst = float(np.nanmax(error, initial=0.0)) if not np.isnan(error).any() else float("nan")
    row, column = np.unravel_index(int(np.nanargmax(np.where(np.isnan(share), np.inf, share))), share.shape)
    where = f"{output}[{column}]" if share.shape[1] > 1 else output
    observed = f"largest error {error[row, column]:.2g}, row {row}, {where}" if error.any() else "no difference"
    metric = {name: Metric(value=worst, direction="down", n=len(given))} if np.isfinite(worst) else {}
    check = Check(id=name, title=title, status="pass", observed=observed, limit=limit)
    beyond = int((~(share <= 1)).any(axis=1).sum())
    if not beyond:
        return check, metric
    detail = f"{beyond:,} of {len(given):,} rows differ by more, that row as {one[row, column]:.8g}"
    detail += f" instead of {two[row, column]:.8g}.{_advice(tolerance, share.max())}"
    return check.model_copy(update={"status": "fail", "detail": detail}), metric


def _advice(tolerance: float, share: float) -> str:
    """Say what to do about answers that differ: within ROUNDING of the limit, float32 in place of float64 may do it."""
    if not share <= ROUNDING:
        return " Look at the export: that is no rounding."
    digit = 10.0 ** math.floor(math.log10(tolerance * share))
    needed = math.ceil(tolerance * share / digit) * digit
    return f" If that is rounding to you: `package: {{tolerance: {needed:.0e}}}`."


def served(bento: Path, golden: Golden) -> tuple[list[Check], dict[str, Metric]]:
    """Serve the bento, ask it the golden rows in several batch sizes, and what it must refuse."""
    with (
        tempfile.TemporaryDirectory(prefix="ci-kit-") as folder,
        Server(bento, Path(folder)) as server,
        Client(server.url) as client,
    ):
        about = client.wait(START, server.alive)
        if about is None:
            detail = server.words()
            return [Check(id="served", title="The bento can't be served", status="fail", detail=detail)], {}
        if about.get("fault"):
            return [Check(id="served", title="The bento is not ready", status="fail", observed=about["fault"])], {}
        gap = client.golden(golden)
        leak = client.probe(golden)
    sizes = ", ".join(str(size) for size in dict.fromkeys(min(size, len(golden.rows)) for size in SIZES))
    observed = f"largest error {gap.error:.2g}, {gap}" if gap.share else f"no difference, batches of {sizes} and more"
    limit = f"≤ {golden.atol:.0e} + {golden.rtol:.0e} × the answer"
    title = f"The served bento answers {len(golden.rows)} golden rows as ONNX Runtime does"
    status = "fail" if gap.broken else "pass"
    checks = [Check(id="parity/served", title=title, status=status, observed=observed, limit=limit)]
    title = "What the schema forbids is refused" if not leak else "A bad request is not refused"
    checks.append(Check(id="refuses", title=title, status="fail" if leak else "pass", observed=leak))
    metric = {"parity/served": Metric(value=gap.error, direction="down", n=len(golden.rows))}
    return checks, metric if np.isfinite(gap.error) else {}
