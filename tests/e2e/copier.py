"""Git commits between a real repository and emulate, object by object, so that every SHA is the same on both sides."""

import base64
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.e2e.hub import Hub

IDENTITY = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "PATH": "/usr/local/bin:/usr/bin:/bin"}


def git(folder: Path, *arguments: str, stdin: bytes | None = None, env: dict[str, str] | None = None) -> bytes:
    """Run git without the machine's configuration and return its output, byte for byte."""
    command = ["git", "-C", str(folder), *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, env=env or IDENTITY, timeout=60, check=False)
    if done.returncode:
        raise RuntimeError(f"git {arguments[0]}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


class Copier:
    """Copies branches of `folder` to the hub and back; remembers what the hub has."""

    def __init__(self, hub: Hub, folder: Path) -> None:
        self._hub, self._folder = hub, folder
        self._known: set[str] = set()

    def push(self, branch: str, revision: str | None = None) -> str:
        """Copy the commits of a revision and set the hub's branch to it, by force; return the SHA."""
        head = git(self._folder, "rev-parse", f"{revision or branch}^{{commit}}").decode().strip()
        for sha in git(self._folder, "rev-list", "--reverse", "--topo-order", head).decode().split():
            if sha not in self._known:
                self._commit(sha)
        changed = self._hub.ask("PATCH", self._hub.path(f"/git/refs/heads/{branch}"), {"sha": head, "force": True})
        if changed.status >= 400:
            self._post("refs", {"ref": f"refs/heads/{branch}", "sha": head})
        return head

    def pull(self, branch: str) -> str | None:
        """Copy a branch of the hub into the folder's branch of the same name; None when the hub has none."""
        found = self._hub.ask("GET", self._hub.path(f"/git/ref/heads/{branch}"))
        if found.status == 404:
            return None
        sha: str = found.document["object"]["sha"]
        self._fetch(sha)
        git(self._folder, "update-ref", f"refs/heads/{branch}", sha)
        return sha

    def tag(self, name: str, sha: str) -> None:
        """Make the hub's annotated tag with that SHA a tag of the folder: of the same name, at the same commit."""
        made = self._hub.api("GET", self._hub.path(f"/git/tags/{sha}"))
        self._fetch(made["object"]["sha"])
        who = ("-c", "user.name=x", "-c", "user.email=x@localhost")
        git(self._folder, *who, "tag", "-f", "-a", "-m", made["message"], name, made["object"]["sha"])

    def _post(self, kind: str, document: dict[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = self._hub.api("POST", self._hub.path(f"/git/{kind}"), document)
        return made

    def _expect(self, kind: str, sha: str, document: dict[str, Any]) -> None:
        made = self._post(kind, document)["sha"]
        assert made == sha, f"emulate made {made} of {kind} {sha}"
        self._known.add(sha)

    def _commit(self, sha: str) -> None:
        raw = git(self._folder, "cat-file", "commit", sha).decode()
        head, _, message = raw.partition("\n\n")
        lines = [line.split(" ", 1) for line in head.split("\n")]
        tree = next(value for key, value in lines if key == "tree")
        self._tree(tree)
        document = {
            "message": message,
            "tree": tree,
            "parents": [value for key, value in lines if key == "parent"],
            **{who: self._person(sha, letter) for who, letter in (("author", "a"), ("committer", "c"))},
        }
        self._expect("commits", sha, document)

    def _person(self, sha: str, letter: str) -> dict[str, str]:
        form = f"--format=%{letter}n%x00%{letter}e%x00%{letter}I"
        name, mail, date = git(self._folder, "show", "-s", form, sha).decode().strip("\n").split("\0")
        return {"name": name, "email": mail, "date": date}

    def _tree(self, sha: str) -> None:
        if sha in self._known:
            return
        entries = []
        for line in git(self._folder, "ls-tree", "-z", sha).decode().split("\0")[:-1]:
            (mode, kind, child), path = line.split("\t", 1)[0].split(), line.split("\t", 1)[1]
            if kind == "tree":
                self._tree(child)
            elif child not in self._known:
                content = base64.b64encode(git(self._folder, "cat-file", "blob", child)).decode()
                self._expect("blobs", child, {"content": content, "encoding": "base64"})
            entries.append({"path": path, "mode": mode, "type": kind, "sha": child})
        self._expect("trees", sha, {"tree": entries})

    def _has(self, sha: str) -> bool:
        command = ["git", "-C", str(self._folder), "cat-file", "-e", sha]
        return subprocess.run(command, capture_output=True, env=IDENTITY, timeout=60, check=False).returncode == 0

    def _fetch(self, sha: str) -> None:
        if self._has(sha):
            return
        commit = self._hub.api("GET", self._hub.path(f"/git/commits/{sha}"))
        for parent in commit["parents"]:
            self._fetch(parent["sha"])
        self._fetch_tree(commit["tree"]["sha"])
        lines = [f"tree {commit['tree']['sha']}", *(f"parent {parent['sha']}" for parent in commit["parents"])]
        lines += [f"{who} {_stamp(commit[who])}" for who in ("author", "committer")]
        # emulate ends each message with a line feed before it makes the SHA, and gives it back without.
        raw = "\n".join([*lines, "", commit["message"].removesuffix("\n"), ""]).encode()
        made = git(self._folder, "hash-object", "-w", "-t", "commit", "--stdin", stdin=raw).decode().strip()
        assert made == sha, f"git made {made} of commit {sha}"

    def _fetch_tree(self, sha: str) -> None:
        lines = []
        for entry in self._hub.api("GET", self._hub.path(f"/git/trees/{sha}"))["tree"]:
            if entry["type"] == "tree":
                self._fetch_tree(entry["sha"])
            elif not self._has(entry["sha"]):
                blob = self._hub.api("GET", self._hub.path(f"/git/blobs/{entry['sha']}"))
                git(self._folder, "hash-object", "-w", "--stdin", stdin=base64.b64decode(blob["content"]))
            lines.append(f"{entry['mode']} {entry['type']} {entry['sha']}\t{entry['path']}")
        made = git(self._folder, "mktree", "-z", stdin="\0".join([*lines, ""]).encode() if lines else b"")
        assert made.decode().strip() == sha, f"git made another tree of {sha}"


def _stamp(person: dict[str, str]) -> str:
    moment = datetime.fromisoformat(person["date"])
    return f"{person['name']} <{person['email']}> {int(moment.timestamp())} {moment.strftime('%z')}"
