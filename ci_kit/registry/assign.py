"""Give a version a stage, such as `prod`: one more annotated tag, which says how often the stage was given."""

from ci_kit.errors import Unavailable
from ci_kit.forge.base import Forge
from ci_kit.forge.git import Git
from ci_kit.registry.tags import fetch, stage_tag, stages

TURNS = 20  # numbers that are tried when others give stages at the same time


def assign(git: Git, forge: Forge, model: str, stage: str, version: str, commit: str) -> str | None:
    """Return the new tag, None where the version has the stage already; raise Unavailable when no number is free."""
    fetch(git, model)
    known = stages(git, model).get(stage, [])
    if known and known[-1][1] == commit:
        return None
    number = known[-1][0] + 1 if known else 1
    for turn in range(number, number + TURNS):
        tag = stage_tag(model, stage, turn)
        if forge.tag(tag, commit, f"{model}@{version} is {stage}"):
            return tag
    raise Unavailable(f"no free number of the stage {stage} of {model} was found in {TURNS} attempts")
