"""A training that uses up the disk or the memory: named, with an exit code of its own and its checkpoint intact."""

import errno
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from ci_kit.resume.folder import Folder
from ci_kit.supervise import Outcome, exhausted, meaning, run, supervise
from ci_kit.supervise.memory import kills

ROOT = Path(__file__).parents[2]
SIZE = 2**20
# Checkpoints of a growing size; the last complete one is noted.
GROWS = """
import os, pathlib, sys
from ci_kit.resume.folder import Folder
folder = Folder(pathlib.Path(os.environ["CI_KIT_CHECKPOINT_DIR"]), print)
for step in range(1, 100):
    folder.save(step, lambda new: (new / "state").write_bytes(os.urandom(step * 40_000)))
    print("kept", step, flush=True)
"""


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of one MiB."""
    place = tmp_path / "small"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(place)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def train(root: Path, command: str, **more: object) -> tuple[int, str]:
    settings = {"train": {"command": command, "gpu": "none"} | more}
    (root / "ci-kit.yaml").write_text(yaml.safe_dump(settings))
    words = [sys.executable, "-m", "ci_kit", "train"]
    done = subprocess.run(words, cwd=root, capture_output=True, text=True, timeout=100, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.e2e
def test_a_full_disk_is_named_and_the_last_checkpoint_is_intact(tmp_path: Path, small: Path) -> None:
    root = tmp_path / "repo"
    root.mkdir()
    (root / "grows.py").write_text(GROWS)
    code, said = train(root, f"{sys.executable} grows.py", checkpoints=str(small))
    assert code == 74, said
    assert "The disk was used up" in said
    assert "no space left on the disk" in said
    assert "The last checkpoint is intact" in said
    kept = max(int(line.split()[1]) for line in said.splitlines() if line.startswith("kept "))
    (folder,) = (path for path in small.iterdir() if path.is_dir())
    found = Folder(folder, print).load(lambda path: (path / "state").stat().st_size)
    assert found == (kept, kept * 40_000)


@pytest.mark.e2e
def test_wherever_the_disk_is_full_what_was_there_is_read(small: Path) -> None:
    moments = random.Random(2026)
    full = 0
    for number in range(20):
        refused: list[str] = []
        folder, kept = Folder(small / str(number), refused.append), None
        for step in range(1, 60):
            content = moments.randbytes(moments.randrange(1, 900_000))
            if not _saved(folder, step, content):
                full += 1
                break
            kept = (step, content)
        assert folder.load(lambda path: b"".join((path / name).read_bytes() for name in ("a", "b"))) == kept
        assert refused == []
        subprocess.run(["rm", "-r", str(small / str(number))], check=True)
    assert full == 20


def _saved(folder: Folder, step: int, content: bytes) -> bool:
    try:
        folder.save(step, lambda new: _write(new, content))
    except OSError as error:
        return error.errno != errno.ENOSPC
    return True


def _write(new: Path, content: bytes) -> None:
    half = len(content) // 2
    (new / "a").write_bytes(content[:half])
    (new / "b").write_bytes(content[half:])


@pytest.mark.e2e
def test_memory_that_is_used_up_is_named(tmp_path: Path) -> None:
    code, said = train(tmp_path, f"ulimit -v 800000; {sys.executable} -c 'x = bytearray(10**9)'")
    assert code == 74, said
    assert "The memory was used up" in said
    assert "Take smaller batches, or a larger machine." in said


@pytest.mark.e2e
def test_what_the_kernel_kills_for_memory_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = iter([4, 5])
    monkeypatch.setattr(run, "kills", lambda: next(told))
    outcome = supervise(["bash", "-c", "kill -9 $$"], root=tmp_path, say=lambda _: None)
    assert meaning(outcome) == "exit -9: killed by the kernel: out of memory"


def outcome(*tail: str, code: int = 1, **more: bool) -> Outcome:
    return Outcome(code=code, seconds=1, cpu=1, memory=1, tail=tail, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("OSError: [Errno 28] No space left on device: 'x'", "the disk"),
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.", "the GPU's memory"),
        (
            "RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`",
            "the GPU's memory",
        ),
        ("MemoryError", "the memory"),
        ("numpy._core._exceptions._ArrayMemoryError: Unable to allocate 7.45 GiB", "the memory"),
        ("RuntimeError: [enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory", "the memory"),
        ("terminate called after throwing an instance of 'std::bad_alloc'", "the memory"),
        ("OSError: [Errno 12] Cannot allocate memory", "the memory"),
        ("ValueError: the memory of this MemoryErrors class", None),
        ("loss 0.3", None),
    ],
)
def test_what_was_used_up_is_known_by_what_is_said(line: str, what: str | None) -> None:
    assert exhausted(outcome("loss 0.4", line)) == what


@pytest.mark.parametrize(
    ("group", "files", "found"),
    [
        ("0::/job/1\n", {"job/1/memory.events": "low 0\noom 3\noom_kill 2\noom_group_kill 0\n"}, 2),
        ("0::/outside\n", {"memory.events": "oom 0\noom_kill 7\n"}, 7),
        ("5:cpu:/a\n4:memory:/a/b\n0::/\n", {"memory/a/b/memory.oom_control": "under_oom 0\noom_kill 5\n"}, 5),
        ("4:cpuset,memory:/a\n", {"memory/memory.oom_control": "oom_kill 1\n"}, 1),
        ("0::/\n", {}, 0),
        ("nonsense\n", {"memory.events": "oom_kill 1\n"}, 0),
    ],
)
def test_the_kernel_is_asked(tmp_path: Path, group: str, files: dict[str, str], found: int) -> None:
    (tmp_path / "mine").write_text(group)
    for name, text in files.items():
        (tmp_path / "root" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "root" / name).write_text(text)
    assert kills(tmp_path / "root", tmp_path / "mine") == found
    assert kills(tmp_path / "root", tmp_path / "nowhere") == 0
