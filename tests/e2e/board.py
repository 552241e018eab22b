"""What a commit shows, where emulate knows less than GitHub: its statuses, and annotations that are appended."""

import itertools
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from tests.e2e.rules import REPO, Answer

DESCRIPTION, TITLE, MESSAGE = 140, 255, 64 * 2**10


@dataclass
class Board:
    """The statuses in the order of their writing, and the annotations by the number of their check."""

    url: str
    statuses: list[dict[str, Any]] = field(default_factory=list)
    notes: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    _count: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def before(self, method: str, path: str, query: str, document: Any) -> Answer | None:
        """Answer what emulate can't; None lets the request through."""
        if match := re.fullmatch(f"{REPO}/statuses/(?P<sha>[^/]+)", path):
            return self._status(match["sha"], document)
        if match := re.fullmatch(f"{REPO}/commits/(?P<sha>[^/]+)/statuses", path):
            return self._page([one for one in reversed(self.statuses) if one["sha"] == match["sha"]], path, query)
        if match := re.fullmatch(f"{REPO}/check-runs/(?P<number>[0-9]+)/annotations", path):
            return self._page(self.notes.get(int(match["number"]), []), path, query)
        if re.fullmatch(f"{REPO}/check-runs(/[0-9]+)?", path) and method in ("POST", "PATCH"):
            for one in (document.get("output") or {}).get("annotations", ()):
                if len(one.get("title", "")) > TITLE or len(one["message"].encode()) > MESSAGE or not one["path"]:
                    return Answer.of(422, {"message": "Invalid request. Annotation is too long", "status": "422"})
        return None

    def after(self, method: str, path: str, document: Any, answer: Answer) -> Answer:
        """Append annotations, and count them wherever a check is shown."""
        if answer.status >= 300 or not re.fullmatch(f"{REPO}/(commits/[^/]+/)?check-runs(/[0-9]+)?", path):
            return answer
        found = answer.document
        if method in ("POST", "PATCH"):
            kept = self.notes.setdefault(found["id"], [])
            for one in (document.get("output") or {}).get("annotations", ()):
                href = f"{self.url}/blob/{found['head_sha']}/{one['path']}"
                empty = {"title": None, "raw_details": None, "start_column": None, "end_column": None}
                kept.append({**empty, "blob_href": href, **one})
        for one in found.get("check_runs", [found]):
            one["output"]["annotations_count"] = len(self.notes.get(one["id"], ()))
        return Answer.of(answer.status, found)

    def _status(self, sha: str, document: Any) -> Answer:
        if len(document.get("description") or "") > DESCRIPTION:
            return Answer.of(422, {"message": "Validation Failed", "errors": ["description is too long"]})
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        number = next(self._count)
        empty = {"description": None, "target_url": None, "avatar_url": None, "creator": None, "context": "default"}
        stored = {"id": number, "node_id": f"S{number}", "url": f"https://api.github.com/statuses/{number}"}
        made = {**empty, "created_at": now, "updated_at": now, **stored, **document}
        self.statuses.append({**made, "sha": sha})
        return Answer.of(201, made)

    def _page(self, items: list[dict[str, Any]], path: str, query: str) -> Answer:
        asked = {key: int(values[0]) for key, values in parse_qs(query).items()}
        size, page = min(100, asked.get("per_page", 30)), asked.get("page", 1)
        answer = Answer.of(200, items[(page - 1) * size : page * size])
        if page * size < len(items):
            answer.headers["link"] = f'<{self.url}{path}?per_page={size}&page={page + 1}>; rel="next"'
        return answer
