"""Containers on this machine: the places, the gate and the rollout of `local`, by Docker Compose.

The instances are containers of the version's image, which is named by its digest; Caddy is one as well. One Compose
file in the target's folder holds all three. It was exercised with a stand-in for the command `docker` that serves the
bentos by processes (`tests/deploy`), never with a real Docker engine.
"""

import ipaddress
import json
import os
from pathlib import Path
from typing import Any

import yaml

from ci_kit.bento.server import tail
from ci_kit.deploy import compose, proxy
from ci_kit.deploy.compose import Container
from ci_kit.deploy.dump import Document, dump
from ci_kit.deploy.engine import Engine
from ci_kit.deploy.local import LocalTarget
from ci_kit.deploy.state import COLOURS, Colour, Desk, Instance, State
from ci_kit.errors import UserError
from ci_kit.files import atomic_write
from ci_kit.sections import Docker, duration

USER = 1034  # the image's own
KNOWN = 20  # images that are remembered


class MountedDesk(Desk):
    """A desk whose gate lies in a folder of its own: all that a container sees of the target."""

    @property
    def gate(self) -> Path:
        """The file that holds the colour of the instance that takes the traffic."""
        return self.folder / "gates" / "gate"


class DockerTarget(LocalTarget):
    """One target of containers; `image` is that of the version to deploy, None where only known ones are started."""

    def __init__(self, settings: Docker, desk: MountedDesk, image: str | None) -> None:
        """Raise UserError for an address that Docker can't publish on."""
        super().__init__(settings, desk)
        self.image, self.engine = image, Engine(desk.folder / "compose.yaml", f"ci-kit-{desk.target}")
        try:
            self._publish = str(ipaddress.ip_address("127.0.0.1" if self.host == "localhost" else self.host))
        except ValueError as error:
            why = "Docker publishes on an address of this machine, not on a name"
            raise UserError(f"{settings.address} can't be published", why=why, hint="127.0.0.1:8080") from error

    def prepare(self, bento: Path) -> str:
        """Have the image of that bento, and return its name; raise UserError without one."""
        image = self.image or self._images().get(bento.parent.name)
        if image is None:
            why = f"{self.desk.target} runs containers, and no image of this version is known here"
            hint = "Type: ci-kit deploy TARGET --image registry/name@sha256:…"
            raise UserError("no image was named", why=why, hint=hint)
        for one in (image, compose.PROXY):
            self.engine.have(one)
        return image

    def same(self, colour: Colour) -> bool:
        """Say whether the instance there is of the image that is to be deployed."""
        return self.image in (None, self._services().get(colour, {}).get("image"))

    def start(self, state: State, colour: Colour, instance: Instance, python: str) -> None:
        """Start a container of the image that `prepare` returned."""
        grace = int(duration(self.settings.drain).total_seconds()) + 5
        labels = {"ci-kit.model": instance.model, "ci-kit.version": instance.version, "ci-kit.digest": instance.digest}
        mounts = {self.desk.gate.parent: compose.GATES}
        if self.settings.log:
            mounts |= {self.desk.predictions: compose.PREDICTIONS}
        gate = compose.GATES / self.desk.gate.name
        container = Container(
            image=python,
            name=self.engine.name(colour),
            user=self._owner(),
            host="127.0.0.1",
            port=state.ports[colour],
            inside=compose.PORT,
            grace=grace,
            command=("--api-workers", str(self.settings.workers)),
            mounts=mounts,
            labels=labels | {compose.FOLDER: str(self.desk.folder)},
            environment=self.variables(colour, instance, gate, compose.PREDICTIONS),
        )
        self._folders()
        self._write(colour, container)
        place = self.place(instance.digest).name
        known = [(other, image) for other, image in self._images().items() if other != place]
        kept = dict([*known, (place, python)][-KNOWN:])
        atomic_write(self.desk.folder / "images.json", json.dumps(kept, indent=1).encode())
        self.engine.compose("up", "--detach", "--no-deps", "--force-recreate", colour)

    def revive(self, colour: Colour) -> None:
        """Start the container again that was there before."""
        self._folders()
        self.engine.compose("up", "--detach", "--no-deps", colour)

    def stop(self, colour: Colour) -> None:
        """Stop a container and remove it; its last words are kept."""
        if self.engine.container(colour) is None:
            return
        atomic_write(self.log(colour), self.words(colour).encode())
        within = duration(self.settings.drain).total_seconds() + 60
        self.engine.compose("rm", "--stop", "--force", colour, within=within)

    def close(self) -> None:
        """Stop the proxy and remove it."""
        self.engine.compose("rm", "--stop", "--force", "proxy")

    def words(self, colour: str) -> str:
        """Return the last lines that a container wrote."""
        if self.engine.container(colour) is None:
            return tail(self.log(colour))
        return self.engine.compose("logs", "--no-color", "--no-log-prefix", "--tail", "12", colour)

    def _start_proxy(self, _: State) -> None:
        path = self.desk.folder / "proxy" / "caddy.json"
        # In the network of the project an instance has the name of its service.
        atomic_write(path, proxy.config([f"{one}:{compose.PORT}" for one in COLOURS], f":{compose.ENTRANCE}"))
        container = Container(
            image=compose.PROXY,
            name=self.engine.name("proxy"),
            user=self._owner(),
            host=self._publish,
            port=self.port,
            inside=compose.ENTRANCE,
            grace=12,
            command=("caddy", "run", "--config", str(compose.CONFIG / path.name)),
            mounts={path.parent: compose.CONFIG},
            labels={compose.FOLDER: str(self.desk.folder)},
            environment={"XDG_DATA_HOME": "/tmp", "XDG_CONFIG_HOME": "/tmp"},  # noqa: S108 - the container's own
            # The image's program has this right in its file, and without it can't even be started.
            capabilities=("NET_BIND_SERVICE",),
        )
        self._folders()
        self._write("proxy", container)
        self.engine.compose("up", "--detach", "--no-deps", "--force-recreate", "proxy")

    def _keeping(self, name: str) -> dict[str, Any] | None:
        found = self.engine.container(name)
        if found is None or not (found["State"]["Running"] or found["State"].get("Restarting")):
            return None
        return {"restarts": int(found.get("RestartCount", 0))}

    def _services(self) -> Document:
        try:
            return compose.services(yaml.safe_load(self.engine.file.read_text("utf-8")))
        except FileNotFoundError:
            return {}
        except (yaml.YAMLError, KeyError, TypeError, ValueError) as error:
            raise UserError(f"{self.engine.file} is damaged", why=str(error)[:200]) from error

    def _write(self, name: str, container: Container) -> None:
        services = self._services() | {name: container.service()}
        atomic_write(self.engine.file, dump(compose.document(self.engine.project, services)).encode())

    def _images(self) -> dict[str, str]:
        """Return from which image each bento was started, by the name of its place, the latest last."""
        try:
            return dict(json.loads((self.desk.folder / "images.json").read_bytes()))
        except FileNotFoundError:
            return {}

    def _owner(self) -> str:
        """Return the user of a container: ours, so that it may write the log; for root the image's own."""
        return f"{os.getuid()}:{os.getgid()}" if os.getuid() else f"{USER}:{USER}"

    def _folders(self) -> None:
        """Make what is mounted; Docker would make it root's own."""
        for folder in (self.desk.gate.parent, self.desk.predictions, self.desk.folder / "proxy"):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o755)
        if not os.getuid():
            os.chown(self.desk.predictions, USER, USER)
