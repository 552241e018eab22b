"""The command as it is typed: what it prints, its exit codes, and how long it takes."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ci_kit.doctor.examine import gather
from ci_kit.doctor.show import AUDIT, listed, report
from ci_kit.parts import Check
from tests.doctor.setups import ROOT, SOFT, WORKFLOWS, YML, both, change, gone, seen, versions

Copy = Callable[[str], Path]
PR = f"{WORKFLOWS}/pull-request.yml"
DOCS = ROOT / "docs" / "doctor.md"
# What a machine of the tests may be warned of.
OF_THE_MACHINE = {"doctor/python", "doctor/memory", "doctor/extra", "doctor/torch", "preflight/shared-memory"}
OF_THE_MACHINE |= {"preflight/gpu-clocks", "preflight/gpu-processes", "preflight/gpu-health", "preflight/torch"}


def command(folder: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    known = {name: value for name, value in os.environ.items() if name not in ("GITHUB_TOKEN", "GH_TOKEN")}
    known |= {"PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"} | env
    line = [sys.executable, "-m", "ci_kit", "doctor", "-C", str(folder), *words]
    return subprocess.run(line, capture_output=True, text=True, env=known, timeout=100, check=False)


def test_of_a_sound_set_up_the_exit_code_is_0_and_it_takes_seconds(copied: Copy) -> None:
    started = time.monotonic()
    done = command(copied("sound"), "--json")
    assert time.monotonic() - started < 20  # about one; a GPU takes some more
    assert (done.returncode, done.stderr) == (0, "")
    found = [Check.model_validate(one) for one in json.loads(done.stdout)]
    assert {check.id for check in found} <= OF_THE_MACHINE


def test_what_is_broken_is_exit_code_1_and_json_is_all_of_stdout(copied: Copy) -> None:
    folder = copied("sound")
    both(gone("schemas.py"), change(PR, "          persist-credentials: false\n", ""))(folder)
    done = command(folder, "--json", GITHUB_ACTIONS="true")
    assert done.returncode == 1
    found = [Check.model_validate(one) for one in json.loads(done.stdout)]
    assert {check.id for check in found} - OF_THE_MACHINE == {"doctor/missing-file", "doctor/persist-credentials"}
    assert found[0].status == "fail"
    assert found[0].location
    assert found[0].location.file == YML


def test_a_warning_alone_is_exit_code_0(copied: Copy) -> None:
    folder = copied("sound")
    change(PR, "          persist-credentials: false\n", "")(folder)
    done = command(folder)
    assert done.returncode == 0
    assert "! A checkout keeps the token: check" in done.stdout
    assert AUDIT in done.stdout


@pytest.mark.parametrize(("words", "said"), [(("--yaml",), "No such option"), ((), "no folder")])
def test_a_mistake_on_the_command_line_is_exit_code_2(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    done = command(tmp_path / "gone", *words)
    assert done.returncode == 2
    assert said in done.stderr


def test_it_works_in_an_empty_folder_outside_of_git_without_a_home(tmp_path: Path) -> None:
    done = command(tmp_path, HOME=str(tmp_path / "none"), PATH="/nonexistent")
    assert done.returncode == 1
    assert "ci-kit init" in done.stdout
    assert "Traceback" not in done.stderr


def test_nothing_wrong_is_one_line_and_what_was_not_looked_at_is_no_fault() -> None:
    note = Check(id="doctor/github", title="GitHub was not asked", status="skip", detail="Set a token")
    assert report({"a": [], "b": []}, 0.42) == "✓ doctor: nothing wrong, 0.4 s"
    text = report({"a": [note]}, 0.42)
    assert text.startswith("✓ doctor: nothing wrong")
    assert "not looked at\n  – GitHub was not asked" in text


def test_the_worst_comes_first_and_no_word_of_a_file_can_command_the_runner() -> None:
    hostile = "::error::x ##[error]y \x1b[31m\r::set-output name=a::b"
    found = {
        "mild": [Check(id="a", title="mild", status="warn", observed=hostile, detail=f"{hostile}\n{hostile}")],
        "worst": [Check(id="b", title="worst", status="fail")],
    }
    text = report(found, 1.0, colour=False)
    assert text.splitlines()[0] == "✗ doctor: 1 broken, 1 warning, 1.0 s"
    assert text.index("worst") < text.index("mild")
    lines = re.split(r"[\r\n\x85\u2028]", text)
    assert not [line for line in lines if line.strip().startswith("::") or "##[" in line or "\x1b" in line]
    assert [one["id"] for one in json.loads(listed(found))] == ["b", "a"]


def test_secrets_of_the_environment_show_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORE_PASSWORD", "hunter2-hunter2")
    found = {"a": [Check(id="a", title="x", status="fail", observed="hunter2-hunter2")]}
    assert "hunter2" not in report(found, 1.0) + listed(found)


def shown(copied: Copy) -> str:
    """Return what the example in the guide shows: a copy of a good set-up with five mistakes."""
    folder = copied("sound")
    both(
        change(YML, "schemas.py:Flowers", "schema.py:Flowers"),
        change(PR, "          fetch-depth: 0.*\n", ""),
        change(PR, "actions/checkout@[0-9a-f]{40}", "actions/checkout@v7"),
        change(f"{WORKFLOWS}/pull-request-fork.yml", r"\[Model\]", "[Models]"),
    )(folder)
    context = seen(folder, version=versions(pandas="3.1.1", evidently="0.7.23"))
    return report(gather(context, SOFT), 0.8, colour=False)


def test_the_example_of_the_guide_is_what_is_printed(copied: Copy) -> None:
    (example,) = re.findall(r"```text\n\$ ci-kit doctor\n(.*?)\n```", DOCS.read_text("utf-8"), re.DOTALL)
    assert example == shown(copied)


def test_the_guide_names_each_finding_and_no_other() -> None:
    source = "".join(path.read_text("utf-8") for path in sorted((ROOT / "ci_kit/doctor").glob("*.py")))
    made = set(re.findall(r"\b(?:finding|untold)\(\s*\"([a-z-]+)\"", source))
    listed_there = set(re.findall(r"`doctor/([a-z-]+)`", DOCS.read_text("utf-8")))
    assert len(made) > 50
    assert made == listed_there


def test_the_shape_in_the_guide_is_that_of_a_check() -> None:
    (text,) = re.findall(r"```json\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    (one,) = json.loads(text)
    assert Check.model_validate(one).id == "doctor/fetch-depth"
