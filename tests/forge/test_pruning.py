from pathlib import Path

import pytest

from ci_kit.forge import pruning
from ci_kit.forge.git import Git
from ci_kit.forge.pruning import stale
from tests.forge.repository import linear

pytestmark = pytest.mark.e2e


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A history of which scores are kept for two commits and Results for four."""
    monkeypatch.setattr(pruning, "SCORES", 2)
    monkeypatch.setattr(pruning, "RESULTS", 4)


def recorded(repo: Path, shas: list[str]) -> None:
    files = {f"results/{sha}/{name}": b"x" for sha in shas for name in ("evaluate.json", "evaluate.scores.npz")}
    linear(repo, 1, files | {"drift/default/a.json": b"x", "results/odd.json": b"x"}, branch="ci-kit")


@pytest.mark.usefixtures("small")
def test_scores_go_before_results_and_the_newest_stay(repo: Path) -> None:
    main = linear(repo, 6)
    recorded(repo, main)
    assert sorted(stale(Git(repo), main[-1])) == sorted(
        [f"results/{sha}/evaluate.json" for sha in main[:2]]
        + [f"results/{sha}/evaluate.scores.npz" for sha in main[:4]]
    )
    assert stale(Git(repo), main[1]) == []


@pytest.mark.usefixtures("small")
def test_what_the_base_branch_does_not_lead_to_stays(repo: Path) -> None:
    main = linear(repo, 6)
    recorded(repo, ["f" * 40])
    assert stale(Git(repo), main[-1]) == []


@pytest.mark.usefixtures("small")
def test_the_oldest_go_first_and_few_at_a_time(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "MOST", 3)
    main = linear(repo, 6)
    recorded(repo, main)
    assert {name.split("/")[1] for name in stale(Git(repo), main[-1])} == set(main[:2])


def test_by_default_a_young_history_is_left_alone_and_without_one_nothing_is_asked(repo: Path) -> None:
    main = linear(repo, 6)
    assert stale(Git(repo), main[-1]) == []
    recorded(repo, main)
    assert stale(Git(repo), main[-1]) == []
