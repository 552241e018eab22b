"""What is found in a repository, and what a script says without being run."""

from pathlib import Path

import pytest

from ci_kit.errors import UserError
from ci_kit.init import choose, look, script
from ci_kit.init.ask import Asker
from ci_kit.init.look import role
from ci_kit.init.script import Script
from tests.init.made import REPOSITORIES, lay, notebook, train

YES = Asker(yes=True)


def read(tmp_path: Path, code: str, name: str = "train.py") -> Script | None:
    (tmp_path / name).write_text(code)
    return script.read(tmp_path / name, name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("train.csv", "train"),
        ("data/adult_train.csv", "train"),
        ("data/training/part-0.parquet", "train"),
        ("test.csv", "evaluation"),
        ("X_val.parquet", "evaluation"),
        ("holdout-2026.jsonl", "evaluation"),
        ("latest.csv", ""),
        ("trainers.csv", ""),
        ("houses.csv", ""),
    ],
)
def test_a_name_says_what_a_file_is_for(name: str, expected: str) -> None:
    assert role(name) == expected


def test_what_is_looked_at_and_what_is_not(tmp_path: Path) -> None:
    files = {
        "data/train/a.parquet": "x",
        "data/train/b.parquet": "x",
        "data/test.csv": "x",
        "data/gone.csv.dvc": "outs: []",
        ".venv/lib/data.csv": "x",
        "env/pyvenv.cfg": "",
        "env/train.py": "model.fit(a)",
        "node_modules/data.csv": "x",
        "tests/test_train.py": "model.fit(a)",
        "metrics.csv": "x",
        "src/train.py": "model.fit(a)",
        "src/util.py": "x = 1",
        "src/broken.py": "model.fit(",
        "model.pkl": "x",
        "notes.ipynb": notebook(""),
    }
    found = look.look(lay(tmp_path / "r", files))
    assert set(found.data) == {"data/train", "data/test.csv"}
    assert found.absent == ("data/gone.csv",)
    assert [one.path for one in found.scripts] == ["src/train.py"]
    assert (found.pickles, found.notebooks, found.models) == (("model.pkl",), ("notes.ipynb",), ())


def test_the_model_of_a_pipeline_is_known_before_it_is_made(tmp_path: Path) -> None:
    stages = "stages:\n  a:\n    cmd: x\n    outs:\n    - models/best.onnx:\n        cache: true\n    - ../other.onnx\n"
    assert look.look(lay(tmp_path / "r", {"dvc.yaml": stages})).models == ("models/best.onnx",)


@pytest.mark.parametrize(
    ("files", "unkept"),
    [
        ({}, True),
        ({"data/a.csv.dvc": "outs: [{path: a.csv, md5: x}]"}, False),
        ({"data.dvc": "outs: [{path: data, md5: x.dir}]"}, False),
        ({"dvc.yaml": "stages: {a: {cmd: b, outs: [data/a.csv]}}"}, False),
    ],
)
def test_data_in_no_commit_must_be_under_dvc(tmp_path: Path, files: dict[str, str], unkept: bool) -> None:
    found = look.look(lay(tmp_path / "r", {".gitignore": "/data/*.csv\n", "data/a.csv": "x"} | files))
    assert look.unkept(found, "data/a.csv") == unkept


def test_nothing_of_a_script_is_run(tmp_path: Path) -> None:
    found = read(tmp_path, f"open({str(tmp_path / 'ran')!r}, 'w')\nimport antigravity\nmodel.fit(X, y)")
    assert found
    assert not (tmp_path / "ran").exists()


def test_a_script_says_what_it_trains_and_how(tmp_path: Path) -> None:
    found = read(tmp_path, train())
    assert found
    assert (found.model, found.frame, found.onnx, found.writes_onnx) == ("model", "X", "model.onnx", True)
    assert (found.tasks, found.frameworks) == ({"classification"}, {"sklearn"})
    assert (found.dropped, found.targets) == (["sold", "id"], ["sold"])
    assert found.command == "python train.py"


@pytest.mark.parametrize(
    ("code", "trains"),
    [
        ("model.fit(X, y)", True),
        ("loss.backward()", True),
        ("booster = xgb.train({}, data)", True),
        ("def fit(): pass", False),
        ("print 'python 2'", False),
        ("\0", False),
        ("(" * 5000, False),
        ("# model.fit(X, y)", False),
    ],
)
def test_whether_a_script_trains(tmp_path: Path, code: str, trains: bool) -> None:
    assert (read(tmp_path, code) is not None) == trains


def test_arguments_that_must_be_given(tmp_path: Path) -> None:
    code = """
parser.add_argument("data")
parser.add_argument("--seed", default=1)
parser.add_argument("--out", required=True)
parser.add_argument("maybe", nargs="?")
model.fit(X, y)
"""
    found = read(tmp_path, code)
    assert found
    assert found.arguments == ["data", "--out"]


@pytest.mark.parametrize(
    ("path", "command"),
    [("src/a b.py", "python 'src/a b.py'"), ("x;id.py", "python 'x;id.py'"), ("$(id).py", "python '$(id).py'")],
)
def test_a_hostile_path_is_one_word_of_the_command(path: str, command: str) -> None:
    assert Script(path=path).command == command


def test_a_module_of_a_package_is_run_as_one(tmp_path: Path) -> None:
    found = read(tmp_path, "from .data import load\nmodel.fit(X, y)")
    assert found
    assert found.command == "python -m train"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ('y = df["price"]', "price"),
        ('X = df.drop("price", axis=1)', "price"),
        ('y = df.pop("price")', "price"),
        ('TARGET = "price"', "price"),
        ('y_train = train["price"]', "price"),
        ('loss(net(x), tensor(df["price"]), df["id"])', "price"),
        ('loss(net(x), tensor(df["price"]), df["rooms"])', None),
        ('X = df.drop(columns=["price", "id"])', "price"),
        ('X = df.drop(columns=["price", "rooms"])', None),
        ("", None),
    ],
)
def test_the_truth_is_what_the_script_takes_out(tmp_path: Path, code: str, expected: str | None) -> None:
    found = read(tmp_path, f"{code}\nmodel.fit(X, y)")
    columns = ["id", "rooms", "price"]
    if expected:
        assert choose.target(columns, found, "", None, YES) == expected
    else:
        with pytest.raises(UserError, match="--target COLUMN"):
            choose.target(columns, found, "", None, YES)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ('X = df[["rooms", "age"]]', ("rooms", "age")),
        ('FEATURES = ["age", "rooms"]', ("age", "rooms")),
        ('X = df.drop(columns=["price"])', ()),
        ('X = df.drop(columns=["price", "id", "city"])', ("rooms", "age")),
        ('numbers = ["rooms", "age"]\nwords = ["city", "id"]', ()),
        ('print(["rooms", "metres"])', ()),
    ],
)
def test_the_features_are_those_that_the_script_names(tmp_path: Path, code: str, expected: tuple[str, ...]) -> None:
    found = read(tmp_path, f"{code}\nmodel.fit(X, y)")
    assert choose.features(["id", "rooms", "age", "city", "price"], "price", found) == expected


@pytest.mark.parametrize(
    ("data", "mentioned", "expected"),
    [
        (["train.csv", "test.csv"], "", {"train": "train.csv", "evaluation": "test.csv"}),
        (["train.csv", "test.csv", "val.csv"], "", {"train": "train.csv", "evaluation": "test.csv"}),
        (["train.csv", "val.csv", "evaluation.csv"], "", {"train": "train.csv", "evaluation": "evaluation.csv"}),
        (["houses.csv"], "", {"evaluation": "houses.csv"}),
        (["a.csv", "b.csv"], "data/b.csv", {"evaluation": "b.csv"}),
        (["houses.csv", "test.csv"], "houses.csv", {"train": "houses.csv", "evaluation": "test.csv"}),
        (["houses.csv", "test.csv"], "", {"evaluation": "test.csv"}),
        (["a.csv", "b.csv"], "", None),
    ],
)
def test_which_file_is_what(tmp_path: Path, data: list[str], mentioned: str, expected: dict[str, str] | None) -> None:
    found = look.look(lay(tmp_path / "r", dict.fromkeys(data, "x")))
    reads = Script(path="train.py", texts=[mentioned])
    if expected is None:
        with pytest.raises(UserError, match=r"can't be told: a\.csv, b\.csv"):
            choose.sets(found, reads, None, YES)
    else:
        assert choose.sets(found, reads, None, YES) == expected


def test_a_repository_with_one_model_at_its_root_is_no_monorepo(tmp_path: Path) -> None:
    several = look.look(lay(tmp_path / "m", REPOSITORIES["monorepo"]))
    assert look.models(several) == ["ml/flats", "ml/houses"]
    one = look.look(lay(tmp_path / "o", REPOSITORIES["monorepo"] | {"train.py": train()}))
    assert look.models(one) == []


@pytest.mark.parametrize(("branch", "base"), [("main", "main"), ("master", "master"), ("trunk", "trunk")])
def test_the_base_branch_is_git_s(tmp_path: Path, branch: str, base: str) -> None:
    from tests.e2e.copier import git

    folder = lay(tmp_path / "r", {"a.csv": "x"})
    git(folder, "branch", "-m", branch)
    assert look.look(folder).base == base
    git(folder, "checkout", "-qb", "feature")
    assert look.look(folder).base == (base if branch != "trunk" else "feature")
    git(tmp_path, "clone", "-q", "-b", branch, str(folder), "clone")
    git(folder, "checkout", "-q", branch)
    git(tmp_path, "clone", "-q", str(folder), "other")
    assert look.look(tmp_path / "other").base == base
