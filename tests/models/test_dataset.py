from pathlib import Path

import pytest

from ci_kit.config import Config
from ci_kit.models.dataset import load_dataset


@pytest.mark.parametrize(
    ("sections", "features"),
    [
        ({}, ("a", "answer")),
        ({"drift": {"prediction": "answer"}}, ("a",)),
        ({"drift": {"prediction": "answer"}, "evaluate": {"features": ["answer"]}}, ("answer",)),
    ],
)
def test_what_a_service_answered_is_no_feature(
    tmp_path: Path, sections: dict[str, dict[str, object]], features: tuple[str, ...]
) -> None:
    (tmp_path / "log.csv").write_text("id,a,answer,target\n1,0.5,1,1\n2,0.25,0,1\n")
    settings = {"evaluate": {"data": "log", **sections.get("evaluate", {})}, "drift": sections.get("drift", {})}
    config = Config.model_validate({"data": {"log": {"path": "log.csv", "key": "id"}}, **settings})
    assert load_dataset(config, tmp_path).features == features
