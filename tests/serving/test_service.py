"""The generated service as a client meets it, in this process: BentoML's own application behind our door."""

import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.schemas import judge
from tests.serving.client import InProcess, running
from tests.serving.made import HOSTILE, ROW, write

# BentoML and what it is made of warn of their own dependencies.
pytestmark = [pytest.mark.e2e, pytest.mark.filterwarnings("ignore::Warning")]
GOOD = json.dumps({"rows": [ROW]}).encode()
JSON = {"content-type": "application/json"}
Serve = Callable[..., InProcess]


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Return a function from a served folder to a client of its service."""
    from ci_kit.serving.serve import build

    with contextlib.ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENTOML_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("BENTOML_DO_NOT_TRACK", "true")

        def make(folder: Path) -> InProcess:
            application = build(folder).to_asgi(is_main=True)
            return stack.enter_context(running(application))

        yield make


@pytest.fixture(scope="module")
def client(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> InProcess:
    return serve(write(tmp_path_factory.mktemp("served")))


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def post(client: InProcess, body: bytes, **headers: str) -> Any:
    return client.post("/predict", content=body, headers=JSON | headers)


def test_a_good_request_is_answered(client: InProcess) -> None:
    answer = post(client, GOOD)
    assert answer.status_code == 200
    assert answer.json() == {"predictions": [{"prediction": 4.5}]}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_request_gets_a_4xx_that_names_what_is_wrong(client: InProcess, name: str) -> None:
    body, named = HOSTILE[name]
    answer = post(client, body)
    assert 400 <= answer.status_code < 500
    assert named in json.dumps(answer.json(), ensure_ascii=False)


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "multipart/form-data", "application/x-www-form-urlencoded", "application/vnd.bentoml+pickle", "*/*"],
)
def test_another_content_type_is_refused(client: InProcess, kind: str) -> None:
    answer = client.post("/predict", content=GOOD, headers={"content-type": kind})
    assert (answer.status_code, answer.json()) == (415, {"error": "content-type: send application/json"})


def test_a_charset_is_no_other_content_type(client: InProcess) -> None:
    assert post(client, GOOD, **{"content-type": "application/json; charset=utf-8"}).status_code == 200


def test_a_body_whose_length_nobody_said_is_limited_as_well(client: InProcess) -> None:
    answer = client.post("/predict", content=pieces(b'{"rows": [', *[b" " * 1000] * 5), headers=JSON)
    assert (answer.status_code, answer.json()["error"]) == (413, "the body has more than 4,096 bytes")
    answer = client.post("/predict", content=pieces(GOOD[:10], GOOD[10:]), headers=JSON)
    assert answer.status_code == 200


def test_only_post_predicts(client: InProcess) -> None:
    assert client.get("/predict").status_code == 405
    assert client.post("/predict/", content=GOOD, headers=JSON).status_code in (307, 404)


def test_it_says_who_it_is_and_that_it_is_ready(client: InProcess) -> None:
    assert client.get("/readyz").status_code == 200
    about = client.get("/about").json()
    assert (about["model"], about["golden"], about["fault"], about["open"]) == ("things", True, None, True)
    assert about["model_digest"] == "d" * 64


def test_the_gate_opens_one_instance_at_a_time(
    client: InProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI_KIT_GATE", str(tmp_path / "gate"))
    monkeypatch.setenv("CI_KIT_COLOUR", "green")
    for content, status in (("green\n", 200), ("blue\n", 503), ("", 503), ("green", 200)):
        (tmp_path / "gate").write_text(content)
        assert client.get("/readyz").status_code == status
        assert post(client, GOOD).status_code == 200  # what is under way is finished
    (tmp_path / "gate").unlink()
    assert client.get("/readyz").status_code == 503


def test_the_api_is_described_as_it_is(client: InProcess) -> None:
    document = client.get("/docs.json").json()
    assert document["openapi"].startswith("3.1")
    answers = document["paths"]["/predict"]["post"]["responses"]
    assert set(answers) == {"200", "400", "413", "415", "422"}
    for status, body in (("200", post(client, GOOD)), ("400", post(client, b"{}"))):
        schema = answers[status]["content"]["application/json"]["schema"] | {"components": document["components"]}
        judge(schema).validate(body.json())
