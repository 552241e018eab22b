"""What a candidate must pass before it sees any traffic."""

import time
from dataclasses import dataclass
from pathlib import Path

from ci_kit.deploy.api import breaking
from ci_kit.deploy.local import LocalTarget
from ci_kit.deploy.state import Colour, Instance, State
from ci_kit.parts import Check, Status
from ci_kit.sections import duration
from ci_kit.serving.contract import Contract
from ci_kit.serving.golden import Golden


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """What is to be deployed: its folder holds the bento, `python` runs it, `breaking` allows another API."""

    instance: Instance
    folder: Path
    python: str
    breaking: bool

    @property
    def golden(self) -> Golden:
        """The golden rows that travel with it."""
        return Golden.load(self.folder / "src" / "served")

    @property
    def model(self) -> str:
        """The digest of the model that was registered."""
        return Contract.load(self.folder / "src" / "served").digest


@dataclass(frozen=True, kw_only=True)
class Trial:
    """The candidate, started at the place `colour`, beside the `previous` one."""

    target: LocalTarget
    state: State
    candidate: Candidate
    colour: Colour
    previous: Colour | None

    def ready(self) -> Check:
        """Wait until its own golden self-test is over."""
        started = time.monotonic()
        limit = duration(self.target.settings.start).total_seconds()
        with self.target.client(self.state, self.colour) as client:
            about = client.wait(limit, lambda: self.target.restarts(self.colour) == 0)
        if about is None:
            seen, words = f"within {limit:g} s", self.target.words(self.colour)
            return _failed("ready", "The candidate did not become ready", seen, words)
        if about.get("fault"):
            return _failed("ready", "The candidate fails its self-test", str(about["fault"]))
        if about.get("digest") != self.candidate.instance.digest:
            return _failed("ready", "Something else answers at its port", f"it says {about.get('digest')}")
        if about.get("model_digest") != self.candidate.model:
            # The digest before is what we told it; this one it has read from the bento that it really serves.
            seen = f"{str(about.get('model_digest'))[:12]} instead of {self.candidate.model[:12]}"
            return _failed("ready", "The candidate holds another model than the registered one", seen)
        return passed("ready", "The candidate is ready", f"{time.monotonic() - started:.1f} s")

    def golden(self) -> Check:
        """Ask it the golden rows, in batches of several sizes."""
        golden = self.candidate.golden
        with self.target.client(self.state, self.colour) as client:
            gap = client.golden(golden)
        if gap.broken:
            return _failed("golden", "The candidate is another model", str(gap))
        title = f"The candidate answers {len(golden.rows)} golden rows as when it was packaged"
        return passed("golden", title, f"largest error {gap.error:.2g}")

    def refuses(self) -> Check:
        """Ask it what it must refuse."""
        with self.target.client(self.state, self.colour) as client:
            leak = client.probe(self.candidate.golden)
        if leak:
            return _failed("refuses", "The candidate answers what it must refuse", leak)
        return passed("refuses", "The candidate refuses what is wrong")

    def api(self) -> Check:
        """Compare its API with that of the running version."""
        if self.previous is None or not self.target.alive(self.previous):
            return Check(id="api", title="There is no running version whose API could break", status="skip")
        with (
            self.target.client(self.state, self.previous) as old,
            self.target.client(self.state, self.colour) as new,
        ):
            found = breaking(old.document(), new.document())
        if not found:
            return passed("api", "Clients of the running version can go on")
        status: Status = "warn" if self.candidate.breaking else "fail"
        detail = "\n".join(found[:20]) + ("" if self.candidate.breaking else "\nAllow it with --breaking true.")
        return Check(id="api", title="The API breaks for clients", status=status, observed=found[0], detail=detail)


def passed(name: str, title: str, observed: str | None = None) -> Check:
    """Return a check that passed."""
    return Check(id=name, title=title, status="pass", observed=observed)


def _failed(name: str, title: str, observed: str, detail: str | None = None) -> Check:
    return Check(id=name, title=title, status="fail", observed=observed, detail=detail)
