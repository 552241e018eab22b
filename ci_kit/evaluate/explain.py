"""Why the verdict is what it is: slices, single rows and pictures."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec

from ci_kit.errors import UserError
from ci_kit.evaluate import cases, pictures, slices
from ci_kit.evaluate.evidence import Evidence
from ci_kit.evaluate.reliance import reliance
from ci_kit.parts import Chart, Check, Table
from ci_kit.progress import busy


@dataclass(frozen=True, kw_only=True)
class Explained:
    """The tables and charts, and a check that names what is left out, if anything is."""

    checks: tuple[Check, ...] = ()
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = ()


def explain(evidence: Evidence, say: Callable[[str], None]) -> Explained:
    """Return what there is to show; what the model or the data do not allow is left out, said, and in the check."""
    busy("looking at slices")
    found, left = slices.cuts(evidence)
    tables, charts = [slices.table(evidence, found)], []
    for title, part in _parts(evidence):
        busy(f"explaining: {title}")
        try:
            made = part(evidence)
        except UserError as error:
            left.append(f"{title}: {error}")
            continue
        if isinstance(made, Chart):
            charts.append(made)
        else:
            tables.extend(made)
    for line in left:
        say(f"evaluate: left out: {line}")
    title = "Parts of the explanation are left out"
    check = Check(id="explanation", title=title, status="skip", detail=". ".join(left))
    known = tuple(table for table in tables if table is not None)
    return Explained(checks=(check,) if left else (), charts=tuple(charts), tables=known)


def _parts(evidence: Evidence) -> Iterator[tuple[str, Callable[[Evidence], Chart | Iterable[Table]]]]:
    """Yield what this kind of model has, each with its name."""
    yield "rows that changed", lambda one: tuple(cases.tables(one))
    if find_spec("sklearn") is None:
        yield "charts", _missing
        return
    if evidence.dataset.task == "regression":
        yield "residuals", pictures.residuals
    else:
        yield "confusion matrix", pictures.confusion
        if evidence.predicted.ndim == 2:
            yield "calibration", pictures.calibration
    yield "what the model relies on", reliance


def _missing(_: Evidence) -> Chart:
    raise UserError("scikit-learn is not installed", hint="Type: pip install 'ci-kit[evaluate]'")
