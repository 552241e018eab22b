"""Pictures on the history branch: by GitHub's API as it describes itself, and back by plain git."""

from collections.abc import Callable

import pytest

from ci_kit.config import read
from ci_kit.forge.base import Refused
from ci_kit.forge.git import Git
from ci_kit.forge.github import GitHubForge
from ci_kit.forge.history import BRANCH
from ci_kit.forge.pictures import kept, place
from ci_kit.job import Job
from ci_kit.parts import Source
from ci_kit.render.picture import picture
from ci_kit.report.step import run
from tests.e2e.conftest import MakeForge
from tests.e2e.consumer import Consumer
from tests.e2e.hub import Hub
from tests.e2e.rules import READ, WRITE
from tests.render.samples import check, curve, matrix, points, result
from tests.report.test_step import event, save, statuses

pytestmark = pytest.mark.e2e
WRITES = r"(POST|PATCH|PUT|DELETE) "


def test_what_a_report_keeps_is_at_the_commit_that_it_names(
    github: Hub, consumer: Callable[..., Consumer], forge: MakeForge, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, drawn = consumer(), {"a": picture(matrix()), "b": picture(points())}
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(user.config))
    forge(pace=0.02).record({"results/a/x.json": b"{}"}, "Record")
    github.gateway.journal.clear()
    shown = forge(pace=0.02).keep(drawn)
    assert len(github.gateway.calls()) == 5
    tip = github.api("GET", github.path(f"/git/ref/heads/{BRANCH}"))["object"]["sha"]
    assert shown["a"] == f"https://github.com/octo/demo/blob/{tip}/{place(drawn['a'])}?raw=true"
    assert set(github.files(BRANCH)) == {"results/a/x.json", *(place(one) for one in drawn.values())}
    user.pull(BRANCH)
    user.git("fetch", "-q", "origin", f"+refs/heads/{BRANCH}:refs/remotes/origin/{BRANCH}")
    assert Git(user.folder).run("cat-file", "blob", f"{tip}:{place(drawn['b'])}").stdout == drawn["b"]
    assert kept(Git(user.folder)).places == {place(one) for one in drawn.values()}
    github.gateway.journal.clear()
    made = forge(pace=0.02)
    known = GitHubForge(made._client, "octo/demo", 1, git=Git(user.folder))
    assert known.keep(drawn) == shown
    assert github.gateway.calls() == []
    known.keep({"c": picture(curve())})
    assert len(github.gateway.calls()) == 3
    assert len(github.files(BRANCH)) == 4


def test_the_same_again_makes_no_commit_and_a_reader_none_at_all(github: Hub, forge: MakeForge) -> None:
    github.sample()
    drawn = {"a": picture(matrix())}
    first = forge(pace=0.02).keep(drawn)
    github.gateway.journal.clear()
    assert forge(pace=0.02).keep(drawn) == first
    assert len(github.gateway.calls()) == 3
    assert len(github.gateway.calls(WRITES)) == 1  # a tree, which is the one that is there
    github.gateway.journal.clear()
    with pytest.raises(Refused, match="the token may not do this"):
        forge(READ).keep({"a": picture(points())})
    assert len(github.gateway.calls()) == 3


def test_a_picture_goes_in_the_commit_that_brings_another(github: Hub, forge: MakeForge) -> None:
    github.sample()
    old, new = (picture(one()) for one in (matrix, points))
    forge(pace=0.02).keep({"a": old})
    forge(pace=0.02)._commits.record({place(new): new, place(old): None}, "Keep")
    assert set(github.files(BRANCH)) == {place(new)}


@pytest.mark.parametrize("token", [WRITE, READ])
def test_a_whole_report_with_pictures(
    github: Hub,
    consumer: Callable[..., Consumer],
    forge: MakeForge,
    monkeypatch: pytest.MonkeyPatch,
    token: str,
) -> None:
    user = consumer({"ci-kit.yaml": "data: {}\n", ".gitignore": ".ci-kit\n"})
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(user.config))
    tip = user.commit({"a.txt": "a"}, branch="feat")
    user.push("feat")
    github.open_pull("feat")
    forge(pace=0.02).record({"results/a/x.json": b"{}"}, "Record")
    github.gateway.journal.clear()
    save(user.folder, result("evaluate", check("rows"), charts=(matrix(), points())))
    ours = {"full_name": "octo/demo"}
    payload: dict[str, object] = {
        "pull_request": {"number": 1, "head": {"sha": tip, "repo": ours}, "base": {"ref": "main", "repo": ours}}
    }
    event(user.folder, monkeypatch, "pull_request", payload, GITHUB_REPOSITORY="octo/demo")
    monkeypatch.setattr("ci_kit.forge.connect", lambda *_, **__: forge(token, pace=0.02))
    # A token for comments alone: the gateway knows one that writes all and one that writes nothing.
    if token == READ:
        comments = github.gateway.rules._permission
        monkeypatch.setattr(
            github.gateway.rules,
            "_permission",
            lambda method, path, given: comments(method, path, WRITE if "/issues/" in path else given),
        )
    config = read((user.folder / "ci-kit.yaml").read_bytes())
    found = run(Job(root=user.folder, config=config, source=Source(sha=tip)))
    (comment,) = github.comments(1)
    assert statuses(found) == {"publish": "pass"} | ({"pictures": "skip"} if token == READ else {})
    assert comment["body"].count("/blob/") == (0 if token == READ else 2)
    assert ("| dog → cat | 3 |" in comment["body"]) == (token == READ)
    calls = github.gateway.calls()
    assert len([call for call in calls if "/git/" in call]) == (3 if token == READ else 5), calls
    assert len(calls) == (6 if token == READ else 8), calls
