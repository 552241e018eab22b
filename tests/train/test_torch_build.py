import shutil
import sys
from pathlib import Path

import pytest

from ci_kit.sections import Train
from ci_kit.train.torch_build import find, parse, python

BUILD = "__version__ = '2.13.0'\ncuda: Optional[str] = None\nhip: Optional[str] = None\nrocm: Optional[str] = None\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("__version__ = '2.13.0+cpu'\n", ("2.13.0+cpu", None, False)),
        (BUILD, ("2.13.0", None, False)),
        (BUILD.replace("None", "'13.0'", 1), ("2.13.0", "13.0", True)),
        (BUILD.replace("hip: Optional[str] = None", "hip: Optional[str] = '7.0'"), ("2.13.0", None, True)),
        ("__version__ = '1.13.1+cu117'\ncuda = '11.7'\n", ("1.13.1+cu117", "11.7", True)),
        ('__version__: str = "2.13.0"\n', ("2.13.0", None, True)),
        ("", None),
        ("cuda = '13.0'", None),
    ],
)
def test_what_torch_was_built_for(text: str, expected: tuple[str, str | None, bool] | None) -> None:
    found = parse(text)
    assert ((found.version, found.cuda, found.gpu) if found else None) == expected


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"command": "python train.py"}, "path/python"),
        ({"command": "EPOCHS=5 python3.11 train.py"}, "path/python3.11"),
        ({"command": "cd src && ../venv/bin/python train.py"}, "venv/bin/python"),
        ({"command": "venv/bin/python train.py"}, "repo/venv/bin/python"),
        ({"command": "make train"}, "path/python"),
        ({}, "path/python"),
        ({"command": "uv run python train.py"}, None),
        ({"command": ". venv/bin/activate; python train.py"}, None),
        ({"command": "conda run -n a python train.py"}, None),
        ({"command": "python9 train.py"}, None),
        ({"command": "venv/bin/python train.py", "launcher": "torchrun"}, "path/python"),
    ],
)
def test_the_python_of_a_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], expected: str | None
) -> None:
    for name in ("path/python", "path/python3.11", "venv/bin/python", "repo/venv/bin/python"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    found = python(Train.model_validate(settings), tmp_path / "repo")
    assert (Path(found).resolve() if found else None) == (tmp_path / expected if expected else None)


def test_torch_is_found_in_another_python_and_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lib/torch").mkdir(parents=True)
    (tmp_path / "lib/torch/__init__.py").write_text("open('imported', 'w')")
    (tmp_path / "lib/torch/version.py").write_text(BUILD)
    # What lies where the command is started is not taken for a module of Python's.
    (tmp_path / "pathlib.py").write_text("raise SystemExit('hijacked')")
    monkeypatch.setenv("PYTHONPATH", "lib")
    found = find(sys.executable, tmp_path)
    assert str(found) == "torch 2.13.0"
    assert not (tmp_path / "imported").exists()


def test_without_torch_or_python_there_is_nothing_to_say(tmp_path: Path) -> None:
    assert find(None, tmp_path) is None
    assert find(str(tmp_path / "python"), tmp_path) is None
    assert find(shutil.which("true"), tmp_path) is None
