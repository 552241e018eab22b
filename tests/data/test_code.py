import json
import sys
from pathlib import Path

import pytest

from ci_kit.data import load_object
from ci_kit.errors import UserError


def write(root: Path, **modules: str) -> None:
    root.mkdir(exist_ok=True)
    for name, text in modules.items():
        path = root / (name.replace("__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_siblings_packages_and_dataclasses_work(tmp_path: Path) -> None:
    write(
        tmp_path,
        src__model="""from __future__ import annotations
from dataclasses import dataclass
from typing import ClassVar
import helper
from lib.deep import value
@dataclass
class Thing:
    shared: ClassVar[int] = 1
    size: int = helper.size + value
""",
        src__helper="size = 2",
        lib__deep="value = 40",
    )
    assert load_object("src/model.py:Thing", tmp_path)().size == 42


def test_a_planted_json_never_shadows_the_standard_library(tmp_path: Path) -> None:
    write(
        tmp_path, json="raise SystemExit(0)", tomllib="name = 'planted'", schema="import json, tomllib\nmodule = json\n"
    )
    sys.modules.pop("tomllib", None)
    before = list(sys.path)
    assert load_object("schema.py:module", tmp_path) is json
    assert load_object("schema.py:tomllib", tmp_path).__name__ == "tomllib"
    assert not hasattr(sys.modules["tomllib"], "name")
    assert sys.path == before


def test_a_cached_module_of_the_same_name_is_no_stand_in(tmp_path: Path) -> None:
    write(tmp_path / "one", json="size = 1", common="size = 1", schema="from common import size")
    write(tmp_path / "two", common="size = 2", schema="from common import size")
    assert load_object("json.py:size", tmp_path / "one") == 1
    assert load_object("schema.py:size", tmp_path / "one") == 1
    assert load_object("schema.py:size", tmp_path / "two") == 2
    write(tmp_path / "two", schema="size = 3")
    assert load_object("schema.py:size", tmp_path / "two") == 3


def test_libraries_of_an_environment_in_the_repository_stay_loaded(tmp_path: Path) -> None:
    library = ".venv__lib__site-packages__heavy_library_for_this_test"
    folder = str(tmp_path / "one/.venv/lib/site-packages")
    schema = f"import sys\nsys.path.insert(0, {folder!r})\nimport heavy_library_for_this_test as it"
    write(tmp_path / "one", **{library: "state = []"}, schema=schema)
    first = load_object("schema.py:it", tmp_path / "one")
    write(tmp_path / "two", schema="it = 1")
    load_object("schema.py:it", tmp_path / "two")
    assert sys.modules.pop("heavy_library_for_this_test") is first


@pytest.mark.parametrize(
    ("reference", "text", "message"),
    [
        ("gone.py:Name", "", "no file gone.py"),
        ("schema.py:Schema", "Shema = 1", "schema.py has no 'Schema'. Did you mean 'Shema'?"),
        ("schema.py:Schema", "", "It has: nothing"),
        ("schema.py:Schema", "x = 1\n1 / 0", "schema.py:2 can't be imported (ZeroDivisionError: division by zero)"),
        ("schema.py:Schema", "x = 1\ndef (", "schema.py:2 can't be imported (SyntaxError"),
        ("schema.py:Schema", "\nimport no_such_library", "schema.py:2 can't be imported (ModuleNotFoundError"),
        ("schema.py:Schema", "import no_such_library", "Install no_such_library"),
        ("schema.py:Schema", "import sys\nsys.exit('bye\\nbye')", "schema.py:2 can't be imported (SystemExit: bye)"),
        ("schema.py:Schema", "import broken", "broken.py:3 can't be imported (ValueError: no)"),
        ("schema.py:Schema", "import json\njson.loads('{')", "schema.py:2 can't be imported (JSONDecodeError"),
        ("schema.py:Schema", "x = '\0'", "can't be imported (SyntaxError"),
    ],
)
def test_what_does_not_import_is_one_line_with_the_users_place(
    tmp_path: Path, reference: str, text: str, message: str
) -> None:
    write(tmp_path, schema=text, broken="def f():\n\n    raise ValueError('no')\nf()")
    with pytest.raises(UserError) as caught:
        load_object(reference, tmp_path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_folders_of_pythonpath_can_be_imported_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "shared_limits.py").write_text("LIMIT = 7")
    (tmp_path / "schemas.py").write_text("from shared_limits import LIMIT")
    monkeypatch.setenv("PYTHONPATH", "src")
    assert load_object("schemas.py:LIMIT", tmp_path) == 7
