"""The journeys: which steps, in which order, and how the findings of a step become its Result."""

import contextlib
import hashlib
import importlib
import os
import platform
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

from ci_kit import __version__, actions, config, data, errors
from ci_kit.evaluate.foresee import foresee
from ci_kit.forge.git import Git, base
from ci_kit.job import Job
from ci_kit.parts import Check, Run, Source
from ci_kit.render.terminal import terminal
from ci_kit.result import FOLDER, Findings, Result, result_path

CHECK = ("validate", "train", "evaluate")
REPORTS = (f"{FOLDER}/report.md", f"{FOLDER}/report.html")
LOCKFILES = ("uv.lock", "poetry.lock", "pdm.lock", "pixi.lock", "conda-lock.yml", "requirements.txt")


def step(
    name: str,
    root: Path,
    overrides: Mapping[str, object] | None = None,
    before: Callable[[config.Config, Path], None] | None = None,
) -> Result:
    """Run one step, after `before` if there is one, show and save its Result, and return it.

    When the step can't judge, a Result that says so is saved before the error goes on, so that the report can tell.
    """
    event = actions.event()
    result_path(root, name).unlink(missing_ok=True)
    started, clock = datetime.now(UTC), time.monotonic()
    source, findings, trouble = Source(), Findings(), None
    try:
        settings, raw = configuration(root, event, overrides or {})
        source = describe(root, settings, raw, event)
        if before:
            before(settings, root)
        module: ModuleType = importlib.import_module(f"ci_kit.{name}.step")
        findings = module.run(Job(root=root, config=settings, source=source, event=event.name))
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - saved for the report, then raised again
        trouble, findings = error, Findings(checks=(_trouble(error),))
    run = Run(
        kit=__version__,
        event=event.name,
        url=event.url,
        attempt=event.attempt,
        started=started.isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - clock, 3),
        machine=f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}",
        gpu=findings.gpu,
        cost=findings.cost,
    )
    result = Result(
        step=name,
        checks=findings.checks,
        metrics=dict(findings.metrics),
        charts=findings.charts,
        files=findings.files,
        source=source.model_copy(update={"data": dict(findings.data)}),
        run=run,
    )
    told = isinstance(trouble, errors.CiKitError)  # the one line that ends the command says it
    _announce(Result.model_validate(_redacted(result.model_dump(by_alias=True))), root, quiet=told)
    if trouble is not None:
        raise trouble
    return result


def _redacted(value: Any) -> Any:
    """Blank secrets in every text, since Results leave the process as artifacts, comments and history."""
    match value:
        case str():
            return actions.redact(value)
        case dict():
            return {key: _redacted(inner) for key, inner in value.items()}
        case list() | tuple():
            return tuple(_redacted(inner) for inner in value)
    return value


def check(root: Path, overrides: Mapping[str, Mapping[str, object]], *, report: bool = True) -> int:
    """Run validate, train and evaluate until one of them fails, then the report; return the exit code."""
    # A run that is cancelled must not leave the last run's words behind.
    for stale in [result_path(root, name) for name in (*CHECK, "report")] + [root / name for name in REPORTS]:
        stale.unlink(missing_ok=True)
    code, first, steps = errors.PASSED, None, list(CHECK)
    while steps:
        name = steps.pop(0)
        try:
            marks = _data_marks(root) if name == "train" else {}
            if step(name, root, overrides.get(name), foresee if name == "train" else None).status == "fail":
                code = errors.FAILED
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


def _data_marks(root: Path) -> dict[Path, tuple[int, int, int]]:
    """Say cheaply which bytes the data sets have: a stage of the training may write what was tested before it."""
    settings, _ = configuration(root, actions.event(), {})
    found: dict[Path, tuple[int, int, int]] = {}
    for dataset in settings.data.values():
        with contextlib.suppress(errors.UserError):
            stats = {path: path.stat() for path in data.files(dataset, root)}
            found |= {path: (stat.st_ino, stat.st_mtime_ns, stat.st_size) for path, stat in stats.items()}
    return found


def _reportable(root: Path) -> bool:
    return any(result_path(root, name).is_file() for name in CHECK)


def configuration(root: Path, event: actions.Event, overrides: Mapping[str, object]) -> tuple[config.Config, bytes]:
    """Read `ci-kit.yaml`; on a pull request from a fork the base branch's, so that no fork moves its own bar."""
    path = root / config.FILE
    if not event.fork:
        settings = config.load(path, overrides)
        return settings, path.read_bytes()
    raw = Git(root).show(event.base_sha, config.FILE) if event.base_sha else None
    if raw is None:
        why = "a pull request from a fork is judged by the base branch's file"
        raise errors.UserError(f"no {config.FILE} at the base revision", why=why, hint="Check out with fetch-depth: 0")
    return config.read(raw, overrides), raw


def describe(root: Path, settings: config.Config, raw: bytes, event: actions.Event) -> Source:
    """Say which revision is being judged; without a commit only the configuration is known."""
    lock = next((root / name for name in LOCKFILES if (root / name).is_file()), None)
    known = {
        "config": f"sha256:{hashlib.sha256(raw).hexdigest()}",
        "lock": f"sha256:{hashlib.sha256(lock.read_bytes()).hexdigest()}" if lock else None,
    }
    git = Git(root)
    if not git.is_repository() or git.find("HEAD") is None:
        return Source(repo=event.repo, **known)
    known["directory"] = git.prefix().rstrip("/")
    base_sha, _ = base(git, event.base_sha if event.number else None, settings.base)
    return Source(
        repo=event.repo or git.slug(), sha=event.sha or git.sha(), base_sha=base_sha, dirty=git.dirty(), **known
    )


def _trouble(error: BaseException) -> Check:
    if isinstance(error, errors.CiKitError):
        return Check(id="error", title="The step could not judge", status="fail", detail=str(error))
    if isinstance(error, KeyboardInterrupt):
        return Check(id="error", title="The step was cancelled", status="fail")
    detail = f"{type(error).__name__}: {error}"
    return Check(id="error", title="The step broke: a bug of ci-kit, not of this change", status="fail", detail=detail)


def _announce(result: Result, root: Path, *, quiet: bool) -> None:
    path = result.save(root)
    if not quiet:
        print(terminal(result))  # noqa: T201 - the command's answer
    for one in result.checks:
        if one.location and one.status in ("fail", "warn", "unsure"):
            level: actions.runtime.Level = "error" if one.status == "fail" else "warning"
            text = "\n".join(part for part in (one.observed, one.detail) if part)
            file = "/".join(part for part in (result.source.directory, one.location.file) if part)
            actions.annotate(level, text or one.title, title=one.title, file=file, line=one.location.line)
    actions.output("status", result.status)
    actions.output("result", str(path))
