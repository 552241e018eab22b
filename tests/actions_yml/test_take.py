"""What the job that can write takes of the artifacts of jobs that ran other people's code."""

import subprocess
from pathlib import Path

import pytest
import yaml

from tests.actions_yml import lint

pytestmark = pytest.mark.e2e


def written(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def taken(tmp_path: Path, **artifacts: dict[str, str]) -> dict[str, str]:
    """Run the step of the template on these artifacts; return the files that are in the checkout then."""
    content = yaml.safe_load((lint.ROOT / "workflow-templates/drift.yml").read_text())
    steps = content["jobs"]["retrain"]["steps"]
    places = {step["with"]["path"] for step in steps if "download-artifact" in step.get("uses", "")}
    assert places == {f"${{{{ runner.temp }}}}/watched/{name}" for name in ("drift", "update")}
    (run,) = (step["run"] for step in steps if "run" in step)
    for name, files in artifacts.items():
        written(tmp_path / "watched" / name, files)
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    environment = {"WATCHED": str(tmp_path / "watched"), "PATH": "/usr/bin:/bin"}
    subprocess.run(["bash", "-e", "-c", run], cwd=checkout, env=environment, check=True)
    return {str(path.relative_to(checkout)): path.read_text() for path in checkout.rglob("*") if path.is_file()}


def test_of_a_packaging_only_the_bento_and_its_result_are_taken(tmp_path: Path) -> None:
    content = yaml.safe_load((lint.ROOT / "workflow-templates/deploy.yml").read_text())
    steps = content["jobs"]["register"]["steps"]
    (run,) = (step["run"] for step in steps if "run" in step)
    wanted = {".ci-kit/bento/digits/manifest.json": "ours", ".ci-kit/package-build.json": "ours"}
    forged = {".ci-kit/evaluate.json": "forged", ".git/config": "forged", "ci-kit.yaml": "forged", "httpx.py": "forged"}
    written(tmp_path / "packaged", wanted | forged)
    checkout = tmp_path / "checkout"
    written(checkout, {"ci-kit.yaml": "ours"})
    environment = {"PACKAGED": str(tmp_path / "packaged"), "PATH": "/usr/bin:/bin"}
    subprocess.run(["bash", "-e", "-c", run], cwd=checkout, env=environment, check=True)
    found = {str(path.relative_to(checkout)): path.read_text() for path in checkout.rglob("*") if path.is_file()}
    assert found == wanted | {"ci-kit.yaml": "ours"}


DRIFT = {".ci-kit/drift.json": "drift", ".ci-kit/windows/2.json": "drift", ".ci-kit/drift.html": "", "ci-kit.yaml": ""}


def test_without_an_update_the_drift_checks_results_are_taken(tmp_path: Path) -> None:
    expected = {name: text for name, text in DRIFT.items() if name.startswith(".ci-kit/")}
    assert taken(tmp_path, drift=DRIFT) == expected


def test_an_update_says_nothing_of_the_drift_check_and_brings_no_other_file(tmp_path: Path) -> None:
    own = {".ci-kit/change.json": "update", ".ci-kit/train.json": "update"}
    forged = {".ci-kit/drift.json": "forged", ".ci-kit/windows/1.json": "forged", ".ci-kit/windows/2.json": "forged"}
    others = {".git/config": "forged", "ci-kit.yaml": "forged", "httpx.py": "forged"}
    expected = {name: text for name, text in DRIFT.items() if name.startswith(".ci-kit/")} | own
    assert taken(tmp_path, drift=DRIFT, update={**own, **forged, **others}) == expected


def test_a_drift_check_without_windows_gets_none_from_an_update(tmp_path: Path) -> None:
    found = taken(tmp_path, drift={".ci-kit/drift.json": "drift"}, update={".ci-kit/windows/1.json": "forged"})
    assert found == {".ci-kit/drift.json": "drift"}
