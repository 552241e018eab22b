"""What is written to the forge: the windows and attempts as history, and the pull request with its evidence."""

import hashlib
import re

from ci_kit import actions, forge
from ci_kit.errors import CiKitError
from ci_kit.forge import watched
from ci_kit.forge.base import Forge, Proposal, Pull, Stamp
from ci_kit.forge.git import Git
from ci_kit.job import Job
from ci_kit.parts import Check, Status
from ci_kit.render.text import code
from ci_kit.render.watch import proposal
from ci_kit.result import Result
from ci_kit.retrain.attempts import attempt
from ci_kit.retrain.change import Change
from ci_kit.retrain.evidence import beside, broken, compared, quiet, window, windows

LONGEST = 80
DONE = {
    "created": "The retraining pull request is open",
    "updated": "The retraining pull request is brought up to date",
    "unchanged": "The retraining pull request is up to date",
    "kept": "The retraining pull request is left alone",
    "closed": "Drift has gone: the pull request is closed",
}


def slug(directory: str, monitor: str) -> str:
    """Return what names branch and pull request of the monitor of a folder.

    A folder whose name is too long, or has letters that a branch of ours has not, is cut and gets a digest: two of them
    must not share one pull request.
    """
    whole = "-".join(part for part in (directory.replace("/", "-").lower(), monitor) if part)
    plain = re.sub(r"[^a-z0-9_.-]+|\.\.+", "-", whole).strip(".-")
    if plain == whole and len(plain) <= LONGEST:
        return plain
    return f"{plain[-LONGEST:].strip('.-')}-{hashlib.sha256(directory.encode()).hexdigest()[:8]}"


class Publisher:
    """One publication; `url` is where the open pull request is, `body` its text, once they are known."""

    def __init__(
        self, job: Job, event: actions.Event, drift: Result, change: Change | None, updated: Result | None
    ) -> None:
        self.job, self.event, self.drift, self.change, self.updated = job, event, drift, change, updated
        self.monitor, self.git, self.url = job.config.drift.monitor, Git(job.root), ""
        self.body = ""
        self.slug = slug(job.source.directory, self.monitor)
        self.branch, self.base = f"ci-kit-retrain/{self.slug}", job.config.base
        self.windows, self.damaged = windows(job)
        self.past = watched.past(self.git, "drift", self.monitor, job.say)

    def forge(self) -> Forge:
        """Return the forge of this run; raise UserError where there is no token."""
        return forge.connect(self.job.root, self.event)

    def record(self, *, published: bool) -> Check:
        """Keep the windows that this run judged, which is also its sign of life, and what came of the attempt."""
        folder, kept = self.job.source.directory, list(self.windows)
        files = watched.entries(self.windows, self.monitor, folder)
        if self.change:
            past = watched.past(self.git, "retrain", self.monitor, self.job.say)
            made = attempt(self.job, self.change, self.updated, self.drift, past, published=published)
            files |= watched.entries([made], self.monitor, folder)
            kept.append(made)
        detail = "\n".join(self.damaged) or None
        status: Status = "warn" if detail else "pass" if kept else "skip"
        self.forge().record(files, f"Record the drift check of {self.monitor}")
        title = "What was seen and done is kept as history" if kept else "There was nothing new to keep as history"
        return Check(id="record", title=title, status=status, observed=f"{len(kept)} results", detail=detail)

    def act(self) -> Check:
        """Open, update or close the pull request, or leave it as it is."""
        if not broken(self.drift) and self.drift.status == "fail" and self.change and self.change.files:
            return self._propose(self.change)
        if not broken(self.drift) and quiet(self.drift):
            return self._withdraw()
        return self._leave()

    def _propose(self, change: Change) -> Check:
        wanted = self._proposal(change)
        pull = self.forge().propose(wanted, self._stamp())
        self._found(pull.url)
        started = self._start(pull) if pull.outcome in ("created", "updated") else ""
        detail = " ".join(part for part in (pull.detail, started) if part) or None
        status: Status = "warn" if pull.outcome == "kept" or started.startswith("Its") else "pass"
        return Check(id="publish", title=DONE[pull.outcome], status=status, observed=pull.url or None, detail=detail)

    def _proposal(self, change: Change) -> Proposal:
        files = change.files or {}
        title, body = self._told(files, checked=True)
        _, unchecked = self._told(files, checked=False)
        self.body = body
        return Proposal(
            name=f"retrain-{self.slug}",
            branch=self.branch,
            base=self.base,
            parent=change.base,
            title=title,
            body=body,
            unchecked=unchecked,
            message=f"Retrain {self.monitor}\n\nDrift persisted in the window {change.window}.",
            files=files,
        )

    def _told(self, files: dict[str, str | None], *, checked: bool) -> tuple[str, str]:
        """Return title and body; what was run is said as the configuration has it."""
        config = self.job.config
        found = {name: beside(self.job, "evaluate", name) for name in compared(self.job)}
        trained = beside(self.job, "train")
        title, body = proposal(
            self.drift,
            compared={name: result for name, result in found.items() if result},
            train=trained,
            files={path: len((text or "").encode()) for path, text in files.items()},
            commands=[*config.retrain.update, *(["ci-kit train"] if trained else [])],
            checked=checked,
            title=" ".join([config.report.title or "", "" if self.monitor == "default" else self.monitor]).strip(),
            url=self.event.url,
        )
        return actions.redact(title), actions.redact(body)

    def _start(self, pull: Pull) -> str:
        """Start the configured workflow where the checks of the pull request do not start by themselves."""
        workflow = self.job.config.retrain.workflow
        if pull.checked or workflow is None:
            return "" if pull.checked else "Its checks wait for a click: the pull request says where."
        try:
            self.forge().dispatch(workflow, self.branch)
        except CiKitError as error:
            return f"Its checks could not be started: {error}"
        return f"{workflow} was started on {self.branch}."

    def _withdraw(self) -> Check:
        since = self._quiet_since()
        why = f"Drift has gone: the check finds none since the window {code(since)}. Nothing is left to retrain for."
        pull = self.forge().withdraw(self.branch, self.base, f"retrain-{self.slug}", why, self._stamp())
        if pull is None:
            return Check(id="publish", title="No drift, and no pull request is open", status="pass")
        if pull.outcome == "kept":
            self._found(pull.url)
            detail = f"Drift has gone, but {pull.detail}: close it by hand if nothing is left to do there."
            return Check(id="publish", title=DONE["kept"], status="skip", observed=pull.url, detail=detail)
        return Check(id="publish", title=DONE[pull.outcome], status="pass", observed=pull.url)

    def _leave(self) -> Check:
        url = self.forge().opened(self.branch, self.base)
        self._found(url or "")
        why = self._why()
        title = "The retraining pull request stays as it is" if url else "No pull request is open"
        return Check(id="publish", title=title, status="skip", observed=url, detail=why or None)

    def _why(self) -> str:
        """Say why nothing was done, in the update's own words."""
        if broken(self.drift):
            return "The drift check could not judge."
        if self.drift.status != "fail":
            return "Whether something drifts can't be told yet."
        told = [check for check in self.updated.checks if check.status != "pass"] if self.updated else []
        if not told:
            return "Drift persisted, and no update has left a change."
        texts = [f"{one.title}{f' ({one.observed})' if one.observed else ''}." for one in told[:3]]
        texts += [one.detail for one in told[:1] if one.id == "plan" and one.detail]
        return actions.harmless(" ".join(texts))

    def _quiet_since(self) -> str:
        """Return the first window of those without drift that lead up to the newest one."""
        known = {one.name: one for one in [*self.past, *self.windows] if one.name}
        since = window(self.drift)
        for one in reversed(known.values()):
            if not quiet(one):
                break
            since = str(one.name)
        return since

    def _found(self, url: str) -> None:
        self.url = url
        if url:
            actions.output("url", url)

    def _stamp(self) -> Stamp:
        return Stamp(run_id=self.event.run_id, attempt=self.event.attempt, sha=self.job.source.sha or "")
