"""What a target can't do is one line with what to type instead."""

from pathlib import Path
from typing import Any

import pytest

from ci_kit.deploy import step
from ci_kit.errors import UserError
from tests.deploy import made


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (
            {"kind": "kubernetes", "namespace": "ml", "context": "north"},
            "Type: kubectl --context north --namespace ml delete deployment,service,poddisruptionbudget sums-prod",
        ),
        ({"kind": "kserve"}, "Type: kubectl --namespace default delete inferenceservice sums-prod"),
        ({"kind": "bentocloud", "cluster": "c1"}, "Type: bentoml deployment terminate sums-prod --cluster c1"),
    ],
)
def test_what_somebody_else_looks_after_is_stopped_there(tmp_path: Path, target: dict[str, Any], said: str) -> None:
    root = made.repository(tmp_path, targets={"prod": target})
    with pytest.raises(UserError, match="ci-kit does not take prod out of service") as caught:
        step.stop(made.job(root))
    assert str(caught.value).endswith(said)


@pytest.mark.parametrize(
    ("wanted", "targets", "said"),
    [
        (None, {}, "no target was named (`deploy.targets` has none). Set `deploy.targets` in ci-kit.yaml"),
        (None, {"one": 1, "two": 1}, "no target was named (`deploy.targets` has one, two). Type: ci-kit deploy TARGET"),
        (
            "three",
            {"one": 1, "two": 1},
            "no target 'three' (`deploy.targets` has one, two). Type: ci-kit deploy TARGET",
        ),
    ],
)
def test_a_target_that_there_is_not_is_told(
    tmp_path: Path, wanted: str | None, targets: dict[str, int], said: str
) -> None:
    root = made.repository(tmp_path, targets={name: {"kind": "local"} for name in targets})
    with pytest.raises(UserError) as caught:
        step.chosen(made.job(root, {"deploy.target": wanted} if wanted else None))
    assert str(caught.value) == said
