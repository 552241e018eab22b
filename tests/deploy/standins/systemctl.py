"""A `systemctl` without systemd: units are read as strictly as they need it, and processes kept running by a keeper."""

import json
import shlex
import sys
from pathlib import Path
from typing import Any

from ci_kit.deploy import keeper
from tests.deploy.standins.program import error, run

KNOWN = {
    "Unit": {"Description", "StartLimitIntervalSec"},
    "Service": {
        *("ExecStart", "WorkingDirectory", "Environment", "StandardOutput", "StandardError", "KillMode", "Restart"),
        *("TimeoutStopSec", "RestartSec", "NoNewPrivileges"),
    },
    "Install": {"WantedBy"},
}


def main(home: Path, arguments: list[str]) -> int:
    return run(home, arguments, lambda: _done(home, [one for one in arguments if one != "--no-ask-password"]))


def _done(home: Path, arguments: list[str]) -> int:
    if arguments[:1] != ["--user"]:
        return error("Interactive authentication required.")
    match [one for one in arguments if one != "--user"]:
        case ["daemon-reload"]:
            (home / "loaded.json").write_text(json.dumps({path.name: path.read_text() for path in _units(home)}))
            return 0
        case ["reset-failed", unit]:
            return 0 if _spec(home, unit).exists() else error(f"Unit {unit} not loaded.")
        case ["enable", "--now", unit]:
            return _start(home, unit)
        case ["disable", "--now", unit]:
            keeper.stop(_spec(home, unit), 60)
            return 0
        case ["show", "--property=ActiveState,MainPID,NRestarts", unit]:
            kept = keeper.keeping(_spec(home, unit))
            state = ("active" if kept["child"] else "activating") if kept else "inactive"
            child, restarts = (kept["child"] or 0, kept["restarts"]) if kept else (0, 0)
            print(f"ActiveState={state}\nMainPID={child}\nNRestarts={restarts}")
            return 0
    return error(f"Unknown command verb {arguments}.")


def _units(home: Path) -> list[Path]:
    return sorted(Path((home / "units").read_text()).glob("*.service"))


def _start(home: Path, unit: str) -> int:
    text = json.loads((home / "loaded.json").read_text()).get(unit)
    if text is None:
        return error(f"Failed to enable unit: Unit file {unit} does not exist.")
    found = read(text)
    command = _words(found["ExecStart"][0])
    log = found["StandardOutput"][0].removeprefix("append:").replace("%%", "%")
    spec = {
        "python": sys.executable,
        "command": [part.replace("$$", "$") for part in command],
        "cwd": found["WorkingDirectory"][0].replace("%%", "%"),
        "env": dict(part.split("=", 1) for line in found["Environment"] for part in _words(line)),
        "log": log,
        "grace": float(found["TimeoutStopSec"][0]),
    }
    if not keeper.keeping(_spec(home, unit)):
        keeper.start(_spec(home, unit), spec)
    return 0


def read(text: str) -> dict[str, list[str]]:
    """Return the values by key; raise ValueError for a section or a key that is none of ours."""
    section, found = "", dict[str, list[str]]()
    for line in filter(None, text.splitlines()):
        if line.startswith("["):
            section = line.strip("[]")
            continue
        key, mark, value = line.partition("=")
        if not mark or key not in KNOWN[section]:
            raise ValueError(f"unknown line in [{section}]: {line}")
        found.setdefault(key, []).append(value)
    return found


def _words(value: str) -> list[str]:
    """Return the words of a value; what looks like a specifier or a variable of systemd's was not escaped."""
    if "%" in value.replace("%%", ""):
        raise ValueError(f"a specifier in {value}")
    return [part.replace("%%", "%") for part in shlex.split(value)]


def _spec(home: Path, unit: str) -> Path:
    path = home / "run" / f"{unit}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def down(home: Path) -> None:
    """End all units."""
    for path in (home / "run").glob("*.json"):
        keeper.stop(path, 30)


def kept(home: Path) -> dict[str, Any]:
    """Return what is known of each unit that runs."""
    found = {path.stem: keeper.keeping(path) for path in (home / "run").glob("*.json")}
    return {name: one for name, one in found.items() if one}
