import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.actions_yml import lint
from tests.schemas import builtin

# Real bash, zizmor and shellcheck: not a matter of milliseconds.
pytestmark = pytest.mark.e2e

TOOLS = Path(sys.executable).parent
AFTER = lint.ROOT / "workflow-templates" / "pull-request-fork.yml"
ALL = [*lint.ACTIONS, *lint.WORKFLOWS, lint.ROOT / ".github" / "dependabot.yml"]


def tool(name: str, *arguments: str | Path, text: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [str(TOOLS / name), *map(str, arguments)]
    return subprocess.run(command, cwd=lint.ROOT, input=text, capture_output=True, text=True, check=False, timeout=60)


def zizmor(persona: str, files: list[Path]) -> tuple[list[str], int]:
    flags = ["--offline", "-q", "--no-progress", "--no-ignores", "--strict-collection", "--format=json-v1"]
    ran = tool("zizmor", *flags, f"--persona={persona}", f"--config={lint.ROOT / 'zizmor.yml'}", *files)
    return [found["ident"] for found in json.loads(ran.stdout)], ran.returncode


def test_there_is_something_to_lint() -> None:
    assert (len(lint.ACTIONS), len(lint.TEMPLATES), len(lint.SCRIPTS)) == (10, 8, 2)
    assert len(lint.WORKFLOWS) > len(lint.TEMPLATES) + len(lint.EXAMPLES) > len(lint.TEMPLATES)


def test_zizmor_finds_nothing() -> None:
    assert zizmor("pedantic", [path for path in ALL if path != AFTER]) == ([], 0)
    rules = yaml.safe_load((lint.ROOT / "zizmor.yml").read_text())["rules"]
    assert {name: rule["ignore"] for name, rule in rules.items() if "ignore" in rule} == {
        "dangerous-triggers": [AFTER.name]
    }


def test_of_what_runs_after_a_forks_run_zizmor_names_the_trigger_alone(tmp_path: Path) -> None:
    assert zizmor("auditor", [AFTER])[0] == ["dangerous-triggers"]
    flags = ["--offline", "-q", "--no-progress", "--strict-collection", "--persona=pedantic"]
    known = tool("zizmor", *flags, f"--config={lint.ROOT / 'zizmor.yml'}", AFTER)
    assert known.returncode == 0, known.stdout
    other = tmp_path / "other.yml"
    other.write_text(AFTER.read_text())
    assert "dangerous-triggers" in tool("zizmor", *flags, f"--config={lint.ROOT / 'zizmor.yml'}", other).stdout


def test_the_strictest_zizmor_names_the_gpu_runners_alone() -> None:
    assert zizmor("auditor", [path for path in ALL if path != AFTER])[0] == ["self-hosted-runner"] * 2


def test_templates_are_clean_as_users_have_them(tmp_path: Path) -> None:
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    for path in [*lint.TEMPLATES, *lint.EXAMPLES]:
        text = re.sub(r"OWNER/ci-kit([\w/]*)@REF", r"acme/ci-kit\1@v1", path.read_text())
        (folder / path.name).write_text(text.replace("$default-branch", "main"))
    assert "OWNER" not in "".join(path.read_text() for path in folder.iterdir())
    assert zizmor("pedantic", sorted(path for path in folder.iterdir() if path.name != AFTER.name)) == ([], 0)
    assert zizmor("pedantic", [folder / AFTER.name])[0] == ["dangerous-triggers"]


def test_the_workflow_in_the_guide_to_many_reports_is_clean(tmp_path: Path) -> None:
    text = (lint.ROOT / "docs/report/many.md").read_text()
    (shown,) = [block for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if block.startswith("name:")]
    assert lint.workflow(shown) == []
    content = {"on" if key is True else key: value for key, value in yaml.safe_load(shown).items()}
    assert builtin("github-workflows").is_valid(content)
    path = tmp_path / ".github/workflows/models.yml"
    path.parent.mkdir(parents=True)
    path.write_text(shown)
    assert zizmor("pedantic", [path]) == ([], 0)


def test_zizmor_would_find_something(tmp_path: Path) -> None:
    (tmp_path / "action.yml").write_text(
        lint.ACTIONS[0].read_text().replace("run: exec", "run: echo ${{ inputs.id }}; exec")
    )
    assert "template-injection" in zizmor("pedantic", [tmp_path / "action.yml"])[0]


@pytest.mark.parametrize(
    ("schema", "files"),
    [("github-actions", lint.ACTIONS), ("github-workflows", lint.WORKFLOWS), ("dependabot", ALL[-1:])],
)
def test_githubs_schemas_hold(schema: str, files: list[Path]) -> None:
    judge = builtin(schema)
    for path in files:
        content = {"on" if key is True else key: value for key, value in yaml.safe_load(path.read_text()).items()}
        assert [error.message for error in judge.iter_errors(content)] == [], path.name
        content.pop("runs", None), content.pop("jobs", None), content.pop("version", None)
        assert not judge.is_valid(content)


def shellcheck(*arguments: str | Path, text: str | None = None) -> str:
    return tool("shellcheck", "-s", "bash", *arguments, text=text).stdout


def test_shellcheck_finds_nothing_in_scripts() -> None:
    assert shellcheck(*lint.SCRIPTS) == ""


def test_shellcheck_finds_nothing_in_any_run() -> None:
    runs = [step["run"] for path in lint.ACTIONS for step in yaml.safe_load(path.read_text())["runs"]["steps"]]
    for path in lint.WORKFLOWS:
        for job in yaml.safe_load(path.read_text())["jobs"].values():
            runs += [step["run"] for step in job["steps"] if "run" in step]
    assert len(runs) >= 10
    assert shellcheck("-", text="\n".join(f"run{number}() {{\n{run}\n}}" for number, run in enumerate(runs))) == ""
    assert "SC2086" in shellcheck("-", text="exec echo $1")


@pytest.mark.parametrize("path", lint.ACTIONS, ids=lambda path: path.parent.name)
def test_actions_keep_our_rules(path: Path) -> None:
    assert lint.action(path.read_text()) == []


@pytest.mark.parametrize("path", lint.WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_keep_our_rules(path: Path) -> None:
    assert lint.workflow(path.read_text()) == []


@pytest.mark.parametrize("path", lint.SCRIPTS, ids=lambda path: path.name)
def test_scripts_keep_our_rules(path: Path) -> None:
    assert lint.script(path.read_text()) == []


ONE, GPU, FORK, DRIFT, SHIP, CI, ROOT_ACTION, TRAIN, RETRAIN, RUN, INSTALL = (
    "workflow-templates/pull-request.yml",
    "workflow-templates/pull-request-gpu.yml",
    "workflow-templates/pull-request-fork.yml",
    "workflow-templates/drift.yml",
    "workflow-templates/deploy.yml",
    ".github/workflows/ci.yml",
    "action.yml",
    "actions/train/action.yml",
    "actions/retrain/action.yml",
    "actions/run.sh",
    "actions/install.sh",
)
FAULTS = [
    (ONE, "  pull_request:\n", "  pull_request_target:\n"),
    (ONE, "  pull_request:\n", "  workflow_run: {workflows: [x]}\n"),
    (ONE, "permissions: {}", "permissions: read-all"),
    (ONE, "permissions: {}\n", ""),
    (ONE, "# v7.0.1", ""),
    (ONE, "@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1", "@v7"),
    (ONE, "@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1", "@3d3c42e5 # v7.0.1"),
    (ONE, "OWNER/ci-kit@REF", "someone/else@REF"),
    (ONE, "persist-credentials: false", "persist-credentials: true"),
    (ONE, "          persist-credentials: false\n", ""),
    (ONE, "timeout-minutes: 60\n", "# none\n"),
    (ONE, "cancel-in-progress: ${{ github.event_name == 'pull_request' }}", "cancel-in-progress: true"),
    (ONE, "github.event.pull_request.number || github.sha", "github.ref"),
    (ONE, "contents: write # to record the results on the branch ci-kit", "contents: write"),
    (GPU, "github.event_name != 'pull_request' ||", "github.event_name != 'schedule' ||"),
    (GPU, "    if: >-\n      github.event_name != 'pull_request' ||\n", "    if: >-\n      always() ||\n"),
    (ONE, "    if: github.event_name == 'push'\n", ""),
    (ONE, "    if: github.event_name == 'push'\n", "    if: github.event_name == 'push' || always()\n"),
    (GPU, "          ref: ${{ github.event.pull_request.base.sha || github.event.repository.default_branch }}\n", ""),
    (GPU, "contents: read # to check out\n      pull-requests", "contents: write # to record\n      pull-requests"),
    (GPU, "    if: ${{ !cancelled() && github.event_name == 'push' }}\n", "    if: ${{ !cancelled() }}\n"),
    (GPU, "pull_request.base.sha", "pull_request.head.sha"),
    (GPU, "          path: change\n", ""),
    (GPU, "OWNER/ci-kit/actions/report@REF", "OWNER/ci-kit/actions/train@REF"),
    (GPU, "          include-hidden-files: true\n", ""),
    (DRIFT, "cancel-in-progress: false", "cancel-in-progress: true"),
    (DRIFT, "  group: ${{ github.workflow }}\n", ""),
    (DRIFT, " || github.ref_name == github.event.repository.default_branch", " || true"),
    (DRIFT, "          path: ${{ runner.temp }}/watched/drift\n", ""),
    (DRIFT, "          path: ${{ runner.temp }}/watched/update\n", ""),
    (DRIFT, "retrain@REF\n        # with", "retrain@REF\n        with: {phase: update}\n        # with"),
    (DRIFT, "contents: read # to check out\n    outputs", "contents: write # to record\n    outputs"),
    (DRIFT, "          persist-credentials: false\n", ""),
    (SHIP, "cancel-in-progress: false", "cancel-in-progress: true"),
    (SHIP, "    environment: ${{ inputs.target }} # who", "    # who"),
    (SHIP, "    if: github.ref_name == github.event.repository.default_branch &&", "    if:"),
    (SHIP, "!cancelled() && github.ref_name == github.event.repository.default_branch &&", "!cancelled() &&"),
    (SHIP, "          path: ${{ runner.temp }}/packaged\n", ""),
    (SHIP, "          phase: register\n", ""),
    (SHIP, "contents: read # to check out", "contents: write # to register"),
    (SHIP, "          persist-credentials: false\n", ""),
    (
        SHIP,
        "      - uses: OWNER/ci-kit/actions/deploy@REF\n",
        "      - uses: actions/cache@v5\n      - uses: OWNER/ci-kit/actions/deploy@REF\n",
    ),
    (FORK, "    types: [completed]\n", ""),
    (FORK, "types: [completed]", "types: [completed, requested]"),
    (FORK, "permissions: {}", "  pull_request:\npermissions: {}"),
    (FORK, "          persist-credentials: false\n", ""),
    (FORK, "fetch-depth: 0", "ref: ${{ github.event.workflow_run.head_sha }}"),
    (FORK, "fetch-depth: 0", "ref: refs/pull/1/merge"),
    (FORK, "fetch-depth: 0", "repository: stranger/demo"),
    (FORK, "fetch-depth: 0", "allow-unsafe-pr-checkout: true"),
    (FORK, "phase: fork", "phase: report"),
    (FORK, "        with:\n          phase: fork\n", ""),
    (FORK, "actions/report@REF", "actions/evaluate@REF"),
    (FORK, "          path: ${{ runner.temp }}/fork", "          path: fork"),
    (FORK, "          path: ${{ runner.temp }}/fork", "          path: ."),
    (FORK, "          run-id: ${{ github.event.workflow_run.id }}\n", ""),
    (FORK, "head_repository.full_name != github.repository", "head_repository.full_name != ''"),
    (FORK, "      github.event.workflow_run.event == 'pull_request' &&\n", ""),
    (FORK, "contents: read # to check out", "contents: write # to record"),
    (FORK, "actions: read # to", "id-token: write # to"),
    (FORK, "ubuntu-24.04", "[self-hosted, gpu]"),
    (FORK, "cancel-in-progress: false", "cancel-in-progress: true"),
    (FORK, "phase: fork", "phase: fork\n          token: ${{ secrets.BOT }}"),
    (FORK, "phase: fork", "phase: fork\n      - run: exec bash fork/x.sh"),
    (FORK, "fetch-depth: 0", "path: ${{ github.event.workflow_run.head_branch }}"),
    (FORK, "phase: fork", "phase: fork\n        env: {A: b}"),
    (FORK, "    timeout-minutes: 10\n", "    timeout-minutes: 10\n    env: {LD_PRELOAD: x}\n"),
    (CI, "run: exec make test", "run: make test"),
    (CI, "run: exec make test", "run: exec make ${{ matrix.python }}"),
    (CI, "run: exec make test", 'run: echo "A=1" >>"$GITHUB_ENV" && exec make test'),
    (CI, "run: exec make test", "run: |\n          echo x >>$GITHUB_PATH\n          exec make test"),
    (CI, "run: exec make test", "run: exec python -m pytest"),
    (CI, "    timeout-minutes: 45\n", ""),
    (ROOT_ACTION, "    - name: Install\n", "    - uses: actions/checkout@v7\n    - name: Install\n"),
    (ROOT_ACTION, "run: exec bash", "run: bash"),
    (ROOT_ACTION, 'actions/run.sh" "run check', 'actions/run.sh" ${{ inputs.model }} "run check'),
    (
        ROOT_ACTION,
        "        CI_KIT_INPUT_MODEL:",
        "        GITHUB_TOKEN: ${{ inputs.token }}\n        CI_KIT_INPUT_MODEL:",
    ),
    (TRAIN, "        CI_KIT_INPUT_GPU: ${{ inputs.gpu }}\n", ""),
    (TRAIN, "checkpoints node\n", "node\n"),
    (TRAIN, "CI_KIT_LIVE_TOKEN: ${{ inputs.live-token }}", "CI_KIT_LIVE_TOKEN: ${{ inputs.token }}"),
    (TRAIN, "`checks: write`.'\n    default: ''", "`checks: write`.'\n    default: ${{ github.token }}"),
    (TRAIN, "checkpoints node\n", "checkpoints node model\n"),
    (ROOT_ACTION, " first-run\n", "\n"),
    (RETRAIN, "        GITHUB_TOKEN: ${{ inputs.token }}\n", ""),
    (RETRAIN, '"retrain --publish"', '"retrain --update"'),
    (RETRAIN, "run: exec bash", "env: {GITHUB_TOKEN: x}\n      run: exec bash"),
    (RETRAIN, "exec sh -c", "sh -c"),
    (RETRAIN, "      if: ${{ inputs.phase == 'publish' }}\n", ""),
    (TRAIN, "shell: bash", "shell: sh"),
    (TRAIN, "    - name: Train the model\n      id: run", "    - id: run"),
    (TRAIN, "    default: ''\n", ""),
    (RUN, "set -euo pipefail", "set -e"),
    (RUN, 'python" -I -u', 'python" -u'),
    (RUN, "trap - INT TERM", 'echo "X=$1" >>"$GITHUB_ENV"'),
    (INSTALL, '"$python" -I -m venv', '"$python" -m venv'),
    (INSTALL, "die() {", "die() {\n  echo ${{ github.token }}"),
]


@pytest.mark.parametrize(("path", "good", "bad"), FAULTS, ids=range(len(FAULTS)))
def test_every_planted_fault_is_found(path: str, good: str, bad: str) -> None:
    text = (lint.ROOT / path).read_text()
    assert good in text, "the fault does not fit the file any more"
    rules: Callable[[str], list[str]] = lint.workflow
    if path.endswith(".sh"):
        rules = lint.script
    elif path.endswith("action.yml"):
        rules = lint.action
    assert rules(text.replace(good, bad))


def test_every_template_has_its_properties_and_icon() -> None:
    for path in lint.TEMPLATES:
        properties = json.loads(path.with_suffix(".properties.json").read_text())
        assert set(properties) == {"name", "description", "iconName", "categories", "filePatterns"}
        icon = path.parent / f"{properties['iconName']}.svg"
        assert icon.read_text().startswith("<svg ")
        assert re.compile(properties["filePatterns"][0]).search("ci-kit.yaml")


@pytest.mark.parametrize("path", sorted(lint.ROOT.glob("actions/*/README.md")), ids=lambda path: path.parent.name)
def test_the_example_of_a_readme_is_a_step_that_is_run(path: Path) -> None:
    steps = []
    for workflow in lint.WORKFLOWS:
        text = workflow.read_text().replace("uses: $/actions/setup", "uses: OWNER/ci-kit/actions/setup@REF")
        steps += [step for job in yaml.safe_load(text)["jobs"].values() for step in job["steps"]]
    (example,) = re.findall(r"```yaml\n(.*?)```", path.read_text(), re.DOTALL)
    assert all(step in steps for step in yaml.safe_load(example))
