"""What a keeper leaves behind of a program that tidies nothing up."""

import os
import sys
import time
from pathlib import Path

import psutil
import pytest

from ci_kit.deploy import keeper

pytestmark = pytest.mark.timeout(60)
PROGRAM = """
import os, pathlib, tempfile, time
made = tempfile.mkdtemp()
with open("made", "a") as log:
    print(made, file=log)
if len(pathlib.Path("made").read_text().splitlines()) < 3:
    os._exit(1)
time.sleep(60)
"""


def test_the_temporary_files_of_each_start_go_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch, spec = tmp_path / "scratch", tmp_path / "run.json"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    content = {"python": sys.executable, "command": [sys.executable, "-c", PROGRAM], "cwd": str(tmp_path)}
    keeper.start(spec, content | {"env": dict(os.environ), "log": str(tmp_path / "log"), "grace": 5})
    try:
        deadline = time.monotonic() + 30
        made: list[str] = []
        while len(made) < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
            made = (tmp_path / "made").read_text().splitlines() if (tmp_path / "made").exists() else []
        assert [Path(one).is_dir() for one in made] == [False, False, True]
        assert all(Path(one).is_relative_to(scratch) for one in made)
    finally:
        assert keeper.stop(spec, 20)
    assert not list(scratch.iterdir())


@pytest.mark.parametrize("pause", [0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.5])
def test_one_that_is_stopped_while_it_starts_leaves_nothing(tmp_path: Path, pause: float) -> None:
    spec = tmp_path / "run.json"
    content = {"python": sys.executable, "command": ["sleep", "61.5"], "cwd": str(tmp_path), "env": dict(os.environ)}
    keeper.start(spec, content | {"log": str(tmp_path / "log"), "grace": 5})
    time.sleep(pause)
    assert keeper.stop(spec, 20)
    time.sleep(0.5)  # what was on its way would be there by now
    found = [one for one in psutil.process_iter(["cmdline"]) if str(spec) in (one.info["cmdline"] or [])]
    left = [one for one in found if one.status() != psutil.STATUS_ZOMBIE]
    for one in left:
        one.terminate()
    assert left == []
    assert keeper.keeping(spec) is None
    assert {path.name for path in tmp_path.iterdir()} <= {"run.json", "run.pid", "log"}
