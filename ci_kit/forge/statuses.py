"""The verdict on a commit as its status: one of a name, that of the newest run."""

import re
from collections.abc import Mapping
from typing import Any

from ci_kit.errors import Unavailable
from ci_kit.forge.base import SETTLE, TURNS, Stamp
from ci_kit.forge.client import Client
from ci_kit.forge.verdict import DESCRIPTION, Verdict

WRITE = "statuses: write"
_ATTEMPT = re.compile(r"/runs/([0-9]{1,18})/attempts/([0-9]{1,9})$")


def keep_status(client: Client, repo: str, url: str, name: str, stamp: Stamp, verdict: Verdict) -> str:
    """Have the commit's status of that name be the newest run's, and return where that run is.

    GitHub takes the last one that was written: where an older run came later, the newest one's is written again. Which
    run wrote one stands in its address. `neutral` is a success here, as it is for GitHub's required checks.
    """
    state = "failure" if verdict.outcome == "failure" else "success"
    ours = {"context": name, "state": state, "description": verdict.title[:DESCRIPTION]}
    ours |= {"target_url": f"{url}/attempts/{stamp.attempt}"} if url else {}
    made: dict[str, Any] | None = None
    for _ in range(TURNS):
        listed = client.pages(f"{repo}/commits/{stamp.sha}/statuses?per_page=100", need=WRITE)
        seen = [one for one in listed if one.get("context") == name]
        if made and all(one["id"] != made["id"] for one in seen):
            seen = sorted([made, *seen], key=lambda one: -one["id"])
        newest = max(seen, key=_order, default=ours)
        wanted = {key: newest.get(key) for key in ours} if _order(newest) > _order(ours) else ours
        same = made or {key: seen[0].get(key) for key in ours} == wanted if seen else False
        if same and _order(seen[0]) == _order(wanted):
            return str(wanted.get("target_url") or "")
        # Twice the same does no harm.
        made = client.send("POST", f"{repo}/statuses/{stamp.sha}", wanted, repeat=True, need=WRITE)[0]
        client.pause(SETTLE)
    raise Unavailable(f"the status did not settle in {TURNS} rounds")


def _order(status: Mapping[str, Any]) -> tuple[int, int]:
    found = _ATTEMPT.search(str(status.get("target_url")))
    return (int(found[1]), int(found[2])) if found else (0, 0)
