"""A `kubectl` whose cluster is the file `cluster.json` of its folder; it acts at once, as a very quick cluster would.

What it knows of the real one: server-side apply with owners, revisions of a Deployment with the annotations that its
controller copies, `rollout undo` that brings both back and then owns what it has set, conditions, events, and pods
that serve. `images` maps an image to what it holds: `{"model": digest, "ready": bool}`; what is not there can't be
pulled. With `mode` "knative" an InferenceService is not Ready while its newest revision is not.
"""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.deploy.standins.program import error, read, run, write

KINDS = {"Deployment": "deployment", "InferenceService": "inferenceservice", "Service": "service"}
KINDS |= {"PodDisruptionBudget": "poddisruptionbudget"}
REVISION = "deployment.kubernetes.io/revision"
FLAGS = {
    "get": {"--ignore-not-found", "--output", "--selector", "--field-selector"},
    "apply": {"--server-side", "--force-conflicts", "--field-manager", "--dry-run", "--filename"},
    "rollout": {"--timeout", "--to-revision"},
    "wait": {"--for", "--timeout"},
    "delete": {"--ignore-not-found", "--wait"},
}
Object = dict[str, Any]


def main(home: Path, arguments: list[str]) -> int:
    return run(home, arguments, lambda: Cluster(home).done(arguments))


class Cluster:
    """The cluster, as long as one call takes."""

    def __init__(self, home: Path) -> None:
        self.home = home
        known = {"namespaces": ["default"], "contexts": [], "mode": "standard", "images": {}, "objects": {}}
        self.state: Object = known | {"events": [], "revisions": []} | read(home / "cluster.json", {})

    def save(self) -> int:
        write(self.home / "cluster.json", self.state)
        return 0

    def done(self, arguments: list[str]) -> int:
        flags = {one.partition("=")[0]: one.partition("=")[2] for one in arguments if one.startswith("--")}
        words = [one for one in arguments if not one.startswith("--")]
        context = flags.pop("--context", None)
        if context is not None and context not in self.state["contexts"]:
            return error(f'error: context "{context}" does not exist')
        self.namespace = flags.pop("--namespace")
        flags.pop("--request-timeout", None)
        if unknown := sorted(flags.keys() - FLAGS[words[0]]):
            return error(f"error: unknown flag: {unknown[0]}\nSee 'kubectl {words[0]} --help' for usage.")
        if words[0] in ("get", "apply", "delete"):
            return self.about_objects(words, flags)
        match words:
            case ["rollout", "undo", what]:
                return self.undo(what, flags["--to-revision"])
            case ["rollout", "status", what]:
                over = _condition(self.state["objects"][what], "Progressing")["reason"] == "NewReplicaSetAvailable"
                return 0 if over else error(f'error: deployment "{what}" exceeded its progress deadline')
            case ["wait", what]:
                ready = _condition(self.state["objects"][what], "Ready")["status"] == "True"
                return 0 if ready else error(f"error: timed out waiting for the condition on {what}")
        return error(f"error: unknown command {words}")

    def about_objects(self, words: list[str], flags: dict[str, str]) -> int:
        match words:
            case ["get", "pods"]:
                name = flags["--selector"].partition("=")[2]
                return self.show({"items": [pod for pod in self.pods() if pod["metadata"]["name"].startswith(name)]})
            case ["get", "events"]:
                return self.show({"items": self.state["events"]})
            case ["get", kind, name]:
                found = self.state["objects"].get(f"{kind}/{name}")
                return self.show(found) if found else 0
            case ["apply"]:
                return self.apply(sys.stdin.read(), flags)
            case ["delete", kind, name]:
                self.state["objects"].pop(f"{kind}/{name}", None)
                return self.save()
        return error(f"error: unknown command {words}")

    def show(self, document: Object) -> int:
        print(json.dumps(document))
        return 0

    def pods(self) -> list[Object]:
        return [pod for found in self.state["objects"].values() for pod in found.get("pods", ())]

    def apply(self, text: str, flags: dict[str, str]) -> int:
        import yaml  # what is not imported is quickly asked

        documents = [one for one in yaml.safe_load_all(text) if one]
        for document in documents:
            namespace = document["metadata"]["namespace"]
            if namespace != self.namespace or namespace not in self.state["namespaces"]:
                return error(f'Error from server (NotFound): namespaces "{namespace}" not found')
            name = f"{KINDS[document['kind']]}/{document['metadata']['name']}"
            old = self.state["objects"].get(name)
            template = document["spec"].get("template")
            if old and old.get("owner") and template != old["spec"]["template"] and "--force-conflicts" not in flags:
                return error(f'error: Apply failed with 1 conflict: conflict with "{old["owner"]}" using apps/v1')
            if "--dry-run" in flags:
                continue
            self.take(name, document, old)
        return 0 if "--dry-run" in flags else self.save()

    def take(self, name: str, document: Object, old: Object | None) -> None:
        """Put a new object, or what is new of one, into the cluster, and do what its controller does."""
        generation = (old or {}).get("metadata", {}).get("generation", 0)
        changed = not old or old["spec"] != document["spec"]
        document["metadata"] |= {"generation": generation + changed, "uid": "u", "managedFields": [{"manager": "x"}]}
        if old:
            # No field of another owner goes: the controller's number, and what `rollout undo` has set.
            kept = old["metadata"].get("annotations", {})
            owned = kept if old.get("owner") else {key: kept[key] for key in kept if key == REVISION}
            document["metadata"]["annotations"] = owned | document["metadata"].get("annotations", {})
            document |= {key: old[key] for key in ("pods", "status", "latest") if key in old}
        self.state["objects"][name] = document
        if document["kind"] == "Deployment":
            self.revise(document)
        if document["kind"] == "InferenceService":
            self.infer(document)

    def revise(self, found: Object) -> None:
        """Do what the controller of Deployments does."""
        revisions, template, annotations = (
            self.state["revisions"],
            found["spec"]["template"],
            found["metadata"]["annotations"],
        )
        highest = max((one["number"] for one in revisions), default=0)
        same = next((one for one in revisions if one["template"] == template), None)
        if same is None:
            same = {"number": highest + 1, "template": template, "annotations": {}}
            revisions.append(same)
        elif same["number"] != highest:
            same["number"] = highest + 1
        same["annotations"] |= {key: value for key, value in annotations.items() if key != REVISION}
        annotations[REVISION] = str(same["number"])
        fault = self.fault(found, template["spec"]["containers"][0])
        if fault is None:
            found["pods"] = self.started(found, template["metadata"]["labels"], found["spec"]["replicas"])
        reason = "NewReplicaSetAvailable" if fault is None else "ProgressDeadlineExceeded"
        condition = {"type": "Progressing", "status": str(fault is None), "reason": reason}
        ready = len(found.get("pods", ()))
        known = {"observedGeneration": found["metadata"]["generation"], "readyReplicas": ready}
        found["status"] = known | {"conditions": [condition]}

    def infer(self, found: Object) -> None:
        """Do what KServe does; it also writes defaults into the object."""
        predictor = found["spec"]["predictor"]
        predictor.setdefault("timeout", 60)
        fault = self.fault(found, predictor["containers"][0])
        knative = self.state["mode"] == "knative"
        number = found["metadata"]["generation"]
        if fault is None:
            old = found.get("pods", []) if knative else []  # Knative keeps them for a while
            found["pods"] = old[:1] + self.started(found, predictor["labels"], predictor["minReplicas"])
            found["latest"] = number
        # Where a Deployment serves, Ready says that something does.
        ready = fault is None or (not knative and bool(found.get("pods")))
        revision = {"latestCreatedRevision": f"r{number}", "latestReadyRevision": f"r{found.get('latest')}"}
        components = {"predictor": revision if knative else {}}
        conditions = [{"type": "Ready", "status": str(ready)}]
        found["status"] = {"observedGeneration": 7, "conditions": conditions, "components": components}

    def fault(self, found: Object, container: Object) -> str | None:
        """Say why a new pod is never ready, as an event."""
        held, wanted = self.state["images"].get(container["image"]), container["startupProbe"]["exec"]["command"][-1]
        if held is None:
            message = f"Failed to pull image {container['image']}"
        elif held["model"] != wanted:
            message = f"Startup probe failed: the image holds another model: {held['model']}"
        elif not held["ready"]:
            message = "Startup probe failed: not ready: golden row 0"
        else:
            return None
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        who = {"name": f"{found['metadata']['name']}-abc-1"}
        event = {"involvedObject": who, "reason": "Unhealthy", "message": message, "lastTimestamp": now}
        self.state["events"].append(event)
        return message

    def started(self, found: Object, labels: Object, count: int) -> list[Object]:
        name, status = found["metadata"]["name"], {"conditions": [{"type": "Ready", "status": "True"}]}
        return [{"metadata": {"name": f"{name}-{one}", "labels": labels}, "status": status} for one in range(count)]

    def undo(self, what: str, number: str) -> int:
        found = self.state["objects"][what]
        wanted = next((one for one in self.state["revisions"] if str(one["number"]) == number), None)
        if wanted is None:
            return error(f"error: unable to find specified revision {number} in history")
        if wanted["template"] == found["spec"]["template"]:
            print(f"{what} skipped rollback (current template already matches revision {number})")
            return 0
        found["spec"]["template"] = json.loads(json.dumps(wanted["template"]))
        found["metadata"]["annotations"] = {REVISION: found["metadata"]["annotations"][REVISION]} | wanted[
            "annotations"
        ]
        found["metadata"]["generation"] += 1
        found["owner"] = "kubectl-rollout"
        self.revise(found)
        return self.save()


def _condition(found: Object, kind: str) -> Object:
    return next(one for one in found["status"]["conditions"] if one["type"] == kind)


def serving(home: Path) -> set[str]:
    """Return the versions of the pods that are ready."""
    return {pod["metadata"]["labels"]["app.kubernetes.io/version"] for pod in Cluster(home).pods()}


def change(home: Path, **state: Any) -> None:
    """Set what the cluster is."""
    cluster = Cluster(home)
    cluster.state |= state
    cluster.save()


def hold(home: Path, image: str, model: str, *, ready: bool = True) -> None:
    """Have the image hold a model."""
    cluster = Cluster(home)
    cluster.state["images"][image] = {"model": model, "ready": ready}
    cluster.save()
