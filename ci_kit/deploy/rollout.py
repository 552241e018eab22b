"""One deployment, step by step; each is written down before it is done, so that a crash leaves nothing unknown."""

import os
import time
from collections.abc import Callable

from ci_kit.deploy.local import LocalTarget
from ci_kit.deploy.observe import observe, traffic
from ci_kit.deploy.state import Colour, Journal, Past, State, now
from ci_kit.deploy.trial import Candidate, Trial, passed
from ci_kit.deploy.watch import Traffic
from ci_kit.parts import Check, Metric
from ci_kit.progress import each

SEEN = 10.0  # seconds until clients must meet a version
STEPS = ("start", "ready", "golden", "refuses", "api", "switch", "watch", "keep", "stop")


class Rollout:
    """Candidate beside the running one, tests, switch, watch; `say` tells what goes on."""

    def __init__(self, target: LocalTarget, state: State, candidate: Candidate, say: Callable[[str], None]) -> None:
        self.target, self.state, self.candidate, self.say = target, state, candidate, say
        self.colour, self.previous = state.other(), state.active
        self.trial = Trial(target=target, state=state, candidate=candidate, colour=self.colour, previous=self.previous)
        self.checks: list[Check] = []
        self.metrics: dict[str, Metric] = {}
        self.old = Traffic()

    def run(self) -> None:
        """Deploy; whatever fails, or stops us, leaves the traffic where it was."""
        try:
            for step in each(STEPS, str):
                if not self._do(step):
                    return self._back(": ".join(filter(None, (self.checks[-1].title, self.checks[-1].observed))))
        except BaseException as error:
            if self.state.active != self.colour:
                self._back(f"{type(error).__name__}: {error}")
            raise

    def _do(self, name: str) -> bool:
        """Write down what comes, do it, and say whether the deployment goes on."""
        instance, journal = self.candidate.instance, self.state.journal
        self.state.journal = Journal(
            version=instance.version,
            digest=instance.digest,
            candidate=self.colour,
            previous=self.previous,
            step=name,
            started=journal.started if journal else now(),
            pid=os.getpid(),
        )
        self.target.desk.save(self.state)
        does: Callable[[], Check] = getattr(self, f"_{name}", None) or getattr(self.trial, name)
        check = does()
        self._tell(check)
        return check.status != "fail"

    def _tell(self, check: Check) -> None:
        self.checks.append(check)
        self.say(f"deploy: {check}")

    def _start(self) -> Check:
        self.state.instances[self.colour] = self.candidate.instance
        self.target.desk.save(self.state)
        self.target.stop(self.colour)
        self.target.start(self.state, self.colour, self.candidate.instance, self.candidate.python)
        seen = f"{self.colour}, port {self.state.ports[self.colour]}"
        return passed("start", "The candidate was started beside what runs", seen)

    def _switch(self) -> Check:
        if self.previous is not None and self.target.alive(self.previous):
            with self.target.client(self.state, self.previous) as old:
                self.old = traffic(old)
        self.target.open(self.state)
        took = self._meet(self.colour)
        if took is None:
            seen = f"within {SEEN:g} s"
            return Check(id="switch", title="Clients do not meet the new version", status="fail", observed=seen)
        return passed("switch", "Clients meet the new version", f"{took:.2f} s")

    def _watch(self) -> Check:
        check, self.metrics = observe(self.target, self.state, self.colour, self.candidate.golden, self.old)
        return check

    def _keep(self) -> Check:
        """From here on the new version is the active one: a crash does not undo it."""
        self.state.active = self.colour
        self._over("kept")
        self.target.desk.save(self.state)
        return passed("keep", "The new version is kept")

    def _stop(self) -> Check:
        if self.previous is not None:
            self.target.stop(self.previous)
            self.state.instances.pop(self.previous, None)
        self.state.journal = None
        self.target.desk.save(self.state)
        self.target.prune(self.state)
        if self.previous is None:
            return Check(id="stop", title="There was no version before", status="skip")
        return passed("stop", "The version before has finished its requests and was stopped")

    def _meet(self, colour: Colour) -> float | None:
        """Give the traffic to an instance; return after how many seconds clients met it, None when they did not."""
        started = time.monotonic()
        self.target.desk.switch(colour)
        while (took := time.monotonic() - started) < SEEN:
            found = self.target.serving()
            if found and found.get("colour") == colour:
                return took
            time.sleep(0.02)
        return None

    def _back(self, why: str) -> None:
        """Give the traffic back, stop the candidate, and say so."""
        had = self.target.desk.open() == self.colour
        if had and self.previous is not None:
            instance, took = self.state.instances[self.previous], self._meet(self.previous)
            title = f"The traffic is back at {instance.model}@{instance.version}"
            if took is None:
                title, words = "The version before does not answer", self.target.words(self.previous)
                self._tell(Check(id="rollback", title=title, status="fail", detail=words))
            else:
                self._tell(Check(id="rollback", title=title, status="warn", observed=f"{took:.2f} s"))
        elif had:
            self.target.desk.switch(None)
            self._tell(Check(id="rollback", title="There is no version to go back to", status="fail"))
        else:
            self._tell(Check(id="rollback", title="The traffic stayed where it was", status="skip"))
        self.target.stop(self.colour)
        self.state.instances.pop(self.colour, None)
        self._over("rolled back" if had else "refused", why)
        self.state.journal = None
        self.target.desk.save(self.state)

    def _over(self, outcome: str, why: str = "") -> None:
        instance = self.candidate.instance
        past = {"version": instance.version, "digest": instance.digest, "ended": now(), "why": why[:500]}
        self.state.past.append(Past.model_validate(past | {"outcome": outcome}))
