"""What goes into a bento: our own files, and plain files of the user's that were asked for."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from ci_kit import config
from ci_kit.errors import UserError
from ci_kit.job import Job
from ci_kit.package.stage import module, own, stage
from ci_kit.serving.contract import Contract
from ci_kit.serving.golden import Golden
from tests.serving.made import contract


def job(root: Path, package: str = "") -> Job:
    return Job(root=root, config=config.read(f"package: {{name: things{package}}}".encode()), say=lambda _: None)


def written(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x = 1\n")


def staged(root: Path, package: str = "", made: Contract | None = None) -> list[str]:
    target = root / "stage"
    target.mkdir()
    stage(job(root, package), target, b"onnx", made or contract(), Golden(rows=(), answers=()))
    return sorted(path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file())


def test_a_bento_without_a_service_of_ones_own_holds_our_files_alone(tmp_path: Path) -> None:
    written(tmp_path, "secret.txt", "train.py", ".env")
    found = staged(tmp_path)
    ours = ["served/contract.json", "served/golden.json", "served/model.onnx", "bento_service.py", "ci_kit/__init__.py"]
    assert [name for name in found if not name.startswith("ci_kit/serving/")] == sorted(ours)
    assert "ci_kit/serving/model.py" in found


def test_a_service_and_what_it_includes_keep_their_paths(tmp_path: Path) -> None:
    written(
        tmp_path, "app/service.py", "app/words/en.txt", "app/words/de.txt", "app/__pycache__/x.pyc", "lib/a.py", "b.py"
    )
    more = ', service: "app/service.py:Mine", include: [app/words, "lib/*.py"]'
    found = staged(tmp_path, more)
    assert [name for name in found if not name.startswith(("ci_kit/", "served/"))] == [
        *("app/service.py", "app/words/de.txt", "app/words/en.txt", "bento_service.py", "lib/a.py")
    ]
    assert module(job(tmp_path, more)) == "app.service:Mine"


def test_what_our_service_is_made_of_depends_on_no_value(tmp_path: Path) -> None:
    hostile = contract(name='x"; import os; os.system("id") #')
    staged(tmp_path, made=hostile)
    (tmp_path / "other").mkdir()
    staged(tmp_path / "other")
    one, two = (folder / "stage" / "bento_service.py" for folder in (tmp_path, tmp_path / "other"))
    assert one.read_text() == two.read_text()


def _link(root: Path) -> str:
    (root / "data.json").symlink_to("/etc/hosts")
    return "data.json"


def _folder_link(root: Path) -> str:
    written(root, "real/a.txt")
    (root / "data").symlink_to(root / "real")
    (root / "kept").mkdir()
    (root / "kept" / "link.txt").symlink_to(root / "real" / "a.txt")
    return "kept"


def _pickle(root: Path) -> str:
    (root / "data.json").write_bytes(pickle.dumps({"a": 1}))
    return "data.json"


def _pipe(root: Path) -> str:
    os.mkfifo(root / "pipe")
    return "pipe"


def _ours(name: str) -> Callable[[Path], str]:
    def make(root: Path) -> str:
        written(root, name)
        return name

    return make


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda _: "../outside.txt", "lies outside the repository"),
        (lambda _: "/etc/passwd", "lies outside the repository"),
        (lambda _: "a/../../b", "lies outside the repository"),
        (lambda _: "none.txt", "no file at none.txt"),
        (_link, "data.json is a link"),
        (_folder_link, "kept/link.txt is a link"),
        (_pickle, "data.json is a pickle"),
        (_pipe, "pipe is no plain file"),
        (_ours("served/x.json"), "has the name of a file of the bento's own"),
        (_ours("ci_kit/x.py"), "has the name of a file of the bento's own"),
        (_ours("bento_service.py"), "has the name of a file of the bento's own"),
    ],
)
def test_what_no_bento_may_hold_is_refused(tmp_path: Path, make: Callable[[Path], str], said: str) -> None:
    name = make(tmp_path)
    with pytest.raises(UserError, match=said):
        own(job(tmp_path, f", include: [{name!r}]"))


@pytest.mark.parametrize("name", ["my-service.py", "1.py", "ci_kit/service.py", "bento_service.py", "served/a.py"])
def test_a_file_that_is_no_module_is_no_service(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="can't be the module of a service"):
        module(job(tmp_path, f", service: '{name}:Mine'"))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", '"digits\\nRUN curl evil"'),
        ("name", '"Digits"'),
        ("name", '"{{ system }}"'),
        ("name", '"$(id)"'),
        ("name", '"../x"'),
        ("version", '"v1.0.0\\nUSER root"'),
        ("version", '"1.0"'),
        ("version", '"v01.0.0"'),
        ("requirements", '["numpy; os.system(1)"]'),
        ("requirements", '["--index-url=http://evil"]'),
        ("requirements", '["git+https://evil/x"]'),
        ("requirements", '["numpy==1.0\\nevil"]'),
        ("service", '"service.py:Mine; import os"'),
        ("service", '"service.py"'),
        ("system-packages", '["curl && evil"]'),
        ("setup-script", '"evil.sh"'),
        ("dockerfile-template", '"evil.j2"'),
        ("base-image", '"evil\\nRUN evil"'),
        ("envs", '[{name: "A=1\\nRUN evil", value: ""}]'),
        ("docker", "{env: {A: 1}}"),
    ],
)
def test_what_once_reached_a_dockerfile_is_no_configuration(key: str, value: str) -> None:
    """The fields of the advisories on BentoML's packaging: system packages, setup script, template, base image, env."""
    with pytest.raises(UserError, match=r"ci-kit\.yaml:1"):
        config.read(f"package: {{{key}: {value}}}".encode())
