"""The same word everywhere: steps, actions, READMEs, configuration sections, commands, tests and templates."""

import ast
import importlib
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from ci_kit import cli
from ci_kit.config import Config
from ci_kit.options import Option

ROOT = Path(__file__).parent.parent
MODULE_LINES, FUNCTION_LINES = 200, 40
# What an action takes beside the options of its step.
EVERY = {"directory"}
EXTRA = {name: {"phase", "token"} for name in ("train", "retrain", "package", "deploy", "report")}
EXTRA["train"] |= {"live-token"}  # the one that a step may have which runs the user's code
JOURNEY = {"directory", "python", "requirements", "token"}
HEAVY = (
    "bentoml duckdb dvc evidently httpx hypothesis model_signing numpy onnx onnxruntime pandas pandera polars psutil "
    "pydantic pynvml pytest ray "
    "scipy torch yaml"
)


def action(path: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / path).read_text())
    return content


def module(step: str) -> ModuleType:
    return importlib.import_module(f"ci_kit.{step}.step")


def overriding(step: str) -> list[Option]:
    """Return the options that are inputs, too; a flag is what an action's own step chooses."""
    return [option for option in cli.options(step) if option.key]


def modules() -> list[Path]:
    return sorted(path for path in (ROOT / "ci_kit").rglob("*.py") if "node_modules" not in path.parts)


@pytest.mark.parametrize("step", cli.STEPS)
def test_a_step_is_the_same_word_everywhere(step: str) -> None:
    for path in (f"ci_kit/{step}/step.py", f"actions/{step}/action.yml", f"actions/{step}/README.md", f"tests/{step}"):
        assert (ROOT / path).exists(), path
    assert step in {field.alias or name for name, field in Config.model_fields.items()}
    assert f"uses: OWNER/ci-kit/actions/{step}@REF" in (ROOT / f"actions/{step}/README.md").read_text()
    assert f"ci-kit {step}" in (ROOT / "README.md").read_text()


def test_there_is_no_action_without_a_step() -> None:
    assert {path.parent.name for path in ROOT.glob("actions/*/action.yml")} == {"setup", *cli.STEPS}


@pytest.mark.parametrize("step", cli.STEPS)
def test_an_action_takes_the_options_of_its_step(step: str) -> None:
    inputs = action(f"actions/{step}/action.yml")["inputs"]
    assert set(inputs) == {option.name for option in overriding(step)} | EVERY | EXTRA.get(step, set())
    for option in overriding(step):
        assert inputs[option.name]["description"] == option.help
        assert inputs[option.name].get("default", "") == ""


def test_the_root_action_takes_the_options_of_its_journey() -> None:
    options = {option.name: option.help for step in cli.CHECK for option in overriding(step)}
    inputs = action("action.yml")["inputs"]
    assert set(inputs) == set(options) | JOURNEY
    assert {name: inputs[name]["description"] for name in options} == options


@pytest.mark.parametrize("step", cli.STEPS)
def test_the_readme_of_an_action_lists_its_inputs_and_outputs(step: str) -> None:
    text = (ROOT / f"actions/{step}/README.md").read_text()
    content = action(f"actions/{step}/action.yml")
    for name in [*content["inputs"], *content["outputs"]]:
        assert f"| `{name}` |" in text, name


@pytest.mark.parametrize("step", cli.STEPS)
def test_an_option_overrides_a_key_that_exists(step: str) -> None:
    for option in overriding(step):
        section, _, key = option.key.partition(".")
        field = next(field for name, field in Config.model_fields.items() if (field.alias or name) == section)
        model = field.annotation
        assert model is not None
        assert key in {inner.alias for inner in model.model_fields.values()}, option.key


@pytest.mark.parametrize("step", cli.STEPS)
def test_a_flag_is_a_function_of_its_step(step: str) -> None:
    for option in cli.options(step):
        assert option.key or callable(getattr(module(step), option.name.replace("-", "_")))


def test_every_template_has_its_properties_and_icon() -> None:
    folder = ROOT / "workflow-templates"
    templates = sorted(folder.glob("*.yml"))
    assert templates
    for template in templates:
        properties = json.loads(template.with_suffix(".properties.json").read_text())
        assert {"name", "description", "iconName", "categories"} <= set(properties)
        assert (folder / f"{properties['iconName']}.svg").is_file()
        assert template.name in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_and_functions_stay_small(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= MODULE_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            documented = (ast.get_docstring(node, clean=False) or "").count("\n") + 1
            assert (node.end_lineno or 0) - node.lineno - documented < FUNCTION_LINES, node.name


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['ci-kit', '--help']\n"
        "from ci_kit.__main__ import main\n"
        "try: main()\n"
        f"finally: print(sorted(set({HEAVY.split()}) & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert "validate" in done.stdout
    assert done.stderr.strip() == "[]"
