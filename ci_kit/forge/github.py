"""GitHub by its REST API: exactly one comment per report, and the history branch by the Git Data API."""

import base64
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ci_kit.errors import Unavailable, UserError
from ci_kit.forge.base import Stamp, mark, read_mark
from ci_kit.forge.client import Client, Refused, Unknown
from ci_kit.forge.history import BRANCH

TURNS = 12  # rounds of looking and acting before we give up
RECORD_TURNS = 20
SETTLE = 1.0  # seconds between a write and the look that checks it; GitHub asks for as much between writes
BOT = "github-actions[bot]"  # whose comments a workflow's own token writes
WRITE = "pull-requests: write"
_REPO = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True, kw_only=True)
class Comment:
    """A comment of ours with the marks of the report."""

    id: int
    body: str
    url: str
    stamp: Stamp


class GitHubForge:
    """A repository on GitHub and, if there is one, the pull request under test; `url` is the run's."""

    def __init__(self, client: Client, repo: str, number: int | None, *, url: str = "") -> None:
        if not _REPO.fullmatch(repo):
            raise UserError(f"{repo!r} is not a repository", hint="GITHUB_REPOSITORY must be owner/name")
        self._client, self._repo, self._number, self._url = client, f"/repos/{repo}", number, url
        self._issue, self._login, self._trouble = f"{self._repo}/issues/{number}", "", ""

    def comment(self, report: str, body: str, stamp: Stamp) -> str:
        """Keep exactly one comment for the report, whoever else writes at the same time; return its URL.

        Looks, makes one change, looks again after `SETTLE`, until nothing is left to do. The lowest id is kept, what a
        crash left behind is removed, an older attempt does not write over a newer one. GitHub has no conditional
        write: an older text that arrives late is mended if it arrives before the newer run's last look.
        Without a pull request nothing is written and the run's URL is returned.
        """
        if self._number is None:
            return self._url
        text, seen = mark(body, report, stamp), self._ours(report)
        stale, made, trouble = {one.id for one in seen}, None, ""
        for _ in range(TURNS):
            try:
                if not seen:
                    made = self._create(text)
                elif _behind(seen, text, stamp, written=made is not None):
                    made = self._update(seen[0], text)
                else:
                    self._delete(seen, [one for one in seen[1:] if one.id in stale or one.stamp == stamp])
                    return seen[0].url
            except Unknown as error:
                trouble = str(error)
            self._client.pause(SETTLE)
            seen = self._ours(report, made)
        if seen and made is not None:
            return seen[0].url  # written, only not shown yet
        raise Unavailable(f"the comment did not settle in {TURNS} rounds", why=trouble)

    def record(self, files: Mapping[str, bytes], message: str) -> None:
        """Commit the files to the branch `ci-kit`, fast-forward only; the same content again makes no commit."""
        if not files:
            return
        entries = [self._entry(path, content) for path, content in files.items()]
        for turn in range(RECORD_TURNS):
            if self._commit(entries, message):
                return
            self._client.pause(random.uniform(0, min(4.0, 0.1 * 2**turn)))  # noqa: S311 - only spreads the writers
        raise Unavailable(f"the branch {BRANCH} could not be moved in {RECORD_TURNS} attempts", why=self._trouble)

    def _ours(self, report: str, made: int | None = None) -> list[Comment]:
        """Return the comments that have the report's marks and that we wrote, the lowest id first.

        Anybody can write a comment that looks like ours; only the author tells. GitHub's lists can lag behind: one
        that we `made` is looked up by its id when the list does not show it yet.
        """
        items = list(self._client.pages(f"{self._issue}/comments?per_page=100", need=WRITE))
        if made is not None and all(item["id"] != made for item in items):
            items += self._found(f"{self._repo}/issues/comments/{made}")
        found = []
        for item in items:
            text, author = str(item.get("body") or ""), (item.get("user") or {}).get("login")
            stamp = read_mark(text, report)
            if stamp and author == self._myself():
                found.append(Comment(id=item["id"], body=text, url=str(item.get("html_url")), stamp=stamp))
        return sorted(found, key=lambda one: one.id)

    def _found(self, path: str) -> list[dict[str, Any]]:
        """Return what is there, as a list of one, or of none."""
        try:
            return [self._client.get(path)]
        except Refused as error:
            if error.status != 404:
                raise
            return []

    def _myself(self) -> str:
        """Return the login that our comments have; a workflow's own token can't ask, and need not."""
        if not self._login:
            try:
                self._login = str(self._client.get("/user")["login"])
            except Refused as error:
                if error.status == 401:
                    raise
                self._login = BOT
        return self._login

    def _create(self, text: str) -> int:
        made, _ = self._client.send("POST", f"{self._issue}/comments", {"body": text}, need=WRITE)
        # A GitHub App's token writes under the app's name, which only an answer reveals.
        self._login = str((made.get("user") or {}).get("login") or self._login)
        return int(made["id"])

    def _update(self, comment: Comment, text: str) -> int | None:
        path = f"{self._repo}/issues/comments/{comment.id}"
        try:
            # Not repeated blindly: after a wait, a newer run may have written it.
            self._client.send("PATCH", path, {"body": text}, repeat=False, need=WRITE)
        except Refused as error:
            if error.status != 404:
                raise
            return None
        return comment.id

    def _delete(self, seen: list[Comment], losers: list[Comment]) -> None:
        """Delete those that another comment makes superfluous; one that is newer than all others stays."""
        for one in losers:
            if all(one.stamp.order > other.stamp.order for other in seen if other is not one):
                continue
            try:
                self._client.send("DELETE", f"{self._repo}/issues/comments/{one.id}", need=WRITE)
            except Refused as error:
                if error.status != 404:
                    raise

    def _entry(self, path: str, content: bytes) -> dict[str, str]:
        entry = {"path": path, "mode": "100644", "type": "blob"}
        try:
            return entry | {"content": content.decode()}
        except UnicodeDecodeError:
            # Blobs, trees and commits that nothing points to have no effect, so making them twice does no harm.
            blob = {"content": base64.b64encode(content).decode(), "encoding": "base64"}
            return entry | {"sha": self._make("blobs", blob)["sha"]}

    def _make(self, kind: str, body: object) -> Any:
        return self._client.send("POST", f"{self._repo}/git/{kind}", body, repeat=True, need="contents: write")[0]

    def _commit(self, entries: list[dict[str, str]], message: str) -> bool:
        """Build one commit on the branch's present tip; say whether the branch has the files now."""
        git, need = f"{self._repo}/git", "contents: write"
        tip = self._tip()
        base = {"base_tree": self._client.get(f"{git}/commits/{tip}")["tree"]["sha"]} if tip else {}
        tree = self._make("trees", base | {"tree": entries})["sha"]
        if base and tree == base["base_tree"]:
            return True
        commit = self._make("commits", {"message": message, "tree": tree, "parents": [tip] if tip else []})["sha"]
        try:
            if tip:
                move = {"sha": commit, "force": False}
                self._client.send("PATCH", f"{git}/refs/heads/{BRANCH}", move, repeat=False, need=need)
            else:
                self._client.send("POST", f"{git}/refs", {"ref": f"refs/heads/{BRANCH}", "sha": commit}, need=need)
        except Unknown:
            return False  # the next turn finds our tree in place, or builds anew
        except Refused as error:
            # 422: the branch moved, or exists by now; 409: GitHub is moving it at this moment.
            if error.status not in (409, 422):
                raise
            self._trouble = str(error)
            return False
        return True

    def _tip(self) -> str | None:
        found = self._found(f"{self._repo}/git/ref/heads/{BRANCH}")
        return str(found[0]["object"]["sha"]) if found else None


def _behind(seen: list[Comment], text: str, stamp: Stamp, *, written: bool) -> bool:
    """Say whether the kept comment should get our text: nobody is newer, and it does not have it yet.

    Once we have written, the stamp alone tells: GitHub may store a text slightly changed.
    """
    if max(one.stamp.order for one in seen) > stamp.order:
        return False
    kept = seen[0]
    same = kept.body.replace("\r\n", "\n").strip() == text.strip()
    return kept.stamp.order < stamp.order or (not same and not written)
