"""A `docker` without an engine: containers are processes that are kept running, mounts and ports are translated.

`images.json` in its folder maps the name of an image to the bento folder that it holds; Caddy's image is the program
itself. What a container may not do (write, gain rights) is not enforced: tests look at the Compose file for that.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from ci_kit.deploy import keeper
from ci_kit.deploy.compose import FOLDER, PORT, PROXY
from tests.deploy.standins.program import error, read, run, write


def main(home: Path, arguments: list[str]) -> int:
    return run(home, arguments, lambda: _done(home, arguments))


def _done(home: Path, arguments: list[str]) -> int:
    match arguments:
        case ["image", "inspect", image]:
            return 0 if image in read(home / "pulled.json", []) else error(f"No such image: {image}")
        case ["pull", "--quiet", image]:
            return _pull(home, image)
        case ["container", "inspect", name]:
            return _inspect(home, name)
        case ["compose", *rest]:
            return _compose(home, rest)
    return error(f"unknown command: docker {arguments[0]}")


def _pull(home: Path, image: str) -> int:
    if image != PROXY and image not in read(home / "images.json", {}):
        return error(f"Error response from daemon: manifest for {image} not found: manifest unknown")
    write(home / "pulled.json", [*read(home / "pulled.json", []), image])
    return 0


def _inspect(home: Path, name: str) -> int:
    known = read(home / "containers" / f"{name}.json", None)
    if known is None:
        print("[]")
        return error(f"Error response from daemon: No such container: {name}")
    kept = keeper.keeping(_spec(home, name))
    state = {"Running": bool(kept and kept["child"]), "Restarting": bool(kept and not kept["child"])}
    labels = known["service"].get("labels", {})
    restarts = kept["restarts"] if kept else 0
    print(json.dumps([{"Name": f"/{name}", "State": state, "RestartCount": restarts, "Config": {"Labels": labels}}]))
    return 0


def _compose(home: Path, arguments: list[str]) -> int:
    import yaml  # what is not imported is quickly asked

    from ci_kit.bento.server import tail

    parser = argparse.ArgumentParser(exit_on_error=True)
    parser.add_argument("-p", required=True)
    parser.add_argument("-f", required=True, type=Path)
    commands = parser.add_subparsers(dest="verb", required=True)
    flags = {"up": ("--detach", "--no-deps", "--force-recreate"), "rm": ("--stop", "--force")}
    for verb in ("up", "rm", "logs"):
        one = commands.add_parser(verb)
        for flag in flags.get(verb, ("--no-color", "--no-log-prefix")):
            one.add_argument(flag, action="store_true")
        if verb == "logs":
            one.add_argument("--tail", type=int)
        one.add_argument("service")
    asked = parser.parse_args(arguments)
    document = _plain(yaml.safe_load(asked.f.read_text()))
    service = document["services"][asked.service]
    name = service["container_name"]
    if document["name"] != asked.p:
        return error("the project has another name")
    if asked.verb == "logs":
        print(tail(_log(home, name), asked.tail))
    if asked.verb == "rm":
        keeper.stop(_spec(home, name), float(service["stop_grace_period"].removesuffix("s")) + 5)
        (home / "containers" / f"{name}.json").unlink()
    return _up(home, name, service, anew=asked.force_recreate) if asked.verb == "up" else 0


def _plain(value: Any) -> Any:
    """Return what Compose makes of a document without variables."""
    match value:
        case str():
            if "$" in value.replace("$$", ""):
                raise ValueError(f"the variable in {value} is not set")
            return value.replace("$$", "$")
        case dict():
            return {key: _plain(inner) for key, inner in value.items()}
        case list():
            return [_plain(inner) for inner in value]
    return value


def _up(home: Path, name: str, service: dict[str, Any], *, anew: bool) -> int:
    if service["image"] not in read(home / "pulled.json", []):
        return error(f"Error response from daemon: No such image: {service['image']}")
    for volume in service["volumes"]:
        if not Path(volume["source"]).is_dir():
            return error(f"invalid mount config for type bind: bind source path does not exist: {volume['source']}")
    from ci_kit.bento.server import environment

    path, log = _spec(home, name), _log(home, name)
    if keeper.keeping(path) and not anew:
        return 0
    keeper.stop(path, 30)
    write(home / "containers" / f"{name}.json", {"service": service})
    place = home / "run" / name
    place.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    spec = {
        "python": sys.executable,
        "command": _command(home, place, service),
        "cwd": str(place),
        "env": environment(place / "home", _seen(service, service["environment"]) | {"HOME": str(place)}),
        "log": str(log),
        "grace": float(service["stop_grace_period"].removesuffix("s")),
    }
    keeper.start(path, spec)
    return 0


def _command(home: Path, place: Path, service: dict[str, Any]) -> list[str]:
    """Return what the container runs, as this machine runs it: names of containers and their ports translated."""
    from ci_kit.bento.server import command
    from ci_kit.deploy import proxy

    (port,) = service["ports"]
    if service["image"] == PROXY:
        config = Path(_here(service, service["command"][3])).read_text()
        # An engine resolves a name whenever it is asked for; we have to know the ports before their containers are up.
        for other, published in read(Path(service["labels"][FOLDER]) / "state.json", {})["ports"].items():
            config = config.replace(f'"{other}:{PORT}"', f'"127.0.0.1:{published}"')
        config = config.replace(f'":{port["target"]}"', f'"{port["host_ip"]}:{port["published"]}"')
        (place / "caddy.json").write_text(config)
        return [proxy.program(sys.executable), *service["command"][1:3], str(place / "caddy.json")]
    bento = Path(read(home / "images.json", {})[service["image"]])
    return [*command(bento, int(port["published"]))[:-2], *service["command"]]


def _seen(service: dict[str, Any], told: dict[str, str]) -> dict[str, str]:
    return {name: _here(service, value) for name, value in told.items()}


def _here(service: dict[str, Any], path: str) -> str:
    """Return where on this machine a path of the container is."""
    for volume in service["volumes"]:
        if path == volume["target"] or path.startswith(volume["target"] + "/"):
            return str(volume["source"]) + path.removeprefix(volume["target"])
    return path


def _spec(home: Path, name: str) -> Path:
    path = home / "run" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _log(home: Path, name: str) -> Path:
    return home / "run" / f"{name}.log"


def down(home: Path) -> None:
    """End all containers."""
    for path in (home / "containers").glob("*.json"):
        keeper.stop(_spec(home, path.stem), 30)
