"""The command `kubectl`: what is asked of a cluster, and its own words where it says no."""

import json
import os
import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from typing import Any

from ci_kit import actions
from ci_kit.deploy.dump import Document
from ci_kit.errors import CiKitError, Unavailable, UserError
from ci_kit.sections import KServe, Kubernetes

ASK, MARGIN = 60.0, 60.0  # seconds for one request, and beyond what kubectl itself waits
# What signs in to the cluster may need any variable but these.
DROPPED = ("GITHUB_TOKEN", "CI_KIT_SIGNING_KEY", "BENTO_CLOUD_API_KEY")
_NOISE = re.compile(r"[EWIF]\d{4} \d\d:\d\d|Warning: ")
_AWAY = re.compile(
    r"connection refused|was refused|no such host|i/o timeout|unable to connect|network is unreachable"
    r"|deadline exceeded|no route to host|TLS handshake",
    re.IGNORECASE,
)


class Kubectl:
    """One namespace of one cluster."""

    def __init__(self, settings: Kubernetes | KServe) -> None:
        self.namespace, context = settings.namespace, settings.context
        self._before = ["kubectl", *([f"--context={context}"] if context else []), f"--namespace={self.namespace}"]

    @staticmethod
    def present() -> bool:
        """Say whether the command is installed."""
        return shutil.which("kubectl") is not None

    def get(self, resource: str, name: str) -> Document | None:
        """Return an object as the cluster has it, None where there is none."""
        text = self.must("get", resource, name, "--ignore-not-found", "--output=json")
        return dict(json.loads(text)) if text.strip() else None

    def pods(self, selector: dict[str, str]) -> list[Document]:
        """Return the pods with those labels that are not being ended."""
        wanted = ",".join(f"{name}={value}" for name, value in selector.items())
        found = json.loads(self.must("get", "pods", f"--selector={wanted}", "--output=json"))
        return [pod for pod in found["items"] if not pod["metadata"].get("deletionTimestamp")]

    def apply(self, text: str, *, dry: bool = False) -> None:
        """Have the cluster take documents; `dry` has it only judge them, by its own schemas, rights and policies.

        Another owner of a field is overruled: `kubectl rollout undo` owns what it has set, and would be in the way of
        the next version for ever.
        """
        options = ["--force-conflicts", "--field-manager=ci-kit", *(["--dry-run=server"] if dry else [])]
        self.must("apply", "--server-side", *options, "--filename=-", stdin=text)

    def must(self, *arguments: str, stdin: str = "") -> str:
        """Return the output of a command; raise UserError, or Unavailable for a cluster that does not answer."""
        done = self._run(*arguments, "--request-timeout=30s", stdin=stdin, within=ASK)
        if done.returncode:
            raise self._said(arguments[0], done.stderr)
        return done.stdout

    def waits(self, *arguments: str, within: float) -> str | None:
        """Have kubectl wait for something, so many seconds at the most; return its words when that did not come."""
        # To `rollout status` 0 s would be for ever.
        done = self._run(*arguments, f"--timeout={max(int(within), 1)}s", within=within + MARGIN)
        return words(done.stderr) if done.returncode else None

    def warning(self, name: str, since: datetime) -> str | None:
        """Return the cluster's latest warning about an object and what it made; None where it has none for us."""
        try:
            found = json.loads(self.must("get", "events", "--field-selector=type=Warning", "--output=json"))["items"]
        except CiKitError:
            return None
        start = (since - timedelta(seconds=5)).astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        times = [(str(one.get("lastTimestamp") or one.get("eventTime") or ""), one) for one in found]
        ours = [(at, one) for at, one in times if at >= start and _about(one, name)]
        if not ours:
            return None
        latest = max(ours, key=lambda entry: entry[0])[1]
        return _shown(f"{latest.get('reason')}: {latest.get('message')}")[:1000]

    def _run(self, *arguments: str, stdin: str = "", within: float) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                [*self._before, *arguments],
                env={name: value for name, value in os.environ.items() if name not in DROPPED},
                input=stdin,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=within,
                check=False,
            )
        except FileNotFoundError as error:
            raise UserError(
                "kubectl is not installed", hint="Install it, and sign in to the cluster", code="config/install"
            ) from error
        except subprocess.TimeoutExpired as error:
            raise Unavailable(
                f"kubectl {arguments[0]} did not end within {within:.0f} s", code="deploy/unreachable"
            ) from error

    def _said(self, verb: str, stderr: str) -> CiKitError:
        why = words(stderr)
        if "forbidden" in why.casefold() or "unauthorized" in why.casefold() or "logged in" in why:
            return UserError(
                "the cluster does not permit it", why=why, hint="kubectl auth can-i --list", code="deploy/permission"
            )
        if f'namespaces "{self.namespace}" not found' in why:
            hint = f"Type: kubectl create namespace {self.namespace}"
            return UserError(f"there is no namespace {self.namespace}", why=why, hint=hint)
        if "context" in why and "does not exist" in why:
            return UserError(
                "kubectl does not know the cluster",
                why=why,
                hint="Type: kubectl config get-contexts",
                code="deploy/unreachable",
            )
        if _AWAY.search(why):
            return Unavailable(
                "no cluster was reached", why=why, hint="Look at: kubectl cluster-info", code="deploy/unreachable"
            )
        return UserError(f"kubectl {verb} failed", why=why)


def words(stderr: str) -> str:
    """Return what kubectl said last, without its log and without secrets."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip() and not _NOISE.match(line)]
    return _shown(lines[-1] if lines else "no reason given")[:400]


def _shown(text: str) -> str:
    return actions.harmless(actions.redact(" ".join(text.split())))


def _about(event: Document, name: str) -> bool:
    return str((event.get("involvedObject") or {}).get("name", "")).startswith(name)


def ready(pod: Document) -> bool:
    """Say whether a pod is ready for traffic."""
    return condition(pod, "Ready").get("status") == "True"


def condition(document: Document, kind: str) -> dict[str, Any]:
    """Return what the status of an object says of a condition; nothing where it does not know it."""
    conditions = (document.get("status") or {}).get("conditions") or ()
    return next((dict(one) for one in conditions if one.get("type") == kind), {})
