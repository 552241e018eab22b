import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from ci_kit.errors import Unavailable, UserError
from ci_kit.forge import cml as module
from ci_kit.forge import connect
from ci_kit.forge.base import Stamp, read_mark
from ci_kit.forge.cml import CML
from ci_kit.forge.github import GitHubForge
from ci_kit.forge.local import LocalForge
from tests.forge.fake import Hub

STAMP = Stamp(run_id=5, attempt=1, sha="abc")
ACTIONS = {"GITHUB_ACTIONS": "true", "GITHUB_TOKEN": "t0ken"}


@dataclass
class Event:
    repo: str = "octo/demo"
    number: int | None = 3
    url: str | None = "https://run.test/1"


def test_a_laptop_needs_no_forge_but_git(tmp_path: Path) -> None:
    assert isinstance(connect(tmp_path, Event(), env={"GITHUB_TOKEN": "t0ken"}), LocalForge)


def test_actions_reach_github(tmp_path: Path) -> None:
    assert isinstance(connect(tmp_path, Event(), env=ACTIONS), GitHubForge)
    pushed = connect(tmp_path, Event(number=None), "cml", env=ACTIONS)
    assert isinstance(pushed, GitHubForge)
    assert pushed.comment("default", "body", STAMP) == "https://run.test/1"
    assert isinstance(connect(tmp_path, Event(), "cml", env=ACTIONS), CML)


@pytest.mark.parametrize("token", ["", " \n"])
def test_a_missing_token_is_named(tmp_path: Path, token: str) -> None:
    with pytest.raises(UserError, match=r"GITHUB_TOKEN: \$\{\{ github.token \}\}"):
        connect(tmp_path, Event(), env={"GITHUB_ACTIONS": "true", "GITHUB_TOKEN": token})


def test_importing_the_forge_is_light() -> None:
    code = "import sys, ci_kit.forge; print([name for name in ('httpx', 'pydantic') if name in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def cml(folder: Path, script: str) -> CML:
    """Return a publisher whose `cml` is a shell script."""
    program = folder / "bin/cml"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    env = {"PATH": f"{program.parent}:/usr/bin:/bin", "HERE": str(folder)}
    return CML(folder, Hub().forge(), 3, "t0ken", env)


def test_cml_is_handed_the_report_and_a_quiet_environment(tmp_path: Path) -> None:
    script = 'echo "$@" > "$HERE/argv"; env > "$HERE/env"; for last; do :; done; cp "$last" "$HERE/body"; echo https://c.test/1'
    publisher = cml(tmp_path, script)
    assert publisher.comment("default", "# Report", STAMP) == "https://c.test/1"
    argv = (tmp_path / "argv").read_text().split()
    assert argv[:5] == [
        "comment",
        "update",
        "--watermark-title=ci-kit-default",
        "--target=pr/3",
        "--publish=false",
    ]
    env = (tmp_path / "env").read_text().splitlines()
    assert "REPO_TOKEN=t0ken" in env
    assert "ITERATIVE_DO_NOT_TRACK=1" in env
    body = (tmp_path / "body").read_text()
    assert read_mark(body, "default") == STAMP
    assert "watermark" not in body


def test_the_json_log_of_cml_is_read(tmp_path: Path) -> None:
    publisher = cml(tmp_path, """echo '{"level":"error","message":"Bad credentials","stack":"x"}' >&2; exit 1""")
    with pytest.raises(UserError, match=r"\(Bad credentials\)$"):
        publisher.comment("default", "# Report", STAMP)


def test_cml_that_fails_is_quoted_in_one_line_without_the_token(tmp_path: Path) -> None:
    publisher = cml(tmp_path, 'echo "noise" >&2; printf "\\033[31merror: no such t0ken\\n  at stack\\n" >&2; exit 1')
    with pytest.raises(UserError, match=r"exit code 1 \(\[31merror: no such \*\*\*\)$"):
        publisher.comment("default", "# Report", STAMP)


def test_cml_that_is_missing_hangs_or_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="no command cml"):
        CML(tmp_path, Hub().forge(), 3, "t0ken", {"PATH": str(tmp_path)}).comment("default", "# Report", STAMP)
    publisher = cml(tmp_path, '[ -z "$SLOW" ] || exec sleep 5')
    assert publisher.comment("default", "# Report", STAMP) == ""
    publisher._env = {**publisher._env, "SLOW": "1"}
    monkeypatch.setattr(module, "TIMEOUT", 0.1)
    with pytest.raises(Unavailable, match="cml did not end"):
        publisher.comment("default", "# Report", STAMP)


def test_cml_leaves_the_history_to_the_api(tmp_path: Path) -> None:
    hub = Hub()
    CML(tmp_path, hub.forge(), 3, "t0ken", {}).record({"a": b"1"}, "one")
    assert hub.files() == {"a": b"1"}
