"""One step, run: the findings of a step become its Result, whatever happens."""

import contextlib
import hashlib
import importlib
import os
import platform
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

from ci_kit import __version__, actions, config, errors, explain
from ci_kit.data import pulled
from ci_kit.explain.codes import code_of
from ci_kit.files import LOCKFILES
from ci_kit.forge.git import Git, base
from ci_kit.job import Job
from ci_kit.parts import Check, Metric, Run, Source
from ci_kit.progress import progress
from ci_kit.render.steps import steps
from ci_kit.render.terminal import terminal
from ci_kit.render.words import failure
from ci_kit.result import FOLDER, RESULT_NAME, Findings, Result, result_path

SHIPS = ("package", "deploy")


def step(
    name: str,
    root: Path,
    overrides: Mapping[str, object] | None = None,
    before: Callable[[config.Config, Path], None] | None = None,
    *,
    entry: str = "run",
    label: str | None = None,
) -> Result:
    """Run one step, after `before` if there is one, show and save its Result, and return it.

    `entry` is the function of the step's module to call, `label` the Result's name beside that of the step.

    When the step can't judge, a Result that says so is saved before the error goes on, so that the report can tell.
    """
    event = actions.event()
    place(root, name, label).unlink(missing_ok=True)
    if (name, label) == ("drift", None):
        for stale in (root / FOLDER / "windows").glob("*.json"):  # a later step would take them for this run's
            stale.unlink()
    started, clock, bytes_before = datetime.now(UTC), time.monotonic(), pulled.total()
    source, findings, trouble = Source(), Findings(), None
    try:
        settings, raw = configuration(root, event, overrides or {})
        source = describe(root, settings, raw, event)
        if before:
            before(settings, root)
        module: ModuleType = importlib.import_module(f"ci_kit.{name}.step")
        run = _begun(event, started)
        job = Job(root=root, config=settings, source=source, event=event.name, run=run, say=_say)
        with progress(name):
            findings = getattr(module, entry)(job)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - saved for the report, then raised again
        trouble, findings = error, Findings(checks=(_trouble(error),))
    run = _begun(event, started).model_copy(
        update={"seconds": round(time.monotonic() - clock, 3), "gpu": findings.gpu, "cost": findings.cost}
    )
    result = _result(name, label, findings, source, run, pulled.total() - bytes_before)
    told = isinstance(trouble, errors.CiKitError)  # the one line that ends the command says it
    _announce(result, root, quiet=told)
    if trouble is not None:
        raise trouble
    return result


@contextlib.contextmanager
def printed(*paths: Path, as_json: bool, many: bool = False) -> Iterator[None]:
    """Send what is printed to stderr, where JSON is wanted, and the Result there to stdout, also where none can judge.

    `many` makes it a list of those of the paths that are there.
    """
    if not as_json:
        yield
        return
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        found = [path.read_text("utf-8") for path in paths if path.is_file()]
        if found or many:
            print(f"[{','.join(found)}]" if many else found[0])  # noqa: T201 - the command's answer


def _say(text: str) -> None:
    print(actions.harmless(actions.redact(text)), flush=True)  # noqa: T201 - what a step tells while it works


def place(root: Path, name: str, label: str | None) -> Path:
    """Return where the Result will lie; raise UserError for a label that is no file's name."""
    if label and not re.fullmatch(RESULT_NAME, label):
        raise errors.UserError(f"--result {label!r:.80} is no name", hint="Use a-z, 0-9, '.', '_' and '-'")
    return result_path(root, name, label)


def _begun(event: actions.Event, started: datetime) -> Run:
    """Say what is known of a run before it ends."""
    return Run(
        kit=__version__,
        event=event.name,
        url=event.url,
        attempt=event.attempt,
        started=started.isoformat(timespec="seconds"),
        seconds=0,
        machine=f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}",
    )


def _result(name: str, label: str | None, findings: Findings, source: Source, run: Run, came: int) -> Result:
    """Blank secrets in every text, since Results leave the process as artifacts, comments and history.

    `came` are the bytes that the step has pulled.
    """
    known = {"bytes_pulled": Metric(value=came, unit="bytes", direction="down")} if came else {}
    result = replace(findings, metrics={**findings.metrics, **known}).result(name, label, source, run)
    return Result.model_validate(actions.redact_all(result.model_dump(by_alias=True)))


def configuration(root: Path, event: actions.Event, overrides: Mapping[str, object]) -> tuple[config.Config, bytes]:
    """Read `ci-kit.yaml`; on a pull request from a fork the base branch's, so that no fork moves its own bar."""
    path = root / config.FILE
    if not event.fork:
        settings = config.load(path, overrides)
        return settings, path.read_bytes()
    raw = Git(root).show(event.base_sha, config.FILE) if event.base_sha else None
    if raw is None:
        why = "a pull request from a fork is judged by the base branch's file"
        raise errors.UserError(
            f"no {config.FILE} at the base revision",
            why=why,
            hint="Check out with fetch-depth: 0",
            code="config/missing-file",
        )
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
        code = f" [{code_of(error)}]" if code_of(error) else ""
        return Check(id="error", title="The step could not judge", status="fail", detail=f"{error}{code}")
    if isinstance(error, KeyboardInterrupt):
        return Check(id="error", title="The step was cancelled", status="fail")
    detail = f"{type(error).__name__}: {error}"
    return Check(id="error", title="The step broke: a bug of ci-kit, not of this change", status="fail", detail=detail)


def _more(result: Result) -> list[str]:
    """Name what explains the first check that failed."""
    failed = (explain.family(check.id, result.step) for check in result.checks if check.status == "fail")
    return [f"  more: ci-kit explain {code}" for code in [next(filter(None, failed), "")] if code]


def _announce(result: Result, root: Path, *, quiet: bool) -> None:
    path = result.save(root)
    if not quiet:
        print("\n".join([terminal(result), *_more(result)]))  # noqa: T201 - the command's answer
    for one in result.checks:
        if one.location and one.status in ("fail", "warn", "unsure"):
            level: actions.runtime.Level = "error" if one.status == "fail" else "warning"
            text = "\n".join(part for part in (one.observed, one.detail) if part)
            file = "/".join(part for part in (result.source.directory, one.location.file) if part)
            actions.annotate(level, text or one.title, title=one.title, file=file, line=one.location.line)
    # A check of a change speaks by its comment; a schedule, or a dispatch by hand, has no other place to say why.
    if result.step in (*SHIPS, "drift", "retrain") and result.status == "fail" and not quiet:
        actions.annotate("error", failure(result), title=f"ci-kit {result.step}")
    if result.step in SHIPS:
        actions.summary(actions.redact(steps(result)))
    actions.output("status", result.status)
    actions.output("result", str(path))
