"""The target `bentocloud`, whole, against a stand-in for BentoML's command line."""

import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ci_kit.deploy import bentocloud, cloud, step
from ci_kit.deploy.past import kept
from ci_kit.errors import Unavailable, UserError
from ci_kit.forge.git import Git
from ci_kit.forge.local import LocalForge
from ci_kit.job import Job
from ci_kit.parts import Check
from ci_kit.registry.tags import stages
from ci_kit.result import Findings
from tests.deploy import made
from tests.deploy.standins.bentoml import TOKEN, serving
from tests.deploy.standins.program import calls, fail, install, mend, read, write

pytestmark = pytest.mark.e2e
NAME = "sums-prod"


@dataclass
class Target:
    """A repository with registered versions, and a BentoCloud."""

    root: Path
    service: Path
    count: Iterator[int] = field(default_factory=itertools.count)

    def job(self, version: str | None = None) -> Job:
        wanted: dict[str, object] = {"deploy.version": f"{version}.0.0"} if version else {}
        return made.job(self.root, wanted, started=f"2026-11-25T10:{next(self.count):02}:00+00:00")

    def deploy(self, version: str) -> dict[str, Check]:
        return checks(step.run(self.job(version)))

    def serves(self) -> tuple[str, str]:
        tag, status = serving(self.service, NAME)
        return tag.partition("-")[0].partition(":")[2], status

    def spoil(self, *versions: str) -> None:
        """Have versions fail to start."""
        known = read(self.service / "cloud.json", {})
        write(self.service / "cloud.json", known | {"bad": [f"{version}.0.0" for version in versions]})


def checks(found: Findings) -> dict[str, Check]:
    return {check.id: check for check in found.checks}


def statuses(found: dict[str, Check]) -> dict[str, str]:
    return {name: check.status for name, check in found.items()}


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Target:
    service = tmp_path / "service"
    install(tmp_path / "bin", "bentoml", service)
    monkeypatch.setattr(bentocloud, "PROGRAM", (str(tmp_path / "bin" / "bentoml"),))
    monkeypatch.setattr(cloud, "PAUSE", 0.0)
    monkeypatch.setenv(bentocloud.TOKEN, TOKEN)
    root = made.repository(tmp_path / "repo", targets={"prod": {"kind": "bentocloud", "start": "5s"}})
    for number in (1, 2, 3):
        made.release(root, f"v{number}.0.0", factor=float(number))
    return Target(root, service)


def test_versions_are_deployed_one_that_fails_is_taken_back_and_a_rollback_goes_back(target: Target) -> None:
    known = {"evaluated": "pass", "content": "pass", "signature": "warn", "rollout": "pass", "keep": "pass"}
    assert statuses(target.deploy("v1")) == known | {"record": "pass"}
    assert statuses(target.deploy("v2"))["keep"] == "pass"
    assert target.serves() == ("v2.0.0", "running")
    target.spoil("v3")
    failed = target.deploy("v3")
    assert (failed["rollout"].status, failed["rollout"].observed) == ("fail", "its status is failed")
    assert failed["rollback"].status == "warn"
    assert "keep" not in failed
    assert target.serves() == ("v2.0.0", "running")
    assert statuses(target.deploy("v2")) == {"evaluated": "pass", "serves": "pass"}
    assert statuses(checks(step.rollback(target.job())))["keep"] == "pass"
    assert target.serves() == ("v1.0.0", "running")
    (shown,) = step.status(target.job()).checks
    assert (shown.status, shown.title, shown.observed) == ("pass", "sums@v1.0.0 serves", f"https://{NAME}.example.org")
    assert kept(Git(target.root), made.NAME, "prod") == ["v1.0.0", "v2.0.0", "v1.0.0"]
    assert len(stages(Git(target.root), made.NAME)["prod"]) == 3


def test_what_is_pushed_is_the_registered_bento_under_a_version_of_its_own(target: Target) -> None:
    target.deploy("v1")
    other = made.release(target.root, "v4.0.0", factor=1.0, note="the same model, another bento")
    target.deploy("v4")
    bentos = read(target.service / "cloud.json", {})["bentos"]
    model = made.model_digest(target.root, "v1.0.0")
    assert list(bentos.values()) == [model, model]
    assert list(bentos)[1] == f"sums:v4.0.0-{other.digest[:12]}"


def test_the_token_goes_by_the_environment_alone_and_nothing_else_that_is_secret_goes(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "another-secret")
    target.deploy("v1")
    assert TOKEN not in json.dumps(calls(target.service))
    environment = read(target.service / "environment.json", {})
    assert environment[bentocloud.TOKEN] == TOKEN
    assert "another-secret" not in environment.values()
    assert environment["BENTOML_DO_NOT_TRACK"] == "true"
    assert not Path(environment["BENTOML_HOME"]).exists()


@pytest.mark.parametrize("token", [None, "", " "])
def test_without_a_token_there_is_one_line(target: Target, monkeypatch: pytest.MonkeyPatch, token: str | None) -> None:
    monkeypatch.delenv(bentocloud.TOKEN)
    if token is not None:
        monkeypatch.setenv(bentocloud.TOKEN, token)
    for ask in (lambda: target.deploy("v1"), lambda: step.status(target.job()), lambda: step.rollback(target.job())):
        with pytest.raises(UserError, match=r"^there is no token for BentoCloud \(BENTO_CLOUD_API_KEY is empty\)"):
            ask()
    assert calls(target.service) == []


def test_a_wrong_token_is_one_line(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(bentocloud.TOKEN, "a-wrong-token")
    with pytest.raises(UserError, match=r"^BentoCloud does not take the token"):
        target.deploy("v1")


@pytest.mark.parametrize("after", [False, True], ids=["before its work", "after its work"])
def test_whichever_call_fails_the_version_before_serves_or_the_new_one_was_kept(target: Target, after: bool) -> None:
    target.deploy("v1")
    for turn in itertools.count(1):
        done = len(calls(target.service))
        fail(target.service, "httpx.ConnectError: [Errno 111] Connection refused", at=turn, after=after)
        try:
            found = target.deploy("v2")
            new = "keep" in found
            assert new != (statuses(found).get("rollout") == "fail")
        except (Unavailable, UserError):
            new = False
        count = len(calls(target.service)) - done
        mend(target.service)
        if count < turn:
            break
        assert target.serves() == ("v2.0.0" if new else "v1.0.0", "running"), f"call {turn}"
        target.deploy("v1")
    assert turn > 4


def test_the_first_version_that_fails_is_terminated(target: Target) -> None:
    target.spoil("v1")
    failed = target.deploy("v1")
    assert failed["rollback"].status == "fail"
    assert target.serves() == ("v1.0.0", "terminated")
    assert statuses(checks(step.status(target.job()))) == {"serves": "fail"}
    target.spoil()
    assert statuses(target.deploy("v1"))["keep"] == "pass"


def test_where_the_service_is_lost_for_good_it_is_said(target: Target) -> None:
    target.deploy("v1")
    target.spoil("v2")
    fail(target.service, "httpx.ConnectError: [Errno 111] Connection refused", at=4, forever=True)
    failed = target.deploy("v2")
    assert statuses(failed)["rollout"] == statuses(failed)["rollback"] == "fail"
    assert str(failed["rollback"].observed).startswith("BentoCloud was not reached")


def test_a_version_that_does_not_come_is_given_up(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    target.deploy("v1")
    monkeypatch.setattr(cloud, "LOOKS", 10**9)
    monkeypatch.setattr(cloud, "duration", lambda _: __import__("datetime").timedelta(seconds=0.3))
    failed = target.deploy("v2")
    assert re.fullmatch("after 0 s its status is (running|deploying)", str(failed["rollout"].observed))


def test_a_deployer_that_is_stopped_takes_back_what_it_did(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    target.deploy("v1")
    stopped = iter([KeyboardInterrupt()])
    real = cloud._wait

    def wait(place: cloud.Place, tag: str) -> str | None:
        for error in stopped:
            raise error
        return real(place, tag)

    monkeypatch.setattr(cloud, "_wait", wait)
    with pytest.raises(KeyboardInterrupt):
        target.deploy("v2")
    assert target.serves() == ("v1.0.0", "running")


def test_there_is_nothing_to_go_back_to_before_a_second_version(target: Target) -> None:
    with pytest.raises(UserError, match=r"^there is no version to go back to \(none was deployed\)"):
        step.rollback(target.job())
    target.deploy("v1")
    with pytest.raises(UserError, match=r"\(the history knows of no other version than v1\.0\.0\)"):
        step.rollback(target.job())
    (shown,) = step.status(target.job()).checks
    assert shown.status == "pass"


def test_what_was_not_evaluated_reaches_no_cloud(target: Target) -> None:
    made.release(target.root, "v5.0.0", factor=5.0, evaluation=None)
    assert statuses(target.deploy("v5")) == {"evaluated": "fail"}
    assert calls(target.service) == []


def test_an_entry_of_the_history_that_is_damaged_is_none(target: Target) -> None:
    target.deploy("v1")
    forge, folder = LocalForge(target.root), f"deploy/{made.NAME}/prod"
    forge.record({f"{folder}/2026-12-01T000000Z-v9.9.9.json": b'{"schema": 1, "checks": 1'}, "x")
    forge.record({f"{folder}/2026-12-02T000000Z-v9.9.9.json": b"x" * (8 * 2**20 + 1)}, "x")
    assert kept(Git(target.root), made.NAME, "prod") == ["v1.0.0"]
