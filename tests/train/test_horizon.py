"""Ends that are known beforehand or announced: the nearest one that counts."""

import json
import os
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ci_kit.config import read
from ci_kit.job import Job
from ci_kit.resume.grace import left
from ci_kit.sections import Spot, Train
from ci_kit.train import horizon, notice, step
from ci_kit.train.horizon import Horizon, known
from ci_kit.train.notice import Notice
from ci_kit.train.place import Place

HOUR = 3600.0
LIMIT = Train.model_validate({"limit": "2h"})
EVENTS = "/metadata/scheduledevents?api-version=2020-07-01"
NAME = "/metadata/instance/compute/name?api-version=2021-02-01&format=text"


class Cloud(ThreadingHTTPServer):
    """A metadata service on 127.0.0.1 that answers what it is told, and what it was asked with."""

    def __init__(self) -> None:
        self.answers: dict[str, str] = {}
        self.status = 200
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        super().__init__(("127.0.0.1", 0), Answers)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Answers(BaseHTTPRequestHandler):
    server: Cloud

    def do_GET(self) -> None:
        self.server.asked.append((self.command, self.path, dict(self.headers)))
        answer = self.server.answers.get(self.path)
        self.send_response(404 if answer is None and self.server.status == 200 else self.server.status)
        self.send_header("content-length", str(len(answer or "")))
        self.end_headers()
        self.wfile.write((answer or "").encode())

    do_PUT = do_GET  # noqa: N815 - the names that the library calls

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    monkeypatch.setattr(notice, "EVERY", 0.02)
    with Cloud() as made:
        threading.Thread(target=made.serve_forever, args=(0.02,), daemon=True).start()
        yield made
        made.shutdown()


def utc(seconds: float, form: str) -> str:
    return time.strftime(form, time.gmtime(time.time() + seconds))


def announced(cloud: Cloud, name: str, answers: dict[str, str]) -> float | None:
    """Return the seconds that the notice leaves, once it was looked for often enough."""
    cloud.answers = answers
    looks = Notice(Spot.model_validate({"cloud": name, "url": cloud.url}), print)
    deadline = time.monotonic() + 5
    while looks.at is None and len(cloud.asked) < 9 and time.monotonic() < deadline:
        time.sleep(0.01)
    looks.close()
    return looks.at and looks.at - time.time()


def event(**more: Any) -> str:
    return json.dumps({"Events": [{"EventType": "Preempt", "Resources": ["vm-7"], "NotBefore": ""} | more]})


AZURE = "%a, %d %b %Y %H:%M:%S GMT"


@pytest.mark.parametrize(
    ("name", "answers", "seconds"),
    [
        ("aws", {"/latest/api/token": "secret"}, None),
        ("gcp", {"/computeMetadata/v1/instance/preempted": "FALSE"}, None),
        ("gcp", {"/computeMetadata/v1/instance/preempted": "TRUE"}, 30),
        ("azure", {NAME: "vm-7", EVENTS: '{"Events": []}'}, None),
        ("azure", {NAME: "vm-7", EVENTS: event()}, 30),
        ("azure", {NAME: "vm-7", EVENTS: event(Resources=["vm-8"])}, None),
        ("azure", {NAME: "vm-7", EVENTS: event(EventType="Reboot")}, None),
    ],
)
def test_notices(cloud: Cloud, name: str, answers: dict[str, str], seconds: float | None) -> None:
    found = announced(cloud, name, answers)
    assert found is None if seconds is None else found == pytest.approx(seconds, abs=3)


def test_aws_says_when_and_is_asked_with_a_token(cloud: Cloud) -> None:
    said = json.dumps({"action": "terminate", "time": utc(120, "%Y-%m-%dT%H:%M:%SZ")})
    answers = {"/latest/api/token": "secret", "/latest/meta-data/spot/instance-action": said}
    assert announced(cloud, "aws", answers) == pytest.approx(120, abs=3)
    put, get = cloud.asked[:2]
    assert put[0] == "PUT"
    assert {name.lower(): value for name, value in get[2].items()}["x-aws-ec2-metadata-token"] == "secret"


def test_azure_says_when(cloud: Cloud) -> None:
    answers = {NAME: "vm-7", EVENTS: event(NotBefore=utc(90, AZURE))}
    assert announced(cloud, "azure", answers) == pytest.approx(90, abs=3)


def test_a_service_that_does_not_answer_is_said_once(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notice, "RARELY", 0.01)
    said, cloud.status = list[str](), 500
    looks = Notice(Spot.model_validate({"cloud": "gcp", "url": cloud.url}), said.append)
    deadline = time.monotonic() + 5
    while len(cloud.asked) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    looks.close()
    assert len(cloud.asked) >= 3
    assert len(said) == 1
    assert said[0].startswith(f"train: no notice of gcp can be had from {cloud.url}: HTTP Error 500")


def test_what_is_known_beforehand(tmp_path: Path) -> None:
    file = tmp_path / "event.json"
    file.touch()
    os.utime(file, (1000.0, 1000.0))
    env = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_PATH": str(file),
        "AWS_CREDENTIAL_EXPIRATION": "1970-01-01T01:00:00Z",
    }
    kept = {one.why: (one.at, one.must) for one in known(LIMIT, env, 2000.0)}
    assert kept == {
        "`train.limit`": (2000 + 2 * HOUR, True),
        "a job may take 5 days on this runner": (1000 + 5 * 24 * HOUR - 600, True),
        "the token of a workflow lives for a day": (1000 + 24 * HOUR - 600, False),
        "the credentials of AWS expire": (HOUR - 600, False),
    }
    hosted = {one.why: one.at for one in known(Train(), env | {"RUNNER_ENVIRONMENT": "github-hosted"}, 2000.0)}
    assert hosted["a job may take 6 hours on this runner"] == 1000 + 6 * HOUR - 600
    assert list(known(Train(), {"AWS_CREDENTIAL_EXPIRATION": "soon"}, 0.0)) == []


@pytest.mark.parametrize("saved", [True, False])
def test_credentials_end_only_what_can_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, saved: bool) -> None:
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", utc(horizon.ROOM + 30, "%Y-%m-%dT%H:%M:%SZ"))
    if saved:
        (tmp_path / "checkpoint").touch()
    found = Horizon(LIMIT, None, Place(tmp_path)).end()
    assert found is not None
    assert found.why == ("the credentials of AWS expire" if saved else "`train.limit`")
    assert (found.left < found.saving) == saved


def test_credentials_that_have_expired_already_end_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", "2001-01-01T00:00:00Z")
    (tmp_path / "checkpoint").touch()
    assert Horizon(Train(), None, Place(tmp_path)).end() is None


TRAIN = """
import os, pathlib, signal, sys, time
place = pathlib.Path(os.environ["CI_KIT_CHECKPOINT_DIR"])
def save(*_):
    (place / "saved").write_text((place / ".deadline").read_text())
    sys.exit(143)
signal.signal(signal.SIGTERM, save)
pathlib.Path("../ready").touch()
time.sleep(60)
"""


@pytest.mark.e2e
def test_a_training_saves_at_once_when_its_machine_goes_away(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "repo"
    root.mkdir()
    (root / "train.py").write_text(TRAIN)
    said = list[str]()
    cloud.answers = {"/latest/api/token": "secret"}
    settings = {"command": "python train.py", "disk": 0.1, "checkpoints": str(tmp_path / "kept"), "gpu": "none"}
    settings |= {"spot": {"cloud": "aws", "url": cloud.url}}
    job = Job(root=root, config=read(json.dumps({"train": settings}).encode()), say=said.append)

    def announce() -> None:
        while not (tmp_path / "ready").exists():
            time.sleep(0.02)
        when = utc(120, "%Y-%m-%dT%H:%M:%SZ")
        cloud.answers["/latest/meta-data/spot/instance-action"] = json.dumps({"action": "stop", "time": when})

    threading.Thread(target=announce, daemon=True).start()
    started = time.monotonic()
    found = {check.id: check for check in step.run(job).checks}
    assert time.monotonic() - started < 20
    assert found["unfinished"].limit == "aws takes this machine away"
    (saved,) = (tmp_path / "kept").rglob("saved")
    assert float(saved.read_text()) - time.time() == pytest.approx(115, abs=20)


def test_the_time_that_is_left_for_the_last_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CI_KIT_GRACE_S", "CI_KIT_DEADLINE"):
        monkeypatch.delenv(name, raising=False)
    assert left(None) == float("inf")
    monkeypatch.setenv("CI_KIT_GRACE_S", "6")
    assert left(tmp_path) == 6
    monkeypatch.setenv("CI_KIT_DEADLINE", str(time.time() + 50))
    assert left(tmp_path) == pytest.approx(50, abs=2)
    monkeypatch.setenv("CI_KIT_DEADLINE", str(time.time() + HOUR))
    assert left(tmp_path) == 6, "an hour before the end, SIGTERM is a cancel"
    (tmp_path / ".deadline").write_text(str(time.time() + 110))
    assert left(tmp_path) == pytest.approx(110, abs=2)
