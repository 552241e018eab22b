"""The release store: one release and one asset, whatever goes wrong at which call; the token stays with GitHub."""

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from ci_kit.authorities import authorities
from ci_kit.errors import CiKitError, Unavailable, UserError
from ci_kit.forge import assets as module
from ci_kit.forge.assets import Assets
from ci_kit.forge.client import Client
from ci_kit.registry.github import Releases, connect
from tests.e2e.conftest import require
from tests.e2e.faults import Fault, forbidden, secondary
from tests.e2e.hub import Hub, missing
from tests.e2e.rules import READ, WRITE

DIGEST = hashlib.sha256(b"a bento").hexdigest()
NAME = f"{DIGEST[:16]}.bento"
TAG, PLACE = "digits-bentos", f"digits-bentos/{NAME}"
CONTENT = os.urandom(50_000)
Handler = Callable[[httpx.Request], httpx.Response]

PASSING = {
    "429": secondary(1, status=429),
    "secondary 403": secondary(1),
    "500": Fault(status=500),
    "502": Fault(status=502),
    "503": Fault(status=503),
    "reset": Fault(kind="reset"),
    "reset after": Fault(kind="reset-after"),
    "truncated": Fault(kind="truncate"),
    "timeout": Fault(kind="stall", seconds=0.8),
}

FOR_GOOD = {
    "401": Fault(status=401, body={"message": "Bad credentials"}),
    "403": forbidden(),
    "404": Fault(status=404, body={"message": "Not Found"}),
    "422": Fault(status=422, body={"message": "Validation Failed"}),
    "429": secondary(3600, status=429),
    "502": Fault(status=502),
    "reset": Fault(kind="reset"),
    "reset after": Fault(kind="reset-after"),
    "truncated": Fault(kind="truncate"),
}


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "made" / "digits.bento"
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Path]:
    """Where an archive is brought; nothing half-written may lie beside it."""
    folder = tmp_path / "brought"
    folder.mkdir()
    yield folder / "digits.bento"
    assert {path.name for path in folder.iterdir()} <= {"digits.bento"}


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    """One GitHub for this module."""
    require(missing(), os.environ)
    with Hub() as hub:
        yield hub


class Hasty(httpx.HTTPTransport):
    """Waits for no answer longer than a moment, whatever the client is ready to wait."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.extensions["timeout"] = dict.fromkeys(("connect", "read", "write", "pool"), 0.4)
        return super().handle_request(request)


@pytest.mark.e2e
class TestOnGitHub:
    @pytest.fixture
    def github(self, hub: Hub) -> Iterator[Hub]:
        hub.reset()
        hub.sample()
        yield hub
        assert not hub.gateway.violations, "\n".join(hub.gateway.violations)
        assert not [entry for entry in hub.gateway.journal if entry.path.startswith("/_storage") and entry.token]

    @pytest.fixture
    def store(self, github: Hub) -> Iterator[Callable[..., Releases]]:
        made: list[httpx.HTTPTransport] = []

        def make(token: str = WRITE) -> Releases:
            made.append(Hasty(verify=authorities()))
            client = Client(github.url, token, transport=made[-1], sleep=lambda _: None)
            return Releases(Assets(client, github.url, "/repos/octo/demo"))

        yield make
        for transport in made:
            transport.close()

    def lies_there(self, hub: Hub) -> list[str]:
        """Return the assets of all releases; there must be one release at the most."""
        releases = hub.api("GET", hub.path("/releases?per_page=100"))
        assert len(releases) <= 1
        return [asset["name"] for release in releases for asset in release["assets"]]

    def healed(self, hub: Hub, store: Callable[..., Releases], archive: Path, target: Path) -> None:
        """See that a run on a better day finds or makes the one asset, and that it is right."""
        hub.gateway.faults.clear()
        assert store().put(archive, "digits", DIGEST) == PLACE
        assert self.lies_there(hub) == [NAME]
        store().get(PLACE, target)
        assert target.read_bytes() == CONTENT

    def test_the_release_is_public_and_never_the_latest(
        self, github: Hub, store: Callable[..., Releases], archive: Path
    ) -> None:
        assert store().put(archive, "digits", DIGEST) == PLACE
        (call,) = [entry for entry in github.gateway.journal if str(entry) == "POST /repos/octo/demo/releases 201"]
        sent = json.loads(call.body)
        assert (sent["tag_name"], sent["draft"], sent["make_latest"]) == (TAG, False, "false")
        assert github.ask("GET", github.path(f"/git/ref/tags/{TAG}")).status == 200

    def test_a_first_bento_needs_seven_requests_and_the_same_again_two(
        self, github: Hub, store: Callable[..., Releases], archive: Path
    ) -> None:
        store().put(archive, "digits", DIGEST)
        kinds = [call.split()[0] for call in github.gateway.calls()]
        assert kinds == ["GET", "POST", "GET", "GET", "POST", "GET", "GET"]
        github.gateway.journal.clear()
        store().put(archive, "digits", DIGEST)
        assert [call.split()[0] for call in github.gateway.calls()] == ["GET", "GET"]

    def test_each_model_has_a_release_and_each_bento_an_asset(
        self, github: Hub, store: Callable[..., Releases], archive: Path
    ) -> None:
        for model in ("digits", "letters"):
            for digest in (DIGEST, DIGEST[::-1]):
                store().put(archive, model, digest)
        found = github.api("GET", github.path("/releases"))
        assert {one["tag_name"]: len(one["assets"]) for one in found} == {TAG: 2, "letters-bentos": 2}

    def test_an_asset_behind_a_hundred_others_is_found(
        self, github: Hub, store: Callable[..., Releases], archive: Path, target: Path
    ) -> None:
        store().put(archive, "digits", DIGEST)
        (release,) = github.api("GET", github.path("/releases"))
        for number in range(105):
            github.api("POST", github.path(f"/releases/{release['id']}/assets?name={number}.bento"))
        store().put(archive, "digits", DIGEST)
        store().get(PLACE, target)
        assert target.read_bytes() == CONTENT

    def test_writers_that_all_look_first_leave_one_asset(
        self, github: Hub, store: Callable[..., Releases], archive: Path
    ) -> None:
        barrier = github.gateway.barrier("GET", f"/repos/octo/demo/releases/tags/{TAG}", 8)
        with ThreadPoolExecutor(8) as pool:
            places = set(pool.map(lambda _: store().put(archive, "digits", DIGEST), range(8)))
        assert barrier.opened
        assert places == {PLACE}
        assert self.lies_there(github) == [NAME]

    def test_what_an_upload_left_is_replaced(
        self, github: Hub, store: Callable[..., Releases], archive: Path, target: Path
    ) -> None:
        store().put(archive, "digits", DIGEST)
        (left,) = github.gateway.releases.kept
        github.gateway.releases.unfinished.add(left)
        with pytest.raises(UserError, match="the store has no"):
            store().get(PLACE, target)
        self.healed(github, store, archive, target)
        assert github.gateway.calls(f"^DELETE .*/assets/{left} 204")

    def test_an_upload_that_others_are_at_is_waited_for(
        self, github: Hub, store: Callable[..., Releases], archive: Path
    ) -> None:
        store().put(archive, "digits", DIGEST)
        (left,) = github.gateway.releases.kept
        github.gateway.releases.unfinished.add(left)
        looks: list[float] = []

        def sleep(seconds: float) -> None:
            looks.append(seconds)
            if len(looks) == 3:
                github.gateway.releases.unfinished.clear()

        with httpx.HTTPTransport(verify=authorities()) as transport:
            client = Client(github.url, WRITE, transport=transport, sleep=sleep)
            Releases(Assets(client, github.url, "/repos/octo/demo")).put(archive, "digits", DIGEST)
        assert len(looks) == 3
        assert not github.gateway.calls("^DELETE")

    def test_other_bytes_of_that_name_stay_and_are_one_line(
        self, github: Hub, store: Callable[..., Releases], archive: Path
    ) -> None:
        store().put(archive, "digits", DIGEST)
        for other in (CONTENT[::-1], b"x"):
            archive.write_bytes(other)
            with pytest.raises(UserError, match=f"the release {TAG} has another {NAME}"):
                store().put(archive, "digits", DIGEST)
        assert list(github.gateway.releases.kept.values()) == [CONTENT]

    def test_immutable_releases_are_named_with_what_to_take_instead(
        self, github: Hub, store: Callable[..., Releases], archive: Path
    ) -> None:
        github.gateway.releases.immutable = True
        with pytest.raises(UserError, match=r"takes no more files \(.*immutable.*oci://REGISTRY/REPOSITORY"):
            store().put(archive, "digits", DIGEST)

    def test_a_token_that_only_reads_is_told_what_it_lacks(
        self, github: Hub, store: Callable[..., Releases], archive: Path, target: Path
    ) -> None:
        with pytest.raises(UserError, match="contents: write"):
            store(READ).put(archive, "digits", DIGEST)
        store().put(archive, "digits", DIGEST)
        store(READ).get(PLACE, target)
        assert target.read_bytes() == CONTENT

    def test_an_empty_repository_is_one_line(self, hub: Hub, archive: Path) -> None:
        hub.reset()
        with httpx.HTTPTransport(verify=authorities()) as transport:
            client = Client(hub.url, WRITE, transport=transport, sleep=lambda _: None)
            with pytest.raises(UserError, match="Repository is empty"):
                Releases(Assets(client, hub.url, "/repos/octo/demo")).put(archive, "digits", DIGEST)

    @pytest.mark.parametrize("position", range(7))
    @pytest.mark.parametrize("name", PASSING)
    def test_what_passes_is_waited_out_at_each_call_of_a_put(
        self, github: Hub, store: Callable[..., Releases], archive: Path, target: Path, name: str, position: int
    ) -> None:
        fault = github.gateway.fault(replace(PASSING[name], times=1, skip=position, hits=0))
        assert store().put(archive, "digits", DIGEST) == PLACE
        assert fault.hits == 1
        assert self.lies_there(github) == [NAME]
        self.healed(github, store, archive, target)
        assert len([entry for entry in github.gateway.journal if entry.method == "POST" and entry.status == 201]) <= 2

    @pytest.mark.parametrize("path", ["/repos/octo/demo/releases", "/repos/octo/demo/releases/.*/assets"])
    def test_what_arrives_long_after_we_gave_up_makes_no_second_one(
        self, github: Hub, store: Callable[..., Releases], archive: Path, target: Path, path: str
    ) -> None:
        github.gateway.fault(Fault(method="POST", path=path, kind="stall", seconds=0.8))
        store().put(archive, "digits", DIGEST)
        deadline = time.monotonic() + 10
        while len(late := github.gateway.calls(f"^POST {path}[^/]* 422")) < 1 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(late) == 1
        self.healed(github, store, archive, target)

    @pytest.mark.parametrize("position", range(4))
    @pytest.mark.parametrize("name", PASSING)
    def test_what_passes_is_waited_out_at_each_call_of_a_get(
        self, github: Hub, store: Callable[..., Releases], archive: Path, target: Path, name: str, position: int
    ) -> None:
        store().put(archive, "digits", DIGEST)
        fault = github.gateway.fault(replace(PASSING[name], times=1, skip=position, hits=0))
        store().get(PLACE, target)
        assert fault.hits == 1
        assert target.read_bytes() == CONTENT

    @pytest.mark.parametrize("position", range(11))
    @pytest.mark.parametrize("name", FOR_GOOD)
    def test_what_stays_broken_is_one_line_and_the_next_run_heals(
        self, github: Hub, store: Callable[..., Releases], archive: Path, target: Path, name: str, position: int
    ) -> None:
        fault = github.gateway.fault(replace(FOR_GOOD[name], times=-1, skip=position, hits=0))
        with pytest.raises(CiKitError) as caught:
            store().get(store().put(archive, "digits", DIGEST), target)
        text = str(caught.value)
        assert fault.hits
        assert "\n" not in text
        assert len(text) < 500
        assert WRITE not in text
        assert "secret" not in text
        assert len(github.gateway.journal) <= 60
        assert not target.exists()
        assert len(self.lies_there(github)) <= 1
        self.healed(github, store, archive, target)


API = "https://api.github.com"
ASSET = {"id": 7, "name": NAME, "state": "uploaded", "size": len(CONTENT), "digest": None}
RELEASE = {
    "id": 1,
    "tag_name": TAG,
    "upload_url": "https://uploads.github.com/repos/o/r/releases/1/assets{?name,label}",
}


class Fake:
    """GitHub as a test wants it, without any server; what was sent to whom is kept."""

    def __init__(self, url: str = API, **release: Any) -> None:
        self.url, self.release, self.assets = url, {**RELEASE, **release}, list[dict[str, Any]]()
        self.sent: list[httpx.Request] = []
        self.download: Handler = lambda request: httpx.Response(200, stream=httpx.ByteStream(CONTENT))

    @property
    def store(self) -> Releases:
        client = Client(self.url, "ghs_token", transport=httpx.MockTransport(self.handle), sleep=lambda _: None)
        return Releases(Assets(client, self.url, "/repos/o/r"))

    def handle(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.sent.append(request)
        if request.method == "POST":
            self.assets.append(ASSET)
            return httpx.Response(201, json=ASSET)
        if request.url.path.endswith(f"/releases/tags/{TAG}"):
            return httpx.Response(200, json=self.release)
        if request.url.path.endswith("/releases/1/assets"):
            return httpx.Response(200, json=self.assets)
        return self.download(request)

    def told(self) -> set[str]:
        """Return the hosts that got the token."""
        return {request.url.host for request in self.sent if "authorization" in request.headers}


@pytest.mark.parametrize(
    ("url", "upload"),
    [
        (API, "https://uploads.github.com/repos/o/r/releases/1/assets"),
        ("https://api.acme.ghe.com", "https://uploads.acme.ghe.com/repos/o/r/releases/1/assets"),
        ("https://git.acme.test/api/v3", "https://git.acme.test/api/uploads/repos/o/r/releases/1/assets"),
    ],
)
def test_a_file_is_sent_to_githubs_host_for_files(url: str, upload: str, archive: Path) -> None:
    fake = Fake(url, upload_url=f"{upload}{{?name,label}}")
    fake.store.put(archive, "digits", DIGEST)
    (request,) = [one for one in fake.sent if one.method == "POST"]
    assert str(request.url) == f"{upload}?name={NAME}"
    assert request.content == CONTENT
    assert request.headers["content-type"] == "application/octet-stream"
    assert request.headers["content-length"] == str(len(CONTENT))
    assert request.headers["authorization"] == "Bearer ghs_token"


@pytest.mark.parametrize(
    "upload",
    [
        *("https://evil.test/up", "http://uploads.github.com/up", "https://uploads.github.com.evil.test/up", "", "/up"),
        *("https://x@uploads.github.com/up", "https://uploads.github.com:444/up", "file:///up", "https://[::1/up"),
    ],
)
def test_a_file_and_the_token_go_nowhere_else(upload: str, archive: Path) -> None:
    fake = Fake(upload_url=upload)
    with pytest.raises(CiKitError) as caught:
        fake.store.put(archive, "digits", DIGEST)
    assert "\n" not in str(caught.value)
    assert not [request for request in fake.sent if request.method == "POST"]


def test_bytes_that_github_sends_itself_are_taken(target: Path) -> None:
    fake = Fake()
    fake.assets = [ASSET]
    fake.store.get(PLACE, target)
    assert target.read_bytes() == CONTENT
    assert fake.sent[-1].headers["accept"] == "application/octet-stream"


def test_the_token_does_not_follow_a_redirect(target: Path) -> None:
    fake = Fake()
    fake.assets = [ASSET]
    places = ["https://objects.test/a?sig=s", "https://objects.test/b?sig=s"]

    def download(request: httpx.Request) -> httpx.Response:
        if places:
            return httpx.Response(302, headers={"location": places.pop(0)})
        return httpx.Response(200, stream=httpx.ByteStream(CONTENT))

    fake.download = download
    fake.store.get(PLACE, target)
    assert target.read_bytes() == CONTENT
    assert [request.url.host for request in fake.sent[-2:]] == ["objects.test"] * 2
    assert fake.told() == {"api.github.com"}


@pytest.mark.parametrize(
    "place",
    [
        "http://objects.test/a",
        "http://api.github.com/a",
        "file:///etc/passwd",
        "https://[::1",
        "\x00",
        "https://a:99999/",
    ],
)
def test_a_redirect_to_another_scheme_or_nowhere_is_one_line(place: str, target: Path) -> None:
    fake = Fake()
    fake.assets = [ASSET]
    fake.download = lambda request: httpx.Response(302, headers={"location": place})
    with pytest.raises(Unavailable) as caught:
        fake.store.get(PLACE, target)
    assert "\n" not in str(caught.value)
    assert fake.told() == {"api.github.com"}
    assert {request.url.scheme for request in fake.sent} == {"https"}


def test_redirects_without_end_are_one_line(target: Path) -> None:
    fake = Fake()
    fake.assets = [ASSET]
    fake.download = lambda request: httpx.Response(302, headers={"location": "/again"})
    with pytest.raises(Unavailable, match="more than 3 times"):
        fake.store.get(PLACE, target)


@pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT + b"x", b"", CONTENT[::-1]])
def test_other_bytes_than_those_that_were_kept_are_one_line(content: bytes, target: Path) -> None:
    fake = Fake()
    fake.assets = [ASSET | {"digest": f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"}]
    fake.download = lambda request: httpx.Response(200, stream=httpx.ByteStream(content))
    with pytest.raises(UserError, match="damaged"):
        fake.store.get(PLACE, target)
    assert not target.exists()


@pytest.mark.parametrize(("name", "limit", "words"), [("LARGEST", 9, "too many bytes"), ("MOST", 0, "takes no more")])
def test_what_github_can_not_take_is_said_before_it_is_sent(
    name: str, limit: int, words: str, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, name, limit)
    fake = Fake()
    with pytest.raises(UserError, match=rf"{words}.*oci://REGISTRY/REPOSITORY"):
        fake.store.put(archive, "digits", DIGEST)
    assert not [request for request in fake.sent if request.method == "POST"]


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("origin", "known"),
    [
        *(("https://github.com/octo/demo.git", True), ("git@github.com:octo/demo", True), ("", False)),
        *(("https://git.acme.test/octo/demo", False), ("https://evil.test/github.com/octo/demo", False)),
        *(("ssh://git@github.com/octo/demo.git", True), ("https://u:p@github.com/octo/demo", True)),
    ],
)
def test_on_a_laptop_the_token_goes_to_github_for_a_repository_of_github_alone(
    tmp_path: Path, origin: str, known: bool
) -> None:
    from tests.forge.repository import git

    git(tmp_path, "init", "--quiet")
    if origin:
        git(tmp_path, "remote", "add", "origin", origin)
    if known:
        assert isinstance(connect(tmp_path, {"GITHUB_TOKEN": "ghp_x"}), Releases)
    else:
        with pytest.raises(UserError, match="does not know the repository"):
            connect(tmp_path, {"GITHUB_TOKEN": "ghp_x"})
    ghes = {"GITHUB_TOKEN": "ghp_x", "GITHUB_API_URL": "https://git.acme.test/api/v3", "GITHUB_REPOSITORY": "octo/demo"}
    assert isinstance(connect(tmp_path, ghes), Releases)
