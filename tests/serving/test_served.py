"""Bentos that are served by processes of their own: what is counted, what is logged, and what is never ready."""

import contextlib
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from ci_kit.bento.client import Client
from ci_kit.bento.server import Server
from ci_kit.deploy.watch import Traffic
from ci_kit.serving.golden import HEADER, Golden
from tests.serving.made import ROW, bento, contract

pytestmark = pytest.mark.e2e
GOOD = json.dumps({"rows": [ROW]}).encode()
BROKEN = """
from ci_kit.serving import Model


class Mine(Model):
    def answers(self, rows):
        return [{"prediction": 1 / 0}]
"""
BENTOML = """
import bentoml


@bentoml.service(name="things")
class Mine:
    @bentoml.api
    def predict(self, rows: list[dict]) -> dict:
        return {"predictions": [{"prediction": row["count"] + row["size"] + (row["weight"] or 0)} for row in rows]}
"""


@dataclass(frozen=True)
class Served:
    """One running bento."""

    folder: Path
    server: Server

    @property
    def golden(self) -> Golden:
        return Golden.load(self.folder / "src" / "served")

    def post(self, body: bytes, **headers: str) -> httpx.Response:
        known = {"content-type": "application/json"} | headers
        url = f"{self.server.url}/predict"
        return httpx.post(url, content=body, headers=known, trust_env=False, timeout=20)

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self.server.url}{path}", trust_env=False, timeout=20)

    def traffic(self) -> Traffic:
        return Traffic.read(self.get("/metrics").text)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Served]]:
    """The generated service, one of another model, one of a user whose code breaks, and one that is all the user's."""
    folder = tmp_path_factory.mktemp("bentos")
    bento(folder / "plain", contract(answer="answer"))
    golden = bento(folder / "other") / "src" / "served" / "golden.json"
    golden.write_text(golden.read_text().replace("6.5", "6.51"))
    bento(folder / "broken", contract(own="own_service:Mine"), own=BROKEN)
    bento(folder / "bentoml", contract(own="own_service:Mine"), own=BENTOML)
    with contextlib.ExitStack() as stack:
        found = {}
        for path in sorted(folder.iterdir()):
            place = tmp_path_factory.mktemp(path.name)
            server = stack.enter_context(Server(path, place, {"CI_KIT_LOG": str(place / "log")}))
            found[path.name] = Served(path, server)
        for one in found.values():
            with Client(one.server.url) as client:
                assert client.wait(60, one.server.alive), one.server.words()
        yield found


def test_another_model_than_the_packaged_one_is_never_ready(served: dict[str, Served]) -> None:
    answer = served["other"].get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"error": "golden row 1, prediction: 6.5 instead of 6.51"})
    assert served["other"].get("/about").json()["golden"] is False


def test_a_service_that_breaks_is_never_ready_and_its_failures_are_counted(served: dict[str, Served]) -> None:
    answer = served["broken"].get("/readyz")
    assert answer.status_code == 503
    assert "golden rows are answered with 500" in answer.json()["error"]
    before = served["broken"].traffic()
    assert served["broken"].post(GOOD).status_code == 500
    seen = served["broken"].traffic() - before
    assert (seen.requests, seen.failed) == (1, 1)


def test_a_service_of_bentoml_stands_behind_the_same_door(served: dict[str, Served]) -> None:
    one = served["bentoml"]
    assert one.get("/readyz").status_code == 200
    with Client(one.server.url) as client:
        assert not client.golden(one.golden, (1, 2)).broken
        assert client.probe(one.golden), "it takes what the schema forbids, which packaging finds out"
    assert one.post(b" " * 5000).status_code == 413
    assert one.post(GOOD, **{"content-type": "text/plain"}).status_code == 415


def test_what_is_asked_and_answered_is_logged_and_tests_are_not(served: dict[str, Served]) -> None:
    one = served["plain"]
    assert one.post(json.dumps({"rows": [ROW | {"id": 7}, ROW]}).encode()).status_code == 200
    assert one.post(GOOD, **{HEADER: "1"}).status_code == 200
    assert one.post(b"{}").status_code == 400
    time.sleep(0.6)
    (path,) = (one.server.log.parent / "log").iterdir()
    rows: list[dict[str, Any]] = [json.loads(line) for line in path.read_text().splitlines()]
    first, second = rows[-2:]
    assert (first["id"], first["answer"], first["model"]) == (7, 4.5, "d" * 12)
    assert {name: second[name] for name in ROW} == ROW


def test_requests_are_counted_by_status_and_golden_rows_are_none(served: dict[str, Served]) -> None:
    one = served["plain"]
    before = one.traffic()
    for body in (GOOD, GOOD, b"{}"):
        one.post(body)
    one.post(GOOD, **{HEADER: "1"})
    seen = one.traffic() - before
    assert (seen.requests, seen.failed) == (3, 0)
    assert 0 < seen.seconds < 3


def test_whatever_is_drawn_from_the_api_document_is_answered_as_it_says(
    served: dict[str, Served], tmp_path: Path
) -> None:
    """Schemathesis draws good and bad requests from the OpenAPI document, and looks for 5xx and broken promises."""
    program = Path(sys.executable).parent / "schemathesis"
    options = ["--checks", "all", "--max-examples", "100", "--seed", "1", "--continue-on-failure", "--no-color"]
    command = [str(program), "run", f"{served['plain'].server.url}/docs.json", *options]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    (drawn,) = re.findall(r"(\d+) generated, \d+ passed", done.stdout)
    assert int(drawn) > 100


def test_nothing_of_a_server_stays_behind(tmp_path: Path) -> None:
    with Server(bento(tmp_path / "bento"), tmp_path) as server:
        with Client(server.url) as client:
            assert client.wait(60, server.alive), server.words()
        parent = psutil.Process(server.process.pid)
        tree = [parent.pid, *(child.pid for child in parent.children(recursive=True))]
        assert len(tree) > 1
        parent.kill()  # its worker outlives it
    # A zombie is no process any more; who waits for it may be another test's business.
    assert not [pid for pid in tree if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE]
