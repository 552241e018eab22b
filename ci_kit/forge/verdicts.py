"""The verdict on a commit, kept as a check with its findings at their lines."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from ci_kit.errors import Unavailable
from ci_kit.forge.base import SETTLE, TURNS, Stamp, Unknown
from ci_kit.forge.checks import NEED, signature, written
from ci_kit.forge.client import Client
from ci_kit.forge.verdict import TEXT, Verdict

BATCH = 50  # annotations that GitHub takes at once
_NOTE = ("path", "start_line", "end_line", "annotation_level", "title", "message")


@dataclass(frozen=True, kw_only=True)
class _Run:
    """A check of ours on the commit; `state` is what it says, but for its annotations."""

    id: int
    order: tuple[int, int]
    url: str
    notes: int
    state: Mapping[str, Any]

    @property
    def ended(self) -> bool:
        return bool(self.state.get("status") == "completed")


@dataclass(kw_only=True)
class CheckKeeper:
    """Has every check of one name on one commit say the verdict of the newest run.

    There is one, but where two runs wrote at once, or where an older run's has annotations that are not true any more:
    GitHub deletes no check and takes no annotation back. One that a crash has left unfinished is taken over.
    """

    client: Client
    repo: str
    url: str
    name: str
    stamp: Stamp
    verdict: Verdict
    _made: dict[int, dict[str, Any]] = field(default_factory=dict)  # the answers to what we wrote
    _wrote: str = ""

    def keep(self) -> str:
        """Look, make one change, look again after `SETTLE`, until nothing is left to do; return the check's URL."""
        trouble = ""
        for _ in range(TURNS):
            try:
                if found := self._turn():
                    return found
            except Unknown as error:
                trouble = str(error)
            self.client.pause(SETTLE)
        if self._wrote:
            return self._wrote  # written, only not shown yet
        raise Unavailable(f"the check did not settle in {TURNS} rounds", why=trouble)

    def _turn(self) -> str | None:
        seen = self._seen()
        newest = max(seen, key=lambda run: (run.order, run.ended, -run.id), default=None)
        if newest is None or self._behind(newest):
            self._write(seen)
            return None
        late = [run for run in seen if newest.ended and (run.order < newest.order or not run.ended)]
        for run in late:
            self._send("PATCH", f"/{run.id}", newest.state)
        return None if late else newest.url

    @property
    def _state(self) -> dict[str, Any]:
        output = {"title": self.verdict.title, "summary": self.verdict.text[:TEXT]}
        return self._signed | {"status": "completed", "conclusion": self.verdict.outcome, "output": output}

    @property
    def _signed(self) -> dict[str, str]:
        return {"external_id": signature(self.stamp)} | ({"details_url": self.url} if self.url else {})

    def _behind(self, newest: _Run) -> bool:
        """Say whether our verdict should be written; once it was, the stamp alone tells (see `comments`)."""
        if newest.order != self.stamp.order:
            return newest.order < self.stamp.order
        return not self._wrote and newest.state != self._state

    def _seen(self) -> list[_Run]:
        """Return the checks with our name and stamp, and what we made although the list does not show it yet."""
        query = f"check_name={quote(self.name, safe='')}&filter=all&per_page=100"
        listed = self.client.get(f"{self.repo}/commits/{self.stamp.sha}/check-runs?{query}", need=NEED)
        items = {int(one["id"]): one for one in listed.get("check_runs") or []}
        runs = (_read(one) for one in (self._made | items).values() if one.get("name") == self.name)
        return sorted((run for run in runs if run), key=lambda run: run.id)

    def _write(self, seen: list[_Run]) -> None:
        """Say our verdict in the first check whose annotations all hold, or else in a new one."""
        wanted = {_key(note.annotation): note.annotation for note in self.verdict.notes}
        number, there = None, set[object]()
        for run in seen:
            if run.order <= self.stamp.order and (found := self._notes(run)) <= wanted.keys():
                number, there = run.id, found
                break
        missing = [key for key in wanted if key not in there]
        for start in range(0, max(1, len(missing)), BATCH):
            keys = missing[start : start + BATCH]
            body = dict(self._state) if start + BATCH >= len(missing) else {"output": self._state["output"]}
            body["output"] = body["output"] | ({"annotations": [wanted[key] for key in keys]} if keys else {})
            if number is None:
                new = {"name": self.name, "head_sha": self.stamp.sha, "status": "in_progress", **self._signed}
                answer = self._send("POST", "", new | body)
            else:
                answer = self._send("PATCH", f"/{number}", body)
            number = int(answer["id"])
        self._wrote = str(answer.get("html_url"))

    def _notes(self, run: _Run) -> set[object]:
        if not run.notes:
            return set()
        path = f"{self.repo}/check-runs/{run.id}/annotations?per_page=100"
        return {_key(one) for one in self.client.pages(path, need=NEED)}

    def _send(self, method: str, tail: str, body: Mapping[str, Any]) -> dict[str, Any]:
        # Not repeated blindly: annotations would stand there twice, and a newer run may have written meanwhile.
        answer: dict[str, Any] = self.client.send(
            method, f"{self.repo}/check-runs{tail}", body, repeat=False, need=NEED
        )[0]
        self._made[int(answer["id"])] = answer
        return answer


def _read(one: Mapping[str, Any]) -> _Run | None:
    """Return what the API tells of a check, None of one without our stamp."""
    order, output = written(one.get("external_id")), one.get("output") or {}
    if order < (0, 0):
        return None
    keys = ("external_id", "details_url", "status", "conclusion")
    said = {key: str(output.get(key) or "") for key in ("title", "summary")}
    return _Run(
        id=int(one["id"]),
        order=order,
        url=str(one.get("html_url")),
        notes=int(output.get("annotations_count") or 0),
        state={key: one[key] for key in keys if one.get(key) is not None} | {"output": said},
    )


def _key(note: Mapping[str, Any]) -> object:
    return tuple(note.get(key) for key in _NOTE)
