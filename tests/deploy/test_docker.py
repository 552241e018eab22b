"""The target `docker`: what its Compose file says, and whole rollouts against a stand-in for the engine."""

import itertools
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from ci_kit.bento.server import free_port
from ci_kit.deploy import compose, step
from ci_kit.deploy.compose import Container
from ci_kit.deploy.docker import DockerTarget, MountedDesk
from ci_kit.deploy.dump import dump
from ci_kit.deploy.engine import Engine
from ci_kit.deploy.state import Instance, State
from ci_kit.errors import UserError
from ci_kit.result import Findings
from ci_kit.sections import Docker
from tests.deploy import made
from tests.deploy.load import Load
from tests.deploy.standins import docker as standin
from tests.deploy.standins.program import calls, fail, install, mend, write

IMAGES = {f"v{number}": f"registry/sums@sha256:{number:064x}" for number in range(1, 6)}
NO_PLUGIN = "unknown shorthand flag: 'p' in -p\n\nUsage:  docker [OPTIONS] COMMAND [ARG...]\n\nRun 'docker --help'"


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Put the stand-in on the PATH, and return its folder."""
    home = tmp_path / "engine"
    install(tmp_path / "bin", "docker", home)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    yield home
    standin.down(home)


@dataclass
class Target:
    """A target of containers of a repository with registered versions."""

    root: Path
    engine: Path
    folder: Path
    port: int
    count: Iterator[int]

    def build(self, version: str, **more: Any) -> None:
        """Register a version, and have an image of it in the registry."""
        made.release(self.root, f"{version}.0.0", **more)
        self.hold(version, version)

    def hold(self, image: str, version: str) -> None:
        """Have the image hold the bento of a version."""
        known = json.loads((self.engine / "images.json").read_text()) if (self.engine / "images.json").exists() else {}
        bento = self.root / ".ci-kit" / "made" / f"{version}.0.0"
        write(self.engine / "images.json", known | {IMAGES[image]: str(bento)})

    def deploy(self, version: str, image: str | None = None) -> Findings:
        wanted: dict[str, object] = {"deploy.version": f"{version}.0.0", "deploy.image": IMAGES[image or version]}
        return step.run(self.job(wanted))

    def job(self, overrides: dict[str, object] | None = None) -> Any:
        return made.job(self.root, overrides, started=f"2026-11-25T10:00:{next(self.count):02}+00:00")

    def about(self) -> dict[str, Any]:
        return dict(httpx.get(f"http://127.0.0.1:{self.port}/about", trust_env=False, timeout=20).json())


@pytest.fixture
def target(tmp_path: Path, engine: Path) -> Target:
    port, folder = free_port(), tmp_path / "place $HOME"  # a name that Compose would take for a variable
    settings = {"kind": "docker", "address": f"127.0.0.1:{port}", "folder": str(folder)}
    settings |= {"watch": "1s", "drain": "1s", "start": "60s"}
    root = made.repository(tmp_path / "repo", targets={"prod": settings})
    return Target(root, engine, folder, port, itertools.count())


def statuses(found: Findings) -> dict[str, str]:
    return {check.id: check.status for check in found.checks}


def kept(found: Findings) -> None:
    assert statuses(found).get("keep") == "pass", "\n".join(f"{one.id}: {one.status}, {one}" for one in found.checks)


@pytest.mark.e2e
@pytest.mark.timeout(300)
def test_versions_are_rolled_out_and_a_bad_one_refused_while_clients_ask(target: Target) -> None:
    target.build("v1")
    target.build("v2", factor=2.0)
    target.build("v3", golden=9.0)  # its golden rows are another model's
    kept(target.deploy("v1"))
    assert target.about()["version"] == "v1.0.0"
    with Load(f"http://127.0.0.1:{target.port}") as load:
        kept(target.deploy("v2"))
        assert target.about()["version"] == "v2.0.0"
        refused = target.deploy("v3")
        assert statuses(refused) | {"ready": "fail", "rollback": "skip"} == statuses(refused)
        assert target.about()["version"] == "v2.0.0"
        # What is registered as v4 is not what the image holds, though it is told to say so.
        target.build("v4", factor=4.0)
        target.hold("v4", "v1")
        lied = next(check for check in target.deploy("v4").checks if check.status == "fail")
        assert (lied.id, lied.title) == ("ready", "The candidate holds another model than the registered one")
        time.sleep(0.3)
    seen = load.since(0)
    assert (seen.failed, set(seen.factors)) == ([], {1.0, 2.0})
    log = "".join(path.read_text() for path in (target.folder / "predictions").glob("*.jsonl"))
    assert log.count("\n") > 20
    kept(step.rollback(target.job()))
    assert target.about()["version"] == "v1.0.0"
    shown = {check.id: check.title for check in step.status(target.job()).checks}
    assert shown["serves"] == "sums@v1.0.0 serves"
    # Another image of the same version is a deployment, the same one is none.
    assert statuses(target.deploy("v1")) == {"serves": "pass"}
    target.hold("v5", "v1")
    kept(target.deploy("v1", image="v5"))
    names = [path.stem for path in (target.engine / "containers").glob("*.json")]
    assert sorted(names) in (["ci-kit-prod-blue", "ci-kit-prod-proxy"], ["ci-kit-prod-green", "ci-kit-prod-proxy"])


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("on", "words", "said"),
    [
        (
            "pull",
            "Error response from daemon: pull access denied",
            f"docker pull {IMAGES['v1']} failed (Error response",
        ),
        ("up", "Error response from daemon: port is already allocated", "docker compose up failed (Error response"),
        ("container", "Cannot connect to the Docker daemon at unix:///x", "Docker does not run, or not for this user"),
        ("compose", NO_PLUGIN, "docker compose up failed (unknown shorthand flag: 'p' in -p). Install Docker's"),
    ],
)
def test_what_docker_refuses_is_one_line_in_its_words(target: Target, on: str, words: str, said: str) -> None:
    target.build("v1")
    fail(target.engine, words, on=on)
    with pytest.raises(UserError) as caught:
        target.deploy("v1")
    assert str(caught.value).startswith(said)
    mend(target.engine)
    state = json.loads((target.folder / "state.json").read_text()) if (target.folder / "state.json").exists() else {}
    assert (state.get("active"), state.get("journal")) == (None, None)


@pytest.mark.e2e
def test_without_an_image_nothing_is_started(target: Target) -> None:
    target.build("v1")
    with pytest.raises(UserError, match=r"^no image was named \(prod runs containers.*--image registry/name@sha256"):
        step.run(target.job({"deploy.version": "v1.0.0"}))
    assert not [one for one in calls(target.engine) if "compose" in one]


@pytest.mark.e2e
def test_an_image_by_its_tag_is_refused(target: Target) -> None:
    with pytest.raises(UserError, match="must look like `registry/name@sha256:`"):
        target.job({"deploy.image": "registry/sums:latest"})


@pytest.mark.e2e
def test_without_docker_there_is_one_line(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    target.build("v1")
    monkeypatch.setattr("ci_kit.deploy.engine.KEPT", ())
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UserError, match=r"^Docker is not installed"):
        Engine(target.folder / "compose.yaml", "ci-kit-prod").container("blue")


@pytest.mark.e2e
def test_a_container_of_another_target_is_left_alone(target: Target) -> None:
    labels = {compose.FOLDER: "/elsewhere"}
    write(target.engine / "containers" / "ci-kit-prod-blue.json", {"service": {"labels": labels}})
    with pytest.raises(UserError, match=r"another container ci-kit-prod-blue \(it belongs to /elsewhere\)"):
        Engine(target.folder / "compose.yaml", "ci-kit-prod").container("blue")


def container(**more: Any) -> Container:
    known: dict[str, Any] = {"image": IMAGES["v1"], "name": "ci-kit-prod-blue", "user": "1000:1000"}
    known |= {"host": "127.0.0.1", "port": 40000, "inside": 3000, "grace": 15, "command": ("--api-workers", "2")}
    known |= {"mounts": {Path("/gate"): compose.GATES, Path("/log"): compose.PREDICTIONS}, "labels": {}}
    return Container(**(known | {"environment": {"CI_KIT_VERSION": "v1.0.0"}} | more))


def test_a_container_can_change_nothing_but_its_log() -> None:
    service = container().service()
    assert (service["read_only"], service["cap_drop"], service["user"]) == (True, ["ALL"], "1000:1000")
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"cap_add", "privileged", "network_mode", "pid", "devices"} & service.keys()
    assert {one["target"]: one["read_only"] for one in service["volumes"]} == {"/gates": True, "/predictions": False}
    assert service["image"].partition("@")[2].startswith("sha256:")


@given(st.text(), st.text(min_size=1))
@example("$HOME ${PATH:-x} $$", "/a$b")
@example("a\nprivileged: true", "/a: b")
def test_no_value_becomes_more_than_a_text(value: str, folder: str) -> None:
    service = container(environment={"A": value}, mounts={Path(folder): compose.GATES}).service()
    read = yaml.safe_load(dump(compose.document("ci-kit-prod", {"blue": service})))
    assert compose.services(read) == {"blue": service}
    assert "$" not in json.dumps(read).replace("$$", "")


def written(tmp_path: Path, address: str = "127.0.0.1:8080", log: bool = True) -> dict[str, Any]:
    """Return the Compose file of a target whose engine takes everything."""
    settings = Docker(kind="docker", address=address, workers=3, drain="7s", log=log)
    target = DockerTarget(settings, MountedDesk(tmp_path, "prod"), IMAGES["v1"])
    target.engine.compose = lambda *_, **__: ""  # type: ignore[method-assign]
    instance = Instance(version="v1.0.0", digest="d" * 64, model="sums", started="now")
    state = State(target="prod", ports={"blue": 40001, "green": 40002})
    target.start(state, "green", instance, IMAGES["v1"])
    target._start_proxy(state)
    return dict(yaml.safe_load((tmp_path / "compose.yaml").read_text())["services"])


def test_an_instance_is_published_on_this_machine_alone_and_the_proxy_where_it_is_wanted(tmp_path: Path) -> None:
    services = written(tmp_path, "0.0.0.0:8080")
    ports = {name: [(one["host_ip"], one["published"]) for one in known["ports"]] for name, known in services.items()}
    assert ports == {"green": [("127.0.0.1", "40002")], "proxy": [("0.0.0.0", "8080")]}


def test_an_instance_is_told_who_it_is_and_where_the_gate_is_that_it_sees(tmp_path: Path) -> None:
    green = written(tmp_path)["green"]
    known = {"HOME": "/tmp", "CI_KIT_GATE": "/gates/gate", "CI_KIT_COLOUR": "green", "CI_KIT_VERSION": "v1.0.0"}
    known |= {"CI_KIT_DIGEST": "d" * 64, "CI_KIT_LOG": "/predictions", "CI_KIT_LOG_SAMPLE": "1.0"}
    assert green["environment"] == known
    assert green["command"] == ["--api-workers", "3"]
    assert green["stop_grace_period"] == "12s"
    assert {one["source"] for one in green["volumes"]} == {str(tmp_path / "gates"), str(tmp_path / "predictions")}


def test_without_a_prediction_log_nothing_can_be_written(tmp_path: Path) -> None:
    green = written(tmp_path, log=False)["green"]
    assert all(one["read_only"] for one in green["volumes"])
    assert "CI_KIT_LOG" not in green["environment"]


def test_the_proxy_asks_instances_by_name_and_has_the_one_right_that_its_program_needs(tmp_path: Path) -> None:
    proxy = written(tmp_path)["proxy"]
    text = (tmp_path / "proxy" / "caddy.json").read_text()
    assert ('"blue:3000"' in text, '"green:3000"' in text, '":8080"' in text) == (True, True, True)
    assert proxy["cap_add"] == ["NET_BIND_SERVICE"]
    assert proxy["image"] == compose.PROXY
    assert {one["source"] for one in proxy["volumes"]} == {str(tmp_path / "proxy")}


def test_the_gate_has_a_folder_of_its_own(tmp_path: Path) -> None:
    desk = MountedDesk(tmp_path, "prod")
    desk.switch("blue")
    assert desk.open() == "blue"
    assert [path.name for path in desk.gate.parent.iterdir()] == ["gate"]


@pytest.mark.parametrize(("address", "host"), [("localhost:8080", "127.0.0.1"), ("192.0.2.7:80", "192.0.2.7")])
def test_an_address_is_published(tmp_path: Path, address: str, host: str) -> None:
    assert written(tmp_path, address)["proxy"]["ports"][0]["host_ip"] == host


def test_a_name_cannot_be_published(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^model\.example\.org:80 can't be published"):
        written(tmp_path, "model.example.org:80")
