import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ci_kit import config
from ci_kit.evaluate.subject import OUTCOMES, WITHHELD, hand_over
from ci_kit.job import Job
from tests.models.made import project

# Real git and real processes: a matter of seconds, not of milliseconds.
pytestmark = pytest.mark.e2e


def outcomes(
    pytester: pytest.Pytester, body: str, *, first_run: str = "fail", data: str = ""
) -> dict[str, dict[str, Any]]:
    """Run the tests as `ci-kit evaluate` does, in this process, and return what was recorded by test name."""
    root = project(pytester.path, data=data)
    pytester.makepyfile(test_it=body)
    folder = pytester.mkdir("job")
    settings = config.load(root / config.FILE, {"evaluate.first-run": first_run})
    hand_over(Job(root=root, config=settings), folder, has_baseline=False, why="nothing was recorded")
    pytester.runpytest_inprocess("-p", "no:cacheprovider", f"--ci-kit-job={folder}", f"--rootdir={root}")
    found = json.loads((folder / OUTCOMES).read_bytes())
    return {one["id"].partition("::")[2]: one for one in found["tests"]} | {"": found}


def test_plain_pytest_offers_the_fixtures(pytester: pytest.Pytester) -> None:
    project(pytester.path)
    pytester.makepyfile(
        """
        from ci_kit.testing import assert_metric

        def test_model(model, dataset):
            assert_metric(model, dataset, "accuracy", at_least=0.8)
            assert model.predict(dataset.frame).shape == (300, 2)
            assert dataset.features == ("a", "b")

        def test_baseline(baseline):
            raise AssertionError("never reached")
        """
    )
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-rs")
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines("*no baseline model: not a git repository*")


def test_without_a_configuration_the_fixtures_fail_in_one_line_and_other_tests_pass(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_model(model): pass\ndef test_other(): pass\n")
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines("*no ci-kit.yaml in *")


def test_users_own_fixtures_win(pytester: pytest.Pytester) -> None:
    pytester.makeconftest("import pytest\n@pytest.fixture\ndef model(): return 'mine'\n")
    pytester.makepyfile("def test_model(model): assert model == 'mine'\n")
    pytester.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)


BODY = """
import json
import pytest
from ci_kit.testing import assert_metric

def test_good(model, dataset):
    assert_metric(model, dataset, "accuracy", at_least=0.5)

def test_bad(model, dataset):
    assert_metric(model, dataset, "accuracy", at_least=0.999)

def helper(text):
    json.loads(text)

def test_deep():
    helper("{")

@pytest.fixture
def broken():
    raise RuntimeError("in a fixture")

def test_setup(broken):
    pass

@pytest.fixture
def leaky():
    yield
    raise RuntimeError("in teardown")

def test_teardown(leaky):
    pass

@pytest.mark.skip(reason="not yet")
def test_later():
    pass

@pytest.mark.xfail(reason="known")
def test_known():
    assert 0

@pytest.mark.parametrize("x", ["a", "b"])
def test_each(x):
    assert x == "a"

def test_needs(baseline):
    pass
"""


def test_outcomes_name_the_line_the_numbers_and_the_reason(pytester: pytest.Pytester) -> None:
    found = outcomes(pytester, BODY)
    assert {name: one["outcome"] for name, one in found.items() if name} == {
        "test_good": "pass",
        "test_bad": "fail",
        "test_deep": "fail",
        "test_setup": "fail",
        "test_teardown": "fail",
        "test_later": "skip",
        "test_known": "skip",
        "test_each[a]": "pass",
        "test_each[b]": "fail",
        "test_needs": "fail",
    }
    assert found["test_good"]["measured"][1] == "≥ 50.0 %"
    assert found["test_bad"]["measured"][1] == "≥ 99.9 %"
    lines = BODY.splitlines()
    for name, text in (
        ("test_bad", "at_least=0.999)"),
        ("test_deep", "json.loads(text)"),
        ("test_setup", '"in a fixture"'),
        ("test_teardown", '"in teardown"'),
        ("test_each[b]", 'x == "a"'),
    ):
        assert found[name]["file"] == "test_it.py"
        assert text in ("", *lines)[found[name]["line"] + 1], name
    assert found["test_bad"]["text"].startswith("accuracy is ")
    assert found["test_later"]["text"] == "not yet"
    assert found["test_known"]["text"] == "known"
    assert found["test_needs"]["text"] == "no baseline model: nothing was recorded"


def test_a_missing_baseline_is_skipped_where_the_first_run_is_allowed(pytester: pytest.Pytester) -> None:
    found = outcomes(pytester, "def test_needs(baseline): pass\n", first_run="allow")
    assert found["test_needs"]["outcome"] == "skip"


def test_a_file_that_can_not_be_imported_is_recorded(pytester: pytest.Pytester) -> None:
    (error,) = outcomes(pytester, "import not_there\n")[""]["errors"]
    assert error["file"] == "test_it.py"
    assert "No module named 'not_there'" in error["text"]


SENSITIVE = """
import pytest
from ci_kit.testing import Broken, assert_invariant, assert_metric

@pytest.fixture
def value(dataset):
    return str(dataset.frame["a"][0])

def test_plain(value):
    assert value == ""

def test_raised(value):
    raise Broken(value)

def test_failed(value):
    pytest.fail(value)

def test_skipped(value):
    pytest.skip(value)

def test_expected(value):
    pytest.xfail(value)

def test_changed(model, dataset, value):
    def change(frame):
        raise AssertionError(value)
    assert_invariant(model, dataset, change)

def test_own(model, dataset):
    assert_metric(model, dataset, "accuracy", at_least=0.999)

def test_mistaken(model, dataset):
    assert_metric(model, dataset, "speed", at_least=1)

@pytest.mark.skip(reason="not yet")
def test_later():
    pass

@pytest.mark.xfail(reason="known")
def test_known():
    assert 0

def test_needs(baseline):
    pass
"""


def test_beside_sensitive_columns_only_our_own_words_are_recorded(pytester: pytest.Pytester) -> None:
    found = outcomes(pytester, SENSITIVE, data=", sensitive: a")
    value = (pytester.path / "eval.csv").read_text().splitlines()[1].partition(",")[0]
    assert value not in json.dumps(found)
    texts = {name: one["text"] for name, one in found.items() if name}
    assert texts["test_own"].startswith("accuracy is ")
    assert texts["test_mistaken"].startswith("ci_kit.errors.UserError: no metric 'speed' here")
    assert texts["test_needs"] == "no baseline model: nothing was recorded"
    assert (texts["test_later"], texts["test_known"]) == ("not yet", "known")
    withheld = {"test_plain", "test_raised", "test_failed", "test_skipped", "test_expected", "test_changed"}
    assert {name for name, text in texts.items() if text == WITHHELD} == withheld
    assert found["test_plain"]["line"] == SENSITIVE.splitlines().index('    assert value == ""')


def test_a_file_that_can_not_be_imported_quotes_nothing_beside_sensitive_columns(pytester: pytest.Pytester) -> None:
    (error,) = outcomes(pytester, "raise KeyError('a row')\n", data=", sensitive: a")[""]["errors"]
    assert error == {"file": "test_it.py", "text": WITHHELD}


def test_an_assertion_fails_without_the_frames_of_the_kit(pytester: pytest.Pytester) -> None:
    project(pytester.path)
    pytester.makepyfile(
        """
        import pandera.polars as pa
        from ci_kit.testing import assert_metric, assert_properties

        def test_schema(model):
            assert_properties(model, pa.DataFrameSchema({"a": pa.Column(float)}))

        def test_metric(model, dataset):
            assert_metric(model, dataset, "accuracy", at_least=2)

        def test_drawn(model):
            model.answer = lambda frame: frame["a"].to_numpy()[:, None] / (frame["a"].to_numpy()[:, None] < 9)
            assert_properties(model, pa.DataFrameSchema({name: pa.Column(float) for name in "ab"}), empty=False)
        """
    )
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-W", "ignore")
    result.assert_outcomes(failed=3)
    shown = [line for line in result.outlines if line.startswith("E ")]
    assert len(shown) == 3, shown
    assert shown[0].endswith("UserError: the schema has no column 'b'. Pass strategies={'b': …}")
    places = [line for line in result.outlines if ".py:" in line and not line.startswith("FAILED")]
    assert [line.partition(":")[0] for line in places] == [
        "test_an_assertion_fails_without_the_frames_of_the_kit.py"
    ] * 3


def test_the_plugin_imports_nothing_heavy() -> None:
    code = (
        "import sys, pytest; before = set(sys.modules); import ci_kit.plugin; "
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}; "
        "print(sorted(new - sys.stdlib_module_names))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['ci_kit']"


def test_the_job_survives_the_way_to_the_other_process(tmp_path: Path) -> None:
    from ci_kit.evaluate.subject import Subject

    root = project(tmp_path / "repo")
    settings = config.load(root / config.FILE, {"evaluate.model": "other.onnx"})
    hand_over(Job(root=root, config=settings), tmp_path, has_baseline=True, why="")
    subject = Subject.find(str(tmp_path), tmp_path, tmp_path)
    assert subject.config == settings
    assert subject.strict
    assert subject.known == (str(root.resolve() / ".ci-kit" / "baseline.onnx"), "")
