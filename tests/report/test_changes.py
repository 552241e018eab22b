"""What a change brings beside code."""

import subprocess
from pathlib import Path

import pytest

from ci_kit.config import read
from ci_kit.forge import history
from ci_kit.forge.git import Git
from ci_kit.forge.local import LocalForge
from ci_kit.job import Job
from ci_kit.parts import Metric, Source
from ci_kit.render.view import Change
from ci_kit.report.changes import changes
from ci_kit.report.past import recent
from ci_kit.result import Result
from tests.render.samples import check, reads, result

pytestmark = pytest.mark.e2e
UV = '[[package]]\nname = "{name}"\nversion = "{version}"\n'


def commit(root: Path, **files: str) -> str:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    who = ("-c", "user.name=Test", "-c", "user.email=test@localhost")
    for command in (("add", "."), (*who, "commit", "-qm", "turn", "--allow-empty")):
        subprocess.run(("git", *command), cwd=root, check=True, capture_output=True)
    return Git(root).sha()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    subprocess.run(("git", "init", "-q", "-b", "main"), cwd=tmp_path, check=True)
    return tmp_path


def found(root: Path, base: str | None, *results: Result) -> list[tuple[str, str, str, str]] | None:
    job = Job(root=root, config=read(b"{}"), source=Source(sha=None, base_sha=base))
    now = {one.step: one for one in results}
    made = changes(job, now, recent(job, [*now]))
    return None if made is None else [(one.kind, one.name, one.before, one.after) for one in made]


def test_parameters_of_all_files_that_the_stages_name(repository: Path) -> None:
    stage = "stages: {t: {cmd: x, params: [lr, conf/more.yaml: [deep], ../out.yaml: [a]]}}"
    base = commit(
        repository,
        **{
            "params.yaml": "lr: 0.1\nkept: 1\ngone: {a: 1}\n",
            "conf/more.yaml": "deep: {er: [1, 2]}\n",
            "dvc.yaml": stage,
        },
    )
    commit(repository, **{"params.yaml": "lr: 0.2\nkept: 1\nnew: yes\n", "conf/more.yaml": "deep: {er: [1, 3]}\n"})
    assert found(repository, base) == [
        ("parameter", "gone.a", "1", ""),
        ("parameter", "lr", "0.1", "0.2"),
        ("parameter", "new", "", "True"),
        ("parameter", "conf/more.yaml: deep.er", "[1, 2]", "[1, 3]"),
    ]


@pytest.mark.parametrize("text", ["- a list", "{", "[" * 10_000, "\x00", ""])
def test_a_file_that_holds_no_parameters_tells_nothing(repository: Path, text: str) -> None:
    base = commit(repository, **{"params.yaml": text})
    commit(repository, **{"params.yaml": f"{text} "})
    assert found(repository, base) == []


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("uv.lock", UV.format(name="torch", version="2.12"), UV.format(name="torch", version="2.13")),
        ("requirements.txt", "Torch[cuda]==2.12 ; x\n# a==1\nb>=1\n", "torch==2.13 --hash=sha256:0\nb>=2\n"),
    ],
)
def test_dependencies(repository: Path, name: str, before: str, after: str) -> None:
    base = commit(repository, **{name: before})
    commit(repository, **{name: after})
    assert found(repository, base) == [("dependency", "torch", "2.12", "2.13")]


def test_data_by_rows_and_digest(repository: Path) -> None:
    rows = {"rows/train": Metric(value=1797, unit="rows")}
    older = reads(result("validate", check("x")), train="md5:00")
    before = reads(result("validate", check("x"), metrics=rows), train="md5:0123456789abcdef", gone="sha256:00")
    for one in (older, before):
        base = commit(repository, a=str(one.source.data))
        known = one.model_copy(update={"source": one.source.model_copy(update={"sha": base})})
        LocalForge(repository).record(history.entries(repository, [known], base), "x")
    commit(repository, a="2")
    now = reads(result("validate", check("x")), train="md5:fedcba9876543210")
    assert found(repository, base, now) == [
        ("data", "gone", "sha256:00", ""),
        ("data", "train", "1,797 rows, md5:0123456789ab", "md5:fedcba987654"),
    ]


def test_without_a_base_nothing_is_known(repository: Path) -> None:
    commit(repository, a="1")
    assert found(repository, None) is None
    assert found(repository, "0" * 39 + "1") is None
    assert Change(kind="data", name="a", before="", after="").kind == "data"
