"""Releases where emulate is kinder or poorer than GitHub: unique names, bytes, and the other origin that has them."""

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, quote

from tests.e2e.rules import REPO, Answer, Upstream

STORAGE = "/_storage/"


@dataclass
class Releases:
    """GitHub's rules for releases; `url` is the gateway's, `storage` the address that has the bytes."""

    ask: Upstream
    url: str
    storage: str
    kept: dict[int, bytes] = field(default_factory=dict)
    unfinished: set[int] = field(default_factory=set)  # what uploads that broke off have left
    immutable: bool = False

    def before(self, method: str, path: str, query: str, accept: str, document: Any) -> Answer | None:
        """Answer what emulate would answer wrongly; None lets the request through."""
        if method == "POST" and (match := re.fullmatch(f"(?P<base>{REPO})/releases", path)):
            return self._tagged(match["base"], document["tag_name"])
        if method == "POST" and re.fullmatch(f"{REPO}/releases/[0-9]+/assets", path):
            if self.immutable:
                return Answer.of(422, {"message": "Cannot upload assets to an immutable release.", "status": "422"})
            name = parse_qs(query).get("name", [""])[0]
            if name in {one["name"] for one in self.ask("GET", f"{path}?per_page=100", b"").document}:
                return _taken("ReleaseAsset", "name")
        match = re.fullmatch(f"{REPO}/releases/assets/(?P<id>[0-9]+)", path)
        if method == "GET" and match and accept == "application/octet-stream" and int(match["id"]) in self.kept:
            place = f"{self.storage}{STORAGE}{match['id']}?sig=a%2Fsecret"
            return Answer(302, {"location": place, "content-type": "text/html;charset=utf-8"}, b"")
        return None

    def after(self, method: str, path: str, body: bytes, answer: Answer) -> Answer:
        """Keep the bytes of an upload, and mend what emulate answers otherwise than GitHub."""
        if "/releases" not in path or answer.status >= 300 or not answer.body:
            return answer
        document = answer.document
        if method == "POST" and path.endswith("/assets"):
            self.kept[document["id"]] = body
        for one in document if isinstance(document, list) else [document]:
            if "upload_url" in one:
                one["upload_url"] = one["upload_url"].replace(self.url, f"{self.url}/api/uploads", 1)
                one |= {"immutable": self.immutable, "updated_at": one["created_at"], "assets": []}
            else:
                self._asset(one)
        return Answer(answer.status, answer.headers, json.dumps(document).encode())

    def bytes_at(self, target: str, headers: dict[str, str]) -> Answer:
        """Answer as the storage behind GitHub does, which takes a signed address and no other credentials."""
        number = int(target.split("?")[0].removeprefix(STORAGE))
        if "authorization" in headers:
            return Answer(400, {"content-type": "application/xml"}, b"<Error><Code>InvalidArgument</Code></Error>")
        if "sig=" not in target or number not in self.kept:
            return Answer(404, {"content-type": "application/xml"}, b"<Error><Code>BlobNotFound</Code></Error>")
        return Answer(200, {"content-type": "application/octet-stream"}, self.kept[number])

    def _tagged(self, repo: str, tag: str) -> Answer | None:
        """A published release makes its tag on the default branch, unless that is there."""
        found = self.ask("GET", f"{repo}/releases/tags/{quote(tag)}", b"")
        if found.status == 200:
            return _taken("Release", "tag_name")
        tip = self.ask("GET", f"{repo}/git/ref/heads/main", b"")
        if tip.status != 200:
            return Answer.of(422, {"message": "Repository is empty.", "status": "422"})
        body = json.dumps({"ref": f"refs/tags/{tag}", "sha": tip.document["object"]["sha"]}).encode()
        self.ask("POST", f"{repo}/git/refs", body)
        return None

    def _asset(self, asset: dict[str, Any]) -> None:
        content = self.kept.get(asset["id"], b"")
        asset["digest"] = f"sha256:{hashlib.sha256(content).hexdigest()}"
        if asset["id"] in self.unfinished:
            asset |= {"state": "starter", "size": 0, "digest": None}


def _taken(resource: str, name: str) -> Answer:
    error = {"resource": resource, "code": "already_exists", "field": name}
    return Answer.of(422, {"message": "Validation Failed", "errors": [error], "status": "422"})
