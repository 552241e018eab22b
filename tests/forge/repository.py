"""Real git repositories, made in one quick stroke, and small Results."""

import subprocess
from pathlib import Path

from ci_kit.result import Check, File, Metric, Result, Run, Source


def git(folder: Path, *arguments: str, stdin: bytes = b"", check: bool = True) -> str:
    """Run git in a folder and return what it says."""
    done = subprocess.run(["git", *arguments], cwd=folder, input=stdin, check=check, capture_output=True)
    return done.stdout.decode().strip()


def linear(folder: Path, count: int, files: dict[str, bytes] | None = None, branch: str = "main") -> list[str]:
    """Add `count` commits to a branch by fast-import and return their ids, the oldest first.

    Every commit has the files; the first hundred have their own number in `turn`.
    """
    stream = [b"feature done\n"]
    for turn in range(count):
        when = 1_700_000_000 + turn
        stream.append(f"commit refs/heads/{branch}\ncommitter x <x@localhost> {when} +0000\ndata 1\nc\n".encode())
        changed = {**(files or {}), "turn": str(turn).encode()} if turn < 100 else {}
        for name, content in changed.items():
            stream += [f"M 100644 inline {name}\ndata {len(content)}\n".encode(), content, b"\n"]
    git(folder, "fast-import", "--quiet", stdin=b"".join([*stream, b"done\n"]))
    return git(folder, "rev-list", "--reverse", f"refs/heads/{branch}").split()


def result(sha: str | None = None, step: str = "evaluate", value: float = 0.9, files: tuple[File, ...] = ()) -> Result:
    """Return a small Result."""
    return Result(
        step=step,
        checks=(Check(id="a", title="A", status="pass"),),
        metrics={"accuracy": Metric(value=value, direction="up")},
        files=files,
        source=Source(repo="octo/demo", sha=sha, data={}),
        run=Run(kit="0", started="2026-11-21T00:00:00+00:00", seconds=1.0),
    )
