"""What serves at a target, as the target itself says it."""

from collections.abc import Callable

from ci_kit.deploy.local import LocalTarget
from ci_kit.deploy.state import State
from ci_kit.parts import Check
from ci_kit.result import Findings


def status(target: LocalTarget, say: Callable[[str], None]) -> Findings:
    """Print it, and return the checks `serves`, `instance/…` and, where a deployment was cut off, `interrupted`."""
    state = target.desk.load()
    if state is None:
        title = f"Nothing was deployed to {target.desk.target} yet"
        return Findings(checks=(Check(id="serves", title=title, status="skip"),))
    checks = [_serves(target, state)]
    checks += [_instance(target, state, colour) for colour in sorted(state.instances)]
    if journal := state.journal:
        detail = "Deploy again, or: ci-kit deploy rollback. Either puts it right first."
        title = f"A deployment of {journal.version} goes on or was cut off, at the step {journal.step}"
        checks.append(Check(id="interrupted", title=title, status="warn", observed=journal.started, detail=detail))
    for check in checks:
        say(f"{target.desk.target}: {check.title}{f', {check.observed}' if check.observed else ''}")
    for past in reversed(state.past[-5:]):
        say(f"  {past.ended}  {past.version}  {past.outcome}{f': {past.why}' if past.why else ''}")
    return Findings(checks=tuple(checks))


def _serves(target: LocalTarget, state: State) -> Check:
    """Say who answers clients, and whether that is who should."""
    found = target.serving()
    wanted = state.instances.get(state.active) if state.active else None
    if found is None or not found.get("version"):
        what = f"{wanted.model}@{wanted.version} should serve, and nobody answers" if wanted else "Nobody serves"
        detail = f"Type: ci-kit deploy {target.desk.target}" if wanted else None
        return Check(id="serves", title=what, status="fail" if wanted else "skip", observed=target.url, detail=detail)
    name = f"{found.get('model')}@{found.get('version')}"
    digest = str(found.get("digest"))
    right = wanted is not None and wanted.digest == digest
    title = f"{name} serves" if right else f"{name} serves, and nobody has kept it yet"
    return Check(id="serves", title=title, status="pass", observed=f"digest {digest[:12]} at {target.url}")


def _instance(target: LocalTarget, state: State, colour: str) -> Check:
    instance = state.instances[colour]  # type: ignore[index]
    alive = target.alive(colour)  # type: ignore[arg-type]
    takes = target.desk.open() == colour
    role = "takes the traffic" if takes else "stands by"
    title = f"{colour}: {instance.model}@{instance.version} {role if alive else 'does not run'}"
    return Check(
        id=f"instance/{colour}", title=title, status="pass" if alive else "warn", observed=f"since {instance.started}"
    )
