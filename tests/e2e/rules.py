"""Where emulate is kinder or poorer than GitHub: these rules answer in its place, or mend its answer."""

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

MAX_BODY, MAX_TITLE = 65_536, 256
REPO = r"/repos/(?P<owner>[^/]+)/(?P<repo>[^/]+)"
# GITHUB_TOKEN of a run on the repository itself, of a run for a fork, an App's token, and a person's.
WRITE, READ, APP, PERSON = "ghs_write", "ghs_read", "ghs_app", "ghp_person"
FORK = "stranger/demo"
BOT, APP_BOT, OWNER = "github-actions[bot]", "octo-retrain[bot]", "octo"
TOKENS = {WRITE: BOT, READ: BOT, APP: APP_BOT, PERSON: OWNER}


@dataclass
class Answer:
    """A response on its way to the client."""

    status: int
    headers: dict[str, str]
    body: bytes

    @classmethod
    def of(cls, status: int, document: object) -> "Answer":
        """Make an answer of JSON."""
        return cls(status, {"content-type": "application/json; charset=utf-8"}, json.dumps(document).encode())

    @property
    def document(self) -> Any:
        """The JSON of the answer."""
        return json.loads(self.body) if self.body else None


Upstream = Callable[[str, str, bytes], Answer]


@dataclass
class Rules:
    """GitHub's rules; `ask` sends a request to emulate as the repository's owner."""

    ask: Upstream
    private: set[str] = field(default_factory=set)
    strangers: set[str] = field(default_factory=set)  # branches of ours that stand for those of a fork
    dispatches: list[tuple[str, str]] = field(default_factory=list)  # workflow, branch
    inputs: list[dict[str, str]] = field(default_factory=list)  # of each of them

    def before(self, method: str, path: str, token: str, document: Any) -> Answer | None:
        """Answer what emulate would answer wrongly; None lets the request through."""
        refused = self._permission(method, path, token) or self._limits(method, path, document)
        if refused:
            return refused
        if method == "POST" and re.fullmatch(f"{REPO}/pulls", path):
            return self._impossible(path, document) or self._duplicate(path, document)
        if method == "POST" and (match := re.fullmatch(f"(?P<base>{REPO})/git/(?P<kind>refs|trees)", path)):
            return self._nested(match["base"], document) if match["kind"] == "refs" else _malformed(document)
        if match := re.fullmatch(f"(?P<base>{REPO})/actions/workflows/(?P<name>[^/]+)/dispatches", path):
            return self._dispatch(match["base"], match["name"], document)
        if match := re.fullmatch(f"(?P<base>{REPO})/commits/(?P<sha>[^/]+)/pulls", path):
            pulls = [self._pull(one) for one in self.ask("GET", f"{match['base']}/pulls?state=all", b"").document]
            return Answer.of(200, [one for one in pulls if one["head"]["sha"] == match["sha"]])
        return None

    def home(self, target: str) -> str:
        """Look for the branches of the fork among ours."""
        return target.replace(f"head={quote(FORK.partition('/')[0] + ':', safe='')}", f"head={OWNER}%3A")

    def after(self, method: str, path: str, answer: Answer) -> Answer:
        """Mend what emulate answers otherwise than GitHub."""
        if match := re.fullmatch(f"(?P<base>{REPO})/git/refs/(?P<ref>.+)", path):
            if answer.status == 404:
                return Answer.of(422, {"message": "Reference does not exist", "status": "422"})
            if method == "DELETE" and answer.status == 204:
                self._abandon(match["base"], match["ref"].removeprefix("heads/"))
        if answer.status >= 300 or not answer.body:
            return answer
        document = answer.document
        if re.fullmatch(f"{REPO}/pulls(/[0-9]+)?", path):
            document = [self._pull(one) for one in document] if isinstance(document, list) else self._pull(document)
        if re.fullmatch(f"{REPO}/(commits/[^/]+/)?check-runs(/[0-9]+)?", path):
            for one in document.get("check_runs", [document]):
                one["output"] = {"annotations_url": f"{one['url']}/annotations", **one["output"]}
        _mend(document)
        return Answer(answer.status, answer.headers, json.dumps(document).encode())

    def _permission(self, method: str, path: str, token: str) -> Answer | None:
        if token and token not in TOKENS:
            return Answer.of(401, {"message": "Bad credentials", "status": "401"})
        repo = re.match(REPO, path)
        if repo and repo["repo"] in self.private and not token:
            return Answer.of(404, {"message": "Not Found", "status": "404"})
        if method != "GET" and not token:
            return Answer.of(401, {"message": "Requires authentication", "status": "401"})
        if (method != "GET" and token == READ) or (path == "/user" and token != PERSON):
            return Answer.of(403, {"message": "Resource not accessible by integration", "status": "403"})
        return None

    def _limits(self, method: str, path: str, document: Any) -> Answer | None:
        if method not in ("POST", "PATCH") or not isinstance(document, dict):
            return None
        body = document.get("body")
        if isinstance(body, str) and len(body) > MAX_BODY:
            return _invalid("body", f"body is too long (maximum is {MAX_BODY} characters)")
        if "/comments" in path and not (isinstance(body, str) and body.strip()):
            return _invalid("body", "body can't be blank")
        if re.fullmatch(f"{REPO}/pulls(/[0-9]+)?", path) and len(document.get("title") or "") > MAX_TITLE:
            return _invalid("title", f"title is too long (maximum is {MAX_TITLE} characters)")
        return None

    def _impossible(self, path: str, document: Any) -> Answer | None:
        """Both branches must be there, and differ."""
        repo = path.removesuffix("/pulls")
        tips = {}
        for name in ("head", "base"):
            found = self.ask("GET", f"{repo}/git/ref/heads/{quote(document[name].rpartition(':')[2])}", b"")
            if found.status == 404:
                error = {"resource": "PullRequest", "field": name, "code": "invalid"}
                return Answer.of(422, {"message": "Validation Failed", "errors": [error], "status": "422"})
            tips[name] = found.document["object"]["sha"]
        between = self.ask("GET", f"{repo}/compare/{tips['base']}...{tips['head']}", b"").document
        if between["ahead_by"] == 0:
            text = f"No commits between {document['base']} and {document['head']}"
            return _invalid("base", text, code="custom")
        return None

    def _nested(self, repo: str, document: Any) -> Answer | None:
        """As in git, there is no branch below a branch."""
        new = document["ref"]
        for ref in self.ask("GET", f"{repo}/git/matching-refs/heads", b"").document:
            if ref["ref"].startswith(f"{new}/") or new.startswith(f"{ref['ref']}/"):
                return Answer.of(422, {"message": "Reference update failed", "status": "422"})
        return None

    def _dispatch(self, repo: str, name: str, document: Any) -> Answer:
        found = self.ask("GET", f"{repo}/contents/.github/workflows/{name}", b"")
        if found.status != 200:
            return Answer.of(404, {"message": "Not Found", "status": "404"})
        if b"workflow_dispatch" not in base64.b64decode(found.document["content"]):
            text = "Workflow does not have 'workflow_dispatch' trigger"
            return Answer.of(422, {"message": text, "status": "422"})
        if self.ask("GET", f"{repo}/git/ref/heads/{quote(document['ref'])}", b"").status != 200:
            return Answer.of(422, {"message": f"No ref found for: {document['ref']}", "status": "422"})
        self.dispatches.append((name, document["ref"]))
        self.inputs.append(document.get("inputs", {}))
        return Answer(204, {}, b"")

    def _abandon(self, repo: str, branch: str) -> None:
        """GitHub closes the pull requests of a branch that was deleted; the branch is as it stood in the path."""
        head = f"{repo.split('/')[2]}:{unquote(branch)}"
        for pull in self.ask("GET", f"{repo}/pulls?state=open&head={quote(head)}", b"").document:
            self.ask("PATCH", f"{repo}/pulls/{pull['number']}", b'{"state": "closed"}')

    def _duplicate(self, path: str, document: Any) -> Answer | None:
        head = document["head"] if ":" in document["head"] else f"{path.split('/')[2]}:{document['head']}"
        query = f"{path}?state=open&head={quote(head)}&base={quote(document['base'])}"
        if self.ask("GET", query, b"").document:
            return _invalid("head", f"A pull request already exists for {head}.", code="custom")
        return None

    def _pull(self, pull: dict[str, Any]) -> dict[str, Any]:
        """An open pull request follows its branch."""
        if pull["state"] == "open" and pull["head"]["repo"]:
            repo, branch = pull["head"]["repo"]["full_name"], pull["head"]["ref"]
            found = self.ask("GET", f"/repos/{repo}/git/ref/heads/{quote(branch)}", b"")
            if found.status == 200:
                pull["head"]["sha"] = found.document["object"]["sha"]
            if branch in self.strangers:
                pull["head"]["repo"] = {**pull["head"]["repo"], "full_name": FORK, "fork": True}
                pull["head"]["label"] = f"{FORK.partition('/')[0]}:{branch}"
        return pull


def _invalid(field: str, message: str, code: str = "unprocessable") -> Answer:
    error = {"resource": "Issue", "field": field, "code": code, "message": message}
    return Answer.of(422, {"message": "Validation Failed", "errors": [error], "status": "422"})


def _malformed(document: Any) -> Answer | None:
    for entry in document["tree"]:
        if ".git" in entry["path"].lower().split("/"):
            text = "tree.path contains a malformed path component"
            return Answer.of(422, {"message": text, "status": "422"})
    return None


def _mend(node: Any) -> None:
    """Let bots be bots, and times have whole seconds."""
    if isinstance(node, list):
        for item in node:
            _mend(item)
    elif isinstance(node, dict):
        if str(node.get("login", "")).endswith("[bot]"):
            node["type"] = "Bot"
        for key, value in node.items():
            if key.endswith("_at") and isinstance(value, str):
                node[key] = re.sub(r"\.\d+Z$", "Z", value)
            else:
                _mend(value)
