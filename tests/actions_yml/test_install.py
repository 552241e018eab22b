"""`install.sh`: what it says when it can't, and (end to end) the environments that it really makes."""

import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.actions.runner import command
from tests.actions_yml import lint

# Real bash: a matter of seconds, not of milliseconds.
pytestmark = pytest.mark.e2e

UV = Path(sys.executable).parent / "uv"
BELOW = "import sys; print(sys._base_executable, sys.base_prefix, *sys.path)"
DISTRIBUTIONS = """
from importlib.metadata import distributions
print(*(f"{one.name.lower().replace('_', '-')}=={one.version}" for one in distributions()))
"""


def locked(name: str) -> list[tuple[str, str]]:
    """Return the packages of a lock with their versions; each entry has a hash, and nothing else is in the file."""
    text = (lint.ROOT / "actions" / name).read_text().replace("\\\n", " ")
    found = [
        re.fullmatch(r"([a-z0-9-]+)==([\w.]+)( ; [^-]*)?(\s+--hash=sha256:[0-9a-f]{64})+", line)
        for line in text.splitlines()
    ]
    assert all(found), name
    return [(one[1], one[2]) for one in found if one]


class Machine:
    """A kit, a workspace and a RUNNER_TEMP of their own."""

    def __init__(self, folder: Path) -> None:
        self.kit, self.workspace, self.temp = folder / "a kit", folder / "workspace", folder / "temp"
        for place in (self.kit, self.workspace, self.temp, folder / "bin"):
            place.mkdir()
        for name in ("actions", "ci_kit"):
            shutil.copytree(lint.ROOT / name, self.kit / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(lint.ROOT / name, self.kit)
        self.path_folder = folder / "bin"
        (self.path_folder / "uv").symlink_to(UV)
        self.path = f"{self.path_folder}:/usr/bin:/bin"

    def choose(self, python: str) -> None:
        """What setup leaves for the actions after it."""
        (self.temp / "ci-kit").mkdir(exist_ok=True)
        (self.temp / "ci-kit" / "request").write_text(python)

    def install(self, name: str = "all", **more: str) -> subprocess.CompletedProcess[str]:
        kept = {key: value for key, value in os.environ.items() if key.startswith(("PIP_", "UV_", "SSL_", "HOME"))}
        env = kept | {"PATH": self.path, "RUNNER_TEMP": str(self.temp)} | more
        args = ["bash", str(self.kit / "actions" / "install.sh"), name]
        return subprocess.run(
            args, cwd=self.workspace, env=env, capture_output=True, text=True, check=False, timeout=300
        )

    def python(self, name: str, code: str) -> str:
        args = [str(self.temp / "ci-kit" / name / "bin" / "python"), "-I", "-c", code]
        ran = subprocess.run(args, capture_output=True, text=True, check=False, timeout=60)
        return ran.stdout.strip() or ran.stderr.strip().splitlines()[-1]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def assert_refused(ran: subprocess.CompletedProcess[str], what: str) -> None:
    assert ran.returncode == 2
    (line,) = ran.stderr.splitlines()
    found = command(line)
    assert found
    assert (found.name, found.properties) == ("error", {"title": "ci-kit"})
    assert what in found.data
    assert 'input "' in found.data
    assert ran.stdout == ""


@pytest.mark.parametrize("python", ["python-that-is-not-there", "/none", "a b", "x\n::warning::y"])
def test_no_python_is_one_clear_line(machine: Machine, python: str) -> None:
    assert_refused(machine.install(CI_KIT_PYTHON=python), "There is no Python at")


def test_an_old_python_is_one_clear_line(machine: Machine, tmp_path: Path) -> None:
    old = tmp_path / "python3.10"
    old.write_text('#!/bin/sh\ncase "$3" in *executable*) echo "$0" ;; *) exit 1 ;; esac\n')
    old.chmod(0o755)
    assert_refused(machine.install(CI_KIT_PYTHON=str(old)), "ci-kit needs Python 3.11 or newer")


def test_missing_requirements_are_one_clear_line(machine: Machine) -> None:
    assert_refused(
        machine.install(CI_KIT_REQUIREMENTS="a.txt\n"), "There is no file a.txt to install requirements from"
    )


def test_no_folder_for_temporary_files_is_said(machine: Machine) -> None:
    ran = machine.install(RUNNER_TEMP="")
    assert ran.returncode == 1
    assert "ci-kit needs RUNNER_TEMP" in ran.stderr


def test_the_lock_names_every_package_of_the_core_and_all_by_hash() -> None:
    project = tomllib.loads((lint.ROOT / "pyproject.toml").read_text())
    wanted = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    pinned = dict(locked("kit.txt"))
    for line in wanted:
        one = Requirement(line)
        assert one.specifier.contains(pinned[canonicalize_name(one.name)]), line
    assert project["project"]["optional-dependencies"]["report"] == []
    makefile = (lint.ROOT / "Makefile").read_text()
    assert locked("uv.txt") == [("uv", re.findall(r"^UV_VERSION := (.*)$", makefile, re.MULTILINE)[0])]


def test_the_lock_of_what_serves_names_every_package_of_deploy_and_all_by_hash() -> None:
    project = tomllib.loads((lint.ROOT / "pyproject.toml").read_text())
    wanted = [*project["project"]["dependencies"], *project["project"]["optional-dependencies"]["deploy"]]
    pinned = dict(locked("../ci_kit/bento/locked.txt"))
    for line in [*wanted, *project["build-system"]["requires"]]:
        one = Requirement(line)
        assert one.specifier.contains(pinned[canonicalize_name(one.name)]), line


@pytest.mark.parametrize(
    ("found", "instead", "said"),
    [(r"sha256:[0-9a-f]{8}", "sha256:00000000", "Hash mismatch"), (r"(\nidna==\S+) (.*\n +--hash.*)*", r"\1", "idna")],
    ids=["another", "none"],
)
def test_a_package_whose_hash_is_not_the_locked_one_is_not_installed(
    machine: Machine, found: str, instead: str, said: str
) -> None:
    lock = machine.kit / "actions" / "kit.txt"
    lock.write_text(re.sub(found, instead, lock.read_text()))
    machine.choose(sys.executable)
    ran = machine.install("kit")
    assert ran.returncode == 2
    assert said in ran.stdout
    assert not (machine.temp / "ci-kit" / "kit" / ".ci-kit").exists()


def test_without_uv_the_pinned_one_is_installed(machine: Machine) -> None:
    (machine.path_folder / "uv").unlink()
    machine.choose(sys.executable)
    ran = machine.install("kit")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    made = subprocess.run([machine.temp / "ci-kit" / "uv" / "bin" / "uv", "--version"], capture_output=True, check=True)
    assert made.stdout.decode().split()[1] == dict(locked("uv.txt"))["uv"]


@pytest.mark.parametrize("made", ["an environment", "a link"])
def test_an_interpreter_of_the_workspace_is_not_below_the_token(machine: Machine, made: str) -> None:
    (machine.workspace / ".venv" / "bin").mkdir(parents=True)
    if made == "a link":
        (machine.workspace / ".venv" / "bin" / "python").symlink_to(Path(sys.executable).resolve())
    else:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", machine.workspace / ".venv"], check=True)
    machine.choose(str(machine.workspace / ".venv" / "bin" / "python"))
    ran = machine.install("kit")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    below = [(machine.temp / "ci-kit" / "kit" / "pyvenv.cfg").read_text(), machine.python("kit", BELOW)]
    place = machine.temp / "ci-kit" / "kit" / "bin" / "python"
    while place.is_symlink():
        place = place.parent / place.readlink()
        below.append(str(place))
    assert sys.base_prefix in below[1]
    assert str(machine.workspace) not in "".join(below)


def test_only_setup_obeys_its_inputs(machine: Machine) -> None:
    (machine.path_folder / "python3").write_text("#!/bin/sh\nexit 1\n")
    (machine.path_folder / "python3").chmod(0o755)
    left = {"CI_KIT_PYTHON": sys.executable, "CI_KIT_REQUIREMENTS": "none.txt"}
    assert_refused(machine.install("kit", **left), 'There is no Python at "python3"')


def test_the_kit_is_installed_once_per_content_and_never_by_the_workspaces_settings(machine: Machine) -> None:
    (machine.workspace / "uv.toml").write_text('index-url = "http://127.0.0.1:9/simple"\n')
    (machine.workspace / "json.py").write_text("raise SystemExit('planted')\n")
    machine.choose(sys.executable)
    first = machine.install("kit")
    assert first.returncode == 0, first.stdout + first.stderr
    assert machine.python("kit", "import ci_kit; print(ci_kit.__file__)").startswith(str(machine.temp))
    found = set(machine.python("kit", DISTRIBUTIONS).split())
    pinned = {f"{name}=={version}" for name, version in locked("kit.txt") if name != "colorama"}
    assert found == pinned | {f"ci-kit=={version('ci-kit')}"}
    start = time.monotonic()
    again = machine.install("kit")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert time.monotonic() - start < 1
    (machine.kit / "ci_kit" / "fresh.py").touch()
    assert "Installing ci-kit (kit)" in machine.install("kit").stdout
    assert machine.python("kit", "import ci_kit.fresh; print('fresh')") == "fresh"


def test_a_prepared_environment_is_used_and_left_as_it_is(machine: Machine, tmp_path: Path) -> None:
    before = sorted(path.name for path in Path(sys.executable).parent.iterdir())
    (machine.workspace / "requirements.txt").write_text("numpy\n")
    ran = machine.install("all", CI_KIT_PYTHON=sys.executable)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert machine.python("work", "import ci_kit; print(ci_kit.__file__)").startswith(str(machine.temp))
    assert not machine.python("work", "import numpy; print(numpy.__file__)").startswith(str(machine.temp))
    assert "No module named" in machine.python("kit", "import numpy")
    assert sorted(path.name for path in Path(sys.executable).parent.iterdir()) == before
    # What setup chose holds for every action after it.
    start = time.monotonic()
    assert machine.install("work").stdout == ""
    assert time.monotonic() - start < 1
    # What draws a drift report waits until it is asked for.
    assert not (machine.temp / "ci-kit" / "drift").exists()
    assert "Installing ci-kit (drift)" in machine.install("drift").stdout
    assert machine.python("drift", "import ci_kit; print(ci_kit.__file__)").startswith(str(machine.temp))


def test_a_bare_python_gets_everything_of_its_own(machine: Machine, tmp_path: Path) -> None:
    subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, tmp_path / "bare"], check=True)
    (machine.workspace / "requirements.txt").write_text("iniconfig\n")
    (machine.workspace / "more.txt").write_text("pluggy\n")
    bare = str(tmp_path / "bare" / "bin" / "python")
    ran = machine.install("all", CI_KIT_PYTHON=bare, CI_KIT_REQUIREMENTS="requirements.txt\nmore.txt")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "No module named" in machine.python("work", "import evidently")
    for module in ("ci_kit", "polars", "onnxruntime", "iniconfig", "pluggy"):
        assert machine.python("work", f"import {module}; print({module}.__file__)").startswith(str(machine.temp)), (
            module
        )
    (machine.workspace / "requirements.txt").write_text("a-name-that-nobody-has==1.0\n")
    ran = machine.install("all", CI_KIT_PYTHON=bare)
    assert ran.returncode == 2
    assert ran.stderr.splitlines()[-1].startswith("::error title=ci-kit::The installation failed.")
    assert not (machine.temp / "ci-kit" / "work" / ".ci-kit").exists()
