"""A target with two places, on the very machine: it needs no repository and no token."""

import errno
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ci_kit.deploy.local import LocalTarget
from ci_kit.deploy.recover import recover
from ci_kit.deploy.rollout import Rollout
from ci_kit.deploy.state import Instance, State, now
from ci_kit.deploy.trial import Candidate
from ci_kit.errors import UserError
from ci_kit.parts import Check
from ci_kit.progress import busy
from ci_kit.result import Findings

Bring = Callable[[Path], list[Check]]
"""Writes the bento into a new folder; a check that failed ends the deployment."""
Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Order:
    """The version to deploy; `breaking` allows another API."""

    model: str
    version: str
    digest: str
    breaking: bool

    def __str__(self) -> str:
        return f"{self.model}@{self.version}"


def deploy(target: LocalTarget, order: Order, bring: Bring, say: Say) -> tuple[Findings, bool | None]:
    """Return a check for each step, and whether the version was kept: None where nothing was tried.

    Raises UserError for what can't even begin, such as a busy target or a port that is taken.
    """
    with _alone(target, f"a deployment of {order}"):
        state = target.desk.load() or target.create()
        if state.active is None:
            target.check_port()
        checks = [_recovered(line) for line in recover(target, state)]
        if _same(target, state, order):
            return Findings(checks=(*checks, _serves(order))), None
        place = target.place(order.digest)
        shutil.rmtree(place, ignore_errors=True)
        checks += [*_failed_before(state, order), *bring(place / order.model)]
        if checks[-1].status == "fail":
            shutil.rmtree(place, ignore_errors=True)
            return Findings(checks=tuple(checks)), None
        instance = Instance(version=order.version, digest=order.digest, model=order.model, started=now())
        folder = place / order.model
        busy("installing what serves it")
        python = target.prepare(folder)
        candidate = Candidate(instance=instance, folder=folder, python=python, breaking=order.breaking)
        rollout = Rollout(target, state, candidate, say)
        rollout.run()
        return Findings(checks=(*checks, *rollout.checks), metrics=rollout.metrics), state.active == rollout.colour


def before(target: LocalTarget) -> tuple[list[Check], str | None]:
    """Return the version to go back to; None where a deployment was cut off, which is undone instead.

    Raises UserError when there is none.
    """
    with _alone(target, "a rollback"):
        state = _known(target)
        cut = state.journal is not None
        checks = [_recovered(line) for line in recover(target, state)]
        if cut:
            return checks, None
        active = state.instances.get(state.active) if state.active else None
        kept = [one for one in state.past if one.outcome == "kept" and (not active or one.digest != active.digest)]
        if not kept:
            why = f"{active.version} is the only one that was kept" if active else "none was kept"
            raise UserError("there is no version to go back to", why=why, hint="Type: ci-kit deploy status")
        return checks, kept[-1].version


def stop(target: LocalTarget, say: Say) -> Findings:
    """Take the target out of service: its instances finish their requests, and nothing of it runs any more.

    What is known of it stays, so that the next deployment or a rollback goes on from there.
    """
    with _alone(target, "its end"):
        state = _known(target)
        checks = [_recovered(line) for line in recover(target, state, revive=False)]
        target.desk.switch(None)
        names = [f"{one.model}@{one.version}" for one in state.instances.values()]
        for colour in sorted(state.instances):
            target.stop(colour)
        target.close()
        state.instances, state.active = {}, None
        target.desk.save(state)
    title = f"{target.desk.target} serves no more"
    say(f"deploy: {title}")
    return Findings(checks=(*checks, Check(id="stop", title=title, status="pass", observed=", ".join(names) or None)))


def _known(target: LocalTarget) -> State:
    state = target.desk.load()
    if state is None:
        raise UserError(f"nothing was deployed to {target.desk.target} yet", hint="Type: ci-kit deploy")
    return state


def _same(target: LocalTarget, state: State, order: Order) -> bool:
    active = state.instances.get(state.active) if state.active else None
    if state.active is None or active is None or not target.same(state.active):
        return False
    return (active.digest, active.version) == (order.digest, order.version)


def _failed_before(state: State, order: Order) -> list[Check]:
    before = [one for one in state.past if one.digest == order.digest and one.outcome != "kept"]
    if not before:
        return []
    title = f"{order} was {before[-1].outcome} here before"
    return [Check(id="before", title=title, status="warn", observed=before[-1].ended, detail=before[-1].why or None)]


def _serves(order: Order) -> Check:
    title, seen = f"{order} serves already", f"digest {order.digest[:12]}"
    return Check(id="serves", title=title, status="pass", observed=seen)


def _recovered(line: str) -> Check:
    return Check(id="recovered", title=line, status="warn")


@contextmanager
def _alone(target: LocalTarget, what: str) -> Iterator[None]:
    """Hold the target, and say a full disk as what it is."""
    try:
        with target.desk.lock(what):
            yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        hint = f"Free some in {target.desk.folder}"
        raise UserError(
            "no space left on the disk", why="the traffic stayed where it was", hint=hint, code="deploy/failed"
        ) from error
