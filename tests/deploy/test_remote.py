"""The target `ssh`: a stand-in for ssh leads to this machine under another home, one for systemctl keeps its units."""

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from ci_kit.bento.server import free_port
from ci_kit.deploy import agent, host, step, systemd
from ci_kit.deploy.host import Host, packed
from ci_kit.errors import Unavailable, UserError
from ci_kit.forge.git import Git
from ci_kit.registry.tags import stages
from ci_kit.result import Findings
from tests.deploy import made
from tests.deploy.load import Load
from tests.deploy.standins import systemctl
from tests.deploy.standins.program import calls, fail, install, mend

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


# The environment that is installed there, made in no time: root's own units would be those of this very machine.
PYTHON = """#!/bin/sh
exec {python} -P -u -c '
import os, runpy
os.geteuid = lambda: 1000
runpy.run_module("ci_kit.deploy.agent", run_name="__main__")'
"""


@pytest.fixture
def north(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Another machine: what `ssh octo@north` leads to; return its folder."""
    folder = tmp_path / "north"
    install(tmp_path / "bin", "ssh", folder)
    install(folder / "bin", "systemctl", folder / "systemd")
    (folder / "systemd" / "units").write_text(str(folder / "home" / ".config" / "systemd" / "user"))
    program(folder / "bin" / "loginctl", "#!/bin/sh\necho Linger=yes\n")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    yield folder
    systemctl.down(folder / "systemd")


def program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


@dataclass
class Target:
    """A repository with a target on that machine."""

    root: Path
    north: Path
    port: int
    count: Iterator[int]

    def installed(self) -> None:
        """Have our environment there as it is once it was installed."""
        mark = host.hashlib.sha256(packed(host.LOCK)).hexdigest()[:16]  # type: ignore[attr-defined]
        kit = self.north / "home" / ".local" / "share" / "ci-kit" / "kits" / mark
        program(kit / "env" / "bin" / "python", PYTHON.format(python=sys.executable))
        (kit / "complete").touch()

    def job(self, version: str | None = None) -> Any:
        wanted: dict[str, object] = {"deploy.version": version} if version else {}
        return made.job(self.root, wanted, started=f"2026-11-25T10:00:{next(self.count):02}+00:00")

    def deploy(self, version: str) -> Findings:
        return step.run(self.job(version))

    def about(self) -> dict[str, Any]:
        return dict(httpx.get(f"http://127.0.0.1:{self.port}/about", trust_env=False, timeout=20).json())


@pytest.fixture
def target(tmp_path: Path, north: Path) -> Target:
    port = free_port()
    settings = {"kind": "ssh", "host": "octo@north", "address": f"127.0.0.1:{port}", "watch": "1s", "drain": "1s"}
    root = made.repository(tmp_path / "repo", targets={"prod": settings | {"folder": "places/a b%c$d"}})
    target = Target(root, north, port, itertools.count())
    target.installed()
    return target


def statuses(found: Findings) -> dict[str, str]:
    return {check.id: check.status for check in found.checks}


def kept(found: Findings) -> None:
    assert statuses(found).get("keep") == "pass", "\n".join(f"{one.id}: {one.status}, {one}" for one in found.checks)


def test_versions_are_rolled_out_refused_and_rolled_back_there_while_clients_ask(target: Target) -> None:
    made.release(target.root, "v1.0.0")
    made.release(target.root, "v2.0.0", factor=2.0)
    made.release(target.root, "v3.0.0", factor=3.0, golden=9.0)
    kept(target.deploy("v1.0.0"))
    with Load(f"http://127.0.0.1:{target.port}") as load:
        kept(target.deploy("v2.0.0"))
        assert target.about()["version"] == "v2.0.0"
        refused = target.deploy("v3.0.0")
        assert (statuses(refused)["ready"], statuses(refused)["rollback"]) == ("fail", "skip")
        back = step.rollback(target.job())
        kept(back)
        assert target.about()["version"] == "v1.0.0"
    seen = load.since(0)
    assert len(seen.answers) > 300
    assert seen.failed == []
    assert [check.id for check in back.checks][:5] == ["evaluated", "content", "signature", "sent", "start"]
    assert len(systemctl.kept(target.north / "systemd")) == 2  # one instance, and the proxy
    (given,) = stages(Git(target.root), made.NAME).values()
    assert [number for number, _ in given] == [1, 2, 3]
    status = step.status(target.job())
    assert status.checks[0].title == "sums@v1.0.0 serves"
    assert not list((target.north / "home/.local/share/ci-kit/incoming").iterdir())
    found = step.stop(target.job())
    assert found.checks[-1].title == "prod serves no more"
    assert systemctl.kept(target.north / "systemd") == {}
    assert not list((target.north / "home/.config/systemd/user").iterdir())


def test_a_deployer_that_is_cut_off_leaves_what_served(target: Target, tmp_path: Path) -> None:
    made.release(target.root, "v1.0.0")
    made.release(target.root, "v2.0.0", factor=2.0)
    kept(target.deploy("v1.0.0"))
    command = [sys.executable, "-m", "ci_kit", "deploy", "--version", "v2.0.0"]
    with (tmp_path / "said").open("wb") as said:
        process = subprocess.Popen(command, cwd=target.root, stdout=said, stderr=said, start_new_session=True)
    deadline = time.monotonic() + 60
    while "was started beside" not in (tmp_path / "said").read_text() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()
    process.wait(timeout=20)
    # The far end sees that we are gone, goes back, and writes that down.
    while len(found := step.status(target.job()).checks) != 2 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert len(found) == 2, found
    assert len(systemctl.kept(target.north / "systemd")) == 2
    assert target.about()["version"] == "v1.0.0"
    serves, instance = found
    assert (serves.title, instance.title) == ("sums@v1.0.0 serves", "blue: sums@v1.0.0 takes the traffic")


def test_what_the_machine_says_no_to_is_one_line(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    made.release(target.root, "v1.0.0")
    with pytest.raises(UserError, match="nothing was deployed to prod yet"):
        step.stop(target.job())
    program(target.north / "bin" / "loginctl", "#!/bin/sh\necho Linger=no\nexit 1\n")
    with pytest.raises(UserError, match=r"what octo starts would end with this login .*loginctl enable-linger octo"):
        target.deploy("v1.0.0")
    program(target.north / "bin" / "loginctl", "#!/bin/sh\necho Linger=yes\n")
    fail(target.north / "systemd", "Failed to connect to bus: No medium found", on="enable")
    with pytest.raises(UserError, match=r"systemctl enable failed .Failed to connect to bus: No medium found"):
        target.deploy("v1.0.0")
    mend(target.north / "systemd")
    monkeypatch.setattr(host, "OPTIONS", ("-o", "-o", "-o", "-T"))
    with pytest.raises(Unavailable, match=r"south was not reached .*Could not resolve hostname.*Try: ssh"):
        Host("south", "python3").install(print)


def test_ssh_asks_nothing_and_gets_no_secret(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "ghs_secret")
    step.status(target.job())
    for call in calls(target.north):
        assert call[: call.index("--")] == list(host.OPTIONS)
        assert "BatchMode=yes" in call
        assert "ghs_secret" not in str(call)


LOCK = """\
typing-extensions==4.15.0 \\
    --hash=sha256:f0fa19c6845758ab08074a0cfa8b7aecb71c999ca73d62883bc25cc018c4e548
"""


def test_ci_kit_is_installed_there_once_with_the_lock_alone(
    north: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "locked.txt").write_text(LOCK)
    monkeypatch.setattr(host, "LOCK", tmp_path / "locked.txt")
    said: list[str] = []
    mark = Host("octo@north", sys.executable).install(said.append)
    assert said == ["deploy: installing ci-kit on octo@north"]
    kit = north / "home/.local/share/ci-kit/kits" / mark
    done = subprocess.run(
        [kit / "env/bin/python", "-I", "-c", "import ci_kit; print(ci_kit.__file__, ci_kit.__version__)"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.startswith(f"{kit}/kit/ci_kit/__init__.py ")
    assert Host("octo@north", sys.executable).install(said.append) == mark
    assert len(said) == 1
    (tmp_path / "locked.txt").write_text(LOCK + "\n")
    with pytest.raises(UserError, match=r"ci-kit can't be installed on octo@north .there is no python9"):
        Host("octo@north", "python9").install(said.append)
    (tmp_path / "locked.txt").write_text(LOCK.replace("f0fa", "0000"))
    with pytest.raises(UserError, match=r"ci-kit can't be installed on octo@north .*"):
        Host("octo@north", sys.executable).install(said.append)
    assert [path.name for path in kit.parent.iterdir() if not path.name.endswith(".part")] == [mark]


def test_copies_that_no_unit_needs_are_removed_after_a_day(tmp_path: Path) -> None:
    for name, hours in {"used": 48, "old": 48, "young": 1}.items():
        (tmp_path / name).mkdir()
        at = time.time() - hours * 3600
        os.utime(tmp_path / name, (at, at))
    agent.prune(tmp_path, [f'ExecStart="{tmp_path}/used/env/bin/python"'])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["used", "young"]


def test_a_unit_says_what_systemd_reads(tmp_path: Path) -> None:
    spec = {
        "command": ["/a b/python", "-m", 'x"y', "100%", "$HOME", "back\\slash"],
        "cwd": "/a b/%h",
        "env": {"ONE": 'a "b" $c 5%', "TWO": ""},
        "log": "/logs/%i.log",
        "grace": 15.0,
    }
    text = systemd.rendered(spec, "ci-kit: prod, blue", "default")
    assert 'ExecStart="/a b/python" "-m" "x\\"y" "100%%" "$$HOME" "back\\\\slash"' in text
    assert 'Environment="ONE=a \\"b\\" $c 5%%"' in text
    assert "WorkingDirectory=/a b/%%h\n" in text
    assert "StandardOutput=append:/logs/%%i.log\n" in text
    for line in ("KillMode=control-group", "TimeoutStopSec=15", "Restart=always", "WantedBy=default.target"):
        assert f"\n{line}\n" in text
    with pytest.raises(UserError, match="can't be written into a unit"):
        systemd.rendered(spec | {"cwd": "/a\nExecStart=/bin/evil"}, "x", "default")
