"""A small GitHub with state: comments on one pull request, checks and statuses, users by token, refs and commits."""

import base64
import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from ci_kit.forge.client import Client
from ci_kit.forge.github import GitHubForge

URL = "https://api.test"
RUNS = "https://github.test/octo/demo/actions/runs"
Answer = tuple[int, Any] | httpx.Response
# Asked before each call, and told after it: method, path. It may raise, or answer in GitHub's place.
Watcher = Callable[[str, str], httpx.Response | None]


class Clock:
    """Time that passes only while all threads sleep, so that tests of timing are quick and sure."""

    def __init__(self, threads: int) -> None:
        self._now, self._awake, self._alarms = 0.0, threads, list[float]()
        self._changed = threading.Condition()

    def now(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        with self._changed:
            alarm = self._now + seconds
            self._alarms.append(alarm)
            self.leave()
            assert self._changed.wait_for(lambda: self._now >= alarm, 10)

    def leave(self) -> None:
        """Count one thread less as awake."""
        with self._changed:
            self._awake -= 1
            if self._awake == 0 and self._alarms:
                self._now = min(self._alarms)
                self._awake = sum(alarm <= self._now for alarm in self._alarms)
                self._alarms = [alarm for alarm in self._alarms if alarm > self._now]
                self._changed.notify_all()


FAULTS = (502, 503, 429, "limit", "timeout", "reset", "damaged")


def trouble(fault: int | str) -> httpx.Response:
    if fault == "timeout":
        raise httpx.ReadTimeout("no answer")
    if fault == "reset":
        raise httpx.ReadError("connection reset by peer")
    if fault == "damaged":
        return httpx.Response(200, content=b'[{"id": 1, "bo')
    if fault == "limit":
        message = {"message": "You have exceeded a secondary rate limit"}
        return httpx.Response(403, json=message, headers={"retry-after": "2"})
    return httpx.Response(int(fault), text="<html>")


class Crash(BaseException):
    """The process dies here."""


def crash() -> httpx.Response:
    raise Crash


@dataclass
class Hub:
    """The server; every call is atomic, and `journal` holds each as `METHOD path`."""

    users: Mapping[str, str | None] = field(default_factory=lambda: {"ours": "github-actions[bot]"})
    before: Watcher = lambda method, path: None
    after: Watcher = lambda method, path: None
    sleep: Callable[[float], None] = lambda seconds: None
    now: Callable[[], float] = time.time
    comments: dict[int, dict[str, Any]] = field(default_factory=dict)
    checks: dict[int, dict[str, Any]] = field(default_factory=dict)
    notes: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    statuses: list[dict[str, Any]] = field(default_factory=list)
    objects: dict[str, Any] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    journal: list[str] = field(default_factory=list)
    page: int = 100
    hidden: int = 0  # how many of the newest comments the list does not show yet
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _next: int = 0

    def forge(self, token: str = "ours", number: int | None = 3, run: int = 1) -> GitHubForge:
        return GitHubForge(self.client(token), "octo/demo", number, url=f"{RUNS}/{run}")

    def client(self, token: str = "ours") -> Client:
        return Client(URL, token, transport=httpx.MockTransport(self.handle), sleep=self.sleep, now=self.now)

    def handle(self, request: httpx.Request) -> httpx.Response:
        method, path = request.method, request.url.path
        answer = self.before(method, path)
        if answer is None:
            with self._lock:
                self.journal.append(f"{method} {path}")
                answer = self._answer(request)
        return self.after(method, path) or answer

    def at(self, moment: str, call: int, act: Callable[[], httpx.Response]) -> Callable[[], bool]:
        """Let `act` answer `before`, or instead of the answer `after`, one call (from 0); return whether it came."""
        left = [call]

        def watch(method: str, path: str) -> httpx.Response | None:
            left[0] -= 1
            return act() if left[0] == -1 else None

        setattr(self, moment, watch)
        return lambda: left[0] < 0

    def plant(self, body: str, login: str | None = "github-actions[bot]") -> int:
        self._next += 1
        self.comments[self._next] = {
            "id": self._next,
            "body": body,
            "user": login and {"login": login},
            "html_url": f"https://github.test/octo/demo/pull/3#{self._next}",
        }
        return self._next

    def _answer(self, request: httpx.Request) -> httpx.Response:
        token = request.headers["authorization"].removeprefix("Bearer ")
        if token not in self.users:
            return httpx.Response(401, json={"message": "Bad credentials"})
        route = f"{request.method} {request.url.path.removeprefix('/repos/octo/demo')}"
        body = json.loads(request.content or b"{}")
        for pattern, method in ROUTES.items():
            match = re.fullmatch(pattern, route)
            if match:
                made: Answer = getattr(self, method)(*match.groups(), body=body, token=token, request=request)
                return made if isinstance(made, httpx.Response) else httpx.Response(made[0], json=made[1])
        return httpx.Response(404, json={"message": "Not Found"})

    def user(self, *, token: str, **_: Any) -> Answer:
        if token == "ours" or (self.users[token] or "").endswith("[bot]"):
            return 403, {"message": "Resource not accessible by integration"}
        return 200, {"login": self.users[token]}

    def list_comments(self, *, request: httpx.Request, **_: Any) -> Answer:
        return self._part(list(self.comments.values())[: len(self.comments) - self.hidden], request)

    def _part(self, shown: list[dict[str, Any]], request: httpx.Request) -> httpx.Response:
        number = int(request.url.params.get("page", 1))
        part = shown[(number - 1) * self.page : number * self.page]
        more = number * self.page < len(shown)
        link = f'<{request.url.copy_set_param("page", number + 1)}>; rel="next"'
        return httpx.Response(200, json=part, headers={"link": link} if more else {})

    def create_comment(self, *, body: Any, token: str, **_: Any) -> Answer:
        return 201, self.comments[self.plant(body["body"], self.users[token])]

    def get_comment(self, number: str, **_: Any) -> Answer:
        found = self.comments.get(int(number))
        return (200, found) if found else (404, {"message": "Not Found"})

    def change_comment(self, number: str, *, body: Any, **_: Any) -> Answer:
        if int(number) not in self.comments:
            return 404, {"message": "Not Found"}
        self.comments[int(number)]["body"] = body["body"]
        return 200, self.comments[int(number)]

    def delete_comment(self, number: str, **_: Any) -> Answer:
        return (204, None) if self.comments.pop(int(number), None) else (404, {"message": "Not Found"})

    def list_checks(self, sha: str, *, request: httpx.Request, **_: Any) -> Answer:
        assert request.url.params["filter"] == "all"
        found = [one for one in self.checks.values() if one["head_sha"] == sha]
        return 200, {"check_runs": [one for one in found if one["name"] == request.url.params["check_name"]]}

    def create_check(self, *, body: Any, **_: Any) -> Answer:
        self._next += 1
        self.notes[self._next] = []
        self.checks[self._next] = {"id": self._next, "html_url": f"https://github.test/octo/demo/runs/{self._next}"}
        return 201, self._said(self._next, {"conclusion": None, "details_url": None, **body})

    def change_check(self, number: str, *, body: Any, **_: Any) -> Answer:
        assert int(number) in self.checks
        return 200, self._said(int(number), body)

    def _said(self, number: int, body: Any) -> dict[str, Any]:
        """Append annotations, as GitHub does, and replace the rest."""
        output = dict(body["output"])
        added = output.pop("annotations", [])
        assert len(added) <= 50
        self.notes[number] += added
        output["annotations_count"] = len(self.notes[number])
        self.checks[number] |= {**body, "output": output}
        return dict(self.checks[number])

    def list_notes(self, number: str, *, request: httpx.Request, **_: Any) -> Answer:
        return self._part(self.notes[int(number)], request)

    def list_statuses(self, sha: str, *, request: httpx.Request, **_: Any) -> Answer:
        return self._part([one for one in reversed(self.statuses) if one["sha"] == sha], request)

    def create_status(self, sha: str, *, body: Any, **_: Any) -> Answer:
        self._next += 1
        self.statuses.append({**body, "id": self._next, "sha": sha})
        return 201, self.statuses[-1]

    def get_ref(self, name: str, **_: Any) -> Answer:
        sha = self.refs.get(name)
        return (200, {"object": {"sha": sha}}) if sha else (404, {"message": "Not Found"})

    def create_ref(self, *, body: Any, **_: Any) -> Answer:
        name = body["ref"].removeprefix("refs/")
        if name in self.refs:
            return 422, {"message": "Reference already exists"}
        self.refs[name] = body["sha"]
        return 201, {}

    def change_ref(self, name: str, *, body: Any, **_: Any) -> Answer:
        assert body["force"] is False
        if self.objects[body["sha"]]["parents"] != [self.refs[name]]:
            return 422, {"message": "Update is not a fast forward"}
        self.refs[name] = body["sha"]
        return 200, {}

    def get_commit(self, sha: str, **_: Any) -> Answer:
        return 200, {"tree": {"sha": self.objects[sha]["tree"]}}

    def create_blob(self, *, body: Any, **_: Any) -> Answer:
        assert body["encoding"] == "base64"
        return 201, {"sha": self._store(base64.b64decode(body["content"]).hex())}

    def create_tree(self, *, body: Any, **_: Any) -> Answer:
        if body.get("base_tree", "") and body["base_tree"] not in self.objects:
            return 422, {"message": "base_tree is not a valid tree oid"}
        tree = dict(self.objects[body["base_tree"]]) if "base_tree" in body else {}
        for entry in body["tree"]:
            if "sha" in entry and entry["sha"] is None:
                if tree.pop(entry["path"], None) is None:
                    return 422, {"message": "GitRPC::BadObjectState"}
                continue
            tree[entry["path"]] = entry.get("sha") or self._store(entry["content"].encode().hex())
        return 201, {"sha": self._store(tree)}

    def create_commit(self, *, body: Any, **_: Any) -> Answer:
        return 201, {"sha": self._store({**body, "turn": len(self.objects)})}

    def _store(self, value: Any) -> str:
        sha = hashlib.sha1(json.dumps(value, sort_keys=True).encode()).hexdigest()
        self.objects[sha] = value
        return sha

    def files(self) -> dict[str, bytes]:
        """Return what the branch holds."""
        tree = self.objects[self.objects[self.refs["heads/ci-kit"]]["tree"]]
        return {path: bytes.fromhex(self.objects[sha]) for path, sha in tree.items()}

    def commits(self) -> int:
        """Return how many commits the branch has."""
        count, sha = 0, self.refs.get("heads/ci-kit")
        while sha:
            count, sha = count + 1, next(iter(self.objects[sha]["parents"]), None)
        return count


ROUTES = {
    r"GET /user": "user",
    r"GET /issues/3/comments": "list_comments",
    r"POST /issues/3/comments": "create_comment",
    r"GET /issues/comments/(\d+)": "get_comment",
    r"PATCH /issues/comments/(\d+)": "change_comment",
    r"DELETE /issues/comments/(\d+)": "delete_comment",
    r"GET /commits/(\w+)/check-runs": "list_checks",
    r"POST /check-runs": "create_check",
    r"PATCH /check-runs/(\d+)": "change_check",
    r"GET /check-runs/(\d+)/annotations": "list_notes",
    r"GET /commits/(\w+)/statuses": "list_statuses",
    r"POST /statuses/(\w+)": "create_status",
    r"GET /git/ref/(.+)": "get_ref",
    r"POST /git/refs": "create_ref",
    r"PATCH /git/refs/(.+)": "change_ref",
    r"GET /git/commits/(\w+)": "get_commit",
    r"POST /git/blobs": "create_blob",
    r"POST /git/trees": "create_tree",
    r"POST /git/commits": "create_commit",
}
