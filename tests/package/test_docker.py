"""The Dockerfiles: fixed text."""

import re
import sys
from pathlib import Path

import pytest

from ci_kit.errors import UserError
from ci_kit.package import docker, requirements

KNOWN = {"FROM", "COPY", "RUN", "ENV", "USER", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT"}


def instructions(text: str) -> list[str]:
    lines = [line for line in text.replace("\\\n", " ").splitlines() if line and not line.startswith("#")]
    return [line.split()[0] for line in lines]


@pytest.mark.parametrize("version", docker.BASES)
@pytest.mark.parametrize("hashed", [True, False])
def test_each_dockerfile_has_the_same_instructions(monkeypatch: pytest.MonkeyPatch, version: str, hashed: bool) -> None:
    monkeypatch.setattr(sys, "version_info", (*map(int, version.split(".")), 1))
    text = docker.text("Dockerfile", "requirements.txt", hashed=hashed)
    expected = ["FROM", "COPY", "RUN", "FROM", "ENV", "COPY", "COPY", "USER", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT"]
    assert instructions(text) == expected
    assert set(instructions(text)) <= KNOWN
    bases = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    assert len(set(bases)) == 1
    assert re.fullmatch(rf"python:{re.escape(version)}-slim@sha256:[0-9a-f]{{64}}", bases[0])
    assert ("--require-hashes" in text) is hashed


def test_a_python_without_a_base_image_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 99, 0))
    with pytest.raises(UserError, match=r"no base image for Python 3\.99"):
        docker.text("Dockerfile", "requirements.txt", hashed=True)


def test_what_bentoml_wrote_is_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "env" / "docker"
    folder.mkdir(parents=True)
    (folder / "Dockerfile").write_text("FROM evil\n")
    (folder / "entrypoint.sh").write_text("evil\n")
    docker.write(tmp_path, hashed=True, cuda=True)
    assert sorted(path.name for path in folder.iterdir()) == ["Dockerfile", "Dockerfile.cuda"]
    assert "evil" not in (folder / "Dockerfile").read_text()
    assert "requirements-cuda.txt" in (folder / "Dockerfile.cuda").read_text()


def test_what_serves_a_model_is_pinned_with_all_that_it_needs() -> None:
    found = requirements.pins()
    assert {"bentoml", "numpy", "onnxruntime", "pydantic-core", "starlette", "uvicorn"} <= set(found)
    assert not {"torch", "evidently", "dvc"} & set(found)
    text, hashed = requirements.lines(found)
    assert hashed
    for line in text.splitlines():
        assert re.fullmatch(r"[a-z0-9-]+==[\w.!+-]+( --hash=sha256:[0-9a-f]{64})+", line), line


def test_a_version_that_is_not_locked_leaves_pins_without_hashes() -> None:
    text, hashed = requirements.lines({"numpy": "1.26.0", "onnxruntime": "1.20.0"})
    assert (text, hashed) == ("numpy==1.26.0\nonnxruntime==1.20.0\n", False)
    assert requirements.cuda({"numpy": "1.26.0", "onnxruntime": "1.20.0"}) is None


def test_a_gpu_gets_the_same_onnxruntime_and_cuda_instead() -> None:
    found = requirements.pins()
    names = [line.split("==")[0] for line in str(requirements.cuda(found)).splitlines()]
    assert "onnxruntime" not in names
    assert {"onnxruntime-gpu", "nvidia-cudnn-cu13", "bentoml"} <= set(names)
    assert len(names) == len(set(names))


def test_the_users_own_packages_are_pinned_as_installed() -> None:
    more = set(requirements.pins(["scikit-learn"])) - set(requirements.pins())
    assert {"scikit-learn", "joblib", "threadpoolctl"} <= more
    with pytest.raises(UserError, match="nobody-has-this is not installed"):
        requirements.pins(["nobody-has-this"])
