"""What the documents show is what the tests run, and what they link to is there."""

import re
import tomllib
from pathlib import Path

import pytest

from ci_kit import cli, config, errors
from ci_kit.sections import Train
from ci_kit.train import pipeline

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    path
    for pattern in ("*.md", "actions/*/*.md", "benchmarks/*.md", "docs/**/*.md", "examples/**/*.md")
    for path in ROOT.glob(pattern)
    if ".venv" not in path.parts
)


def blocks(path: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / path).read_text(), re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_configuration_in_the_readme_is_valid() -> None:
    texts = [text for text in blocks("README.md", "yaml") if text.startswith("data:")]
    assert texts
    for text in texts:
        assert config.read(text.encode()).data["evaluation"].key == ("position",)


def test_the_configurations_in_the_guide_to_training_are_valid() -> None:
    texts = blocks("docs/train.md", "yaml")
    trains = [config.read(text.encode()).train for text in texts if text.startswith("train:")]
    assert {one.launcher for one in trains} == {"local", "torchrun", "ray"}
    (stages,) = [text for text in texts if text.startswith("stages:")]
    assert pipeline.HARDWARE in stages


def test_the_guide_to_training_names_every_key() -> None:
    text = (ROOT / "docs/train.md").read_text() + (ROOT / "actions/train/README.md").read_text()
    keys = {name.replace("_", "-") for name in Train.model_fields}
    assert {key for key in keys if not re.search(rf"\b{key}\b", text)} == set()


def test_the_configuration_in_the_guide_to_many_reports_is_valid() -> None:
    (text,) = [text for text in blocks("docs/report/many.md", "yaml") if text.startswith("data:")]
    report = config.read(text.encode()).report
    assert (report.id, report.comment) == ("bike", "models")


def test_the_readme_names_every_extra() -> None:
    text = (ROOT / "README.md").read_text()
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert {extra for extra in extras if f"ci-kit[{extra}]" not in text} == set()


def test_the_program_in_the_guide_to_training_is_the_example() -> None:
    assert blocks("docs/train.md", "python")[0] == (ROOT / "examples/resume.py").read_text()


def test_the_programs_of_the_resume_page_are_those_of_the_examples() -> None:
    shown = ("examples/resume_lightning.py", "examples/resume_trainer.py", "examples/resume_sklearn.py")
    assert blocks("docs/resume.md", "python") == [(ROOT / path).read_text() for path in shown]


def test_the_workflows_of_the_guide_are_the_files_that_are_linted() -> None:
    texts = [(ROOT / f"docs/workflows/{name}.yml").read_text() for name in ("s3", "gcs", "azure", "lfs")]
    assert blocks("docs/workflows.md", "yaml") == texts
    assert len(texts) == len([*ROOT.glob("docs/workflows/*.yml")])


def test_the_page_on_other_ci_shows_the_files_that_the_tests_run() -> None:
    """`tests/report/test_elsewhere.py` runs them."""
    folder = ROOT / "docs/report"
    for language, name in (
        ("sh", "check.sh"),
        ("yaml", "gitlab-ci.yml"),
        ("python", "gitlab_note.py"),
        ("groovy", "Jenkinsfile"),
    ):
        assert blocks("docs/report/elsewhere.md", language) == [(folder / name).read_text()]


def test_the_readme_names_every_exit_code() -> None:
    text = (ROOT / "README.md").read_text()
    ends = (errors.PASSED, errors.FAILED, errors.MISUSED, errors.BROKEN, errors.CANCELLED)
    for code in (*ends, errors.EXHAUSTED, errors.UNFINISHED):
        assert re.search(rf"\b{code} ", text), code


def test_the_contributing_page_names_the_places_where_steps_are_listed() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    assert "STEPS" in text
    assert hasattr(cli, "STEPS")


def test_ci_runs_exactly_the_test_command_of_the_readme() -> None:
    assert "```\nmake test\n```" in (ROOT / "README.md").read_text()
    commands = [
        line.removeprefix("exec ")
        for line in (ROOT / ".ci/run").read_text().splitlines()
        if line and not line.startswith(("#", "set ", "cd "))
    ]
    assert commands == ["make test"]
