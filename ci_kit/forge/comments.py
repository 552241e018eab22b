"""Exactly one comment per report on a pull request, whoever else writes at the same time."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ci_kit.errors import Unavailable
from ci_kit.forge.base import SETTLE, TURNS, Refused, Stamp, Unknown, mark, read_mark
from ci_kit.forge.client import Client

BOT = "github-actions[bot]"  # whose comments a workflow's own token writes
WRITE = "pull-requests: write"


@dataclass(frozen=True, kw_only=True)
class Comment:
    """A comment of ours with the marks of the report."""

    id: int
    body: str
    url: str
    stamp: Stamp


class Comments:
    """The comments of a repository; `repo` is its path, `/repos/owner/name`."""

    def __init__(self, client: Client, repo: str) -> None:
        self._client, self._repo, self._login = client, repo, ""

    def keep(self, number: int, report: str, body: str, stamp: Stamp) -> str:
        """Keep exactly one comment of the report on the pull request and return its URL.

        Looks, makes one change, looks again after `SETTLE`, until nothing is left to do. The lowest id is kept, what a
        crash left behind is removed, an older attempt does not write over a newer one. GitHub has no conditional
        write: an older text that arrives late is mended if it arrives before the newer run's last look.
        """
        text, seen = mark(body, report, stamp), self._ours(number, report)
        stale, made, trouble = {one.id for one in seen}, None, ""
        for _ in range(TURNS):
            try:
                if not seen:
                    made = self._create(number, text)
                elif _behind(seen, text, stamp, written=made is not None):
                    made = self._update(seen[0], text)
                else:
                    self._drop(_superfluous(seen, stale, stamp))
                    return seen[0].url
            except Unknown as error:
                trouble = str(error)
            self._client.pause(SETTLE)
            seen = self._ours(number, report, made)
        if seen and made is not None:
            return seen[0].url  # written, only not shown yet
        raise Unavailable(f"the comment did not settle in {TURNS} rounds", why=trouble)

    def _ours(self, number: int, report: str, made: int | None = None) -> list[Comment]:
        """Return the comments that have the report's marks and that we wrote, the lowest id first.

        Anybody can write a comment that looks like ours; only the author tells. GitHub's lists can lag behind: one
        that we `made` is looked up by its id when the list does not show it yet.
        """
        found = []
        for item in self._items(number, made):
            text, author = str(item.get("body") or ""), (item.get("user") or {}).get("login")
            stamp = read_mark(text, report)
            if stamp and author == self._myself():
                found.append(Comment(id=item["id"], body=text, url=str(item.get("html_url")), stamp=stamp))
        return sorted(found, key=lambda one: one.id)

    def _items(self, number: int, made: int | None) -> list[dict[str, Any]]:
        items = list(self._client.pages(f"{self._repo}/issues/{number}/comments?per_page=100", need=WRITE))
        if made is not None and all(item["id"] != made for item in items):
            lagging = self._client.find(f"{self._repo}/issues/comments/{made}")
            items += [lagging] if lagging else []
        return items

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

    def _create(self, number: int, text: str) -> int:
        path = f"{self._repo}/issues/{number}/comments"
        made: dict[str, Any] = self._client.send("POST", path, {"body": text}, need=WRITE)[0]
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

    def _drop(self, ids: Iterable[int]) -> None:
        """Delete these comments; one that somebody else deleted is gone, as it should be."""
        for one in ids:
            try:
                self._client.send("DELETE", f"{self._repo}/issues/comments/{one}", need=WRITE)
            except Refused as error:
                if error.status != 404:
                    raise


def _superfluous(seen: list[Comment], stale: set[int], stamp: Stamp) -> list[int]:
    """Return those beside the first that it makes superfluous; one that is newer than all others stays."""
    losers = [one for one in seen[1:] if one.id in stale or one.stamp == stamp]
    return [one.id for one in losers if any(one.stamp.order <= other.stamp.order for other in seen if other is not one)]


def _behind(seen: list[Comment], text: str, stamp: Stamp, *, written: bool) -> bool:
    """Say whether the kept comment should get our text: nobody is newer, and it does not have it yet.

    Once we have written, the stamp alone tells: GitHub may store a text slightly changed.
    """
    if max(one.stamp.order for one in seen) > stamp.order:
        return False
    kept = seen[0]
    same = kept.body.replace("\r\n", "\n").strip() == text.strip()
    return kept.stamp.order < stamp.order or (not same and not written)
