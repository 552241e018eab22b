"""The OCI store: who it is, whom it trusts with that, what it believes, and how it stands a bad day."""

import base64
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ci_kit.errors import CiKitError, Unavailable, UserError
from ci_kit.registry import credentials, distribution
from ci_kit.registry.credentials import Login
from ci_kit.registry.oci import ARTIFACT, LAYER, MANIFEST, OCI
from tests.registry.oci_server import PASSWORD, USER, Fault, Registry

DIGEST = hashlib.sha256(b"a bento").hexdigest()
LOGIN = {"CI_KIT_REGISTRY_USER": USER, "CI_KIT_REGISTRY_PASSWORD": PASSWORD}
Handler = Callable[[httpx.Request], httpx.Response]


def docker(folder: Path, document: object) -> dict[str, str]:
    (folder / "config.json").write_text(json.dumps(document))
    return {"DOCKER_CONFIG": str(folder)}


def entry(text: str) -> dict[str, str]:
    return {"auth": base64.b64encode(text.encode()).decode()}


def fake(handler: Handler, address: str = "oci://registry.test/acme/models", env: dict[str, str] | None = None) -> OCI:
    return OCI(address, LOGIN if env is None else env, transport=httpx.MockTransport(handler), sleep=lambda _: None)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "digits.bento"
    path.write_bytes(os.urandom(100_000))
    return path


class TestTheAddress:
    @pytest.mark.parametrize(
        ("address", "url"),
        [
            ("oci://ghcr.io/acme/models", "https://ghcr.io/v2/acme/models/"),
            ("oci://registry:5000/models", "https://registry:5000/v2/models/"),
            ("oci://docker.io/acme/a_b__c-d.e", "https://registry-1.docker.io/v2/acme/a_b__c-d.e/"),
            ("oci://127.0.0.1:5000/models", "http://127.0.0.1:5000/v2/models/"),
            ("oci://localhost/models", "http://localhost/v2/models/"),
            ("oci://localhost.evil.test/models", "https://localhost.evil.test/v2/models/"),
            ("oci://127.0.0.2/models", "https://127.0.0.2/v2/models/"),
        ],
    )
    def test_it_is_spoken_to_in_plain_text_on_this_machine_only(self, address: str, url: str, archive: Path) -> None:
        seen: list[str] = []

        def handler(request: httpx.Request) -> httpx.Response:
            seen.append(str(request.url))
            return httpx.Response(403)

        with pytest.raises(UserError):
            fake(handler, address).put(archive, "digits", DIGEST)
        assert seen
        assert all(one.startswith(url) for one in seen)

    @pytest.mark.parametrize(
        "address",
        [
            *(
                "oci://",
                "oci://ghcr.io",
                "oci://ghcr.io/",
                "oci:///models",
                "oci://acme/models",
                "oci://ghcr.io//models",
            ),
            *("oci://ghcr.io/Acme/models", "oci://ghcr.io/models:v1", f"oci://ghcr.io/models@sha256:{'0' * 64}"),
            *("oci://u:p@ghcr.io/models", "oci://ghcr.io/a/../b", "oci://ghcr.io/a?b", "oci://ghcr.io/a#b"),
            *(
                "oci://ghcr.io/a b",
                "oci://ghcr.io/a\n",
                "oci://ghcr.io:99999/a",
                "oci://-.io/" + "a" * 300,
                "oci://ä.io/a",
            ),
        ],
    )
    def test_what_is_none_is_one_line(self, address: str) -> None:
        with pytest.raises(UserError, match="Write oci://REGISTRY/REPOSITORY") as caught:
            OCI(address, {})
        assert "\n" not in str(caught.value)


class TestWhoWeAre:
    def test_the_environment_comes_first(self, tmp_path: Path) -> None:
        env = docker(tmp_path, {"auths": {"ghcr.io": entry("docker:config")}})
        assert credentials.find("ghcr.io", env) == Login(user="docker", password="config")
        token = env | {"GITHUB_TOKEN": "ghs_x\n", "GITHUB_ACTOR": "octo"}
        assert credentials.find("ghcr.io", token) == Login(user="octo", password="ghs_x")
        assert credentials.find("ghcr.io", token | LOGIN) == Login(user=USER, password=PASSWORD)

    def test_the_workflows_token_goes_to_ghcr_alone(self) -> None:
        for host in ("ghcr.io.evil.test", "docker.io", "127.0.0.1:5000"):
            assert credentials.find(host, {"GITHUB_TOKEN": "ghs_x", "GITHUB_ACTOR": "octo"}) is None

    @pytest.mark.parametrize("half", LOGIN)
    def test_half_a_login_is_one_line(self, half: str) -> None:
        with pytest.raises(UserError, match="is empty"):
            credentials.find("ghcr.io", {half: "x"})

    @pytest.mark.parametrize(
        ("document", "host", "login"),
        [
            ({"auths": {"a.test:5000": entry("u:p:q")}}, "a.test:5000", ("u", "p:q")),
            ({"auths": {"a.test:5000": entry("u:p")}}, "a.test", None),
            ({"auths": {"https://index.docker.io/v1/": entry("u:p")}}, "docker.io", ("u", "p")),
            ({"auths": {"a.test": {}}}, "a.test", None),
            ({"auths": {"a.test": {"auth": "no base64!"}}}, "a.test", None),
            ({"auths": {"a.test": entry("no colon")}}, "a.test", None),
            (
                {"auths": {"a.test": entry("\udcff".encode("utf-8", "surrogateescape").decode("latin-1"))}},
                "a.test",
                None,
            ),
            ({"auths": [], "credHelpers": 3, "credsStore": {}}, "a.test", None),
            ([], "a.test", None),
            ({"credsStore": "said"}, "a.test", ("a.test", "of the helper")),
            ({"credsStore": "none", "credHelpers": {"a.test": "said"}}, "a.test", ("a.test", "of the helper")),
            ({"auths": {"a.test": {}}, "credsStore": "broken"}, "a.test", None),
            ({"credsStore": "missing"}, "a.test", None),
            ({"credsStore": "x/said"}, "a.test", None),
        ],
    )
    @pytest.mark.e2e
    def test_docker_says(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        document: object,
        host: str,
        login: tuple[str, str] | None,
    ) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "docker-credential-x").mkdir()
        for name, script in {
            "said": 'read host; printf \'{"Username": "%s", "Secret": "of the helper"}\' "$host"',
            "x/said": 'echo \'{"Username": "u", "Secret": "s"}\'',
            "broken": "echo no; exit 1",
        }.items():
            (tmp_path / f"docker-credential-{name}").write_text(f"#!/bin/sh\n{script}\n")
            (tmp_path / f"docker-credential-{name}").chmod(0o755)
        env = docker(tmp_path, document) | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
        found = credentials.find(host, env)
        assert (found and (found.user, found.password)) == login

    def test_a_damaged_configuration_is_one_line(self, tmp_path: Path) -> None:
        (tmp_path / ".docker").mkdir()
        (tmp_path / ".docker" / "config.json").write_text("{")
        with pytest.raises(UserError, match="can't be read"):
            credentials.find("a.test", {"HOME": str(tmp_path)})
        assert credentials.find("a.test", {}) is None

    def test_a_password_is_not_shown(self) -> None:
        assert PASSWORD not in repr(Login(user=USER, password=PASSWORD))


class Evil:
    """A registry on https whose answers a test gives; what was sent to whom is kept."""

    def __init__(self, challenge: str = "", upload: str = "/there", blob: str = "") -> None:
        self.sent: list[tuple[str, str]] = []
        self.challenge, self.upload, self.blob = challenge, upload, blob

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.sent.append((str(request.url), request.headers.get("authorization", "")))
        if request.url.path == "/token":
            return httpx.Response(200, json={"token": "t0ken"})
        if self.challenge and request.url.host == "registry.test" and "authorization" not in request.headers:
            return httpx.Response(401, headers={"www-authenticate": self.challenge})
        if request.method == "POST":
            return httpx.Response(202, headers={"location": self.upload})
        if request.method == "GET" and "/blobs/" in request.url.path:
            return httpx.Response(307, headers={"location": self.blob})
        if request.method == "GET" and "/manifests/" in request.url.path and self.blob:
            return httpx.Response(200, content=CONTENT)
        return httpx.Response(201 if request.method == "PUT" else 404)

    def told(self) -> set[str]:
        """Return the origins that got a password or a token."""
        return {url.partition("://")[0] + "://" + url.split("/")[2] for url, sent in self.sent if sent}


def manifest(**changes: Any) -> bytes:
    layer = {"mediaType": LAYER, "digest": f"sha256:{DIGEST}", "size": len(b"a bento")}
    document = {"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": ARTIFACT, "layers": [layer]}
    for key, value in changes.items():
        (layer if key in layer and key != "mediaType" else document)[key] = value
    return json.dumps(document).encode()


CONTENT = manifest()
PLACE = f"acme/models@sha256:{hashlib.sha256(CONTENT).hexdigest()}"
BEARER = 'Bearer realm="https://auth.test/token",service="registry.test"'


class TestWhomItTrusts:
    def test_a_token_is_asked_for_what_is_done_and_no_more(self, archive: Path, tmp_path: Path) -> None:
        evil = Evil(BEARER)
        fake(evil).put(archive, "digits", DIGEST)
        with pytest.raises(UserError, match="no 'acme"):
            fake(evil).get(PLACE, tmp_path / "out")
        asked = [url.split("scope=")[1] for url, _ in evil.sent if "/token" in url]
        assert asked == ["repository%3Aacme%2Fmodels%3Apull%2Cpush", "repository%3Aacme%2Fmodels%3Apull"]

    def test_a_token_does_not_follow_an_upload_or_a_download_elsewhere(self, archive: Path, tmp_path: Path) -> None:
        evil = Evil(BEARER, upload="https://evil.test/up?x=%2F")
        fake(evil).put(archive, "digits", DIGEST)
        assert evil.told() == {"https://registry.test", "https://auth.test"}
        assert any(url.startswith("https://evil.test/up?x=%2F&digest=sha256%3A") for url, _ in evil.sent)
        evil = Evil(BEARER, blob="https://evil.test/down")
        with pytest.raises(CiKitError):
            fake(evil).get(PLACE, tmp_path / "out")
        assert "https://evil.test/down" in {url for url, _ in evil.sent}
        assert evil.told() == {"https://registry.test", "https://auth.test"}

    @pytest.mark.parametrize(
        "evil",
        [
            Evil('Bearer realm="http://auth.test/token"'),
            Evil('Bearer realm="http://127.0.0.1/token"'),
            Evil('Bearer realm="file:///token"'),
            Evil('Bearer realm="https://[::1/token"'),
            Evil('Bearer realm="https://auth.test:99999/token"'),
            Evil("Bearer"),
            Evil("Negotiate"),
            Evil(upload="http://registry.test/up"),
            Evil(upload="https://registry.test:99999/up"),
            Evil(upload="https://[::1"),
            Evil(upload="\x00"),
            Evil(blob="http://registry.test/down"),
            Evil(blob="https://[::1"),
            Evil(blob="/v2/acme/models/blobs/round"),
        ],
        ids=lambda evil: f"{evil.challenge}{evil.upload}{evil.blob}",
    )
    def test_what_would_lead_astray_is_one_line(self, evil: Evil, archive: Path, tmp_path: Path) -> None:
        evil.sent.clear()
        with pytest.raises(CiKitError) as caught:
            fake(evil).get(PLACE, tmp_path / "out") if evil.blob else fake(evil).put(archive, "digits", DIGEST)
        assert "\n" not in str(caught.value)
        assert PASSWORD not in str(caught.value)
        assert evil.told() <= {"https://registry.test"}
        assert not (tmp_path / "out").exists()
        assert len(evil.sent) < 20

    def test_who_has_no_login_asks_as_everybody(self, archive: Path) -> None:
        evil = Evil(BEARER)
        fake(evil, env={}).put(archive, "digits", DIGEST)
        assert [sent for url, sent in evil.sent if "/token" in url] == [""]
        assert {sent for url, sent in evil.sent if "/token" not in url} == {"", "Bearer t0ken"}

    @pytest.mark.parametrize(
        "answer", [b"", b"[]", b"{}", b'{"token": 3}', b'{"token": "a b"}', b'{"token": "a\\n"}', b"[" * 9999]
    )
    def test_a_strange_token_is_none(self, answer: bytes, archive: Path) -> None:
        def handler(request: httpx.Request) -> httpx.Response:
            if request.url.path == "/token":
                return httpx.Response(200, content=answer)
            return httpx.Response(401, headers={"www-authenticate": BEARER})

        with pytest.raises(UserError, match="refuses the login"):
            fake(handler).put(archive, "digits", DIGEST)


class TestWhatItBelieves:
    @pytest.mark.parametrize(
        "content",
        [
            *(
                b"",
                b"[]",
                b"{}",
                b"no json",
                b"[" * 9999,
                manifest(layers=[]),
                manifest(layers=[{}]),
                manifest(layers=7),
            ),
            *(manifest(layers=[1, 2]), manifest(artifactType="application/x"), manifest(size=-1), manifest(size="7")),
            *(manifest(size=2**60), manifest(digest="sha256:../../x"), manifest(digest=7), manifest(digest="")),
            manifest(layers=[{"mediaType": "x", "digest": f"sha256:{DIGEST}", "size": 7}]),
        ],
    )
    def test_a_manifest_that_is_none_of_ours_is_one_line(self, content: bytes, tmp_path: Path) -> None:
        store = fake(lambda request: httpx.Response(200, content=content))
        with pytest.raises(UserError, match="is no bento"):
            store.get(f"acme/models@sha256:{hashlib.sha256(content).hexdigest()}", tmp_path / "out")

    def test_another_manifest_than_the_one_asked_for_is_one_line(self, tmp_path: Path) -> None:
        store = fake(lambda request: httpx.Response(200, content=manifest(size=8)))
        with pytest.raises(UserError, match="another manifest"):
            store.get(PLACE, tmp_path / "out")

    @pytest.mark.parametrize("content", [b"a bentO", b"", b"a bent", b"a bento and more"])
    def test_other_bytes_than_the_digests_are_one_line(self, content: bytes, tmp_path: Path) -> None:
        def handler(request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, stream=httpx.ByteStream(content if "/blobs/" in request.url.path else CONTENT))

        with pytest.raises(UserError, match="damaged"):
            fake(handler).get(PLACE, tmp_path / "out")
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(("where", "error"), [("/blobs/", UserError), ("/manifests/", Unavailable)])
    def test_endless_bytes_are_not_read(self, where: str, error: type[CiKitError], tmp_path: Path) -> None:
        given: list[int] = []

        class Endless(httpx.SyncByteStream):
            def __iter__(self) -> Iterator[bytes]:
                while True:
                    given.append(1)
                    yield b"x" * 1000

        def handler(request: httpx.Request) -> httpx.Response:
            endless = where in request.url.path
            return httpx.Response(200, stream=Endless()) if endless else httpx.Response(200, content=CONTENT)

        with pytest.raises(error):
            fake(handler).get(PLACE, tmp_path / "out")
        assert len(given) < distribution.MAX_BYTES / 1000 + 2
        assert list(tmp_path.iterdir()) == []


@pytest.mark.e2e
class TestABadDay:
    @pytest.fixture
    def registry(self) -> Iterator[Registry]:
        with Registry() as registry:
            yield registry

    def store(self, registry: Registry) -> OCI:
        return OCI(f"oci://{registry.host}/acme/models", LOGIN, sleep=lambda _: None)

    def test_what_lies_there_is_an_artifact_as_others_read_it(self, registry: Registry, archive: Path) -> None:
        place = self.store(registry).put(archive, "digits", DIGEST)
        document = json.loads(registry.manifests[f"digits-{DIGEST[:16]}"])
        assert registry.manifests[place.partition("@")[2]] == registry.manifests[f"digits-{DIGEST[:16]}"]
        assert (document["artifactType"], document["mediaType"]) == (ARTIFACT, MANIFEST)
        assert registry.blobs[document["config"]["digest"]] == b"{}"
        (layer,) = document["layers"]
        assert registry.blobs[layer["digest"]] == archive.read_bytes()
        assert layer["mediaType"] == "application/vnd.ci-kit.bento.v1.tar+gzip"
        assert layer["annotations"]["org.opencontainers.image.title"] == f"digits-{DIGEST[:16]}.bento"

    def test_the_second_time_nothing_is_sent(self, registry: Registry, archive: Path) -> None:
        self.store(registry).put(archive, "digits", DIGEST)
        registry.journal.clear()
        self.store(registry).put(archive, "digits", DIGEST)
        assert not [call for call, _, _ in registry.journal if call.startswith(("PUT", "POST"))]

    @pytest.mark.parametrize("kind", ["bearer", "basic", ""])
    def test_each_way_to_log_in(self, registry: Registry, archive: Path, tmp_path: Path, kind: str) -> None:
        registry.kind = kind
        place = self.store(registry).put(archive, "digits", DIGEST)
        self.store(registry).get(place, tmp_path / "out")
        assert (tmp_path / "out").read_bytes() == archive.read_bytes()

    CALLS = ("GET /v2.*/manifests", "GET /token", "HEAD ", "POST ", "PUT .*uploads", "PUT .*manifests", "GET /sha256")

    @pytest.mark.parametrize("call", CALLS)
    @pytest.mark.parametrize("status", [0, 429, 500, 502, 503])
    def test_what_passes_is_waited_out_at_each_call(
        self, registry: Registry, archive: Path, tmp_path: Path, call: str, status: int
    ) -> None:
        registry.faults.append(Fault(call, status))
        place = self.store(registry).put(archive, "digits", DIGEST)
        self.store(registry).get(place, tmp_path / "out")
        assert registry.faults[0].times == 0
        assert (tmp_path / "out").read_bytes() == archive.read_bytes()
        assert len(registry.manifests) == 2  # one, by its digest and by its tag

    @pytest.mark.parametrize("call", CALLS)
    @pytest.mark.parametrize("status", [0, 400, 403, 404, 413, 500])
    def test_what_stays_is_one_line_and_the_next_run_heals(
        self, registry: Registry, archive: Path, tmp_path: Path, call: str, status: int
    ) -> None:
        registry.faults.append(Fault(call, status, times=100))
        if (call, status) not in {("GET /v2.*/manifests", 404), ("HEAD ", 404)}:  # which say that it is not there yet
            with pytest.raises(CiKitError) as caught:
                self.store(registry).get(self.store(registry).put(archive, "digits", DIGEST), tmp_path / "out")
            assert "\n" not in str(caught.value)
            assert PASSWORD not in str(caught.value)
        assert len(registry.journal) < 60
        assert not (tmp_path / "out").exists()
        registry.faults.clear()
        place = self.store(registry).put(archive, "digits", DIGEST)
        self.store(registry).get(place, tmp_path / "out")
        assert (tmp_path / "out").read_bytes() == archive.read_bytes()


@pytest.mark.parametrize(("after", "slept", "calls"), [("7", 7.0, 2), ("3600", None, 1), ("soon", None, 5)])
def test_the_pause_that_a_registry_asks_for_is_kept(after: str, slept: float | None, calls: int, archive: Path) -> None:
    pauses: list[float] = []
    seen: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request.method)
        again = len(seen) > 1 and slept is not None
        return httpx.Response(403 if again else 429, headers={"retry-after": after})

    store = OCI("oci://a.test/b", {}, transport=httpx.MockTransport(handler), sleep=pauses.append)
    with pytest.raises(UserError if slept else Unavailable):
        store.put(archive, "digits", DIGEST)
    assert len(seen) == calls
    assert slept is None or pauses == [slept]
