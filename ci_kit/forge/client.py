"""A small client of GitHub's REST API: patient where a call may be repeated, clear where it was refused."""

import json
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from ci_kit import __version__
from ci_kit.authorities import authorities
from ci_kit.errors import Unavailable, UserError
from ci_kit.forge.base import Refused, Unknown
from ci_kit.forge.transfer import TIMEOUT, Sink, opened, sent, whole
from ci_kit.progress import busy

ATTEMPTS = 6
WAIT, TOTAL_WAIT = 60.0, 120.0  # seconds: the longest single wait, and all waits of one client together
MAX_BYTES, MAX_PAGES = 64 * 2**20, 100  # of one answer: a page of 100 comments has at most 100 × 65,536 characters
# The request was never sent, so even one that creates something may be repeated.
_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class _Trouble(Exception):  # noqa: N818 - never leaves this module
    """A call went wrong in a way that may pass; `unsent` when it was certainly not carried out."""

    def __init__(self, why: str, pause: float | None = None, *, unsent: bool = False) -> None:
        super().__init__(why)
        self.why, self.pause, self.unsent = why, pause, unsent


class Client:
    """Calls below one address, with one token; `sleep` and `now` (seconds since the epoch) can be replaced in tests."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.time,
    ) -> None:
        if not (token.isascii() and token.isprintable() and " " not in token):
            raise UserError(
                "the token holds characters that no token has", hint="Look at the secret's value", code="github/token"
            )
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {token}",
            "User-Agent": f"ci-kit/{__version__}",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        # No redirects: but for downloads they are for renamed repositories only, and the token must not travel.
        self._http = httpx.Client(headers=headers, timeout=TIMEOUT, transport=transport, verify=authorities())
        self._url, self.sleep, self.now, self._waited = url.rstrip("/"), sleep, now, 0.0

    def get(self, path: str, *, need: str = "") -> dict[str, Any]:
        """Return the parsed answer, an object."""
        found = self.send("GET", path, need=need)[0]
        if not isinstance(found, dict):
            raise Unavailable(f"GitHub answered GET {path} with something else than an object")
        return found

    def find(self, path: str, *, need: str = "") -> dict[str, Any] | None:
        """Return what is there as `get` does, None where nothing is."""
        try:
            return self.get(path, need=need)
        except Refused as error:
            if error.status == 404:
                return None
            raise

    def pages(self, path: str, *, need: str = "") -> Iterator[dict[str, Any]]:
        """Yield the items of all pages of a list; a next page elsewhere than below our own address is refused."""
        following: str | None = path
        for _ in range(MAX_PAGES):
            if following is None:
                return
            items, links = self.send("GET", following, need=need)
            if not isinstance(items, list):
                raise Unavailable(f"GitHub answered GET {path} with something else than a list")
            yield from (item for item in items if isinstance(item, dict))
            following = links.get("next", {}).get("url")
            if following is not None and not following.startswith(f"{self._url}/"):
                raise Unavailable(f"the next page of {path} is elsewhere than below {self._url}")
        raise Unavailable(f"{path} has more than {MAX_PAGES} pages")

    def send(self, method: str, path: str, body: object = None, *, repeat: bool | None = None, need: str = "") -> Any:
        """Make one call and return its parsed answer and its links.

        A `body` that is a path sends that file; one that is a function is asked for it before each attempt.
        `repeat` says whether the call may be made again when nobody knows if it worked; by default all but POST.
        A call that GitHub put off (429, or 403 with a rate limit) was not carried out and is always made again.
        `need` is the permission that a refusal names. Raises Refused, Unknown, and Unavailable after the last attempt.
        """
        repeat = method != "POST" if repeat is None else repeat
        return self._patiently(lambda: self._once(method, path, body, need), f"{method} {path}", repeat=repeat)

    def fetch(self, path: str, sink: Sink, *, need: str = "") -> None:
        """Hand the bytes at a path to `sink`, from the first one again after a trouble that passes."""
        self._patiently(lambda: self._bytes(path, sink, need), f"GET {path}", repeat=True)

    def _patiently(self, call: Callable[[], Any], name: str, *, repeat: bool) -> Any:
        for attempt in range(ATTEMPTS):
            try:
                return call()
            except _Trouble as error:
                trouble = error
            except (httpx.TransportError, httpx.DecodingError) as error:
                trouble = _Trouble(f"{type(error).__name__} {error}", unsent=isinstance(error, _UNSENT))
            pause = trouble.pause or min(8.0, 0.5 * 2.0**attempt) * random.uniform(0.5, 1.5)  # noqa: S311 - spreads
            if not (repeat or trouble.unsent):
                raise Unknown(f"GitHub did not answer {name}", why=trouble.why)
            if attempt == ATTEMPTS - 1 or not self._wait(pause):
                break
        raise Unavailable(f"GitHub did not answer {name}", why=trouble.why)

    def _once(self, method: str, path: str, body: object, need: str) -> Any:
        body = body() if callable(body) else body
        with sent(body) as parts, self._http.stream(method, self._at(path), **parts) as coming:
            answer = whole(coming, MAX_BYTES)
        if not answer.is_success:
            raise self._failure(answer, f"{method} {path}", need)
        try:
            return json.loads(answer.content) if answer.content else None, answer.links
        except (ValueError, RecursionError) as error:
            raise _Trouble("the answer is damaged") from error

    def _bytes(self, path: str, sink: Sink, need: str) -> None:
        with opened(self._http, self._at(path)) as coming:
            if not coming.is_success:
                raise self._failure(whole(coming, MAX_BYTES), f"GET {path}", need)
            sink(coming.iter_raw())

    def _failure(self, answer: httpx.Response, call: str, need: str) -> Exception:
        pause, why = self._put_off(answer), f"status {answer.status_code} {_message(answer)}".strip()
        if pause is not None:
            return _Trouble(f"{why}; it asks to wait {pause:,.0f} s", pause, unsent=True)
        return _Trouble(why) if answer.status_code >= 500 else refusal(answer, call, need)

    def pause(self, seconds: float) -> None:
        """Let others write before looking again."""
        self.sleep(seconds)

    def _at(self, path: str) -> str:
        return path if path.startswith("http") else f"{self._url}{path}"

    def _put_off(self, answer: httpx.Response) -> float | None:
        """Return how many seconds GitHub asks us to wait, None when it does not."""
        if answer.status_code not in (403, 429):
            return None
        after = answer.headers.get("retry-after", "")
        if after.isdecimal():
            return max(1.0, float(after))
        if answer.headers.get("x-ratelimit-remaining") == "0":
            reset = answer.headers.get("x-ratelimit-reset", "")
            return max(1.0, float(reset) - self.now()) if reset.isdecimal() else WAIT
        return WAIT if answer.status_code == 429 or "rate limit" in _message(answer).lower() else None

    def _wait(self, seconds: float) -> bool:
        """Wait, and say so, unless it is more than a job should wait."""
        if seconds > WAIT or self._waited + seconds > TOTAL_WAIT:
            return False
        self._waited += seconds
        busy(f"asking GitHub again after {seconds:.0f} s")
        self.sleep(seconds)
        return True


def refusal(answer: httpx.Response, call: str, need: str = "") -> Refused:
    """Turn a refusal into one line: what happened, GitHub's own words, what to do."""
    status, why = answer.status_code, _message(answer)
    if status == 401:
        hint = "Check GITHUB_TOKEN; in a workflow it is ${{ github.token }}"
        return Refused(status, "GitHub does not accept the token", why=why, hint=hint)
    if status == 403 and "not permitted to create" in why:
        hint = "Allow it in Settings > Actions > General, or use the token of an App or a person"
        return Refused(status, "the repository lets no workflow open pull requests", why=why, hint=hint)
    if status == 403 and need:
        hint = f"Add `{need}` to the job's permissions; a pull request from a fork never has it"
        return Refused(status, "the token may not do this", why=why, hint=hint)
    if status == 404:
        hint = "Check the repository's name and what the token may read"
        return Refused(status, f"GitHub shows this token nothing at {call.split()[-1]}", why=why, hint=hint)
    if 300 <= status < 400:
        return Refused(status, f"GitHub redirects {call}", why="was the repository renamed?")
    return Refused(status, f"GitHub refused {call} with status {status}", why=why)


def _message(answer: httpx.Response) -> str:
    try:
        document = json.loads(answer.content)
        errors = document.get("errors") or [{}]
        detail = errors[0].get("message", "") if isinstance(errors[0], dict) else str(errors[0])
        text = f"{document.get('message', '')} {detail}"
    except (ValueError, AttributeError, TypeError, KeyError, IndexError, RecursionError):
        text = ""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:200]
