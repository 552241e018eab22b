"""How the branch and the pull request of a monitor are named."""

import pytest

from ci_kit.forge.base import Proposal
from ci_kit.forge.proposals import check
from ci_kit.retrain.pull import slug

ODD = ("模型/甲", "模型/乙", "modèle", "modöle", "a b", "a+b", ".x", "a..b", "x" * 120, "x" * 121)


@pytest.mark.parametrize(
    ("directory", "named"),
    [("", "default"), ("models/churn", "models-churn-default"), ("Models/v1.2", "models-v1.2-default")],
)
def test_a_plain_folder_is_named_as_it_is(directory: str, named: str) -> None:
    assert slug(directory, "default") == named


def test_no_two_folders_with_odd_names_share_a_pull_request() -> None:
    assert len({slug(directory, "default") for directory in ("", *ODD)}) == len(ODD) + 1


@pytest.mark.parametrize("directory", ODD)
def test_a_folder_with_an_odd_name_can_have_a_pull_request(directory: str) -> None:
    name = slug(directory, "default")
    branch, parent = f"ci-kit-retrain/{name}", "a" * 40
    texts = {"title": "t", "body": "b", "message": "m"}
    check(Proposal(name=f"retrain-{name}", branch=branch, base="main", parent=parent, files={"a": "b"}, **texts))
