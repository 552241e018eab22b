"""Processes of this machine: two places for instances, each kept running, and Caddy before them."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ci_kit.bento.client import Client
from ci_kit.bento.server import command, environment, free_port, tail, taken
from ci_kit.deploy import environment as environments
from ci_kit.deploy import proxy
from ci_kit.deploy.state import COLOURS, Colour, Desk, Instance, State
from ci_kit.deploy.supervisor import Keepers, Supervisor
from ci_kit.errors import UserError
from ci_kit.files import atomic_write, state_folder
from ci_kit.sections import Docker, Local, duration
from ci_kit.serving.door import COLOUR, DIGEST, GATE, VERSION
from ci_kit.serving.log import FOLDER, SAMPLE

PROXY = 10.0  # seconds until Caddy listens


class LocalTarget:
    """One target on this machine; `desk` is its folder, `supervisor` keeps its processes running."""

    def __init__(self, settings: Local | Docker, desk: Desk, supervisor: Supervisor | None = None) -> None:
        self.settings, self.desk = settings, desk
        self._supervisor: Supervisor = supervisor or Keepers(desk.folder / "run")
        host, _, port = settings.address.rpartition(":")
        self.host, self.port = host, int(port)
        reachable = "127.0.0.1" if host in ("0.0.0.0", "") else host  # noqa: S104 - where clients find it is the user's
        self.url = f"http://{reachable}:{self.port}"

    def create(self) -> State:
        """Return the state of a target that nothing was deployed to; raise UserError when its port is taken."""
        self.check_port()
        ports = {colour: free_port() for colour in COLOURS}
        return State(target=self.desk.target, ports=ports)

    def check_port(self) -> None:
        """Raise UserError when somebody else listens where clients find this target."""
        if self._keeping("proxy") is None and taken(self.host, self.port):
            hint = "Stop what listens there, or set another `address`"
            raise UserError(
                f"{self.settings.address} is taken",
                why="another process listens there",
                hint=hint,
                code="deploy/settings",
            )

    def place(self, digest: str) -> Path:
        """Return where the bento of that digest lies, or will."""
        return self.desk.folder / "bentos" / digest[:16]

    def prepare(self, bento: Path) -> str:
        """Have what the bento at its place is served with, and return its Python; raise UserError without it."""
        return environments.python(bento, self._environments)

    def same(self, _: Colour) -> bool:
        """Say whether the instance there is served with what would be prepared now."""
        return True

    def start(self, state: State, colour: Colour, instance: Instance, python: str) -> None:
        """Start an instance and have it kept running; its gate is closed unless it takes the traffic already."""
        home = self.desk.folder / "run" / colour
        shutil.rmtree(home, ignore_errors=True)  # metrics of another version among it
        home.mkdir(parents=True)
        if self.settings.log:
            self.desk.predictions.mkdir(exist_ok=True)
        extra = self.variables(colour, instance, self.desk.gate, self.desk.predictions)
        bento = self.place(instance.digest) / instance.model
        spec = {
            "python": environments.lasting(self._environments),
            "command": command(bento, state.ports[colour], self.settings.workers, python),
            "cwd": str(home),
            "env": environment(home / "home", extra),
            "log": str(self.log(colour)),
            "grace": duration(self.settings.drain).total_seconds() + 5,
        }
        self.log(colour).unlink(missing_ok=True)
        self._supervisor.start(colour, spec)

    def variables(self, colour: Colour, instance: Instance, gate: Path, predictions: Path) -> dict[str, str]:
        """Return what an instance is told by its environment; the paths are as it sees them."""
        told = {GATE: str(gate), COLOUR: colour, VERSION: instance.version, DIGEST: instance.digest}
        logs = {FOLDER: str(predictions), SAMPLE: str(self.settings.sample)} if self.settings.log else {}
        return told | logs

    def revive(self, colour: Colour) -> None:
        """Have an instance kept running again, as it was started before."""
        self._supervisor.revive(colour, environments.lasting(self._environments))

    def stop(self, colour: Colour) -> None:
        """End an instance: it finishes its requests, and nothing of it stays."""
        self._supervisor.stop(colour, duration(self.settings.drain).total_seconds() + 10)

    def alive(self, colour: Colour) -> bool:
        """Say whether an instance is kept running."""
        return self._keeping(colour) is not None

    def restarts(self, colour: Colour) -> int:
        """Return how often an instance has ended by itself since it was started."""
        return int((self._keeping(colour) or {}).get("restarts", 0))

    def client(self, state: State, colour: Colour, timeout: float = 30.0) -> Client:
        """Return a client of an instance itself, whether or not it takes the traffic."""
        return Client(f"http://127.0.0.1:{state.ports[colour]}", timeout=timeout)

    def log(self, colour: str) -> Path:
        """Return the log of an instance, or of the proxy."""
        return self.desk.folder / f"{colour}.log"

    def words(self, colour: str) -> str:
        """Return the last lines of that log."""
        return tail(self.log(colour))

    def open(self, state: State) -> None:
        """Have Caddy listen where clients find the target; raise UserError with its own words when it can't."""
        if self._keeping("proxy") is None:
            self.check_port()
            self._start_proxy(state)
        deadline = time.monotonic() + PROXY
        while time.monotonic() < deadline:
            if taken(self.host, self.port) and self._keeping("proxy"):
                return
            time.sleep(0.05)
        raise UserError("Caddy does not listen", why=self.words("proxy")[-200:], hint=f"Look at {self.log('proxy')}")

    def _start_proxy(self, state: State) -> None:
        path = self.desk.folder / "caddy.json"
        atomic_write(path, proxy.config([f"127.0.0.1:{state.ports[one]}" for one in COLOURS], self.settings.address))
        home = self.desk.folder / "run" / "proxy"
        home.mkdir(parents=True, exist_ok=True)
        python = environments.lasting(self._environments)
        spec = {
            "python": python,
            "command": [proxy.program(python), "run", "--config", str(path)],
            "cwd": str(home),
            "env": environment(home) | {"XDG_DATA_HOME": str(home), "XDG_CONFIG_HOME": str(home)},
            "log": str(self.log("proxy")),
            "grace": 12,
        }
        self.log("proxy").unlink(missing_ok=True)
        self._supervisor.start("proxy", spec)

    def close(self) -> None:
        """Stop the proxy."""
        self._supervisor.stop("proxy", PROXY + 5)

    def serving(self) -> dict[str, Any] | None:
        """Return what whoever takes the traffic says of itself, as a client sees it; None without an answer."""
        with Client(self.url, timeout=5.0) as client:
            try:
                return client.about()
            except UserError:
                return None

    def prune(self, state: State) -> None:
        """Remove the bentos that are neither at a place nor among the last few deployments."""
        known = {one.digest[:16] for one in state.instances.values()} | {one.digest[:16] for one in state.past[-3:]}
        for folder in self._bentos():
            if folder.name not in known:
                shutil.rmtree(folder, ignore_errors=True)
        specs = (self.desk.folder / "run").glob("*.json")
        environments.prune(self._environments, [path.read_text("utf-8") for path in specs])

    @property
    def _environments(self) -> Path:
        return self.desk.folder / "environments"

    def _bentos(self) -> Iterator[Path]:
        root = self.desk.folder / "bentos"
        return (path for path in root.iterdir() if path.is_dir()) if root.is_dir() else iter(())

    def _keeping(self, name: str) -> dict[str, Any] | None:
        return self._supervisor.keeping(name)


def default_folder(repo: str, target: str) -> Path:
    """Return where a target's state lies when nothing is configured."""
    return state_folder(repo) / target
