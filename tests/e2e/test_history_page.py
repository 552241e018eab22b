"""The template that publishes the history, through act: what trusted runs recorded becomes a page, without a token."""

from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.e2e.conftest import MakeForge
from tests.e2e.consumer import Consumer
from tests.e2e.hub import Hub
from tests.e2e.runner import Runner
from tests.e2e.test_history import result

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
TEMPLATE = Path(__file__).parents[2] / "workflow-templates" / "history.yml"
PLACE = ".github/workflows/history.yml"


def test_the_history_is_published_as_one_page(github: Hub, forge: MakeForge, kit: Path, tmp_path: Path) -> None:
    runner = Runner(github, kit, tmp_path / "runner")
    user = Consumer(github, tmp_path, runner.home)
    text = TEMPLATE.read_text("utf-8").replace("OWNER/ci-kit", "acme/ci-kit").replace("@REF", "@v1")
    user.commit({"ci-kit.yaml": "report: {title: bikes}\n", PLACE: text}, "Start")
    for number in range(3):
        sha = user.commit({"a.txt": str(number)}, f"Change {number}")
        user.push("main")
        forge(pace=0.02).record({f"results/{sha}/evaluate.json": result(sha)}, "Record")
    user.pull("ci-kit")
    user.git("fetch", "-q", "origin")
    seen = len(github.gateway.journal)
    outcome = runner.run(user.folder, PLACE, "schedule", {"repository": {"default_branch": "main"}}, timeout=200)
    assert (outcome.code, outcome.jobs) == (0, {"page": "success", "publish": "success"}), str(outcome)
    assert [str(call) for call in github.gateway.journal[seen:] if "_test/artifacts" not in str(call)] == []
    (tmp_path / "site.zip").write_bytes(github.gateway.past["1"]["github-pages"])
    with ZipFile(tmp_path / "site.zip") as site:
        assert site.namelist() == ["index.html"]
        page = site.read("index.html").decode()
    assert "<title>bikes" in page
    assert all(f"Change {number}" in page for number in range(3))
