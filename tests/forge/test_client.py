import gzip
import json
from collections.abc import Callable

import httpx
import pytest

from ci_kit.errors import FAILED, MISUSED, CiKitError, Unavailable
from ci_kit.forge import client as module
from ci_kit.forge.base import Refused, Unknown
from ci_kit.forge.client import Client

Handler = Callable[[httpx.Request], httpx.Response]


class Line:
    """A client whose server gives prepared answers in turn, the last one for ever."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers, self.requests, self.slept = list(answers), list[httpx.Request](), list[float]()
        transport = httpx.MockTransport(self.handle)
        self.client = Client(
            "https://api.test/v3/", "t0ken", transport=transport, sleep=self.slept.append, now=lambda: 1000
        )

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def refuse(status: int, message: str = "", **headers: str) -> httpx.Response:
    plain = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, json={"message": message}, headers=plain)


def test_a_request_says_who_asks_for_what() -> None:
    line = Line(httpx.Response(200, json={"a": 1}))
    assert line.client.get("/user") == {"a": 1}
    (request,) = line.requests
    assert str(request.url) == "https://api.test/v3/user"
    assert request.headers["authorization"] == "Bearer t0ken"
    assert request.headers["user-agent"].startswith("ci-kit/")
    assert request.headers["x-github-api-version"] == "2022-11-28"


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        (refuse(401, "Bad credentials"), MISUSED, ["does not accept the token", "GITHUB_TOKEN"]),
        (refuse(403, "Resource not accessible by integration"), MISUSED, ["Add `pull-requests: write`", "fork"]),
        (refuse(404, "Not Found"), MISUSED, ["nothing at /x", "repository's name"]),
        (
            httpx.Response(422, json={"message": "No", "errors": [{"message": "Body is too long"}]}),
            MISUSED,
            ["too long"],
        ),
        (httpx.Response(422, json={"message": "No", "errors": ["odd"]}), MISUSED, ["No odd"]),
        (httpx.Response(400, text="<html>\n\n"), MISUSED, ["status 400"]),
        (httpx.Response(410, json=[1]), MISUSED, ["status 410"]),
        (refuse(301, "Moved Permanently", location="https://elsewhere.test/"), MISUSED, ["renamed"]),
        (refuse(429, "slow down", retry_after="1"), FAILED, ["429 slow down", "wait 1 s"]),
        (refuse(403, "rate limit", x_ratelimit_remaining="0", x_ratelimit_reset="4600"), FAILED, ["wait 3,600 s"]),
        (httpx.Response(500, text="oops"), FAILED, ["status 500"]),
        (httpx.Response(503), FAILED, ["status 503"]),
        (httpx.ReadTimeout("slow"), FAILED, ["ReadTimeout"]),
        (httpx.ConnectError("Connection refused"), FAILED, ["Connection refused"]),
        (httpx.ReadError("reset by peer"), FAILED, ["reset by peer"]),
        (httpx.Response(200, content=b'{"a": '), FAILED, ["damaged"]),
        (httpx.Response(200, content=b"[" * 100_000), FAILED, ["damaged"]),
        (httpx.Response(200, json=[]), FAILED, ["something else than an object"]),
    ],
    ids=lambda value: str(value)[:40],
)
def test_every_trouble_ends_in_one_clear_line(answer: httpx.Response | Exception, code: int, words: list[str]) -> None:
    line = Line(answer)
    with pytest.raises(CiKitError) as caught:
        line.client.get("/x", need="pull-requests: write")
    text = str(caught.value)
    assert caught.value.exit_code == code
    assert [word for word in words if word not in text] == []
    assert "\n" not in text
    assert "t0ken" not in text
    assert len(text) < 500
    assert sum(line.slept) <= module.TOTAL_WAIT


@pytest.mark.parametrize(
    ("trouble", "get", "post"),
    [
        (httpx.Response(502), 2, Unknown),
        (httpx.ReadTimeout("slow"), 2, Unknown),
        (httpx.Response(200, content=b"{"), 2, Unknown),
        (httpx.ConnectError("refused"), 2, 2),
        (refuse(429, "slow down", retry_after="2"), 2, 2),
        (refuse(403, "secondary rate limit"), 2, 2),
        (refuse(403, "no"), Refused, Refused),
    ],
    ids=lambda value: str(value)[:40],
)
def test_only_what_was_not_carried_out_is_posted_again(
    trouble: httpx.Response | Exception, get: int | type[Exception], post: int | type[Exception]
) -> None:
    for method, wanted in (("GET", get), ("PATCH", get), ("DELETE", get), ("POST", post)):
        line = Line(trouble, httpx.Response(200, json={}))
        if isinstance(wanted, int):
            line.client.send(method, "/x")
            assert len(line.requests) == wanted
        else:
            with pytest.raises(wanted):
                line.client.send(method, "/x")
            assert len(line.requests) == 1


def test_the_wait_that_github_asks_for_is_kept() -> None:
    limits = [
        refuse(429, retry_after="7"),
        refuse(403, x_ratelimit_remaining="0", x_ratelimit_reset="1012"),
        refuse(403, x_ratelimit_remaining="0", x_ratelimit_reset="500"),
    ]
    line = Line(*limits, httpx.Response(200, json={}))
    line.client.get("/x")
    assert line.slept == [7, 12, 1]


def test_a_longer_wait_than_a_job_should_take_ends_at_once() -> None:
    line = Line(refuse(429, retry_after="61"))
    with pytest.raises(Unavailable):
        line.client.get("/x")
    assert (len(line.requests), line.slept) == (1, [])
    line = Line(refuse(429, retry_after="50"))
    with pytest.raises(Unavailable):
        line.client.get("/x")
    with pytest.raises(Unavailable):
        line.client.get("/x")
    assert line.slept == [50, 50]


def test_repeats_are_bounded_and_spread() -> None:
    line = Line(httpx.Response(503))
    with pytest.raises(Unavailable):
        line.client.get("/x")
    assert len(line.requests) == module.ATTEMPTS
    assert all(0.25 * 2**turn <= pause <= 0.75 * 2**turn for turn, pause in enumerate(line.slept))


def test_pages_follow_only_links_of_the_same_api() -> None:
    def page(number: int, link: str) -> httpx.Response:
        return httpx.Response(200, json=[{"n": number}, "odd"], headers={"link": f'<{link}>; rel="next"'})

    line = Line(page(1, "https://api.test/v3/x?page=2"), page(2, "https://evil.test/v3/x?page=3"))
    found = line.client.pages("/x")
    assert [next(found), next(found)] == [{"n": 1}, {"n": 2}]
    with pytest.raises(Unavailable, match="elsewhere"):
        next(found)
    assert {request.url.host for request in line.requests} == {"api.test"}
    for link in ("https://api.test.evil/v3/x", "https://api.test/v3evil"):
        with pytest.raises(Unavailable, match="elsewhere"):
            list(Line(page(1, link)).client.pages("/x"))


def test_endless_pages_end() -> None:
    endless = httpx.Response(200, json=[], headers={"link": '<https://api.test/v3/x>; rel="next"'})
    line = Line(endless)
    with pytest.raises(Unavailable, match="more than 100 pages"):
        list(line.client.pages("/x"))
    assert len(line.requests) == module.MAX_PAGES


def test_an_answer_beyond_the_limit_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 1000)
    bomb = gzip.compress(json.dumps({"a": "x" * 2000}).encode())
    with pytest.raises(Unavailable, match="larger than 1,000 bytes"):
        Line(stream(bomb)).client.get("/x")


def test_an_answer_that_can_not_be_unpacked_is_asked_for_again() -> None:
    assert Line(stream(b"not gzip"), stream(gzip.compress(b"{}"))).client.get("/x") == {}


def stream(packed: bytes) -> httpx.Response:
    return httpx.Response(200, stream=httpx.ByteStream(packed), headers={"content-encoding": "gzip"})


@pytest.mark.parametrize("token", ["a b", "a\nb", "é", "\0"])
def test_a_token_that_is_none_is_refused(token: str) -> None:
    with pytest.raises(CiKitError, match="no token has"):
        Client("https://api.test", token)
