"""What serves a model in a cluster: a Deployment or an InferenceService, each with its own way back."""

import time
from typing import Protocol

from ci_kit.deploy import render
from ci_kit.deploy.dump import Document, dump
from ci_kit.deploy.kubectl import Kubectl, condition, ready
from ci_kit.deploy.render import Served
from ci_kit.deploy.standing import Mark, Standing, clean
from ci_kit.errors import UserError

PAUSE = 2.0  # seconds between two looks


class Workload(Protocol):
    """One kind of it."""

    @property
    def resource(self) -> str:
        """Its name for kubectl."""

    @property
    def resources(self) -> str:
        """The kinds of all its objects, for kubectl."""

    @property
    def longest(self) -> int:
        """How many characters the name of an object may have."""

    def documents(self, served: Served, before: Mark | None) -> list[Document]:
        """Return what a version is."""

    def standing(self, kubectl: Kubectl, name: str) -> Standing | None:
        """Return what stands there, None where nothing does."""

    def wait(self, kubectl: Kubectl, name: str, digest: str, within: float) -> str | None:
        """Wait until the cluster has changed over to the bento of that digest; say why it has not."""

    def back(self, kubectl: Kubectl, name: str, mark: Mark) -> None:
        """Have the cluster go back; it is not waited for."""


class Rolling:
    """A Deployment: its own revisions are the way back, as they hold pods as they ran, image and all.

    `rollout undo` brings the annotations of a revision back, too, and with them what was kept before it.
    """

    resource, resources, longest = "deployment", "deployment,service,poddisruptionbudget", 63

    def documents(self, served: Served, before: Mark | None) -> list[Document]:
        """Return Service, PodDisruptionBudget and Deployment."""
        return render.kubernetes(served, before.bare() if before else None)

    def standing(self, kubectl: Kubectl, name: str) -> Standing | None:
        """Return what the Deployment says; a pod that fails later does not unsettle it."""
        found = kubectl.get(self.resource, name)
        if found is None:
            return None
        status, metadata = found.get("status") or {}, found["metadata"]
        facts = found["spec"]["template"]["metadata"].get("annotations") or {}
        revision = (metadata.get("annotations") or {}).get("deployment.kubernetes.io/revision")
        current = status.get("observedGeneration", 0) >= metadata.get("generation", 0)
        over = condition(found, "Progressing").get("reason") == "NewReplicaSetAvailable"
        way = {"revision": revision}
        return Standing.read(found, facts, way=way, settled=current and over, pods=status.get("readyReplicas") or 0)

    def wait(self, kubectl: Kubectl, name: str, digest: str, within: float) -> str | None:  # noqa: ARG002 - as others
        """Wait by `kubectl rollout status`."""
        return kubectl.waits("rollout", "status", f"{self.resource}/{name}", within=within)

    def back(self, kubectl: Kubectl, name: str, mark: Mark) -> None:
        """Undo up to the revision; raise UserError where the cluster has not numbered it yet."""
        if mark.revision is None:
            raise UserError(f"the revision of {mark.version} is not known")
        kubectl.must("rollout", "undo", f"{self.resource}/{name}", f"--to-revision={mark.revision}")


class Inferring:
    """An InferenceService: it has no revisions of its own, so its manifest before is the way back.

    Its condition Ready is no answer by itself: where KServe makes a Deployment, it stays true while pods of the old
    version serve.
    """

    resource, resources, longest = "inferenceservice", "inferenceservice", 53  # KServe appends -predictor

    def documents(self, served: Served, before: Mark | None) -> list[Document]:
        """Return the InferenceService."""
        return render.kserve(served, before.bare() if before else None)

    def standing(self, kubectl: Kubectl, name: str) -> Standing | None:
        """Return what the InferenceService says; it is settled unless the pods that serve are those before it."""
        found = kubectl.get(self.resource, name)
        if found is None:
            return None
        facts = found["metadata"].get("annotations") or {}
        made = Standing.read(found, facts, way={"manifest": clean(found)}, settled=True, pods=0)
        serving = self._serving(kubectl, name)
        old = made.before is not None and render.short(made.before.digest) in serving
        settled = render.short(made.mark.digest) in serving or not old
        return made.model_copy(update={"settled": settled, "pods": len(serving)})

    def wait(self, kubectl: Kubectl, name: str, digest: str, within: float) -> str | None:
        """Wait by `kubectl wait` for Ready, and then for pods of the version, and none of another, to serve."""
        deadline = time.monotonic() + within
        why = kubectl.waits("wait", "--for=condition=Ready", f"{self.resource}/{name}", within=within)
        while why is None:
            if self._over(kubectl, name, render.short(digest)):
                return None
            if time.monotonic() > deadline:
                why = f"after {within:.0f} s pods of another version serve"
            time.sleep(PAUSE)
        return why

    def back(self, kubectl: Kubectl, name: str, mark: Mark) -> None:
        """Apply the manifest before; raise UserError for one that is not of this object."""
        manifest = mark.manifest or {}
        metadata = manifest.get("metadata") or {}
        known = (manifest.get("kind"), metadata.get("name"), metadata.get("namespace"))
        if known != ("InferenceService", name, kubectl.namespace):
            raise UserError(f"the manifest before {name} is damaged", why=f"it is of {known}")
        kubectl.apply(dump(manifest))

    def _over(self, kubectl: Kubectl, name: str, digest: str) -> bool:
        found = kubectl.get(self.resource, name) or {}
        serving = self._serving(kubectl, name)
        if condition(found, "Ready").get("status") != "True" or digest not in serving:
            return False
        predictor = ((found.get("status") or {}).get("components") or {}).get("predictor") or {}
        if created := predictor.get("latestCreatedRevision"):  # Knative's: it keeps pods a while after the switch
            return bool(created == predictor.get("latestReadyRevision"))
        return set(serving) == {digest}

    def _serving(self, kubectl: Kubectl, name: str) -> list[str]:
        """Return the digest, as labelled, of each pod that is ready."""
        pods = [pod for pod in kubectl.pods(render.selector(name)) if ready(pod)]
        return [str((pod["metadata"].get("labels") or {}).get(render.DIGEST)) for pod in pods]
