"""The reference: what the current data is compared with, from the stored profile or from a data set."""

from collections.abc import Callable, Iterator
from pathlib import Path

from ci_kit.data import dvc, files, fingerprint, reading, scan
from ci_kit.data.digest import mark
from ci_kit.drift import profile
from ci_kit.drift.current import dataset, held
from ci_kit.drift.side import Side
from ci_kit.drift.survey import survey
from ci_kit.errors import UserError
from ci_kit.files import digest_all
from ci_kit.job import Job
from ci_kit.parts import Check, File
from ci_kit.progress import busy
from ci_kit.render import numbers
from ci_kit.result import Findings
from ci_kit.sections import DataSet

LARGE = 2**20
"""A sample of more bytes is better kept in DVC than in git."""
SMALL = 2**26


def reference(job: Job) -> Side:
    """Return the stored profile where `drift.profile` names one, else what the data set `drift.reference` says.

    Raises UserError when there is neither, when it can't be read, and when it lacks a column that is configured.
    """
    settings = job.config.drift
    if settings.profile is None:
        return _surveyed(job, mark)
    if not dvc.pull(settings.profile, job.root):
        what = f"no reference at {settings.profile}"
        raise UserError(what, why="`drift.profile` names it", hint="Type: ci-kit drift --build-reference")
    side = profile.load(job.root / settings.profile, settings.profile)
    if lost := sorted({*settings.columns} - side.columns.keys()):
        what = f"the profile {settings.profile} has no column {lost[0]!r:.80}"
        why = "it was made for other columns than those configured"
        raise UserError(what, why=why, hint="Build it again: ci-kit drift --build-reference")
    return side


def build(job: Job) -> Findings:
    """Write the profile of the data set `drift.reference` into the folder `drift.profile` and say what to commit.

    Raises UserError when no folder is configured, and as `reference` does.
    """
    folder = job.config.drift.profile
    if folder is None:
        raise UserError("no place for the profile", hint="Set `drift.profile` to a folder, such as `drift/reference`")
    busy("reading the reference")
    side = _surveyed(job, fingerprint)
    written = profile.write(side, job.root / folder)
    return Findings(
        checks=tuple(_checks(job, side, written)),
        files=tuple(File.of(path, job.root, "profile") for path in written),
        data={job.config.drift.reference: side.mark},
    )


def outdated(job: Job, side: Side) -> Iterator[Check]:
    """Yield a warning where the data set has changed since the profile was built of it.

    It is looked at only where that is cheap: by the name that DVC gives it, or by at most SMALL bytes.
    """
    settings, found = job.config.drift, job.config.data.get(job.config.drift.reference)
    if settings.profile and found and _another(found, job.root, side.mark):
        detail = f"data.{settings.reference} has changed since. Type: ci-kit drift --build-reference"
        yield Check(id="profile", title="The profile was built from other data", status="warn", detail=detail)


def _another(found: DataSet, root: Path, built: str) -> bool:
    if not all((root / entry).exists() for entry in found.path):
        return False  # to pull it, or to walk a glob, is not cheap
    if built.startswith("md5:"):
        single = root / found.path[0] if len(found.path) == 1 else root
        known = dvc.tracked(single, root) if single.is_file() else None
        return known is not None and built != f"md5:{known}"
    paths = files(found, root)
    small = sum(path.stat().st_size for path in paths) <= SMALL
    return small and built != f"sha256:{digest_all(paths, root)}"


def _surveyed(job: Job, named: Callable[[DataSet, Path], str]) -> Side:
    settings, found = job.config.drift, dataset(job, "reference")
    name = f"data.{settings.reference}"
    frame = held(scan(found, job.root), found, job, name)
    with reading(name, quiet=bool(found.sensitive)):
        have = frame.collect_schema().names()
    if lost := [one for one in settings.columns if one not in have]:
        what, why = f"{name} has no column {lost[0]!r:.80}", "`drift.columns` names it"
        raise UserError(what, why=why, hint="Mend the name", code="data/columns")
    if settings.columns:
        kept = {*settings.columns, *settings.prediction, *found.key, job.config.truth}
        frame = frame.select(one for one in have if one in kept)
    side = survey(frame, None, sample=settings.sample, key=found.key, mark=named(found, job.root), name=name)
    if not side.rows:
        raise UserError(
            f"no rows in {name}", why="`drift.reference` names it", hint="Is it the right file?", code="data/empty"
        )
    return side


def _checks(job: Job, side: Side, written: tuple[Path, Path]) -> Iterator[Check]:
    settings = job.config.drift
    found = job.config.data[settings.reference]
    size = sum(path.stat().st_size for path in written)
    seen = f"{side.rows:,} rows, {len(side.columns):,} columns, a sample of {side.sample.height:,}"
    # Where there is DVC, a retraining can only propose the profile by its pointer: the sample is no text.
    tracked = any((folder / ".dvc").is_dir() for folder in (job.root, *job.root.resolve().parents))
    keep = f"{'dvc' if tracked or size > LARGE else 'git'} add {settings.profile}"
    detail = f"{numbers.number(size, 'bytes')}. Keep it with the code: {keep}"
    yield Check(id="profile", title="The reference is stored", status="pass", observed=seen, detail=detail)
    if side.rows < settings.min_rows:
        title, detail = "The reference has too few rows for a verdict", "Every window will be inconclusive."
        seen, limit = f"{side.rows:,}", f"{settings.min_rows:,}"
        yield Check(id="rows", title=title, status="warn", observed=seen, limit=limit, detail=detail)
    if secret := sorted(set(found.sensitive) & set(side.sample.columns)):
        title, seen = "The profile holds values of sensitive columns", ", ".join(secret)
        detail = "Keep it where the data itself may be kept, or name the columns to compare in `drift.columns`."
        yield Check(id="sensitive", title=title, status="warn", observed=seen, detail=detail)
