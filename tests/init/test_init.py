"""The command from outside: what it writes, what it keeps, and the one line where something is missing."""

import gzip
import json
import os
import pty
import re
import select
import sys
from pathlib import Path

import polars as pl
import pytest
import yaml

from ci_kit import config
from tests.init.conftest import Kit
from tests.init.made import REPOSITORIES, STAGE, both, lay, notebook, rows, train
from tests.init.test_schema import HOSTILE

FILES = {
    "ci-kit.yaml",
    "schemas.py",
    "tests/model/test_model.py",
    ".gitignore",
    ".github/workflows/pull-request.yml",
    ".github/workflows/pull-request-fork.yml",
}
GOOD = {**both(), "train.py": train(), "requirements.txt": "scikit-learn\n"}


def written(folder: Path) -> dict[str, str]:
    return {name: (folder / name).read_text() for name in FILES if (folder / name).exists()}


def test_it_shows_and_writes_all_files_and_again_changes_nothing(tmp_path: Path, kit: Kit) -> None:
    folder = lay(tmp_path / "houses", GOOD)
    said = kit(folder, "init", "--yes")
    assert (said.code, said.err) == (0, "")
    files = written(folder)
    assert {*files} == FILES
    for name, text in files.items():
        assert f"+++ {name}\n" in said.out
        assert all(f"+{line}\n" in said.out for line in text.splitlines())
    assert "\x1b" not in said.out  # no terminal, no colours
    again = kit(folder, "init", "--yes")
    assert (again.code, again.out.splitlines()[0]) == (0, "no change")
    assert written(folder) == files


def test_the_configuration_says_what_was_found(tmp_path: Path, kit: Kit) -> None:
    folder = lay(tmp_path / "houses", GOOD)
    kit(folder, "init", "--yes")
    found = config.load(folder / "ci-kit.yaml")
    assert found.base == "main"
    assert {name: one.path for name, one in found.data.items()} == {
        "train": ("data/train.csv",),
        "evaluation": ("data/test.csv",),
    }
    assert found.data["evaluation"].key == ("id",)
    assert [(one.between, one.by) for one in found.validate_.overlap] == [(("train", "evaluation"), ("id",))]
    assert (found.train.command, found.train.outputs) == ("python train.py", ("model.onnx",))
    told = found.evaluate
    assert (told.task, told.target, told.features) == ("classification", "sold", ("rooms", "price", "age"))
    assert (told.tests, told.first_run) == (("tests/model",), "allow")
    assert [*yaml.safe_load((folder / "ci-kit.yaml").read_text())] == ["base", "data", "validate", "train", "evaluate"]


def test_for_programs_it_says_the_same_as_an_object(tmp_path: Path, kit: Kit) -> None:
    folder = lay(tmp_path / "houses", GOOD | {"ci-kit.yaml": "base: main\n"})
    said = kit(folder, "init", "--yes", "--json")
    done = json.loads(said.out)
    assert [*done] == ["written", "kept", "missing", "next"]
    assert {*done["written"]} == FILES - {"ci-kit.yaml"}
    assert done["kept"] == ["ci-kit.yaml"]
    assert done["next"] == "ci-kit run check"
    assert done["missing"] == [line[2:] for line in said.err.splitlines() if line.startswith("! ")] != []
    assert "kept, as it differs: ci-kit.yaml\n" in said.err
    assert json.loads(kit(folder, "init", "--yes", "--json").out)["written"] == []


def test_the_data_pass_by_the_schema_and_planted_faults_fail(tmp_path: Path, kit: Kit) -> None:
    folder = lay(tmp_path / "houses", GOOD)
    kit(folder, "init", "--yes")
    assert kit(folder, "validate").code == 0
    path = folder / "data" / "test.csv"
    path.write_text(path.read_text() + "300,99,-5,many,maybe\n")
    said = kit(folder, "validate")
    assert said.code == 1
    for fault in ("rooms: ≤", "price: ≥", "age", "sold", "key id"):
        assert fault in said.out, fault


@pytest.mark.parametrize("name", sorted(FILES - {".gitignore"}))
def test_a_file_that_differs_is_shown_and_kept(tmp_path: Path, kit: Kit, name: str) -> None:
    mine = "# mine, which mentions ci-kit\nbase: main\n"
    folder = lay(tmp_path / "houses", GOOD | {name: mine})
    said = kit(folder, "init", "--yes")
    assert said.code == 0
    assert (folder / name).read_text() == mine
    assert "-# mine" in said.out
    assert f"kept, as it differs: {name}\n" in said.out


def test_hostile_names_and_values_are_data(tmp_path: Path, kit: Kit) -> None:
    names = [name for name in HOSTILE if name and not name.startswith("^")]
    frame = pl.DataFrame({name: [name, f"{name}'\"\n", "c"] * 10 for name in names} | {"y": [0, 1, 2] * 10})
    folder = lay(tmp_path / "houses", {"train.py": 'y = df["y"]\nmodel.fit(X, y)'})
    frame.write_parquet(folder / "test; touch ran.parquet")
    assert kit(folder, "init", "--yes").code == 0
    assert config.load(folder / "ci-kit.yaml").data["evaluation"].path == ("test; touch ran.parquet",)
    said = kit(folder, "validate")
    assert said.code == 0, said.out
    frame.with_columns(pl.lit("?").alias(names[0])).write_parquet(folder / "test; touch ran.parquet")
    assert kit(folder, "validate").code == 1


@pytest.mark.parametrize("form", ["jsonl", "parquet", "parts", "csv.gz"])
def test_every_format_is_read_and_passes(tmp_path: Path, kit: Kit, form: str) -> None:
    folder = lay(tmp_path / "houses", {"train.py": train()})
    frame = pl.read_csv(rows(300).encode()).with_columns(day=pl.date(2026, 1, 31))
    for name, part in (("train", frame.head(200)), ("test", frame.tail(100))):
        (folder / "data" / name).mkdir(parents=True)
        path = folder / "data" / f"{name}.{form}"
        if form == "jsonl":
            part.write_ndjson(path)
        elif form == "parquet":
            part.write_parquet(path)
        elif form == "csv.gz":
            path.write_bytes(gzip.compress(part.write_csv().encode()))
        else:
            for number, one in enumerate(part.iter_slices(50)):
                one.write_parquet(folder / "data" / name / f"{number}.parquet")
    said = kit(folder, "init", "--yes")
    assert said.code == 0, said.err
    (found,) = config.load(folder / "ci-kit.yaml").data["train"].path
    assert found == ("data/train" if form == "parts" else f"data/train.{form}")
    assert ("day: pl.Date" in (folder / "schemas.py").read_text()) == form.startswith("par")
    said = kit(folder, "validate")
    assert said.code == 0, said.out


def test_gitignore_only_grows(tmp_path: Path, kit: Kit) -> None:
    folder = lay(tmp_path / "houses", GOOD | {".gitignore": "data.bak"})
    kit(folder, "init", "--yes")
    assert (folder / ".gitignore").read_text() == "data.bak\n.ci-kit/\n"


def test_a_workflow_of_that_name_that_is_no_one_s_of_ours_is_left_alone(tmp_path: Path, kit: Kit) -> None:
    folder = lay(tmp_path / "houses", GOOD | {".github/workflows/pull-request.yml": "name: Lint\n"})
    said = kit(folder, "init", "--yes")
    assert (folder / ".github/workflows/pull-request.yml").read_text() == "name: Lint\n"
    assert (folder / ".github/workflows/ci-kit-pull-request.yml").exists()
    assert "kept, as it" not in said.out
    other = GOOD | {".github/workflows/model.yml": "steps: [{uses: acme/ci-kit@v1}]\n".replace("[{", "\n  - ")}
    said = kit(lay(tmp_path / "flats", other), "init", "--yes")
    assert "No workflow was written, as .github/workflows/model.yml uses ci-kit already." in said.out
    assert not (tmp_path / "flats/.github/workflows/pull-request.yml").exists()


def test_answers_in_the_configuration_are_the_next_defaults(tmp_path: Path, kit: Kit) -> None:
    plain = train().replace('y = train["sold"]', "y = answers").replace('"sold", ', "")
    folder = lay(tmp_path / "houses", GOOD | {"train.py": plain})
    assert "--target COLUMN" in kit(folder, "init", "--yes").err
    assert kit(folder, "init", "--yes", "--target", "sold").code == 0
    assert kit(folder, "init", "--yes").out.splitlines()[0] == "no change"


@pytest.mark.parametrize(
    ("files", "arguments", "says"),
    [
        pytest.param(GOOD, (), "there is no terminal to ask in. Type: ci-kit init --yes", id="no terminal"),
        pytest.param({"train.py": train()}, ("--yes",), "no data in houses", id="no data"),
        pytest.param({"a.csv": rows(9)}, ("--yes",), "no training script", id="no script"),
        pytest.param(
            {"a.csv": rows(9), "my book.ipynb": notebook(train())},
            ("--yes",),
            "only the notebook my book.ipynb. Type: jupyter nbconvert --to script 'my book.ipynb'",
            id="a notebook",
        ),
        pytest.param(
            GOOD | {"data/test.csv": "a,b\n1,2,3\n"}, ("--yes",), "'data/test.csv' can't be read", id="broken"
        ),
        pytest.param(
            GOOD | {"data/test.csv": "a,sold\n"}, ("--yes",), "data/test.csv has no rows", id="a header alone"
        ),
        pytest.param(
            GOOD | {"data/test.csv": "id,rooms,price,age\n1,2,3,4\n"},
            ("--yes",),
            "the rows to evaluate on have no column 'sold' (those to train on have it",
            id="no truth",
        ),
        pytest.param(GOOD | {"data/test.csv": ""}, ("--yes",), "data/test.csv is empty", id="empty"),
        pytest.param(GOOD | {"data/test.csv": "a;b;c\n1;2;3\n"}, ("--yes",), "separated by ';'", id="semicolons"),
        pytest.param(GOOD, ("--yes", "--target", "solt"), "no column 'solt'. Did you mean 'sold'?", id="no target"),
        pytest.param(
            GOOD | {"data/test.csv.dvc": "outs: []", "data/test.csv": None},
            ("--yes",),
            "data/test.csv is not here (DVC tracks it). Type: dvc pull data/test.csv",
            id="not pulled",
        ),
        pytest.param({"dvc.yaml": "stages: {a: {cmd: b}}"}, ("--yes",), "no data in houses", id="before dvc repro"),
        pytest.param(REPOSITORIES["monorepo"], ("--yes",), "2 models are here: ml/flats, ml/houses", id="monorepo"),
        pytest.param(GOOD, ("--yes", "-C", "nowhere"), "no folder nowhere", id="no folder"),
        pytest.param(GOOD | {".github": "a file"}, ("--yes",), ".github/workflows", id="a folder that is a file"),
    ],
)
def test_what_is_missing_is_one_line(
    tmp_path: Path, kit: Kit, files: dict[str, str | None], arguments: tuple[str, ...], says: str
) -> None:
    folder = lay(tmp_path / "houses", {name: text for name, text in files.items() if text is not None})
    said = kit(folder, "init", *arguments)
    (line,) = said.err.splitlines()
    assert (said.code, says in line) == (2, True), line


def test_without_polars_one_line_says_what_to_install(
    tmp_path: Path, kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = lay(tmp_path / "houses", GOOD)
    for name in [name for name in sys.modules if name.startswith("ci_kit.init.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "polars", None)
    said = kit(folder, "init", "--yes")
    line = "ci-kit: polars is not installed. Type: pip install 'ci-kit[validate]' [init/untold]\n"
    assert (said.code, said.err) == (2, line)
    assert not (folder / "ci-kit.yaml").exists()


@pytest.mark.parametrize(
    ("files", "says"),
    [
        pytest.param(
            GOOD | {"train.py": train(exports=False)},
            "Add to its end, and skl2onnx to its requirements:\n    from ci_kit.export import export_sklearn\n\n"
            '    export_sklearn(model, X, "model.onnx")\n',
            id="no ONNX yet",
        ),
        pytest.param(
            GOOD | {"train.py": f"import xgboost\n{train(exports=False)}"},
            "How XGBoost, LightGBM and Keras",
            id="boosted",
        ),
        pytest.param(
            GOOD | {"train.py": f"import torch\n{train(exports=False)}"},
            'export_torch(model, X[:2], "model',
            id="torch",
        ),
        pytest.param(
            GOOD | {"train.py": train(exports=False), "model.pkl": "x"}, "model.pkl is refused: loading", id="a pickle"
        ),
        pytest.param({"a.csv": rows(99), "train.py": train()}, "a.csv is the only data", id="one file"),
        pytest.param({"a.csv": rows(99), "train.py": train()}, "No requirements.txt says", id="no requirements"),
        pytest.param(GOOD | {"data/test.csv": rows(20)}, "20 rows of evaluation are in train, too", id="leakage"),
        pytest.param(
            GOOD | {"train.py": f"parser.add_argument('data')\n{train()}"}, "train.py must be told data", id="arguments"
        ),
        pytest.param(
            GOOD | {"data/test.csv": rows(99, 300) + "400,1,50.0,9,\n"},
            "sold is missing in rows of evaluation: 1.",
            id="no truth",
        ),
        pytest.param(GOOD | {"dvc.yaml": STAGE}, "DVC was never set up: dvc init", id="no DVC"),
        pytest.param(GOOD, "write for OWNER who holds ci-kit", id="whose kit"),
    ],
)
def test_what_is_still_to_do_is_said(tmp_path: Path, kit: Kit, files: dict[str, str], says: str) -> None:
    said = kit(lay(tmp_path / "houses", files), "init", "--yes")
    assert said.code == 0
    assert says in said.out


def test_data_that_no_runner_would_have_is_said(tmp_path: Path, kit: Kit) -> None:
    folder = lay(tmp_path / "houses", GOOD, commit=False)
    said = kit(folder, "init", "--yes")
    assert "This is no git repository yet: git init" in said.out
    (folder / ".gitignore").write_text("data/\n.ci-kit/\n")
    lay(folder, {})
    said = kit(folder, "init", "--yes")
    assert "data/test.csv is ignored by git and not under DVC: no runner has it. Type: dvc add data/" in said.out


def test_rows_in_both_files_switch_the_check_of_overlap_off_until_they_are_gone(tmp_path: Path, kit: Kit) -> None:
    leaky = rows(50) + rows(20, 300, 3).partition("\n")[2]
    folder = lay(tmp_path / "houses", GOOD | {"data/test.csv": leaky})
    said = kit(folder, "init", "--yes")
    text = (folder / "ci-kit.yaml").read_text()
    assert "# validate:\n#   overlap:\n#     - {between: [train, evaluation]" in text
    assert "50 rows of evaluation are in train, too" in said.out
    assert kit(folder, "validate").code == 0
    (folder / "ci-kit.yaml").write_text(re.sub(r"^# (validate:|  )", r"\1", text, flags=re.MULTILINE))
    assert kit(folder, "validate").code == 1


def test_files_with_different_columns_get_a_schema_each(tmp_path: Path, kit: Kit) -> None:
    lines = both()["data/test.csv"].splitlines()
    wider = "\n".join([f"{lines[0]},note", *(f"{line},seen" for line in lines[1:])]) + "\n"
    settings = (
        "data: {holdout-26: {path: data/test.csv}, train: {path: data/train.csv}}\nevaluate: {data: holdout-26}\n"
    )
    folder = lay(tmp_path / "houses", GOOD | {"data/test.csv": wider, "ci-kit.yaml": settings})
    kit(folder, "init", "--yes")
    (folder / "ci-kit.yaml").unlink()
    said = kit(folder, "init", "--yes")
    assert said.code == 0
    found = config.load(folder / "ci-kit.yaml")
    assert {name: one.schema_ for name, one in found.data.items()} == {
        "train": "schemas.py:RowsTrain",
        "evaluation": "schemas.py:RowsEvaluation",
    }
    assert "train and evaluation have different columns" in said.out
    assert "has no 'RowsEvaluation'" in kit(folder, "validate").err  # schemas.py was kept
    (folder / "schemas.py").unlink()
    kit(folder, "init", "--yes")
    assert kit(folder, "validate").code == 0


def test_a_file_without_a_header_gets_names(tmp_path: Path, kit: Kit) -> None:
    bare = {name: text.partition("\n")[2] for name, text in both().items()}
    folder = lay(tmp_path / "houses", GOOD | bare)
    said = kit(folder, "init", "--yes", "--target", "column_5")
    assert "data/train.csv has no header: name its columns in `data.train.columns`." in said.out
    assert kit(folder, "validate").code == 0
    # Once a person has named them, the next look goes on from these names.
    settings = folder / "ci-kit.yaml"
    text = settings.read_text().replace("column_5", "sold").replace("column_2,", "rooms,")
    settings.write_text(text)
    (folder / "schemas.py").unlink()
    again = kit(folder, "init", "--yes")
    assert "! data/train.csv has no header" in again.out
    settings.write_text(re.sub(r"column_(\d)", r"name\1", text))
    assert "! data/train.csv has no header" not in kit(folder, "init", "--yes").out
    assert "    sold: int = pa.Field(isin=[0, 1])\n" in (folder / "schemas.py").read_text()


@pytest.mark.e2e
@pytest.mark.parametrize(("colour", "seen", "said_yes"), [("", True, True), ("1", False, False)])
def test_in_a_terminal_it_asks_with_defaults_and_writes_after_a_yes(
    tmp_path: Path, colour: str, seen: bool, said_yes: bool
) -> None:
    folder = lay(tmp_path / "houses", GOOD | {"train_old.py": train()})
    env = os.environ | {"NO_COLOR": colour, "TERM": "xterm"}
    pid, terminal = pty.fork()
    if not pid:
        os.chdir(folder)
        os.execve(sys.executable, [sys.executable, "-m", "ci_kit", "init"], env)
    said = b""
    for expected, answer in (
        (b"which [train.py]", b"nothing\n"),
        (b"there is no 'nothing'", b"\n"),
        (b"which [sold]", b"\n"),
        (b"Write ci-kit.yaml", b"\n" if said_yes else b"n\n"),
        (b"written: ci-kit.yaml" if said_yes else b"not written: ci-kit.yaml", b""),
        (b"Next:", b""),
    ):
        said = answered(terminal, said, expected)
        os.write(terminal, answer)
    os.waitpid(pid, 0)
    os.close(terminal)
    assert (folder / "ci-kit.yaml").exists() == said_yes
    assert (b"\x1b[32m+base: main" in said) == seen


def answered(terminal: int, said: bytes, expected: bytes) -> bytes:
    """Return what the terminal has shown, as soon as the expected words are among it."""
    while expected not in said:
        ready, _, _ = select.select([terminal], [], [], 60)
        assert ready, said.decode()
        said += os.read(terminal, 65536)
    return said
