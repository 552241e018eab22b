"""What `evaluate` would trip over, told before hours of training and not after."""

from pathlib import Path

from ci_kit.config import Config
from ci_kit.errors import UserError


def foresee(config: Config, root: Path) -> None:
    """Raise the UserError that `evaluate` would raise for its data set, target, features or tests.

    Data that a stage of DVC writes is left alone: the training may be about to give it the missing column.
    """
    for name in config.evaluate.tests:
        if not (root / name.partition("::")[0]).exists():
            raise UserError(f"no model tests at {name}", hint="Check `evaluate.tests`")
    if not (root / "dvc.yaml").is_file():
        from ci_kit.models.dataset import load_dataset

        load_dataset(config, root)
