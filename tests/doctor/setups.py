"""Repositories in which nothing is wrong, ways to break them, and the doctor without this machine's own faults."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ci_kit.doctor.context import Context, look
from ci_kit.doctor.examine import GROUPS, gather
from ci_kit.doctor.hardware import hardware
from ci_kit.forge.local import LocalForge
from ci_kit.parts import Check
from tests.e2e import project

ROOT = Path(__file__).parents[2]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
WORKFLOWS = ".github/workflows"
YML = "ci-kit.yaml"
Break = Callable[[Path], object]
# What a machine of the tests may lack is not what they are about.
SOFT = {name: parts for name, parts in GROUPS.items() if hardware not in parts and name != "machine"}


def git(folder: Path, *words: str) -> str:
    """Run git as somebody, with nothing of this machine's configuration."""
    who = {f"GIT_{one}_{key}": "octo@example.com" for one in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
    plain = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(
        ["git", *words], cwd=folder, env={**os.environ, **who, **plain}, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def template(name: str) -> str:
    """Return a template as a user has it who has read it."""
    text = (ROOT / "workflow-templates" / name).read_text("utf-8")
    text = text.replace("OWNER/ci-kit", "acme/ci-kit").replace("@REF", f"@{COMMIT} # v0.1.0")
    return text.replace("$default-branch", "main")


def write(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Write files, by their paths."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def commit(folder: Path) -> None:
    """Make a repository of a folder, with everything in it and a history."""
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "Start")
    LocalForge(folder).record({"results/x/evaluate.json": b"{}"}, "Record")


def sound(folder: Path) -> Path:
    """Make a repository of a user, watched, with all our templates, but one that trains, as two are called Train."""
    write(folder, project.watched())
    for one in sorted((ROOT / "workflow-templates").glob("*.yml")):
        if one.name != "train-hosted.yml":
            write(folder, {f"{WORKFLOWS}/{one.name}": template(one.name)})
    commit(folder)
    return folder


def minimal(folder: Path) -> Path:
    """Make the smallest one: two lines of configuration and a table."""
    write(folder, {YML: "data:\n  evaluation: {path: data.csv}\n", "data.csv": "a\n1\n"})
    commit(folder)
    return folder


def digits(folder: Path) -> Path:
    """Make what the demo makes of its example, with DVC's files written by hand and without a training."""
    shutil.copytree(ROOT / "examples/digits", folder, ignore=shutil.ignore_patterns("data", ".*", "*.onnx", "*.npz"))
    rows = {f"data/{name}.csv": "position,digit\n1,2\n" for name in ("train", "evaluation", "recent")}
    tracked = {f"{name}.dvc": f"outs:\n- md5: {COMMIT[:32]}\n  path: {Path(name).name}\n" for name in rows}
    write(folder, {**rows, **tracked, "reference/profile.json": "{}", ".gitignore": "/log/\n/labels/\n"})
    write(folder, {".dvc/config": "[core]\n    remote = storage\n['remote \"storage\"']\n    url = ../../storage\n"})
    (folder.parent / "storage").mkdir()
    commit(folder)
    return folder


def change(name: str, old: str, new: str) -> Break:
    """Replace what a pattern, which must be there, finds first."""

    def broken(folder: Path) -> None:
        text = (folder / name).read_text("utf-8")
        changed = re.sub(old, lambda _: new, text, count=1)
        assert changed != text, old
        (folder / name).write_text(changed, "utf-8")

    return broken


def put(name: str, text: str | bytes) -> Break:
    """Write a file."""
    return lambda folder: write(folder, {name: text})


def gone(name: str) -> Break:
    """Remove a file or folder."""
    return lambda folder: shutil.rmtree(folder / name) if (folder / name).is_dir() else (folder / name).unlink()


def both(*breaks: Break) -> Break:
    """Do one after the other."""
    return lambda folder: [one(folder) for one in breaks]


def versions(**known: str | None) -> Callable[[str], str | None]:
    """Return what looks up packages: a `_` is a dash, all that is not named is there and newer than any."""
    given = {name.replace("_", "-"): version for name, version in ({"onnxruntime_gpu": None} | known).items()}
    return lambda name: given.get(name, "9999")


def seen(folder: Path, **facts: Any) -> Context:
    """Look at a folder from a machine without a token, credentials, a known hole or a missing package."""
    usual: dict[str, Any] = {"env": {"HOME": str(folder.parent / "home")}, "python": (3, 12, 99)}
    return replace(look(folder), **usual | {"version": versions(), "now": datetime.now(UTC)} | facts)


def found(context: Context) -> list[Check]:
    """Return all findings but those on the hardware."""
    return [check for checks in gather(context, SOFT).values() for check in checks]


def ids(context: Context) -> list[str]:
    """Return the ids of the findings, without the notes on what could not be looked at."""
    return sorted(check.id for check in found(context) if check.status != "skip")
