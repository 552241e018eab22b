"""One change of what serves in a cluster: made, waited for, and taken back when it does not come."""

from collections.abc import Callable
from datetime import UTC, datetime

from ci_kit.deploy.kubectl import Kubectl
from ci_kit.deploy.standing import Mark
from ci_kit.deploy.workload import Workload
from ci_kit.errors import CiKitError, Unavailable, UserError
from ci_kit.parts import Check
from ci_kit.progress import busy


class Change:
    """`within` is how many seconds it may take, `goal` what to go back to, None where nothing stood there."""

    def __init__(
        self, kubectl: Kubectl, kind: Workload, name: str, within: float, goal: Mark | None, say: Callable[[str], None]
    ) -> None:
        self.kubectl, self.kind, self.name, self.within, self.goal, self.say = kubectl, kind, name, within, goal, say
        self.checks: list[Check] = []
        self._since = datetime.now(UTC)

    def make(self, act: Callable[[], None], wanted: str, digest: str) -> bool:
        """Act, and say whether the version `wanted` serves then; whatever fails, or stops us, is taken back."""
        busy(f"changing over to {wanted}")
        try:
            act()
            self._tell(Check(id="applied", title=f"The cluster has taken {wanted}", status="pass"))
            why = self.kind.wait(self.kubectl, self.name, digest, self.within)
        except (UserError, Unavailable) as error:
            why = str(error)
        except BaseException:
            self._back()
            raise
        if why is None:
            self._tell(Check(id="rollout", title=f"{wanted} serves, and nothing else", status="pass"))
            return True
        detail = self.kubectl.warning(self.name, self._since)
        title = f"The cluster did not change over to {wanted}"
        self._tell(Check(id="rollout", title=title, status="fail", observed=why, detail=detail))
        self._back()
        return False

    def _back(self) -> None:
        try:
            self._tell(self._restored() if self.goal else self._removed())
        except CiKitError as error:
            title = "What was there before could not be restored"
            detail = "No pod of it was taken away before one of the new version was ready. Type: ci-kit deploy status"
            self._tell(Check(id="rollback", title=title, status="fail", observed=str(error), detail=detail))

    def _restored(self) -> Check:
        goal = self.goal
        assert goal is not None  # noqa: S101 - said to the type checker
        busy(f"going back to {goal.version}")
        self.kind.back(self.kubectl, self.name, goal)
        why = self.kind.wait(self.kubectl, self.name, goal.digest, self.within)
        if why is not None:
            raise UserError(f"{goal.version} does not serve alone again", why=why)
        return Check(id="rollback", title=f"{goal.version} serves again, and nothing else", status="warn")

    def _removed(self) -> Check:
        """Take away what never served."""
        self.kubectl.must("delete", self.kind.resource, self.name, "--ignore-not-found", "--wait=false")
        title = "There is no version to go back to: what did not serve was removed"
        return Check(id="rollback", title=title, status="fail")

    def _tell(self, check: Check) -> None:
        self.checks.append(check)
        self.say(f"deploy: {check}")
