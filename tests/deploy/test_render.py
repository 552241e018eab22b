"""What a cluster is asked for: valid, closed, without rights, and the same to every reader of YAML."""

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_kit.deploy import render, schema
from ci_kit.deploy.dump import dump
from ci_kit.deploy.render import Served
from ci_kit.deploy.workload import Inferring, Rolling
from ci_kit.errors import UserError
from ci_kit.parts import Source
from ci_kit.registry.release import Archive, Release
from ci_kit.sections import KServe, Kubernetes

DIGEST, IMAGE = "d" * 64, f"registry.example.org/team/sums@sha256:{'1' * 64}"
BEFORE = {"version": "v0.9.0", "digest": "e" * 64, "revision": "3"}
# How readers other than PyYAML take a plain scalar for a number.
NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?|0[xob][0-9a-fA-F_]+")


def release(digest: str = DIGEST, version: str = "v1.0.0", model: str = "sums") -> Release:
    archive = Archive(sha256="b" * 64, bytes=1, store="store", place="place")
    known: dict[str, Any] = {"model": model, "version": version, "digest": digest, "model_sha256": "a" * 64}
    return Release(archive=archive, source=Source(), created="now", kit="0", **known)


def served(kind: str = "kubernetes", *, one: Release | None = None, **more: Any) -> Served:
    section = (KServe if kind == "kserve" else Kubernetes).model_validate({"kind": kind} | more)
    known: dict[str, Any] = {"name": "sums-prod", "target": "prod", "image": IMAGE, "model_digest": "c" * 64}
    return Served(release=one or release(), settings=section, **known)


def documents(kind: str, **more: Any) -> dict[str, Any]:
    """Return kind → document."""
    made = (render.kserve if kind == "kserve" else render.kubernetes)(served(kind, **more), BEFORE)
    return {one["kind"]: one for one in made}


def pod(kind: str, **more: Any) -> dict[str, Any]:
    made = documents(kind, **more)
    spec = made["InferenceService"]["spec"]["predictor"] if kind == "kserve" else made["Deployment"]["spec"]
    return dict(spec if kind == "kserve" else spec["template"]["spec"])


KINDS = pytest.mark.parametrize("kind", ["kubernetes", "kserve"])
HEX = st.text("0123456789abcdef", min_size=64, max_size=64)
QUANTITY = st.from_regex(r"^[1-9][0-9]{0,8}(m|Ki|Mi|Gi|Ti|k|M|G|T)?$", fullmatch=True)
START = st.from_regex(r"^[1-9][0-9]{0,5}(s|m|h|d|w)$", fullmatch=True)


@KINDS
@settings(max_examples=5)  # judging by Kubernetes' own schemas takes its time
@given(HEX, QUANTITY, QUANTITY, st.integers(1, 1000), START)
def test_whatever_the_settings_are_the_documents_are_valid(
    kind: str, digest: str, cpu: str, memory: str, replicas: int, start: str
) -> None:
    made = documents(kind, one=release(digest), cpu=cpu, memory=memory, replicas=replicas, start=start)
    assert schema.valid(list(made.values()))
    assert list(yaml.safe_load_all(dump(*made.values()))) == list(made.values())
    assert max(numbers_of(list(made.values()))) < 2**31


def numbers_of(value: Any) -> Iterator[float]:
    match value:
        case dict() | list():
            for inner in value.values() if isinstance(value, dict) else value:
                yield from numbers_of(inner)
        case bool():
            return
        case int() | float():
            yield value


@KINDS
@pytest.mark.parametrize(
    "start", ["12345678901234e5", "0123456789012345", "1e10000000000000", "0x12345678901234", "1_0"]
)
def test_no_text_is_a_number_to_another_reader(kind: str, start: str) -> None:
    digest = (start + "0" * 64)[:64].replace("x", "0").replace("_", "0")
    text = dump(*documents(kind, one=release(digest)).values())
    for line in text.splitlines():
        value = line.partition(": ")[2] if ": " in line else line.strip().removeprefix("- ")
        assert not (NUMBER.fullmatch(value) and len(value) > 9), line
    assert f'"{digest}"' in text
    assert dump({"key": start}) == f'key: "{start}"\n'


TEXTS = ("yes", "no", "on", "y", "N", "null", "~", "true", "1", "1e3", ".5", "", " a", "a: b", "# a", "a\nb", "=", "\t")


@pytest.mark.parametrize("value", TEXTS)
def test_a_text_stays_a_text(value: str) -> None:
    assert yaml.safe_load(dump({"key": value})) == {"key": value}


@given(st.text())
def test_a_text_adds_no_key(value: str) -> None:
    assert yaml.safe_load(dump({"a": value, "b": {"c": [value]}})) == {"a": value, "b": {"c": [value]}}


def changed(kind: str, path: tuple[Any, ...], value: Any) -> list[dict[str, Any]]:
    """Return the documents with one field set."""
    made = json.loads(json.dumps(documents(kind)))
    place = made["InferenceService" if kind == "kserve" else "Deployment"]
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    return list(made.values())


DEPLOYED = ("spec", "template", "spec", "containers", 0)
PREDICTED = ("spec", "predictor", "containers", 0)


@pytest.mark.parametrize(
    ("kind", "path", "value", "named"),
    [
        ("kubernetes", ("spec", "replica"), 2, "'replica' was unexpected"),
        ("kubernetes", (*DEPLOYED, "readynessProbe"), {}, "'readynessProbe' was unexpected"),
        ("kubernetes", (*DEPLOYED, "securityContext", "runAsNonRoot"), "yes", "runAsNonRoot"),
        ("kubernetes", ("spec", "replicas"), "two", "replicas"),
        ("kubernetes", ("kind",), "Deploiment", "the manifest has a Deploiment (there is no schema"),
        ("kubernetes", ("apiVersion",), "apps/v9", "the manifest has a Deployment (there is no schema"),
        ("kserve", ("spec", "predictor", "minReplica"), 1, "'minReplica' was unexpected"),
        ("kserve", ("spec", "predictor", "minReplicas"), "1", "spec.predictor.minReplicas"),
        ("kserve", (*PREDICTED, "lifecycle"), {}, "'lifecycle' was unexpected"),
        ("kserve", (*PREDICTED, "resources", "limits"), {"memory": "lots"}, "spec.predictor.containers.0.resources"),
        ("kserve", ("metadata", "labels"), {"ci-kit/digest": DIGEST}, "metadata.labels.ci-kit/digest"),
        ("kserve", ("kind",), "TrainedModel", "kind"),
        ("kserve", ("apiVersion",), "serving.kserve.io/v1alpha1", "apiVersion"),
        ("kserve", ("apiVersion",), "serving.example.org/v1", "there is no schema"),
    ],
)
def test_a_field_that_is_unknown_or_wrong_is_named(kind: str, path: tuple[Any, ...], value: Any, named: str) -> None:
    with pytest.raises(UserError) as caught:
        schema.valid(changed(kind, path, value))
    assert named in str(caught.value)


def test_kserve_wants_a_name_for_each_container() -> None:
    made = documents("kserve")
    del made["InferenceService"]["spec"]["predictor"]["containers"][0]["name"]
    with pytest.raises(UserError, match="'name' is a required property"):
        schema.valid(list(made.values()))


def test_where_the_facts_of_kserve_come_from_stands_in_their_file() -> None:
    known = json.loads(schema.KSERVE.read_text())
    assert all(word in known["$comment"] for word in ("kserve/kserve", known["title"].split()[1], "Apache-2.0"))
    assert '"description"' not in schema.KSERVE.read_text()


@KINDS
def test_a_pod_has_no_right_that_it_does_not_need(kind: str) -> None:
    made = pod(kind)
    (container,) = made["containers"]
    assert container["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 1034,
        "runAsGroup": 1034,
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert made["automountServiceAccountToken"] is False
    assert [(one["name"], one["mountPath"]) for one in container["volumeMounts"]] == [("tmp", "/tmp")]
    assert made["volumes"] == [{"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}}]
    assert not {"hostNetwork", "hostPID", "hostIPC", "serviceAccountName", "initContainers"} & made.keys()


@KINDS
def test_a_pod_is_the_image_by_its_digest_with_what_it_was_given(kind: str) -> None:
    (container,) = pod(kind, cpu="250m", memory="2Gi")["containers"]
    assert container["image"] == IMAGE
    assert container["resources"] == {"requests": {"cpu": "250m", "memory": "2Gi"}, "limits": {"memory": "2Gi"}}
    told = {one["name"]: one["value"] for one in container["env"]}
    assert told == {"CI_KIT_VERSION": "v1.0.0", "CI_KIT_DIGEST": DIGEST, "HOME": "/tmp"}


@KINDS
def test_a_pod_gets_traffic_only_once_it_serves_the_registered_model(kind: str) -> None:
    (container,) = pod(kind, start="45s")["containers"]
    start = container["startupProbe"]
    assert start["exec"]["command"] == ["python", "-I", "-c", render.PROBE, "c" * 64]
    assert start["periodSeconds"] * start["failureThreshold"] >= 45
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": 3000}
    assert container["livenessProbe"]["httpGet"] == {"path": "/livez", "port": 3000}


def test_no_pod_goes_before_another_is_ready_and_each_has_time_to_go() -> None:
    spec = documents("kubernetes", replicas=3, start="45s")["Deployment"]["spec"]
    assert spec["replicas"] == 3
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    assert spec["progressDeadlineSeconds"] == 45
    pods = spec["template"]["spec"]
    pause = int(pods["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pods["terminationGracePeriodSeconds"] > pause + 15  # the server's own time to finish its requests


def test_an_inference_service_has_nothing_that_knative_refuses() -> None:
    predictor = pod("kserve", replicas=3)
    (container,) = predictor["containers"]
    assert (predictor["minReplicas"], predictor["maxReplicas"]) == (3, 3)
    assert (container["name"], container["ports"][0]["name"]) == ("kserve-container", "http1")
    assert not {"terminationGracePeriodSeconds", "securityContext"} & predictor.keys()
    assert "lifecycle" not in container
    assert predictor["deploymentStrategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}


@pytest.mark.parametrize(("replicas", "kinds"), [(1, 0), (2, 1)])
def test_several_pods_have_a_budget(replicas: int, kinds: int) -> None:
    made = documents("kubernetes", replicas=replicas)
    assert list(made) == ["Service", *["PodDisruptionBudget"] * kinds, "Deployment"]


def test_service_budget_and_deployment_find_the_pods_of_every_version() -> None:
    made, other = documents("kubernetes"), documents("kubernetes", one=release("f" * 64, "v2.0.0"))
    wanted = {"app.kubernetes.io/instance": "sums-prod"}
    assert made["Service"]["spec"]["selector"] == wanted
    assert made["PodDisruptionBudget"]["spec"]["selector"] == {"matchLabels": wanted}
    assert made["Deployment"]["spec"]["selector"] == {"matchLabels": wanted}
    labels = made["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert wanted.items() <= labels.items()
    assert made["Service"] == other["Service"]
    assert made["Deployment"]["metadata"]["labels"] == other["Deployment"]["metadata"]["labels"]


@KINDS
def test_labels_and_annotations_say_what_serves(kind: str) -> None:
    made = documents(kind)
    main = made["InferenceService" if kind == "kserve" else "Deployment"]
    inner = main["spec"]["predictor"] if kind == "kserve" else main["spec"]["template"]["metadata"]
    facts = {"ci-kit/model": "sums", "ci-kit/version": "v1.0.0", "ci-kit/digest": DIGEST, "ci-kit/target": "prod"}
    assert facts.items() <= inner["annotations"].items()
    assert facts.items() <= main["metadata"]["annotations"].items()
    assert json.loads(main["metadata"]["annotations"]["ci-kit/before"]) == BEFORE
    assert "ci-kit/before" not in inner["annotations"]
    assert inner["labels"]["ci-kit/digest"] == DIGEST[:16]
    assert inner["labels"]["app.kubernetes.io/version"] == "v1.0.0"
    assert all(len(value) <= 63 for value in inner["labels"].values())


@pytest.mark.parametrize("most", [Rolling.longest, Inferring.longest])
def test_a_name_that_is_too_long_is_refused(most: int) -> None:
    model = "m" * 40
    assert len(render.name_of(model, "t" * (most - 41), most)) == most
    with pytest.raises(UserError, match=r"^the name m+-t+ is too long \(it may have \d\d characters there\)"):
        render.name_of(model, "t" * (most - 40), most)


class Instance(BaseHTTPRequestHandler):
    """What a pod answers."""

    about: ClassVar[bytes] = b""
    ready: ClassVar[int] = 200

    def do_GET(self) -> None:
        status, body = (200, self.about) if self.path == "/about" else (self.ready, b'{"error": "golden row 0"}')
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def instance() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Instance)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("about", "ready", "said"),
    [
        (b'{"model_digest": "abc"}', 200, None),
        (b'{"model_digest": "abd"}', 200, "the image holds another model: abd"),
        (b"{}", 200, "the image holds another model: None"),
        (b'{"model_digest": "abc"}', 503, 'not ready: {"error": "golden row 0"}'),
        (b"<html>", 200, "not ready: Expecting value"),
    ],
)
def test_the_probe_lets_only_the_registered_model_start(
    instance: int, monkeypatch: pytest.MonkeyPatch, about: bytes, ready: int, said: str | None
) -> None:
    monkeypatch.setattr(Instance, "about", about)
    monkeypatch.setattr(Instance, "ready", ready)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    code, words = probe(instance)
    assert code == (0 if said is None else 1)
    assert words.startswith(said or "")
    assert words.count("\n") <= 1


@pytest.mark.e2e
def test_the_probe_waits_for_who_does_not_listen_yet() -> None:
    code, words = probe(9)
    assert (code, words.startswith("not ready: ")) == (1, True)


def probe(port: int) -> tuple[int, str]:
    """Run the probe as a pod would, against another port."""
    script = render.PROBE.replace(":3000/", f":{port}/")
    assert script.count(f":{port}/") == 2
    done = subprocess.run([sys.executable, "-I", "-c", script, "abc"], capture_output=True, text=True, timeout=30)
    return done.returncode, done.stderr
