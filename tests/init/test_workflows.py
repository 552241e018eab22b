"""The workflows: the kit's own templates, filled in, and sound by every rule that the templates keep."""

import json
import subprocess
import sys
from importlib.metadata import Distribution
from pathlib import Path

import pytest
import yaml

from ci_kit import __version__
from ci_kit.init import look, workflows
from tests.actions_yml import lint
from tests.e2e.copier import git
from tests.init.made import POETRY, REPOSITORIES, UV, both, lay, train

GOOD = {**both(), "train.py": train()}
FORK, CHECK = "pull-request-fork.yml", "pull-request.yml"


def told(url: str, commit: str) -> str:
    return json.dumps({"url": url, "vcs_info": {"vcs": "git", "commit_id": commit}})


def filled(folder: Path) -> dict[str, str]:
    texts, _ = workflows.workflows(look.look(folder))
    return {path.name: text for path, text in texts.items()}


@pytest.mark.parametrize("name", [CHECK, FORK])
def test_what_is_shipped_is_the_template(name: str) -> None:
    ours, theirs = lint.ROOT / "workflow-templates" / name, lint.ROOT / "ci_kit/init/templates" / name
    assert theirs.read_text() == ours.read_text(), f"Type: cp {ours} {theirs}"


def test_placeholders_are_filled_in_and_nothing_else_changes(tmp_path: Path) -> None:
    folder = lay(tmp_path / "r", GOOD)
    git(folder, "branch", "-m", "trunk")
    for name, text in filled(folder).items():
        template = (lint.ROOT / "workflow-templates" / name).read_text()
        back = text.replace("[trunk]", "[$default-branch]").replace(f"@v{__version__}\n", "@REF\n")
        assert back == template
        assert "$default-branch" not in text


@pytest.mark.parametrize(
    ("said", "uses"),
    [
        (told("https://github.com/acme/ci-kit", "a" * 40), f"acme/ci-kit@{'a' * 40}"),
        (told("ssh://git@github.com/acme/ci-kit.git", "b" * 40), f"acme/ci-kit@{'b' * 40}"),
        (told("https://example.com/acme/ci-kit", "a" * 40), ""),
        (told("https://github.com/acme/ci-kit", "x\n- run: id"), ""),
        ('{"url": "file:///home/me/ci-kit", "dir_info": {}}', ""),
        ("[]", ""),
        ("{", ""),
        (None, ""),
    ],
)
def test_the_workflow_uses_the_kit_that_pip_installed(
    monkeypatch: pytest.MonkeyPatch, said: str | None, uses: str
) -> None:
    class Installed(Distribution):
        def read_text(self, filename: str) -> str | None:
            return said

        def locate_file(self, path: object) -> Path:
            return Path()

    monkeypatch.setattr(workflows, "distribution", lambda name: Installed())
    assert workflows.kit() == (uses or f"OWNER/ci-kit@v{__version__}")


@pytest.mark.parametrize(
    ("files", "run", "given"),
    [
        ({"requirements.txt": "a"}, None, None),
        ({"uv.lock": "", "pyproject.toml": UV}, "pipx run uv sync --frozen", {"python": ".venv/bin/python"}),
        ({"pyproject.toml": UV}, None, {"requirements": "pyproject.toml"}),
        (
            {"poetry.lock": "", "pyproject.toml": POETRY},
            "POETRY_VIRTUALENVS_IN_PROJECT=true pipx run poetry install --no-root",
            {"python": ".venv/bin/python"},
        ),
        ({"pyproject.toml": POETRY}, None, {"requirements": "pyproject.toml"}),
        ({"pyproject.toml": "[tool.ruff]"}, None, None),
        (
            {"environment.yml": ""},
            '"$CONDA/bin/conda" env create --quiet --file environment.yml --prefix ./.conda',
            {"python": ".conda/bin/python"},
        ),
        ({"requirements-train.txt": ""}, None, {"requirements": "requirements-train.txt"}),
    ],
)
def test_the_environment_is_the_project_s_own(
    tmp_path: Path, files: dict[str, str], run: str | None, given: dict[str, str] | None
) -> None:
    jobs = yaml.safe_load(filled(lay(tmp_path / "r", GOOD | files))[CHECK])["jobs"]
    for job in jobs.values():
        steps = job["steps"]
        assert [one["run"] for one in steps if "run" in one] == ([run] if run else [])
        assert next(one for one in steps if "OWNER/ci-kit" in one.get("uses", "")).get("with") == given


def test_several_models_share_a_workflow_with_a_matrix(tmp_path: Path) -> None:
    folder = lay(tmp_path / "r", REPOSITORIES["monorepo"])
    one = filled(folder / "ml/flats")
    job = yaml.safe_load(one[CHECK])["jobs"]["check"]
    assert (job["steps"][1]["with"], job["steps"][2]["with"]["path"]) == (
        {"directory": "ml/flats"},
        "ml/flats/.ci-kit/*.json",
    )
    assert yaml.safe_load(one[FORK])["jobs"]["report"]["steps"][2]["with"] == {"phase": "fork", "directory": "ml/flats"}
    (folder / "ml/flats/ci-kit.yaml").write_text("base: main\n")
    both_ = filled(folder / "ml/houses")
    assert both_ == filled(folder / "ml/houses")
    for text in both_.values():
        for job in yaml.safe_load(text)["jobs"].values():
            assert job["strategy"]["matrix"] == {"directory": ["ml/flats", "ml/houses"]}
    upload = yaml.safe_load(both_[CHECK])["jobs"]["check"]["steps"][2]["with"]
    download = yaml.safe_load(both_[FORK])["jobs"]["report"]["steps"][1]["with"]
    assert upload["name"] == download["pattern"] == "ci-kit-fork-${{ strategy.job-index }}"
    assert upload["path"] == "${{ matrix.directory }}/.ci-kit/*.json"
    # One environment serves all: that of the root, and none that one of them alone has.
    (folder / "requirements.txt").unlink()
    (folder / "ml/houses/uv.lock").touch()
    assert filled(folder / "ml/houses") == both_
    (folder / "uv.lock").touch()
    given = yaml.safe_load(filled(folder / "ml/houses")[CHECK])["jobs"]["record"]["steps"][2]["with"]
    assert given == {"directory": "${{ matrix.directory }}", "python": ".venv/bin/python"}


@pytest.mark.e2e
@pytest.mark.parametrize("kind", ["csv", "uv", "poetry", "monorepo"])
def test_linters_find_nothing(tmp_path: Path, kind: str) -> None:
    folder = lay(tmp_path / "r", REPOSITORIES[kind])
    place = folder
    if kind == "monorepo":
        (folder / "ml/flats/ci-kit.yaml").write_text("base: main\n")
        place = folder / "ml/houses"
    paths: list[Path] = []
    for name, text in filled(place).items():
        paths.append(tmp_path / name)
        paths[-1].write_text(text)
    bin_ = Path(sys.executable).parent
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", *map(str, paths)]
    checked = subprocess.run(check, capture_output=True, text=True, timeout=60, check=False)
    assert checked.returncode == 0, checked.stdout
    audit = [
        str(bin_ / "zizmor"),
        "--offline",
        "--persona=regular",
        "--config",
        str(lint.ROOT / "zizmor.yml"),
        *map(str, paths),
    ]
    audited = subprocess.run(audit, capture_output=True, text=True, timeout=60, check=False)
    assert audited.returncode == 0, audited.stdout
