"""What a deployer that was cut off has left behind, put right: traffic was served by one version all the time."""

from ci_kit.deploy.local import LocalTarget
from ci_kit.deploy.state import Past, State, now


def recover(target: LocalTarget, state: State, *, revive: bool = True) -> list[str]:
    """Finish or undo what was cut off, and start what should run and does not; return what was done, in words.

    A candidate that was not kept loses the traffic again, as nobody has watched it to the end. Without `revive` nothing
    is started.
    """
    done = []
    journal = state.journal
    if journal is not None:
        done.append(_undo(target, state) if state.active != journal.candidate else _finish(target, state))
        state.journal = None
        target.desk.save(state)
    if state.active is not None and revive:
        done += _revive(target, state)
    return done


def _undo(target: LocalTarget, state: State) -> str:
    journal = state.journal
    assert journal is not None  # noqa: S101 - said to the type checker
    had = target.desk.open() == journal.candidate
    target.desk.switch(state.active)
    target.stop(journal.candidate)
    state.instances.pop(journal.candidate, None)
    why = f"cut off at the step {journal.step}"
    state.past.append(Past(version=journal.version, digest=journal.digest, ended=now(), outcome="rolled back", why=why))
    back = f"; the traffic is back at {_name(state)}" if had else ""
    return f"A deployment of {journal.version} was {why}: its instance was stopped{back}"


def _finish(target: LocalTarget, state: State) -> str:
    journal = state.journal
    assert journal is not None  # noqa: S101 - said to the type checker
    target.desk.switch(state.active)
    if journal.previous is not None:
        target.stop(journal.previous)
        state.instances.pop(journal.previous, None)
    return f"The deployment of {journal.version} was cut off after it was kept: what was before it was stopped"


def _revive(target: LocalTarget, state: State) -> list[str]:
    """Start the active instance and the proxy where they do not run any more."""
    done = []
    active = state.active
    assert active is not None  # noqa: S101 - said to the type checker
    if target.desk.open() != active:
        target.desk.switch(active)
    if not target.alive(active):
        target.revive(active)
        done.append(f"{_name(state)} did not run and was started again")
    target.open(state)
    return done


def _name(state: State) -> str:
    instance = state.instances.get(state.active) if state.active else None
    return f"{instance.model}@{instance.version}" if instance else "no version"
