"""What the composite actions run, with a stub for `ci-kit` that records how it was called."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.actions_yml import lint
from tests.hostile import CORPUS, anything

# Real bash, zizmor and shellcheck: not a matter of milliseconds.
pytestmark = pytest.mark.e2e

STUB = """\
import json, os, sys
names = ("DVC_NO_ANALYTICS", "ITERATIVE_DO_NOT_TRACK", "BENTOML_DO_NOT_TRACK", "DO_NOT_TRACK")
names += ("GITHUB_TOKEN", "INPUT_TOKEN", "PATH")
told = {name: os.environ.get(name) for name in names}
call = {"argv": sys.argv[1:], "env": told, "isolated": sys.flags.isolated, "path": sys.path, "pid": os.getpid()}
with open(os.environ["RUNNER_TEMP"] + "/call.json", "w") as file:
    json.dump(call, file)
try:
    print("stub", flush=True)
    if "wait" in os.environ:
        import time
        time.sleep(30)
except KeyboardInterrupt:
    sys.exit(130)
sys.exit(int(os.environ.get("code", "0")))
"""


class Runner:
    """A composite action's steps, run as the runner does: one bash a step, inputs by the environment."""

    environments = ("kit", "work", "drift", "package", "deploy")

    def __init__(self, folder: Path) -> None:
        self.temp, self.workspace, self.kit = folder / "temp", folder / "workspace", folder / "kit"
        self.workspace.mkdir(parents=True)
        shutil.copytree(lint.ROOT / "actions", self.kit / "actions")
        shutil.copy(lint.ROOT / "action.yml", self.kit)
        (self.kit / "actions" / "install.sh").write_text('printf "%s\\n" "$1" >>"$RUNNER_TEMP/installed"\n')
        for environment in self.environments:
            place = self.temp / "ci-kit" / environment / "bin"
            place.mkdir(parents=True)
            (place / "python").symlink_to(sys.executable)
            (place / "ci-kit").write_text(STUB)

    def command(self, action: str, number: int, inputs: dict[str, str], **more: str) -> dict[str, Any]:
        content = yaml.safe_load((self.kit / action / "action.yml").read_text())
        step = content["runs"]["steps"][number]
        values = {name: given["default"] for name, given in content["inputs"].items()} | inputs
        env = {}
        for name, value in step.get("env", {}).items():
            key = value.removeprefix("${{ inputs.").removesuffix(" }}")
            env[name] = values[key]
        script = self.temp / "step.sh"
        script.write_text(step["run"])
        env |= {"RUNNER_TEMP": str(self.temp), "GITHUB_ACTION_PATH": str(self.kit / action), "PATH": os.environ["PATH"]}
        args = ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)]
        return {"args": args, "env": env | more, "cwd": self.workspace}

    def call(self, action: str, number: int = 0, inputs: dict[str, str] | None = None, **more: str) -> dict[str, Any]:
        (self.temp / "call.json").unlink(missing_ok=True)
        ran = subprocess.run(**self.command(action, number, inputs or {}, **more), capture_output=True, check=False)
        call: dict[str, Any] = json.loads((self.temp / "call.json").read_text())
        return call | {"code": ran.returncode, "stdout": ran.stdout.decode(), "stderr": ran.stderr.decode()}


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(tmp_path)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    return Runner(tmp_path_factory.mktemp("runner"))


# Which step of which action is which command, and in which environment.
CALLS = [
    ("validate", 0, ["validate"], "work"),
    ("train", 0, ["train"], "work"),
    ("train", 1, ["train", "--proceed"], "kit"),
    ("evaluate", 0, ["evaluate"], "work"),
    ("report", 0, ["report"], "kit"),
    ("report", 1, ["report", "--fork"], "kit"),
    ("drift", 0, ["drift"], "drift"),
    ("retrain", 0, ["retrain", "--update"], "work"),
    ("retrain", 1, ["retrain", "--publish"], "kit"),
    ("package", 0, ["package", "--build"], "package"),
    ("package", 1, ["package", "--register"], "deploy"),
    ("deploy", 0, ["deploy"], "deploy"),
    ("deploy", 1, ["deploy", "--rollback"], "deploy"),
]
APART = ("kit", "deploy")  # these hold a token
each_call = pytest.mark.parametrize(
    ("step", "number", "words", "environment"), CALLS, ids=[" ".join(c[2]) for c in CALLS]
)


@each_call
def test_an_action_without_inputs_is_the_command_alone(
    runner: Runner, step: str, number: int, words: list[str], environment: str
) -> None:
    call = runner.call(f"actions/{step}", number, INPUT_TOKEN="secret")
    assert call["argv"] == [*words, "--directory=."]
    assert call["isolated"]
    assert call["env"]["INPUT_TOKEN"] is None
    assert call["stdout"] == "stub\n"
    assert call["stderr"] == ""
    assert (runner.temp / "installed").read_text() == f"{environment}\n"
    # The user's `python` is the one with the user's packages, and never the one that holds the token.
    for name in runner.environments:
        seen = str(runner.temp / "ci-kit" / name / "bin") in call["env"]["PATH"]
        assert seen == (name == environment and name not in APART)
    assert [call["env"][name] for name in list(call["env"])[:4]] == ["1", "1", "true", "1"]
    assert call["env"]["GITHUB_TOKEN"] == ("${{ github.token }}" if environment in APART else None)


@pytest.mark.parametrize(
    ("step", "phases"),
    [
        ("train", ("train", "proceed")),
        ("retrain", ("update", "publish")),
        ("package", ("build", "register")),
        ("deploy", ("deploy", "rollback")),
    ],
)
def test_a_phase_that_there_is_not_is_one_clear_line(runner: Runner, step: str, phases: tuple[str, str]) -> None:
    content = yaml.safe_load((runner.kit / f"actions/{step}/action.yml").read_text())
    conditions = [step["if"] for step in content["runs"]["steps"]]
    for phase, met in {phases[0]: 0, phases[1]: 1, phases[0][:-1]: 2, "": 2}.items():
        known = [one.strip("${} ").replace("inputs.phase", repr(phase)).replace("&&", "and") for one in conditions]
        assert [eval(one, {}) for one in known] == [number == met for number in range(3)]
    ran = subprocess.run(**runner.command(f"actions/{step}", 2, {}), capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == f'::error title=ci-kit::The input "phase" must be {phases[0]} or {phases[1]}.\n'


def test_the_journey_is_one_command_and_the_report_another(runner: Runner) -> None:
    inputs = {"model": "m.onnx", "first-run": "allow", "id": "a", "token": "secret", "directory": "x y"}
    call = runner.call("", 1, inputs)
    assert sorted(call["argv"][3:]) == ["--directory=x y", "--first-run=allow", "--model=m.onnx"]
    assert call["argv"][:3] == ["run", "check", "--no-report"]
    assert call["env"]["GITHUB_TOKEN"] is None
    call = runner.call("", 2, inputs)
    assert call["argv"] == ["report", "--directory=x y", "--id=a"]
    assert call["env"]["GITHUB_TOKEN"] == "secret"


@each_call
def test_a_variable_that_another_step_left_is_no_input(
    runner: Runner, step: str, number: int, words: list[str], environment: str
) -> None:
    own = (runner.kit / "actions" / step / "action.yml").read_text()
    names = ("GATE", "MODEL", "COMMAND", "PUBLISHER", "SAMPLES", "_", "X-Y")
    left: dict[str, Any] = {f"CI_KIT_INPUT_{name}": "left" for name in names if f"_{name}:" not in own}
    call = runner.call(f"actions/{step}", number, **left)
    assert call["argv"] == [*words, "--directory=."]


def test_the_installation_does_not_see_the_token(runner: Runner) -> None:
    (runner.kit / "actions" / "install.sh").write_text('printf %s "${GITHUB_TOKEN-none}" >"$RUNNER_TEMP/seen"\n')
    for action, number in (("report", 0), ("train", 1), ("retrain", 1), ("package", 1), ("deploy", 0), ("deploy", 1)):
        assert runner.call(f"actions/{action}", number)["env"]["GITHUB_TOKEN"]
        assert (runner.temp / "seen").read_text() == "none"


def test_the_exit_code_is_the_commands(runner: Runner) -> None:
    assert [runner.call("actions/train", code=code)["code"] for code in ("0", "1", "130")] == [0, 1, 130]


@settings(max_examples=12)
@given(st.lists(st.one_of(st.sampled_from(CORPUS), anything), min_size=3, max_size=3))
def test_hostile_inputs_arrive_as_they_are(shared: Runner, values: list[str]) -> None:
    assert_arrive(shared, values)


SHELL = (
    "$(touch pwned)",
    "`touch pwned`",
    "'; touch pwned; '",
    '"; touch pwned; "',
    "--help",
    "-",
    "*",
    "~",
    "a\nb",
    "\\",
    "!!",
    "%s",
)


@pytest.mark.parametrize("start", range(0, len(SHELL), 3))
def test_shell_inputs_arrive_as_they_are(shared: Runner, start: int) -> None:
    assert_arrive(shared, list(SHELL[start : start + 3]))
    assert list(shared.workspace.iterdir()) == []


def assert_arrive(runner: Runner, values: list[str]) -> None:
    # No environment can hold these; GitHub refuses them too.
    clean = [value.replace("\0", "").encode("utf-8", "replace").decode() for value in values]
    inputs = dict(zip(("command", "gpu", "directory"), clean, strict=False))
    call = runner.call("actions/train", inputs=inputs)
    assert call["argv"][0] == "train"
    assert sorted(call["argv"][1:]) == sorted(f"--{name}={value}" for name, value in inputs.items() if value)


@each_call
def test_nothing_planted_in_the_workspace_is_imported(
    runner: Runner, step: str, number: int, words: list[str], environment: str
) -> None:
    for name in ("json", "os", "ci_kit", "sitecustomize", "usercustomize", "encodings"):
        (runner.workspace / f"{name}.py").write_text("open('planted', 'w')")
    (runner.workspace / "ci-kit").write_text("#!/bin/sh\ntouch planted")
    hostile: dict[str, Any] = {"PYTHONPATH": str(runner.workspace), "PYTHONSTARTUP": "json.py", "PYTHONHOME": ""}
    call = runner.call(f"actions/{step}", number, **hostile)
    assert call["argv"][0] == step
    assert not (runner.workspace / "planted").exists()
    assert str(runner.workspace) not in call["path"]
    assert "" not in call["path"]


def cancel(runner: Runner, says: bytes, **more: str) -> float:
    """Send SIGINT to the step's process once it says something; return how long it then lived."""
    with subprocess.Popen(**runner.command("actions/train", 0, {}, **more), stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == says
        if (runner.temp / "call.json").exists():
            assert json.loads((runner.temp / "call.json").read_text())["pid"] == process.pid
        start = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
        return time.monotonic() - start


def test_a_cancel_reaches_the_command_at_once(runner: Runner) -> None:
    assert cancel(runner, b"stub\n", wait="1") < 5
    assert (runner.temp / "call.json").exists()


def test_nothing_starts_after_a_cancelled_installation(runner: Runner) -> None:
    # uv is a child of the installation's shell.
    (runner.kit / "actions" / "install.sh").write_text("trap '' INT TERM; echo installing; bash -c 'sleep 61; :'\n")
    assert cancel(runner, b"installing\n") < 2
    assert not (runner.temp / "call.json").exists()
    assert not [one for one in psutil.process_iter(["cmdline"]) if one.info["cmdline"] == ["sleep", "61"]]


def test_a_failed_installation_ends_the_step(runner: Runner) -> None:
    (runner.kit / "actions" / "install.sh").write_text("exit 2\n")
    ran = subprocess.run(**runner.command("actions/train", 0, {}), check=False)
    assert ran.returncode == 2
    assert not (runner.temp / "call.json").exists()
