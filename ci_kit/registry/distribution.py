"""A small client of OCI registries: the blobs and manifests of one repository.

Not the library `oras` (0.2.43): it sends its token to any host that an upload is directed to, takes any bytes for those
of the digest that it asked for, holds a whole archive in memory, and tries a refused login for two minutes.
"""

import json
import random
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx

from ci_kit.errors import Unavailable, UserError
from ci_kit.forge.transfer import Sink, joined, opened, same, sent, whole
from ci_kit.registry.credentials import HUB, LOCAL

ATTEMPTS, WAIT = 5, 60.0  # tries of one operation; the longest pause that a registry may ask for, in seconds
MAX_BYTES = 4 * 2**20  # of one answer that is no blob
Content = bytes | Path | None
Sleep = Callable[[float], None]
LogIn = Callable[[httpx.Response], str]


class _Trouble(Exception):  # noqa: N818 - never leaves this module
    """An operation went wrong in a way that may pass."""

    def __init__(self, why: str, pause: float = 0.0) -> None:
        super().__init__(why)
        self.pause = pause


class Registry:
    """A repository of a registry; `log_in` returns the Authorization header that a 401 asks for, empty where it can't.

    What is sent is named by its digest, so every operation may be repeated. Each raises UserError for what the registry
    refuses, and Unavailable when it does not answer.
    """

    def __init__(
        self, http: httpx.Client, host: str, repository: str, log_in: LogIn, *, sleep: Sleep = time.sleep
    ) -> None:
        scheme = "http" if host.partition(":")[0] in LOCAL else "https"
        api = "registry-1.docker.io" if host == HUB else host
        self._http, self._url, self._host = http, httpx.URL(f"{scheme}://{api}/v2/{repository}/"), host
        self._log_in, self._sleep, self._token = log_in, sleep, ""

    def upload(self, digest: str, content: bytes | Path) -> None:
        """Let the repository have a blob."""
        self._patiently(lambda: self._upload(digest, content))

    def tag(self, name: str, content: bytes, kind: str) -> None:
        """Let the repository have a manifest of that media type, named by a tag."""
        url, headers = self._url.join(f"manifests/{name}"), {"Content-Type": kind}
        self._patiently(lambda: self._ask("PUT", url, content, headers))

    def manifest(self, digest: str, kind: str) -> bytes | None:
        """Return a manifest, None where there is none; whether it has that digest is for the caller to see."""
        url, headers = self._url.join(f"manifests/{digest}"), {"Accept": kind}
        answer = self._patiently(lambda: self._ask("GET", url, None, headers, missing=True))
        return answer.content if answer.is_success else None

    def download(self, digest: str, sink: Sink) -> bool:
        """Hand the bytes of a blob to `sink`, from the first one again after a trouble; False where there is none."""
        url = self._url.join(f"blobs/{digest}")
        return bool(self._patiently(lambda: self._ask("GET", url, sink=sink, missing=True)).is_success)

    def _upload(self, digest: str, content: bytes | Path) -> httpx.Response:
        found = self._ask("HEAD", self._url.join(f"blobs/{digest}"), missing=True)
        if found.is_success:
            return found
        begun = self._ask("POST", self._url.join("blobs/uploads/"), b"")
        place = joined(self._url, begun.headers.get("location", "")).copy_add_param("digest", digest)
        return self._ask("PUT", place, content)

    def _patiently(self, call: Callable[[], httpx.Response]) -> httpx.Response:
        for attempt in range(ATTEMPTS):
            pause = min(8.0, 0.5 * 2.0**attempt) * random.uniform(0.5, 1.5)  # noqa: S311 - spreads
            try:
                return call()
            except _Trouble as error:
                pause, why = max(pause, error.pause), str(error)
            except (httpx.TransportError, httpx.DecodingError) as error:
                why = f"{type(error).__name__} {error}"
            if attempt == ATTEMPTS - 1 or pause > WAIT:
                break
            self._sleep(pause)
        raise Unavailable(f"the registry {self._host} did not answer", why=why)

    def _ask(
        self,
        method: str,
        url: httpx.URL,
        content: Content = None,
        headers: Mapping[str, str] | None = None,
        *,
        sink: Sink | None = None,
        missing: bool = False,
    ) -> httpx.Response:
        """Make one call, logged in once the registry asks for it; return a success, or a 404 where that says enough."""
        answer = self._call(method, url, content, headers or {}, sink)
        if answer.status_code == 401 and same(url, self._url):
            self._token = self._log_in(answer)
            answer = self._call(method, url, content, headers or {}, sink) if self._token else answer
        status, why = answer.status_code, f"status {answer.status_code} {_words(answer)}".strip()
        if answer.is_success or (status == 404 and missing):
            return answer
        if status >= 500 or status == 429:
            after = answer.headers.get("retry-after", "")
            raise _Trouble(why, float(after) if after.isdecimal() else 0.0)
        if status in (401, 403):
            hint = f"Set CI_KIT_REGISTRY_USER and CI_KIT_REGISTRY_PASSWORD, or type: docker login {self._host}"
            more = "; in a workflow, the job needs `packages: write`" if self._host == "ghcr.io" else ""
            raise UserError(f"{self._host} refuses the login", why=why, hint=hint + more)
        raise UserError(f"{self._host} refuses {method} {url.path[:100]}", why=why)

    def _call(
        self, method: str, url: httpx.URL, content: Content, headers: Mapping[str, str], sink: Sink | None
    ) -> httpx.Response:
        own = {"Authorization": self._token} if self._token and same(url, self._url) else {}
        if sink is None:
            with sent(content) as parts:
                parts["headers"] = {**parts.get("headers", {}), **headers, **own}
                with self._http.stream(method, url, **parts) as coming:
                    return whole(coming, MAX_BYTES)
        with opened(self._http, str(url), own) as coming:
            if not coming.is_success:
                return whole(coming, MAX_BYTES)
            sink(coming.iter_raw())
            return httpx.Response(coming.status_code)


def _words(answer: httpx.Response) -> str:
    """Return the registry's own words, at most 200 characters."""
    try:
        one = json.loads(answer.content)["errors"][0]
        text = f"{one['code']} {one.get('message', '')}"
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        text = ""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:200]
