"""The services of a Compose file: what a container may do, see and be reached by."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ci_kit.deploy.dump import Document

PROXY = "caddy:2-alpine@sha256:5f5c8640aae01df9654968d946d8f1a56c497f1dd5c5cda4cf95ab7c14d58648"
PORT, ENTRANCE = 3000, 8080
"""Where an instance and the proxy listen, each in its own container."""
GATES, PREDICTIONS, CONFIG = Path("/gates"), Path("/predictions"), Path("/proxy")
"""Where a container sees our folders."""
FOLDER = "ci-kit.folder"
"""The label that says whose container it is: the folder of its target."""


@dataclass(frozen=True, kw_only=True)
class Container:
    """`host` and `port` are where this machine publishes what it listens on, `grace` seconds to finish requests."""

    image: str
    name: str
    user: str
    host: str
    port: int
    inside: int
    grace: int
    command: tuple[str, ...]
    mounts: dict[Path, Path]
    """Our folder → where it is seen, read-only but for PREDICTIONS."""
    labels: dict[str, str]
    environment: dict[str, str]
    capabilities: tuple[str, ...] = field(default=())

    def service(self) -> Document:
        """Return it as Compose has it: nothing can be written but a small `/tmp`, and no right can be gained."""
        published = {"target": self.inside, "published": str(self.port), "host_ip": self.host, "protocol": "tcp"}
        made = {
            "image": self.image,
            "container_name": self.name,
            "command": list(self.command),
            "user": self.user,
            "environment": {"HOME": "/tmp"} | self.environment,  # noqa: S108 - the container's own
            "labels": self.labels,
            "ports": [published],
            "volumes": [_mount(source, target) for source, target in self.mounts.items()],
            "restart": "unless-stopped",
            "init": True,
            "stop_grace_period": f"{self.grace}s",
            "read_only": True,
            "tmpfs": ["/tmp:size=256m,mode=1777"],  # noqa: S108 - as above
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges:true"],
            # The image's own asks /readyz, which an instance that stands by answers with 503.
            "healthcheck": {"disable": True},
            "logging": {"driver": "json-file", "options": {"max-size": "10m", "max-file": "3"}},
        }
        return made | ({"cap_add": list(self.capabilities)} if self.capabilities else {})


def document(project: str, services: Document) -> Document:
    """Return the whole file; what Compose would take for a variable of its own is escaped."""
    return {"name": project, "services": _escaped(services)}


def services(document: Document) -> Document:
    """Return the services of a file of ours, as they were before they were escaped."""
    return dict(_escaped(document["services"], "$$", "$"))


def _mount(source: Path, target: Path) -> Document:
    # A folder and no file: what is replaced atomically is another file, which a mounted file would not become.
    return {"type": "bind", "source": str(source), "target": str(target), "read_only": target != PREDICTIONS}


def _escaped(value: Any, old: str = "$", new: str = "$$") -> Any:
    match value:
        case str():
            return value.replace(old, new)
        case dict():
            return {key: _escaped(inner, old, new) for key, inner in value.items()}
        case list():
            return [_escaped(inner, old, new) for inner in value]
    return value
