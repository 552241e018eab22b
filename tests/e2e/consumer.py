"""A user's repository: real git, its `origin` a bare repository under GitHub's name, its commits copied to the hub."""

import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.e2e.copier import IDENTITY, Copier, git
from tests.e2e.hub import Hub

REMOTE = "https://github.com/octo/demo.git"


class Consumer:
    """One working tree; `commit`, `push`, open a pull request, and make the events that GitHub would send."""

    def __init__(self, hub: Hub, folder: Path, home: Path) -> None:
        self.hub, self.folder, self._bare = hub, folder / "demo", folder / "origin.git"
        self._clock = 1_700_000_000
        self.config = home / ".gitconfig"
        home.mkdir(parents=True, exist_ok=True)
        bare = self._bare.as_posix()
        self.config.write_text(
            f'[url "{bare}"]\n\tinsteadOf = {REMOTE}\n\tinsteadOf = {REMOTE.removesuffix(".git")}\n'
            "[user]\n\tname = Octo\n\temail = octo@example.com\n[advice]\n\tdetachedHead = false\n"
        )
        self.folder.mkdir()
        git(folder, "init", "-q", "--bare", "-b", "main", bare)
        self.git("init", "-q", "-b", "main")
        self.git("remote", "add", "origin", REMOTE)
        self._copier = Copier(hub, self.folder)
        self._mirror = Copier(hub, self._bare)

    def git(self, *arguments: str) -> str:
        """Run git in the working tree as a user does, at a time that is the same in each run."""
        self._clock += 60
        dates = dict.fromkeys(("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"), f"{self._clock} +0000")
        env = {**IDENTITY, **dates, "GIT_CONFIG_GLOBAL": str(self.config)}
        return git(self.folder, *arguments, env=env).decode().strip()

    def commit(self, files: Mapping[str, str | bytes], message: str = "Change", *, branch: str | None = None) -> str:
        """Write the files, commit them (on a new or existing branch, when one is named) and return the SHA."""
        if branch:
            exists = branch in self.git("branch", "--format=%(refname:short)").split()
            self.git("checkout", "-q", *(() if exists else ("-b",)), branch)
        for name, content in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        self.git("add", "-A")
        self.git("commit", "-qm", message)
        return self.git("rev-parse", "HEAD")

    def push(self, branch: str) -> str:
        """Push a branch to origin and to the hub; return its SHA."""
        self.git("push", "-qf", "origin", branch)
        return self._copier.push(branch)

    def pull(self, branch: str) -> str | None:
        """Bring what the hub's API wrote to a branch into origin, where `git fetch` finds it."""
        return self._mirror.pull(branch)

    @contextmanager
    def live(self) -> Iterator[None]:
        """Bring each new tag of the hub, and what it wrote to the history, into origin while a run goes on."""
        ended, seen = threading.Event(), len(self.hub.gateway.journal)
        wanted = re.compile(r"POST \S+/git/refs 201")

        def follow() -> None:
            nonlocal seen
            while True:
                last = ended.wait(0.05)
                for entry in self.hub.gateway.journal[seen:]:
                    seen += 1
                    asked = json.loads(entry.body) if wanted.match(str(entry)) else {"ref": ""}
                    if asked["ref"].startswith("refs/tags/"):
                        self._mirror.tag(asked["ref"].removeprefix("refs/tags/"), asked["sha"])
                if last:
                    return

        thread = threading.Thread(target=follow, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join(timeout=20)
            self.pull("ci-kit")

    def pull_event(self, number: int, action: str = "synchronize", *, fork: bool = False) -> dict[str, Any]:
        """Return the event of a pull request, made from the API's own object."""
        pull = self.hub.pull(number)
        if fork:
            stranger = {**pull["head"]["repo"], "full_name": "stranger/demo", "fork": True, "id": 999}
            pull["head"] = {**pull["head"], "repo": {**stranger, "owner": {"login": "stranger"}}}
        repository = self.hub.api("GET", self.hub.path())
        return {
            "action": action,
            "number": number,
            "pull_request": pull,
            "repository": repository,
            "sender": {"login": "octo"},
        }

    def push_event(self, branch: str = "main", before: str = "0" * 40) -> dict[str, Any]:
        """Return the event of a push."""
        sha = self.git("rev-parse", branch)
        repository = self.hub.api("GET", self.hub.path())
        return {
            "ref": f"refs/heads/{branch}",
            "before": before,
            "after": sha,
            "repository": repository,
            "head_commit": {"id": sha},
            "sender": {"login": "octo"},
        }
