"""GitHub by its REST API: comments, the history branch, and pull requests of ours."""

import re
from collections.abc import Mapping
from urllib.parse import quote

from ci_kit.errors import UserError
from ci_kit.forge import onepull
from ci_kit.forge.base import Head, Proposal, Pull, Refused, Stamp
from ci_kit.forge.checks import Checks
from ci_kit.forge.client import Client
from ci_kit.forge.comments import WRITE
from ci_kit.forge.commits import Commits
from ci_kit.forge.git import Git
from ci_kit.forge.parts import Part
from ci_kit.forge.pictures import kept, place
from ci_kit.forge.pulls import Pulls
from ci_kit.forge.shared import Shared
from ci_kit.forge.statuses import keep_status
from ci_kit.forge.verdict import Verdict
from ci_kit.forge.verdicts import CheckKeeper

_REPO = re.compile(r"[\w.-]+/[\w.-]+")


class GitHubForge:
    """A repository on GitHub and, if there is one, the pull request under test.

    `url` is the run's, `git` a clone that may know the history, `server` where people see the repository.
    """

    def __init__(
        self,
        client: Client,
        repo: str,
        number: int | None,
        *,
        url: str = "",
        git: Git | None = None,
        server: str = "https://github.com",
    ) -> None:
        if not _REPO.fullmatch(repo):
            raise UserError(
                f"{repo!r} is not a repository", hint="GITHUB_REPOSITORY must be owner/name", code="github/event"
            )
        self._client, self._repo, self._number, self._url = client, repo, number, url
        self._git, self._server = git, server.rstrip("/")
        self._comments, self._commits = Shared(client, f"/repos/{repo}"), Commits(client, f"/repos/{repo}")
        self._checks = Checks(client, f"/repos/{repo}", url)

    def comment(self, report: str, body: str, stamp: Stamp) -> str:
        """Keep exactly one comment for the report and return its URL.

        Without a pull request nothing is written and the run's URL is returned.
        """
        return self._url if self._number is None else self._comments.keep(self._number, report, body, stamp)

    def share(self, comment: str, part: Part) -> str:
        """Keep the report's part in the one comment of that name; see `Shared.share`.

        Without a pull request nothing is written and the run's URL is returned.
        """
        return self._url if self._number is None else self._comments.share(self._number, comment, part)

    def show(self, name: str, stamp: Stamp, title: str, text: str, well: bool | None) -> None:
        """Say in a check on the commit how something stands; see `Checks.show`."""
        self._checks.show(name, stamp, title, text, well)

    def check(self, name: str, stamp: Stamp, verdict: Verdict) -> str:
        """Keep a check of the commit that says the verdict of the newest run; see `CheckKeeper`."""
        repo = f"/repos/{self._repo}"
        keeper = CheckKeeper(client=self._client, repo=repo, url=self._url, name=name, stamp=stamp, verdict=verdict)
        return keeper.keep()

    def status(self, name: str, stamp: Stamp, verdict: Verdict) -> str:
        """Keep a status of the commit that says the verdict of the newest run; see `keep_status`."""
        return keep_status(self._client, f"/repos/{self._repo}", self._url, name, stamp, verdict)

    def record(self, files: Mapping[str, bytes | None], message: str) -> str | None:
        """Commit the files to the branch `ci-kit`, fast-forward only; return the commit that has them."""
        return self._commits.record(files, message) if files else None

    def keep(self, pictures: Mapping[str, bytes]) -> dict[str, str]:
        """Commit the pictures to the branch `ci-kit`, without a call where it has them; name → address."""
        places = {name: place(content) for name, content in pictures.items()}
        files = {place(content): content for content in pictures.values()}
        known = kept(self._git)
        commit = known.commit
        if commit is None or not files.keys() <= known.places:
            gone, tip = dict.fromkeys(known.surplus(files)), (commit, known.tree) if commit else None
            commit = self._commits.record(files | gone, f"Keep {len(files)} pictures for a report", tip)
        return {name: f"{self._server}/{self._repo}/blob/{commit}/{at}?raw=true" for name, at in places.items()}

    def tag(self, name: str, commit: str, message: str) -> bool:
        """Make an annotated tag; False where there is one of that name already."""
        return self._commits.tag(name, commit, message)

    def propose(self, proposal: Proposal, stamp: Stamp) -> Pull:
        """Keep exactly one open pull request with one commit; see `onepull.propose`."""
        desk = self._desk(proposal.branch, proposal.base, proposal.name)
        return onepull.propose(desk, self._client.pause, proposal, stamp)

    def opened(self, branch: str, base: str) -> str | None:
        """Return the URL of the open pull request from the branch into the base."""
        found = self._desk(branch, base).look()
        return found.url if found else None

    def heads(self, source: str, branch: str) -> list[Head]:
        """Return all open pull requests from a branch of the repository `source`, which may be a fork."""
        head = quote(f"{source.partition('/')[0]}:{branch}", safe="")
        path = f"/repos/{self._repo}/pulls?state=open&head={head}&per_page=100"
        items = self._client.pages(path, need=WRITE)
        # An owner can have two forks, and GitHub leaves out a filter that it can't read.
        return [
            Head(
                number=int(item["number"]),
                sha=str(item["head"]["sha"]),
                merge_sha=item.get("merge_commit_sha"),
                base=str(item["base"]["ref"]),
            )
            for item in items
            if item["head"]["ref"] == branch and (item["head"].get("repo") or {}).get("full_name") == source
        ]

    def withdraw(self, branch: str, base: str, name: str, why: str, stamp: Stamp) -> Pull | None:
        """Close the open pull request of that name; see `onepull.withdraw`."""
        return onepull.withdraw(self._desk(branch, base, name), why, stamp)

    def dispatch(self, workflow: str, branch: str, inputs: Mapping[str, str] | None = None) -> None:
        """Start a workflow on a branch; not repeated blindly, as it would run twice.

        Raises UserError when the token may not, or the workflow has no `on: workflow_dispatch`.
        """
        path = f"/repos/{self._repo}/actions/workflows/{quote(workflow, safe='')}/dispatches"
        try:
            self._client.send(
                "POST", path, {"ref": branch} | ({"inputs": dict(inputs)} if inputs else {}), need="actions: write"
            )
        except Refused as error:
            if error.status not in (404, 422):
                raise
            what = f"GitHub did not start {workflow} on {branch}"
            hint = f"The default branch needs .github/workflows/{workflow} with `on: workflow_dispatch`"
            raise Refused(error.status, what, why=error.why, hint=hint) from error

    def _desk(self, branch: str, base: str, name: str = "") -> Pulls:
        return Pulls(self._client, self._repo, branch, base, name)
