"""Keep the report of ci-kit as one note on a GitLab merge request: `python3 -I gitlab_note.py report.md`.

CI_KIT_NOTE_TOKEN is a project access token (scope `api`, role Reporter); all other variables are GitLab's own.
"""

import json
import os
import sys
import urllib.request
from pathlib import Path
from typing import Any

PAGE = 100


def call(method: str, path: str, body: dict[str, str] | None = None) -> Any:
    """Send one request to the API and return what it answers; raise HTTPError when it refuses."""
    headers = {"PRIVATE-TOKEN": os.environ["CI_KIT_NOTE_TOKEN"], "Content-Type": "application/json"}
    url, data = os.environ["CI_API_V4_URL"] + path, json.dumps(body).encode() if body else None
    with urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method), timeout=60) as answer:
        return json.load(answer)


def keep(report: str) -> str:
    """Update our own note that has the report's hidden first line, or write one, and say which."""
    mark, known, _ = report.partition(" run=")
    if not (mark.startswith("<!-- ci-kit:report id=") and known):
        sys.exit("This is no report of `ci-kit report --stdout`.")
    notes = "/projects/{CI_PROJECT_ID}/merge_requests/{CI_MERGE_REQUEST_IID}/notes".format_map(os.environ)
    ours, page, found = call("GET", "/user")["id"], 1, list[Any]()
    while page == 1 or len(found) == PAGE:
        found = call("GET", f"{notes}?sort=asc&per_page={PAGE}&page={page}")
        for note in found:
            if note["author"]["id"] == ours and note["body"].startswith(f"{mark} run="):
                call("PUT", f"{notes}/{note['id']}", {"body": report})
                return f"updated note {note['id']}"
        page += 1
    return f"wrote note {call('POST', notes, {'body': report})['id']}"


if __name__ == "__main__":
    print(keep(Path(sys.argv[1]).read_text("utf-8")))
