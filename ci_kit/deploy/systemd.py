"""Processes that systemd keeps running: a unit each, of the user's own manager, or of the system's for root.

It was exercised with a stand-in for `systemctl` (`tests/deploy`), and its units by `systemd-analyze verify`; never with
systemd as a machine's first process.
"""

import getpass
import hashlib
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

from ci_kit.errors import UserError
from ci_kit.files import atomic_write

TIMEOUT = 30.0  # seconds beyond what a unit itself may take
_SHOWN = re.compile(r"^(\w+)=(.*)$", re.MULTILINE)


class Units:
    """The units of one target; `folder` holds what is known of each, and makes their names its own."""

    def __init__(self, folder: Path, target: str) -> None:
        self._folder, self._target = folder, target
        self._mine = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:8]
        self._root, self._home = os.geteuid() == 0, home()

    def start(self, name: str, spec: dict[str, Any]) -> None:
        """Write the unit, and start it now and whenever the machine starts."""
        self._lasting()
        unit = self._unit(name)
        self._folder.mkdir(parents=True, exist_ok=True)
        atomic_write(self._folder / f"{name}.json", json.dumps(spec, indent=1).encode())
        text = rendered(spec, f"ci-kit: {self._target}, {name}", "multi-user" if self._root else "default")
        self._home.mkdir(parents=True, exist_ok=True)
        atomic_write(self._home / unit, text.encode())
        self._must("daemon-reload")
        self._run("reset-failed", unit)  # or what failed before would count
        self._must("enable", "--now", unit)

    def revive(self, name: str, python: str) -> None:  # noqa: ARG002 - systemd needs none
        """Start a unit again as it was started before."""
        self.start(name, json.loads((self._folder / f"{name}.json").read_bytes()))

    def stop(self, name: str, within: float) -> None:
        """End a unit, which systemd sees to, and remove it."""
        unit = self._unit(name)
        if not (self._home / unit).is_file():
            return
        self._must("disable", "--now", unit, within=within + TIMEOUT)
        (self._home / unit).unlink(missing_ok=True)
        self._must("daemon-reload")

    def keeping(self, name: str) -> dict[str, Any] | None:
        """Return `pid` and `restarts` of a unit that runs or is about to run again, None for any other."""
        done = self._run("show", "--property=ActiveState,MainPID,NRestarts", self._unit(name))
        known = dict(_SHOWN.findall(done.stdout))
        if done.returncode or known.get("ActiveState") not in ("active", "activating", "reloading"):
            return None
        return {"pid": int(known.get("MainPID") or 0), "restarts": int(known.get("NRestarts") or 0)}

    def _unit(self, name: str) -> str:
        return f"ci-kit-{self._target}-{self._mine}-{name}.service"

    def _lasting(self) -> None:
        """Have the user's units run on when nobody is logged in; raise UserError where that is not allowed."""
        if self._root:
            return
        user = getpass.getuser()
        if "Linger=yes" in _command("loginctl", "show-user", user, "--property=Linger").stdout:
            return
        done = _command("loginctl", "enable-linger", user)
        if done.returncode:
            hint = f"Have an administrator type: loginctl enable-linger {user}"
            raise UserError(
                f"what {user} starts would end with this login", why=_last(done), hint=hint, code="deploy/permission"
            )

    def _must(self, *words: str, within: float = TIMEOUT) -> None:
        done = self._run(*words, within=within)
        if done.returncode:
            hint = "Look at: journalctl --user -e" if not self._root else "Look at: journalctl -e"
            raise UserError(f"systemctl {words[0]} failed", why=_last(done), hint=hint)

    def _run(self, *words: str, within: float = TIMEOUT) -> subprocess.CompletedProcess[str]:
        return _command("systemctl", *([] if self._root else ["--user"]), "--no-ask-password", *words, within=within)


def home() -> Path:
    """Return where our units lie."""
    if os.geteuid() == 0:
        return Path("/etc/systemd/system")
    return Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser() / "systemd" / "user"


def units() -> list[str]:
    """Return the texts of all units of ours, whichever target they are of."""
    return [path.read_text("utf-8") for path in home().glob("ci-kit-*.service")]


def rendered(spec: dict[str, Any], description: str, wanted_by: str) -> str:
    """Return a unit: what it runs ends with all that it has started, after so many seconds by force.

    Raises UserError for a value with a control character, which no line of a unit can hold.
    """
    values = [*spec["command"], *spec["env"].values(), spec["cwd"], spec["log"]]
    if odd := next((value for value in values if not str(value).isprintable()), None):
        raise UserError(f"{odd!r:.80} can't be written into a unit of systemd", code="deploy/settings")
    environment = [f"Environment={_quoted(f'{name}={value}')}" for name, value in sorted(spec["env"].items())]
    lines = [
        "[Unit]",
        f"Description={description}",
        "StartLimitIntervalSec=0",
        "",
        "[Service]",
        f"ExecStart={' '.join(_quoted(part.replace('$', '$$')) for part in spec['command'])}",
        f"WorkingDirectory={_percent(spec['cwd'])}",
        *environment,
        f"StandardOutput=append:{_percent(spec['log'])}",
        f"StandardError=append:{_percent(spec['log'])}",
        "KillMode=control-group",
        f"TimeoutStopSec={float(spec['grace']):g}",
        "Restart=always",
        "RestartSec=1",
        "NoNewPrivileges=yes",
        "",
        "[Install]",
        f"WantedBy={wanted_by}.target",
    ]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    escaped = _percent(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _percent(text: str) -> str:
    return str(text).replace("%", "%%")  # systemd would read it as a specifier


def _last(done: subprocess.CompletedProcess[str]) -> str:
    return ([line.strip() for line in done.stderr.splitlines() if line.strip()] or [f"exit {done.returncode}"])[-1][
        :300
    ]


def _command(*command: str, within: float = TIMEOUT) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=within, check=False
        )
    except FileNotFoundError as error:
        raise UserError(
            f"{command[0]} is not installed", why="this kind of target needs systemd", code="config/install"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise UserError(
            f"{' '.join(command[:3])} did not end within {within:.0f} s", code="deploy/unreachable"
        ) from error
