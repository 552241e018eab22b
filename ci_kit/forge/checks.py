"""A check on a commit that is written again and again while something runs."""

import re
from typing import Any
from urllib.parse import quote

from ci_kit.forge.base import Stamp
from ci_kit.forge.client import Client

NEED = "checks: write"
_STAMP = re.compile(r"([0-9]{1,18})\.([0-9]{1,9})")


class Checks:
    """The check runs of a repository; `repo` is its path, `/repos/owner/name`, `url` that of the run behind them."""

    def __init__(self, client: Client, repo: str, url: str) -> None:
        self._client, self._repo, self._url, self._ids = client, repo, url, dict[str, int]()

    def show(self, name: str, stamp: Stamp, title: str, text: str, well: bool | None) -> None:
        """Say how it stands, in the check of that name on the commit: `well` is None until it has ended.

        One that an older run has left unfinished is taken over, so that none spins for ever; a newer run's is left.
        """
        state: dict[str, Any] = {"output": {"title": title, "summary": text}, "status": "in_progress"}
        if well is not None:
            state |= {"status": "completed", "conclusion": "success" if well else "failure"}
        number = self._ids.get(name) or self._left(name, stamp)
        more = {"external_id": signature(stamp)} | ({"details_url": self._url} if self._url else {})
        if number is None:
            body = {"name": name, "head_sha": stamp.sha, **more, **state}
            number = int(self._client.send("POST", f"{self._repo}/check-runs", body, need=NEED)[0]["id"])
        else:
            self._client.send("PATCH", f"{self._repo}/check-runs/{number}", more | state, need=NEED)
        self._ids[name] = number

    def _left(self, name: str, stamp: Stamp) -> int | None:
        query = f"check_name={quote(name, safe='')}&status=in_progress&filter=all"
        path = f"{self._repo}/commits/{stamp.sha}/check-runs?{query}"
        found = self._client.get(path, need=NEED).get("check_runs") or []
        ours = (one for one in found if one.get("name") == name and written(one.get("external_id")) <= stamp.order)
        return min((int(one["id"]) for one in ours), default=None)


def signature(stamp: Stamp) -> str:
    """Return what a check says of the run that wrote it."""
    return f"{stamp.run_id}.{stamp.attempt}"


def written(text: object) -> tuple[int, int]:
    """Return the order of the run that has signed a check so; what was not signed by us is older than any run."""
    found = _STAMP.fullmatch(str(text))
    return (int(found[1]), int(found[2])) if found else (-1, 0)
