"""The documents of a version for a cluster, made of validated settings and facts of the release alone."""

import json
import math
from dataclasses import dataclass
from typing import Any

from ci_kit.deploy.dump import Document
from ci_kit.errors import UserError
from ci_kit.registry.release import Release
from ci_kit.sections import KServe, Kubernetes, duration

PORT, USER = 3000, 1034
DRAIN, GRACE = 10, 45
"""Seconds: until every router knows that a pod is gone, and until it is killed."""
PERIOD = 2  # seconds between two looks at a pod that starts
MODEL, VERSION, DIGEST, SERVED, BEFORE = (
    f"ci-kit/{name}" for name in ("model", "version", "digest", "model-digest", "before")
)
MANAGED = "app.kubernetes.io/managed-by"
# What the image really holds is asked of the instance itself, within its pod and before it gets any traffic.
PROBE = """\
import json, sys, urllib.error, urllib.request
ask = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
try:
    served = json.load(ask("http://127.0.0.1:3000/about", timeout=5)).get("model_digest")
    if served != sys.argv[1]:
        sys.exit(f"the image holds another model: {served}")
    ask("http://127.0.0.1:3000/readyz", timeout=20)
except urllib.error.HTTPError as error:
    sys.exit(f"not ready: {error.read(500).decode()}")
except (OSError, ValueError) as error:
    sys.exit(f"not ready: {error}")
"""


@dataclass(frozen=True, kw_only=True)
class Served:
    """A version as a cluster is to run it: `name` is that of its objects, `model_digest` what the image must serve."""

    name: str
    target: str
    release: Release
    image: str
    model_digest: str
    settings: Kubernetes | KServe

    @property
    def facts(self) -> dict[str, str]:
        """What a pod is annotated with."""
        release = self.release
        known = {MODEL: release.model, VERSION: release.version, DIGEST: release.digest, SERVED: self.model_digest}
        return known | {"ci-kit/target": self.target}

    @property
    def labels(self) -> dict[str, str]:
        """What a pod is labelled with; a label has at most 63 characters, so the digest is cut."""
        known = {"app.kubernetes.io/version": self.release.version, DIGEST: short(self.release.digest)}
        return selector(self.name) | {"app.kubernetes.io/name": self.release.model, MANAGED: "ci-kit"} | known


def name_of(model: str, target: str, longest: int) -> str:
    """Return the name of a target's objects; raise UserError for one that is too long for them."""
    name = f"{model}-{target}"
    if len(name) > longest:
        why = f"it may have {longest} characters there"
        raise UserError(f"the name {name} is too long", why=why, hint="Give the target a shorter name")
    return name


def short(digest: str) -> str:
    """Return a digest as a label holds it."""
    return digest[:16]


def selector(name: str) -> dict[str, str]:
    """Return the labels by which the pods are found, the same for all versions."""
    return {"app.kubernetes.io/instance": name}


def kubernetes(served: Served, before: dict[str, str] | None) -> list[Document]:
    """Return Service, PodDisruptionBudget where there are several pods, and Deployment, which comes last.

    `before` is what ran before, and stays with the Deployment for a rollback.
    """
    found = [_service(served)]
    if served.settings.replicas > 1:
        spec = {"maxUnavailable": 1, "selector": {"matchLabels": selector(served.name)}}
        found.append(_document("policy/v1", "PodDisruptionBudget", served, spec))
    pods = {"metadata": {"labels": served.labels, "annotations": served.facts}, "spec": _pod(served, "http")}
    pods["spec"] |= {"terminationGracePeriodSeconds": GRACE}
    # Until this has ended, what routes to the pod may not have heard that it goes.
    pods["spec"]["containers"][0]["lifecycle"] = {"preStop": {"exec": {"command": ["sleep", str(DRAIN)]}}}
    spec = {
        "replicas": served.settings.replicas,
        "revisionHistoryLimit": 10,
        "progressDeadlineSeconds": _start(served),
        "strategy": _strategy(),
        "selector": {"matchLabels": selector(served.name)},
        "template": pods,
    }
    return [*found, _document("apps/v1", "Deployment", served, spec, _told(served, before))]


def kserve(served: Served, before: dict[str, Any] | None) -> list[Document]:
    """Return the InferenceService; its pods have no `preStop` and no grace of their own, which Knative refuses."""
    count = served.settings.replicas
    predictor = {
        "minReplicas": count,
        "maxReplicas": count,
        "deploymentStrategy": _strategy(),
        "labels": served.labels,
        "annotations": served.facts,
        **_pod(served, "http1"),
    }
    predictor["containers"][0]["name"] = "kserve-container"
    spec = {"predictor": predictor}
    return [_document("serving.kserve.io/v1beta1", "InferenceService", served, spec, _told(served, before))]


def _document(
    api: str, kind: str, served: Served, spec: Document, annotations: dict[str, str] | None = None
) -> Document:
    metadata: Document = {"name": served.name, "namespace": served.settings.namespace}
    metadata["labels"] = selector(served.name) | {"app.kubernetes.io/name": served.release.model, MANAGED: "ci-kit"}
    metadata |= {"annotations": annotations} if annotations else {}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, "spec": spec}


def _told(served: Served, before: dict[str, Any] | None) -> dict[str, str]:
    cause = {"kubernetes.io/change-cause": f"ci-kit deploy {served.release.model}@{served.release.version}"}
    return served.facts | cause | ({BEFORE: json.dumps(before, sort_keys=True)} if before else {})


def _service(served: Served) -> Document:
    ports = [{"name": "http", "port": 80, "targetPort": PORT, "protocol": "TCP"}]
    return _document("v1", "Service", served, {"selector": selector(served.name), "ports": ports})


def _strategy() -> Document:
    return {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}


def _start(served: Served) -> int:
    return min(max(int(duration(served.settings.start).total_seconds()), 10), 2**31 - 1)


def _pod(served: Served, port: str) -> Document:
    """Return what a pod runs: nothing of it can be written but `/tmp`, and no right can be gained.

    All rights are set at the container, as Knative refuses them at the pod.
    """
    settings, release = served.settings, served.release
    told = {"CI_KIT_VERSION": release.version, "CI_KIT_DIGEST": release.digest, "HOME": "/tmp"}  # noqa: S108
    container = {
        "name": "model",
        "image": served.image,
        "ports": [{"name": port, "containerPort": PORT, "protocol": "TCP"}],
        "env": [{"name": name, "value": value} for name, value in told.items()],
        # No limit of the CPU: it would only slow a pod down while others have nothing to do.
        "resources": {
            "requests": {"cpu": settings.cpu, "memory": settings.memory},
            "limits": {"memory": settings.memory},
        },
        "startupProbe": {
            "exec": {"command": ["python", "-I", "-c", PROBE, served.model_digest]},
            "periodSeconds": PERIOD,
            "timeoutSeconds": 30,
            "failureThreshold": math.ceil(_start(served) / PERIOD),
        },
        "readinessProbe": _asks("/readyz", 2, 2),
        "livenessProbe": _asks("/livez", 10, 6),
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 - the container's own
    }
    volumes = [{"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}}]
    return {"automountServiceAccountToken": False, "containers": [container], "volumes": volumes}


def _asks(path: str, period: int, failures: int) -> Document:
    asked = {"httpGet": {"path": path, "port": PORT}, "periodSeconds": period}
    return asked | {"timeoutSeconds": 5, "failureThreshold": failures}
