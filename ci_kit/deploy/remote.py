"""Deploy to another machine by SSH: the two places of `local`, looked after by systemd there.

The gates are passed here, where the repository is. A copy of this very ci-kit does the rest there, so that a watch does
not depend on the connection, and a cut-off deployment is put right by the next one as it is on this machine.
"""

import contextlib
import json
import subprocess
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ci_kit.bento.archive import pack
from ci_kit.deploy.gates import passed
from ci_kit.deploy.host import Host
from ci_kit.deploy.record import recorded
from ci_kit.errors import UserError
from ci_kit.forge.git import Git
from ci_kit.job import Job
from ci_kit.parts import Check, Metric
from ci_kit.progress import busy
from ci_kit.registry.release import Release, find
from ci_kit.result import Findings
from ci_kit.sections import Ssh

END = 60.0  # seconds that the program there may take to undo what was cancelled


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the program there found, and what it says beside it."""

    found: Findings
    more: dict[str, Any]


def deploy(job: Job, name: str, settings: Ssh, release: Release) -> Findings:
    """Return a check for each step of the deployment; raise UserError for what can't even begin."""
    return _deployed(job, name, settings, release, breaking=job.config.deploy.breaking)


def rollback(job: Job, name: str, settings: Ssh) -> Findings:
    """Deploy the version that was kept there before; where a deployment was cut off, undo that instead."""
    before = _asked(job, name, settings, "before")
    if before.more["version"] is None:
        return before.found
    release = find(Git(job.root), job.config.package.name, str(before.more["version"]))
    found = _deployed(job, name, settings, release, breaking=True)
    return replace(found, checks=(*before.found.checks, *found.checks))


def stop(job: Job, name: str, settings: Ssh) -> Findings:
    """Take the target out of service; raise UserError when nothing was ever deployed there."""
    return _asked(job, name, settings, "stop").found


def status(job: Job, name: str, settings: Ssh) -> Findings:
    """Show what serves there."""
    return _asked(job, name, settings, "status").found


def _deployed(job: Job, name: str, settings: Ssh, release: Release, *, breaking: bool) -> Findings:
    job.say(f"deploy: {release.model}@{release.version} to {name}, {settings.host}")
    with tempfile.TemporaryDirectory(prefix="ci-kit-") as temporary:
        folder, archive = Path(temporary) / release.model, Path(temporary) / "sent.bento"
        checks = passed(job, release, folder)
        if checks[-1].status == "fail":
            return Findings(checks=tuple(checks))
        busy(f"sending the bento to {settings.host}")
        pack(folder, archive)
        Host(settings.host, settings.python).send(archive, f"{release.digest[:16]}.bento")
    order = {"model": release.model, "version": release.version, "digest": release.digest, "breaking": breaking}
    answer = _asked(job, name, settings, "deploy", order)
    found, kept = replace(answer.found, checks=(*checks, *answer.found.checks)), answer.more["kept"]
    if kept is None:
        return found
    return recorded(job, name, settings, release, found, kept=kept)


def _asked(job: Job, name: str, settings: Ssh, verb: str, order: dict[str, Any] | None = None) -> Answer:
    """Have the program there carry out an order; what it says is said here."""
    host = Host(settings.host, settings.python)
    known = settings.model_dump(by_alias=True, mode="json", exclude={"host", "python"}) | {"kind": "local"}
    wanted = {"verb": verb, "target": name, "repo": job.repository, "settings": known, "order": order}
    errors: list[bytes] = []
    busy(f"asking {settings.host}")
    with host.agent(host.install(job.say)) as process:
        reader = threading.Thread(target=_drain, args=(process, errors), daemon=True)
        reader.start()
        try:
            answer = _listened(process, json.dumps(wanted), job.say)
        finally:
            _let_go(process)
            reader.join(timeout=5)
    if answer is None:
        raise host.failed("the program on {} broke", process.returncode or 1, b"".join(errors))
    return answer


def _listened(process: subprocess.Popen[bytes], order: str, say: Callable[[str], None]) -> Answer | None:
    """Return the answer, None where the program ended without one; raise UserError with the error that it tells."""
    assert process.stdin  # noqa: S101 - said to the type checker
    assert process.stdout  # noqa: S101 - as above
    with contextlib.suppress(BrokenPipeError):  # what it says as it ends tells why
        process.stdin.write(order.encode() + b"\n")
        process.stdin.flush()
    for line in process.stdout:
        try:
            told = dict(json.loads(line))
        except (ValueError, TypeError):
            continue  # what a login script prints is no answer
        if "say" in told:
            say(str(told["say"]))
        elif "error" in told:
            raise UserError(str(told["error"]))
        elif "found" in told:
            found = told.pop("found")
            checks = tuple(Check.model_validate(check) for check in found["checks"])
            metrics = {key: Metric.model_validate(value) for key, value in found["metrics"].items()}
            return Answer(found=Findings(checks=checks, metrics=metrics), more=told)
    return None


def _let_go(process: subprocess.Popen[bytes]) -> None:
    """Close what it listens to, by which it undoes what is not over, and wait for its end."""
    assert process.stdin  # noqa: S101 - said to the type checker
    try:
        process.stdin.close()
        process.wait(timeout=END)
    except (OSError, subprocess.TimeoutExpired):
        process.kill()
        process.wait()


def _drain(process: subprocess.Popen[bytes], into: list[bytes]) -> None:
    assert process.stderr  # noqa: S101 - said to the type checker
    for line in process.stderr:
        into[:] = [*into[-8:], line]
