"""The targets `kubernetes` and `kserve`, whole, against a stand-in for kubectl."""

import itertools
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ci_kit.deploy import cluster as module
from ci_kit.deploy import step, workload
from ci_kit.deploy.change import Change
from ci_kit.deploy.kubectl import DROPPED
from ci_kit.errors import CiKitError, Unavailable, UserError
from ci_kit.forge.git import Git
from ci_kit.job import Job
from ci_kit.parts import Check
from ci_kit.registry.tags import stages
from ci_kit.result import Findings
from tests.deploy import made
from tests.deploy.standins.kubectl import change, hold, serving
from tests.deploy.standins.program import calls, fail, install, mend

pytestmark = pytest.mark.e2e
IMAGES = {f"v{number}": f"registry/sums@sha256:{number:064x}" for number in range(1, 6)}
AWAY = "The connection to the server 192.0.2.1:6443 was refused - did you specify the right host or port?"
MAIN = ("deployment/", "inferenceservice/")
FLAVOURS = ("kubernetes", "kserve", "kserve on Knative")


@dataclass
class Target:
    """A repository with registered versions, whose images a cluster may have, and one target."""

    root: Path
    cluster: Path
    count: Iterator[int] = field(default_factory=itertools.count)

    def hold(self, version: str, holds: str | None = None, *, ready: bool = True) -> None:
        """Put the image of a version into the registry; it may hold another one's model."""
        hold(self.cluster, IMAGES[version], made.model_digest(self.root, f"{holds or version}.0.0"), ready=ready)

    def job(self, overrides: dict[str, object] | None = None) -> Job:
        return made.job(self.root, overrides, started=f"2026-11-25T10:{next(self.count):02}:00+00:00")

    def deploy(self, version: str, **more: object) -> dict[str, Check]:
        wanted = {"deploy.version": f"{version}.0.0", "deploy.image": IMAGES[version]} | more
        return checks(step.run(self.job(wanted)))

    def rollback(self) -> dict[str, Check]:
        return checks(step.rollback(self.job()))

    def status(self) -> tuple[str, str]:
        (check,) = step.status(self.job()).checks
        return check.status, check.title

    def before(self) -> str | None:
        """Return the version that the cluster remembers."""
        (found,) = [one for name, one in self.objects().items() if name.startswith(MAIN)]
        raw = found["metadata"]["annotations"].get("ci-kit/before")
        return str(json.loads(raw)["version"]) if raw else None

    def objects(self) -> dict[str, Any]:
        return dict(json.loads((self.cluster / "cluster.json").read_text())["objects"])


def checks(found: Findings) -> dict[str, Check]:
    return {check.id: check for check in found.checks}


def statuses(found: dict[str, Check]) -> dict[str, str]:
    return {name: check.status for name, check in found.items()}


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a repository with five versions."""
    root = made.repository(tmp_path_factory.mktemp("registered") / "repo")
    for number in range(1, 5):
        made.release(root, f"v{number}.0.0", factor=float(number))
    made.release(root, "v5.0.0", factor=5.0, evaluation="fail")
    return root


@pytest.fixture
def target(registered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Target:
    return make(registered, tmp_path, monkeypatch, getattr(request, "param", "kubernetes"))


def make(registered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flavour: str, **settings: object) -> Target:
    """Return a target of one of the FLAVOURS, with kubectl on the PATH and all images in the registry."""
    root = shutil.copytree(registered, tmp_path / "repo")
    kind = flavour.partition(" ")[0]
    known = {"kind": kind, "start": "1s", "replicas": 2} | settings
    (root / "ci-kit.yaml").write_text(
        json.dumps({"package": {"name": made.NAME, "store": "store"}, "deploy": {"targets": {"prod": known}}})
    )
    cluster = tmp_path / "cluster"
    install(tmp_path / "bin", "kubectl", cluster)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(workload, "PAUSE", 0.15)
    monkeypatch.setattr(module, "_within", lambda _: 0.3)
    change(cluster, mode="knative" if "Knative" in flavour else "standard")
    found = Target(root, cluster)
    for version in ("v1", "v2", "v3", "v4"):
        found.hold(version)
    return found


@pytest.mark.parametrize("target", FLAVOURS, indirect=True)
def test_versions_are_rolled_out_one_with_a_wrong_image_is_taken_back_and_a_rollback_goes_back(target: Target) -> None:
    first = target.deploy("v1")
    assert statuses(first)["keep"] == statuses(first)["record"] == "pass"
    assert target.status() == ("pass", "sums@v1.0.0 serves")
    assert statuses(target.deploy("v2"))["keep"] == "pass"
    target.hold("v3", "v1")  # the image is not of that version
    failed = target.deploy("v3")
    known = {"manifest": "pass", "applied": "pass", "rollout": "fail", "rollback": "warn"}
    assert statuses(failed) | known == statuses(failed)
    assert "keep" not in failed
    assert "the image holds another model" in str(failed["rollout"].detail)
    assert "v2.0.0" in served(target)
    assert target.before() == "v1.0.0"
    # The fields that the way back has set are no hindrance for what comes next.
    assert statuses(target.deploy("v4"))["keep"] == "pass"
    assert target.before() == "v2.0.0"
    assert statuses(target.rollback())["keep"] == "pass"
    assert target.status() == ("pass", "sums@v2.0.0 serves")
    results = made.recorded(target.root)
    assert [one.status == "fail" for one in results.values()] == [False, False, True, False, False]
    assert [one.about for one in results.values()] == [f"sums@v{n}.0.0 to prod" for n in (1, 2, 3, 4, 2)]
    commits = {commit: number for number, commit in stages(Git(target.root), made.NAME)["prod"]}
    assert len(stages(Git(target.root), made.NAME)["prod"]) == 4  # v1, v2, v4 and v2 again
    assert len(commits) == 3


def served(target: Target) -> set[str]:
    return serving(target.cluster)


@pytest.mark.parametrize("target", FLAVOURS, indirect=True)
def test_the_first_version_has_none_before_it_and_what_never_served_is_removed(target: Target) -> None:
    target.hold("v1", ready=False)
    failed = target.deploy("v1")
    assert statuses(failed)["rollback"] == "fail"
    assert not [name for name in target.objects() if name.startswith(MAIN)]
    assert target.status() == ("skip", "Nothing was deployed to prod yet")
    with pytest.raises(UserError, match=r"^nothing was deployed to prod yet"):
        target.rollback()
    target.hold("v1")
    assert statuses(target.deploy("v1"))["keep"] == "pass"
    with pytest.raises(UserError, match=r"^there is no version to go back to \(v1\.0\.0 is the first"):
        target.rollback()


@pytest.mark.parametrize("target", FLAVOURS[:2], indirect=True)
@pytest.mark.parametrize(
    ("good", "after"),
    [(True, False), (True, True), (False, False)],
    ids=["a good version", "a good version, the answer lost", "a bad version"],
)
@pytest.mark.timeout(300)
def test_whichever_call_fails_the_version_before_serves_or_the_new_one_was_kept(
    target: Target, tmp_path: Path, good: bool, after: bool
) -> None:
    target.deploy("v1")
    target.hold("v2", ready=good)
    for turn in itertools.count(1):
        with pytest.MonkeyPatch.context() as patch:
            one = copied(target, tmp_path / str(turn), patch)
            fail(one.cluster, AWAY, at=turn, after=after)
            kept = attempted(lambda: one.deploy("v2"))  # noqa: B023 - called here and now
            if len(calls(one.cluster)) - len(calls(target.cluster)) < turn:
                break  # there was no such call any more
            newest = {"v2.0.0"} if kept else {"v1.0.0"}
            assert served(one) == newest, f"call {turn}: {calls(one.cluster)[-turn:]}"
            mend(one.cluster)
            one.hold("v2")
            assert statuses(one.deploy("v2"))["keep"] == "pass"
            assert one.before() == "v1.0.0"
    assert turn > (4 if good else 6)


def copied(target: Target, folder: Path, patch: pytest.MonkeyPatch) -> Target:
    """Return a target as it is now, in another folder."""
    root = shutil.copytree(target.root, folder / "repo", symlinks=True)
    cluster = shutil.copytree(target.cluster, folder / "cluster")
    install(folder / "bin", "kubectl", cluster)
    patch.setenv("PATH", f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}")
    return Target(root, cluster, itertools.count(10))


def attempted(deploy: Callable[[], dict[str, Check]]) -> bool:
    """Deploy, and say whether the version was kept; a verdict and one line of an error are the only ways to fail."""
    try:
        found = deploy()
    except Unavailable:
        return False
    assert ("keep" in found) != (statuses(found).get("rollout") == "fail")
    return "keep" in found


@pytest.mark.parametrize("target", FLAVOURS, indirect=True)
def test_where_the_cluster_is_lost_for_good_it_is_said_and_pods_of_the_version_before_still_serve(
    target: Target,
) -> None:
    target.deploy("v1")
    target.hold("v2", ready=False)
    fail(target.cluster, AWAY, at=len_of_deploy(target), forever=True)
    failed = target.deploy("v2")
    assert statuses(failed)["rollout"] == statuses(failed)["rollback"] == "fail"
    assert AWAY in str(failed["rollback"].observed)
    assert served(target) == {"v1.0.0"}


def len_of_deploy(target: Target) -> int:
    """Return the number of the first call after the new version was applied."""
    last = max(number for number, one in enumerate(calls(target.cluster)) if "apply" in one)
    first = 0
    return last - first + 2


def test_a_deployer_that_was_cut_off_is_told_of_and_the_way_back_is_to_what_was_kept(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    target.deploy("v1")
    target.hold("v2", ready=False)
    cut_off(target, monkeypatch)
    assert target.status() == ("warn", "A rollout of sums@v2.0.0 goes on or was cut off")
    target.hold("v3", ready=False)
    assert statuses(target.deploy("v3"))["rollback"] == "warn"
    assert target.status() == ("pass", "sums@v1.0.0 serves")
    cut_off(target, monkeypatch)
    assert statuses(target.rollback())["keep"] == "pass"
    assert target.status() == ("pass", "sums@v1.0.0 serves")


def cut_off(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    """Deploy v2, and be killed while waiting."""

    def killed(*_: object) -> str:
        raise SystemExit(137)

    with monkeypatch.context() as patch:
        patch.setattr(workload.Rolling, "wait", killed)
        patch.setattr(Change, "_back", lambda _: None)
        with pytest.raises(SystemExit):
            target.deploy("v2")


def test_a_deployer_that_is_stopped_takes_back_what_it_did(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    target.deploy("v1")
    waits = iter([KeyboardInterrupt()])
    real = workload.Rolling.wait

    def wait(*arguments: Any) -> str | None:
        for error in waits:
            raise error
        return real(*arguments)

    monkeypatch.setattr(workload.Rolling, "wait", wait)
    with pytest.raises(KeyboardInterrupt):
        target.deploy("v2")
    assert target.status() == ("pass", "sums@v1.0.0 serves")


def test_the_same_version_again_is_applied_and_remembers_what_was_before_it(target: Target) -> None:
    target.deploy("v1")
    target.deploy("v2")
    assert statuses(target.deploy("v2"))["keep"] == "pass"
    assert target.before() == "v1.0.0"


def test_what_was_not_evaluated_or_not_named_by_its_image_reaches_no_cluster(target: Target) -> None:
    assert statuses(target.deploy("v5")) == {"evaluated": "fail"}
    with pytest.raises(UserError, match=r"^no image was named \(prod runs containers\)"):
        step.run(target.job({"deploy.version": "v1.0.0"}))
    assert calls(target.cluster) == []


@pytest.mark.parametrize("target", FLAVOURS, indirect=True)
def test_without_kubectl_the_manifest_is_written_and_not_applied(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    git = shutil.which("git")
    (target.root.parent / "few").mkdir()
    (target.root.parent / "few" / "git").symlink_to(str(git))
    monkeypatch.setenv("PATH", str(target.root.parent / "few"))
    found = step.run(target.job({"deploy.version": "v1.0.0", "deploy.image": IMAGES["v1"]}))
    check = checks(found)["applied"]
    assert (check.status, check.observed) == ("skip", ".ci-kit/deploy/prod.yaml")
    assert check.detail == "Type: kubectl apply --server-side --filename .ci-kit/deploy/prod.yaml"
    assert IMAGES["v1"] in (target.root / ".ci-kit" / "deploy" / "prod.yaml").read_text()
    assert [file.role for file in found.files] == ["manifest"]
    assert found.about == "sums@v1.0.0 to prod"
    assert made.recorded(target.root) == {}
    with pytest.raises(UserError, match=r"^kubectl is not installed"):
        target.status()


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        (AWAY, Unavailable, r"^no cluster was reached \(The connection to the server 192\.0\.2\.1:6443 was refused"),
        ("Unable to connect to the server: dial tcp: i/o timeout", Unavailable, "^no cluster was reached"),
        (
            'E1125 16:58:23.107567   12343 memcache.go:265] "Unhandled Error" err="x"\n'
            'Error from server (Forbidden): deployments.apps "x" is forbidden: User "ci" cannot get resource',
            UserError,
            r"^the cluster does not permit it \(Error from server \(Forbidden\): deployments\.apps",
        ),
        ("error: You must be logged in to the server (Unauthorized)", UserError, "^the cluster does not permit it"),
        ('error: the server doesn\'t have a resource type "x"', UserError, r"^kubectl get failed \(error: the server"),
        ("", UserError, r"^kubectl get failed \(no reason given\)"),
        (
            "Error from server: token ghp_0123456789abcdef0123456789abcdef0123 is wrong",
            UserError,
            r"^kubectl get failed \(Error from server: token \*\*\* is wrong\)$",
        ),
    ],
)
def test_what_the_cluster_refuses_is_one_line_in_its_words(
    target: Target, words: str, error: type[CiKitError], said: str
) -> None:
    fail(target.cluster, words, at=1)
    with pytest.raises(error, match=said):
        target.deploy("v1")
    assert target.objects() == {}


def test_a_namespace_or_a_context_that_is_not_there_is_one_line(
    registered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = make(registered, tmp_path / "one", monkeypatch, "kubernetes", namespace="models")
    with pytest.raises(UserError, match=r"^there is no namespace models \(.*Type: kubectl create namespace models$"):
        target.deploy("v1")
    other = make(registered, tmp_path / "two", monkeypatch, "kubernetes", context="nope")
    with pytest.raises(UserError, match=r'^kubectl does not know the cluster \(error: context "nope" does not exist\)'):
        other.deploy("v1")


def test_what_the_cluster_judges_as_wrong_changes_nothing(target: Target) -> None:
    target.deploy("v1")
    words = 'Error from server (Forbidden): admission webhook "policy" denied the request: no'
    fail(target.cluster, words, on="--dry-run=server")
    with pytest.raises(UserError, match="denied the request"):
        target.deploy("v2")
    assert [one for one in calls(target.cluster) if "apply" in one][-1].count("--dry-run=server") == 1
    assert target.status() == ("pass", "sums@v1.0.0 serves")


def test_a_deployment_that_somebody_else_made_is_left_alone(target: Target) -> None:
    labels = {"app.kubernetes.io/managed-by": "Helm"}
    other = {"kind": "Deployment", "metadata": {"name": "sums-prod", "labels": labels}}
    change(target.cluster, objects={"deployment/sums-prod": other | {"spec": {"template": {"metadata": {}}}}})
    with pytest.raises(UserError, match=r"^there is another Deployment sums-prod \(ci-kit did not make it\)"):
        target.deploy("v1")


@pytest.mark.parametrize("target", ["kserve"], indirect=True)
def test_a_manifest_before_that_is_of_something_else_is_not_applied(target: Target) -> None:
    target.deploy("v1")
    target.deploy("v2")
    objects = target.objects()
    annotations = objects["inferenceservice/sums-prod"]["metadata"]["annotations"]
    before = json.loads(annotations["ci-kit/before"])
    before["manifest"] = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x", "namespace": "default"}}
    annotations["ci-kit/before"] = json.dumps(before)
    change(target.cluster, objects=objects)
    done = len(calls(target.cluster))
    failed = target.rollback()
    assert "the manifest before sums-prod is damaged" in str(failed["rollout"].observed)
    assert target.status() == ("pass", "sums@v2.0.0 serves")
    assert "Secret" not in str(calls(target.cluster)[done:])


def test_no_secret_of_ours_reaches_what_signs_in(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, str]] = []
    real = subprocess.run

    def run(*arguments: Any, **more: Any) -> Any:
        seen.append(more["env"])
        return real(*arguments, **more)

    for name in (*DROPPED, "AWS_PROFILE"):
        monkeypatch.setenv(name, "value-of-it")
    monkeypatch.setattr(subprocess, "run", run)
    target.status()
    assert [name for name, value in seen[-1].items() if value == "value-of-it"] == ["AWS_PROFILE"]


def test_a_rollback_does_not_wait_for_what_the_repository_knows(target: Target) -> None:
    target.deploy("v1")
    target.deploy("v2")
    Git(target.root).must("tag", "--delete", f"{made.NAME}@v1.0.0")
    found = target.rollback()
    assert (found["keep"].status, found["record"].status) == ("pass", "warn")
    assert target.status() == ("pass", "sums@v1.0.0 serves")
