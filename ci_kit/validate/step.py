"""Test every data set of the configuration; see `run`."""

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ci_kit.data import fingerprint, load_object
from ci_kit.errors import UserError
from ci_kit.job import Job
from ci_kit.parts import Check, Metric
from ci_kit.progress import busy
from ci_kit.result import Findings

if TYPE_CHECKING:
    from ci_kit.config import Config
    from ci_kit.sections import DataSet
    from ci_kit.validate.source import Source

# A Result holds 5,000 checks; above this many, those that passed are told as one a data set.
FOLD = 500


def run(job: Job) -> Findings:
    """Return one check for each rule of each data set, whether it failed or passed, and the digest of all data.

    Raises UserError for data, schemas or settings that can't be used, and RuntimeError if pandera passes a frame that
    is known to be bad.
    """
    try:
        from ci_kit.validate import overlap, privacy, proof, source
    except ImportError as error:
        raise UserError(
            f"{error.name} is not installed", hint="Type: pip install 'ci-kit[validate]'", code="config/install"
        ) from error
    proof.prove()
    config = job.config
    tested, watched = _tested(config)
    if not tested:
        raise UserError(
            "there is no data to test",
            why="`data:` is empty",
            hint="Name a data set in ci-kit.yaml",
            code="config/unknown-name",
        )
    with tempfile.TemporaryDirectory(prefix="ci-kit-") as folder, ThreadPoolExecutor(1) as digests:
        sources = {name: source.Source(name, data, job.root, Path(folder)) for name, data in tested.items()}
        marks = {name: digests.submit(fingerprint, data, job.root) for name, data in tested.items()}
        checks = watched
        for one in sources.values():
            busy(f"reading {one.name}")
            found = _named_once(_dataset(job, one))
            job.say(f"{one.name}: {one.height:,} rows, {_counts(found)}")
            checks += found
        checks += privacy.uneven(sources.values())
        busy("looking for rows that two data sets share")
        for pair in config.validate_.overlap:
            first, second = (_existing(sources, name) for name in pair.between)
            checks.append(overlap.overlap(pair, first, second, config.validate_.samples))
        metrics = {f"rows/{name}": Metric(value=one.height, unit="rows", n=one.height) for name, one in sources.items()}
        busy("taking the digest of the data")
        data = {name: mark.result() for name, mark in marks.items()}
    return Findings(checks=tuple(_folded(_named_once(checks))), metrics=metrics, data=data)


def _tested(config: "Config") -> "tuple[dict[str, DataSet], list[Check]]":
    """Return the data sets that a change is tested by, and a check for each of the others: those of the drift check.

    What a service has seen, and the truth that came later, are no part of a change, nor of its checkout.
    """
    needed = {config.evaluate.data, *(name for pair in config.validate_.overlap for name in pair.between)}
    watched = {config.drift.current, config.drift.labels} - needed if "drift" in config.model_fields_set else set()
    skipped = [
        Check(
            id=f"watched/{name}", title=f"{name}: is watched by the drift check", status="skip", observed="not tested"
        )
        for name in config.data
        if name in watched
    ]
    return {name: data for name, data in config.data.items() if name not in watched}, skipped


def _dataset(job: Job, one: "Source") -> Iterator[Check]:
    from ci_kit.validate.limits import limits
    from ci_kit.validate.privacy import unknown

    shown = job.config.validate_.samples
    yield from limits(one, shown, datetime.now(UTC))
    yield from unknown(one)
    if one.dataset.schema_ is None:
        title = f"{one.name}: has a schema"
        detail = "Only rows, key and freshness were tested. Set `schema: path.py:Name` to test the values."
        yield Check(id=f"schema/{one.name}", title=title, status="warn", observed="no schema", detail=detail)
    else:
        yield from _schema(job, one, one.dataset.schema_, shown)


def _schema(job: Job, one: "Source", reference: str, shown: int) -> Iterator[Check]:
    from ci_kit.validate.eagerly import Eagerly
    from ci_kit.validate.examine import Examination
    from ci_kit.validate.flavour import schema_of
    from ci_kit.validate.lazily import Lazily
    from ci_kit.validate.where import Where

    schema, flavour = schema_of(load_object(reference, job.root), reference)
    with one.reading():
        quiet = bool(one.sensitive)
        table = Lazily(one.rows, quiet=quiet) if flavour == "polars" else Eagerly(one.pandas(), quiet=quiet)
    yield from Examination(one, schema, table, Where(reference, job.root), shown).checks()


def _existing(sources: "dict[str, Source]", name: str) -> "Source":
    if name not in sources:
        raise UserError(
            f"overlap: there is no data set {name!r}",
            hint=f"There are: {', '.join(sources)}",
            code="config/unknown-name",
        )
    return sources[name]


def _named_once(checks: Iterable[Check]) -> list[Check]:
    """Give a number to ids that come again: two checks of a column may have the same name."""
    seen: Counter[str] = Counter()
    named = []
    for one in checks:
        seen[one.id] += 1
        again = seen[one.id]
        named.append(one if again == 1 else one.model_copy(update={"id": f"{one.id[:190]}-{again}"}))
    return named


def _counts(checks: list[Check]) -> str:
    counts = Counter(one.status for one in checks)
    return ", ".join(f"{counts[status]:,} {status}" for status in ("fail", "warn", "skip", "pass") if counts[status])


def _folded(checks: list[Check]) -> list[Check]:
    """Tell what passed as one check a data set where there is too much of it, and cut what did not at the limit."""
    if len(checks) <= FOLD:
        return checks
    passed = Counter(one.id.split("/")[1] for one in checks if one.status == "pass")
    rest = [one for one in checks if one.status != "pass"]
    folded = [
        Check(id=f"passed/{name}", title=f"{name}: {count:,} rules hold", status="pass")
        for name, count in passed.items()
    ]
    if len(rest) > FOLD:
        title = f"{len(rest) - FOLD:,} more checks that did not pass are left out"
        rest = [*rest[:FOLD], Check(id="more", title=title, status="fail")]
    return rest + folded
