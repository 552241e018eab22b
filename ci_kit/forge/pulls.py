"""GitHub's pull requests from branches of ours: single looks and single changes."""

from urllib.parse import quote

from ci_kit.forge.base import Proposal, Stamp, Unknown, read_mark
from ci_kit.forge.client import Client
from ci_kit.forge.comments import BOT, WRITE, Comments
from ci_kit.forge.commits import Commits
from ci_kit.forge.onepull import Open, Tip
from ci_kit.forge.proposals import change_of, read_seal, seal


class Pulls:
    """The pull request of that name from a branch into the base, in a repository `owner/name`."""

    def __init__(self, client: Client, repo: str, branch: str, base: str, name: str) -> None:
        self._client, self._branch, self._base, self._name = client, branch, base, name
        self._commits, self._comments = Commits(client, f"/repos/{repo}"), Comments(client, f"/repos/{repo}")
        self._owner, self._path = repo.partition("/")[0], f"/repos/{repo}/pulls"
        self._made, self._number = "", ""

    def look(self) -> Open | None:
        """Return the open pull request; one that we made is looked up where GitHub's list lags behind."""
        head, base = quote(f"{self._owner}:{self._branch}", safe=""), quote(self._base, safe="")
        items = list(self._client.pages(f"{self._path}?state=open&head={head}&base={base}&per_page=100", need=WRITE))
        if not items and self._made:
            items = [self._client.get(f"{self._path}/{self._made}", need=WRITE)]
        if not items:
            return None
        item = min(items, key=lambda one: int(one["number"]))
        self._number, text = str(item["number"]), str(item.get("body") or "")
        return Open(
            url=str(item.get("html_url")),
            number=int(item["number"]),
            title=str(item.get("title")),
            text=text,
            stamp=read_mark(text, self._name),
        )

    def tip(self) -> Tip | None:
        """Return the branch's newest commit; its author tells whose token this is, even an App's."""
        sha = self._commits.tip(self._branch)
        if sha is None:
            return None
        commit = self._commits.read(sha)
        found = read_seal(str(commit["message"]), str(commit["tree"]["sha"]), self._name)
        return Tip(sha=sha, seal=found, checked=(commit.get("author") or {}).get("name") != BOT)

    def push(self, proposal: Proposal, stamp: Stamp, old: str | None) -> None:
        """Make the proposal's commit and set the branch to it.

        GitHub moves a branch by force from wherever it is; so its tip is looked at right before.
        """
        base = self._commits.read(proposal.parent)["tree"]["sha"]
        files = {path: None if text is None else text.encode() for path, text in proposal.files.items()}
        tree = self._commits.tree(base, self._commits.entries(files))
        message = seal(proposal.message, proposal.name, stamp, tree, change_of(proposal))
        commit = self._commits.commit(message, tree, proposal.parent)
        if old and self._commits.tip(self._branch) != old:
            raise Unknown(f"the branch {self._branch} moved while its commit was being made")
        self._commits.move(self._branch, commit, old, force=True)

    def create(self, title: str, text: str) -> None:
        """Open the pull request."""
        body = {"title": title, "head": self._branch, "base": self._base, "body": text}
        self._made = str(self._client.send("POST", self._path, body, need=WRITE)[0]["number"])

    def rewrite(self, title: str, text: str) -> None:
        """Give it another title and text; not repeated blindly, as a newer run may have written since."""
        body = {"title": title, "body": text}
        self._client.send("PATCH", f"{self._path}/{self._number}", body, repeat=False, need=WRITE)

    def close(self, why: str, stamp: Stamp) -> None:
        """Say why in exactly one comment, and close."""
        self._comments.keep(int(self._number), self._name, why, stamp)
        self._client.send("PATCH", f"{self._path}/{self._number}", {"state": "closed"}, need=WRITE)

    def delete(self, tip: Tip) -> None:
        """Delete the branch; GitHub knows no condition on its tip, so that is looked at once more."""
        if self._commits.tip(self._branch) == tip.sha:
            self._commits.delete(self._branch)
