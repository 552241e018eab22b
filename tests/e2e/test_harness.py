"""The harness itself: each behaviour of emulate, gateway and act that the other end-to-end tests lean on."""

import json
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import trustme

from ci_kit.authorities import authorities
from tests.e2e.conftest import require
from tests.e2e.consumer import Consumer
from tests.e2e.contract import Contract
from tests.e2e.copier import Copier, git
from tests.e2e.faults import Fault, forbidden, secondary
from tests.e2e.hub import Hub
from tests.e2e.rules import MAX_BODY, PERSON, READ, WRITE
from tests.e2e.runner import Runner, parse

pytestmark = pytest.mark.e2e
MakeConsumer = Callable[..., Consumer]


def client(hub: Hub, token: str = WRITE) -> httpx.Client:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return httpx.Client(base_url=hub.url, headers=headers, timeout=20, trust_env=False, verify=authorities())


@pytest.fixture
def pull(github: Hub) -> None:
    """Pull request 1 from `feat`."""
    github.sample()


@pytest.fixture
def user(github: Hub, consumer: MakeConsumer) -> Consumer:
    """A user's repository with pull request 1 from `feat`."""
    made = consumer()
    made.commit({"a.txt": "a"}, branch="feat")
    made.push("feat")
    github.open_pull("feat")
    return made


COMMENTS = "/repos/octo/demo/issues/1/comments"
NOTE = {"path": "a", "start_line": 1, "end_line": 1, "annotation_level": "notice", "message": "m"}
NOTES = {"title": "t", "summary": "s", "annotations": [NOTE] * 51}


@pytest.mark.parametrize(
    ("token", "method", "path", "status"),
    [
        ("wrong", "GET", "/repos/octo/demo", 401),
        ("", "GET", "/repos/octo/demo", 200),
        ("", "POST", COMMENTS, 401),
        (READ, "GET", COMMENTS, 200),
        (READ, "POST", COMMENTS, 403),
        (WRITE, "POST", COMMENTS, 201),
        (WRITE, "GET", "/repos/octo/none", 404),
        (WRITE, "GET", "/user", 403),
        (PERSON, "GET", "/user", 200),
    ],
)
def test_tokens_may_do_what_github_lets_them(
    github: Hub, pull: None, token: str, method: str, path: str, status: int
) -> None:
    with client(github, token) as http:
        assert http.request(method, path, json={"body": "x"} if method == "POST" else None).status_code == status


def test_a_private_repository_is_not_found_without_a_token(github: Hub) -> None:
    github.gateway.rules.private.add("demo")
    with client(github, "") as http:
        assert http.get("/repos/octo/demo").status_code == 404


def test_the_workflow_token_writes_as_a_bot(github: Hub, pull: None) -> None:
    with client(github) as http:
        made = http.post(COMMENTS, json={"body": "x"}).json()
    assert (made["user"]["login"], made["user"]["type"]) == ("github-actions[bot]", "Bot")
    assert "." not in made["created_at"]


def test_a_second_open_pull_request_is_refused(github: Hub, pull: None) -> None:
    with client(github) as http:
        refused = http.post("/repos/octo/demo/pulls", json={"title": "b", "head": "feat", "base": "main"})
    assert refused.status_code == 422
    assert "already exists for octo:feat" in refused.json()["errors"][0]["message"]


@pytest.mark.parametrize(("length", "status"), [(MAX_BODY, 201), (MAX_BODY + 1, 422), (0, 422)])
def test_a_comment_has_githubs_length(github: Hub, pull: None, length: int, status: int) -> None:
    with client(github) as http:
        assert http.post(COMMENTS, json={"body": "x" * length}).status_code == status


def test_comments_come_in_pages_with_links_through_the_gateway(github: Hub, pull: None) -> None:
    for number in range(121):
        github.comment(1, f"comment {number}")
    with client(github) as http:
        default = http.get(COMMENTS)
        first = http.get(COMMENTS, params={"per_page": 100})
        second = http.get(first.links["next"]["url"])
    assert (len(default.json()), len(first.json()), len(second.json())) == (30, 100, 21)
    assert first.links["next"]["url"].startswith(github.url)
    assert [one["body"] for one in first.json()][:2] == ["comment 0", "comment 1"]


def test_comments_are_changed_and_deleted(github: Hub, pull: None) -> None:
    with client(github) as http:
        number = http.post(COMMENTS, json={"body": "one"}).json()["id"]
        path = f"/repos/octo/demo/issues/comments/{number}"
        assert http.patch(path, json={"body": "two"}).json()["body"] == "two"
        assert http.get(path).json()["body"] == "two"
        assert http.delete(path).status_code == 204
        assert http.get(path).status_code == 404
        assert http.patch(path, json={"body": "three"}).status_code == 404
    assert github.comments(1) == []


def test_a_pull_request_follows_its_branch(github: Hub, user: Consumer) -> None:
    sha = user.commit({"a.txt": "b"}, branch="feat")
    user.push("feat")
    with client(github) as http:
        assert http.get("/repos/octo/demo/pulls/1").json()["head"]["sha"] == sha
        listed = http.get("/repos/octo/demo/pulls", params={"head": "octo:feat", "state": "open"}).json()
        found = http.get(f"/repos/octo/demo/commits/{sha}/pulls").json()
    assert [one["head"]["sha"] for one in listed] == [sha]
    assert [one["number"] for one in found] == [1]


def test_refs_move_forward_only(github: Hub, user: Consumer) -> None:
    main, feat = user.git("rev-parse", "main"), user.git("rev-parse", "feat")
    with client(github) as http:
        made = {"ref": "refs/heads/new", "sha": main}
        assert http.post("/repos/octo/demo/git/refs", json=made).status_code == 201
        again = http.post("/repos/octo/demo/git/refs", json=made)
        assert (again.status_code, again.json()["message"]) == (422, "Reference already exists")
        assert http.patch("/repos/octo/demo/git/refs/heads/new", json={"sha": feat}).status_code == 200
        back = http.patch("/repos/octo/demo/git/refs/heads/new", json={"sha": main})
        assert back.status_code == 422
        assert http.get("/repos/octo/demo/git/ref/heads/none").status_code == 404
        compared = http.get("/repos/octo/demo/compare/main...feat").json()
    assert compared["merge_base_commit"]["sha"] == main


def test_statuses_and_check_runs_are_kept(github: Hub, user: Consumer) -> None:
    sha = user.git("rev-parse", "feat")
    with client(github) as http:
        status = http.post(f"/repos/octo/demo/statuses/{sha}", json={"state": "success", "context": "ci-kit"})
        assert status.status_code == 201
        run = {"name": "ci-kit", "head_sha": sha, "output": {"title": "t", "summary": "s", "annotations": [NOTE] * 50}}
        made = http.post("/repos/octo/demo/check-runs", json=run)
        assert made.status_code == 201
        more = http.patch(f"/repos/octo/demo/check-runs/{made.json()['id']}", json={"output": run["output"]})
        assert more.json()["output"]["annotations_count"] == 100, "GitHub appends"
        listed = http.get(f"/repos/octo/demo/check-runs/{made.json()['id']}/annotations")
        assert (len(listed.json()), "next" in listed.links) == (30, True)
        assert http.get(f"/repos/octo/demo/commits/{sha}/statuses").json()[0]["context"] == "ci-kit"
    assert github.gateway.board.statuses[0]["sha"] == sha


@pytest.mark.parametrize(
    ("method", "path", "body", "problem"),
    [
        ("POST", COMMENTS, {"body": "x", "colour": 1}, "unknown key 'colour'"),
        ("POST", COMMENTS, {"text": "x"}, "'body' is a required property"),
        ("POST", COMMENTS, {"body": 3}, "is not of type 'string'"),
        ("POST", "/repos/octo/demo/check-runs", {"name": "x", "head_sha": "y", "output": NOTES}, "too long"),
        ("GET", COMMENTS + "?per_page=101", None, "more than 100"),
        ("GET", COMMENTS + "?pages=2", None, "unknown query parameter"),
        ("GET", "/repos/octo/demo/nothing", None, "not in the slice"),
        ("PUT", COMMENTS, {"body": "x"}, "not in the slice"),
    ],
)
def test_a_request_that_breaks_the_contract_is_a_violation(
    github: Hub, method: str, path: str, body: object, problem: str
) -> None:
    with client(github) as http:
        assert http.request(method, path, json=body).status_code == 422
    assert len(github.gateway.violations) >= 1
    assert problem in " ".join(github.gateway.violations)
    github.gateway.violations.clear()


def test_an_answer_that_breaks_the_contract_is_seen() -> None:
    contract, comment = Contract(), json.dumps([{"id": "one"}]).encode()
    assert contract.answer("GET", COMMENTS, 200, comment)
    assert contract.answer("DELETE", "/repos/o/r/issues/comments/1", 200, b"")
    assert not contract.answer("DELETE", "/repos/o/r/issues/comments/1", 204, b"")


def test_a_release_has_a_name_once_and_its_bytes_lie_with_somebody_else(github: Hub, pull: None) -> None:
    path, raw = "/repos/octo/demo/releases", "application/octet-stream"
    with client(github) as http, client(github, "") as stranger:
        made = http.post(path, json={"tag_name": "models", "draft": False, "make_latest": "false"})
        again = http.post(path, json={"tag_name": "models"})
        assert (made.status_code, again.status_code) == (201, 422)
        assert again.json()["errors"][0]["code"] == "already_exists"
        upload = made.json()["upload_url"].replace("{?name,label}", "?name=a.bin")
        assert upload.startswith(f"{github.url}/api/uploads/repos/octo/demo/")
        asset, second = (http.post(upload, content=b"\xff\0", headers={"content-type": raw}) for _ in range(2))
        assert (asset.json()["size"], asset.json()["state"], second.status_code) == (2, "uploaded", 422)
        found = http.get(f"{path}/assets/{asset.json()['id']}", headers={"accept": raw})
        place = found.headers["location"]
        assert (found.status_code, place.startswith(f"{github.gateway.storage}/")) == (302, True)
        assert (http.get(place).status_code, stranger.get(place).content) == (400, b"\xff\0")
        assert stranger.get(place.partition("?")[0]).status_code == 404
        assert http.delete(f"{path}/assets/{asset.json()['id']}").status_code == 204
    assert github.ask("GET", github.path("/git/ref/tags/models")).status == 200


def test_faults_hit_the_planned_call_only(github: Hub, pull: None) -> None:
    github.gateway.fault(Fault(status=502, skip=1))
    with client(github) as http:
        assert [http.get(COMMENTS).status_code for _ in range(3)] == [200, 502, 200]
        github.gateway.fault(secondary(7, method="POST"))
        limited = http.post(COMMENTS, json={"body": "x"})
        assert (limited.status_code, limited.headers["retry-after"]) == (403, "7")
        github.gateway.fault(forbidden("POST"))
        assert "not accessible" in http.post(COMMENTS, json={"body": "x"}).json()["message"]
        assert http.get(COMMENTS).json() == []


def test_connections_break_before_and_after_the_deed(github: Hub, pull: None) -> None:
    with client(github) as http:
        for kind, left in (("reset", 0), ("reset-after", 1)):
            github.gateway.fault(Fault(method="POST", kind=kind))  # type: ignore[arg-type]
            with pytest.raises(httpx.TransportError):
                http.post(COMMENTS, json={"body": kind})
            assert len(github.comments(1)) == left
        github.gateway.fault(Fault(kind="truncate"))
        with pytest.raises(httpx.TransportError):
            http.get(COMMENTS)
        assert http.get(COMMENTS).status_code == 200
        github.gateway.fault(Fault(kind="stall", seconds=0.5))
        with pytest.raises(httpx.ReadTimeout):
            http.get(COMMENTS, timeout=0.1)


def test_the_barrier_makes_everybody_list_before_anybody_writes(github: Hub, pull: None) -> None:
    barrier = github.gateway.barrier("GET", COMMENTS, 20)

    def write(number: int) -> int:
        with client(github) as http:
            found = len(http.get(COMMENTS).json())
            http.post(COMMENTS, json={"body": str(number)})
            return found

    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(write, range(20))) == [0] * 20
    assert barrier.opened
    assert len(github.comments(1)) == 20


def test_the_barrier_gives_up(github: Hub, pull: None) -> None:
    barrier = github.gateway.barrier("GET", COMMENTS, 2, timeout=0.1)
    with client(github) as http:
        assert http.get(COMMENTS).status_code == 200
    assert not barrier.opened


def test_the_journal_tells_each_call(github: Hub, pull: None) -> None:
    with client(github) as http:
        http.get(COMMENTS)
        http.post("/api/v3" + COMMENTS, json={"body": "x"})
    assert github.gateway.calls() == [f"GET {COMMENTS} 200", f"POST {COMMENTS} 201"]
    assert github.gateway.journal[1].body == '{"body":"x"}'


def test_reset_makes_everything_new(github: Hub, pull: None) -> None:
    github.comment(1, "x")
    github.reset()
    assert github.ask("GET", COMMENTS).status == 404
    assert github.files("main") == {}


def test_commits_keep_their_sha_in_both_directions(github: Hub, consumer: MakeConsumer, tmp_path: Path) -> None:
    made = consumer({"ä ö/x.bin": bytes(range(256)), "run.sh": "true\n"})
    made.git("update-index", "--chmod=+x", "run.sh")
    (made.folder / "link").symlink_to("run.sh")
    made.commit({"empty": ""}, "Überschrift\n\nbody\n\n- with points")
    sha = made.push("main")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    git(elsewhere, "init", "-q", "-b", "other")
    assert Copier(github, elsewhere).pull("main") == sha
    assert git(elsewhere, "ls-tree", "-r", sha) == git(made.folder, "ls-tree", "-r", sha)
    assert made.git("rev-parse", "origin/main") == sha


def test_what_the_api_wrote_can_be_fetched_from_origin(github: Hub, consumer: MakeConsumer) -> None:
    made = consumer()
    base = github.path("/git")
    tree = github.api("POST", f"{base}/trees", {"tree": [_file("results/a.json", "{}")]})
    commit = github.api("POST", f"{base}/commits", {"message": "Record", "tree": tree["sha"], "parents": []})
    github.api("POST", f"{base}/refs", {"ref": "refs/heads/ci-kit", "sha": commit["sha"]})
    assert made.pull("none") is None
    assert made.pull("ci-kit") == commit["sha"]
    made.git("fetch", "-q", "origin", "ci-kit:refs/remotes/origin/ci-kit")
    assert made.git("show", "origin/ci-kit:results/a.json") == "{}"


def _file(path: str, content: str) -> dict[str, str]:
    return {"path": path, "mode": "100644", "type": "blob", "content": content}


def test_tls_is_served_to_those_who_trust_it(github: Hub, tmp_path: Path) -> None:
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    trusted = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    with Hub(tls=context) as hub, httpx.Client(base_url=hub.url, verify=trusted, trust_env=False) as http:
        assert http.get("/api/v3/repos/octo/demo").status_code == 200
        with pytest.raises(httpx.ConnectError):
            httpx.get(hub.url, trust_env=False)


WORKFLOW = """
on: [pull_request, push]
jobs:
  good:
    runs-on: ubuntu-latest
    steps:
      - name: Say
        run: |
          echo "::notice::sha $GITHUB_SHA api $GITHUB_API_URL run $GITHUB_RUN_ID"
          echo "number ${{ github.event.pull_request.number }} token ${{ secrets.GITHUB_TOKEN }}"
          echo "home $HOME secret ${CI_KIT_PLANTED:-none}"
          echo "# Summary" >> "$GITHUB_STEP_SUMMARY"
"""


def test_act_runs_a_workflow_and_tells_what_happened(
    github: Hub, user: Consumer, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI_KIT_PLANTED", "leaked")
    sha = user.commit({".github/workflows/ci.yml": WORKFLOW}, branch="feat")
    user.push("feat")
    event = user.pull_event(1)
    assert event["pull_request"]["head"]["sha"] == sha
    outcome = runner.run(user.folder, ".github/workflows/ci.yml", "pull_request", event, run=42)
    assert (outcome.code, outcome.jobs, outcome.errors) == (0, {"good": "success"}, []), str(outcome)
    assert outcome.annotations("notice") == [f"sha {sha} api {github.url} run 42"]
    assert "number 1 token ***" in outcome.output
    assert f"home {runner.home} secret none" in outcome.output
    assert "# Summary" in outcome.summary


@pytest.mark.parametrize(
    ("job", "jobs", "trouble"),
    [
        ("runs-on: nowhere\n    steps: [{run: 'true'}]", {}, ""),
        ("runs-on: ubuntu-latest\n    steps: [{run: exit 3}]", {"x": "failure"}, ""),
        ("runs-on: ubuntu-latest\n    steps: [{uses: $/actions/x}]", None, "Expected format"),
        ("runs-on: ubuntu-latest\n    steps: [{uses: some/where@v1}]", None, "some/where"),
    ],
    ids=["unmapped label", "failed step", "unknown syntax", "unknown action"],
)
def test_a_job_that_did_not_run_well_is_seen(
    user: Consumer, runner: Runner, job: str, jobs: dict[str, str] | None, trouble: str
) -> None:
    user.commit({".github/workflows/ci.yml": f"on: push\njobs:\n  x:\n    {job}\n"}, branch="feat")
    outcome = runner.run(user.folder, ".github/workflows/ci.yml", "push", user.push_event("feat"))
    assert outcome.jobs != {"x": "success"} or outcome.errors, str(outcome)
    assert jobs is None or outcome.jobs == jobs, str(outcome)
    assert trouble in " ".join(outcome.errors), str(outcome)


def test_act_is_killed_when_it_hangs(user: Consumer, runner: Runner) -> None:
    steps = "runs-on: ubuntu-latest\n    steps: [{run: sleep 30}]"
    user.commit({".github/workflows/ci.yml": f"on: push\njobs:\n  x:\n    {steps}\n"}, branch="feat")
    with pytest.raises(AssertionError, match="more than 1 s"):
        runner.run(user.folder, ".github/workflows/ci.yml", "push", user.push_event("feat"), timeout=1)


ARTIFACTS = """
on: push
jobs:
  make:
    runs-on: ubuntu-latest
    steps:
      - run: mkdir -p .ci-kit out && echo one > .ci-kit/a.json && echo two > out/b.txt
      - uses: actions/upload-artifact@bbbca2ddaa5d8feaa63e36b76fdaad77386f024f # v7.0.0
        with: {name: results, path: "out\\n.ci-kit\\n", include-hidden-files: true, if-no-files-found: error}
  take:
    needs: make
    runs-on: [self-hosted, gpu]
    steps:
      - uses: astral-sh/setup-uv@20cfd1bf945f4377ade1205e4dbc17946fc9a30d # v10.0.1
        id: uv
      - uses: actions/setup-python@5fda3b95a4ea91299a34e894583c3862153e4b97 # v7.0.0
        with: {python-version: "3.12"}
      - uses: actions/download-artifact@3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c # v8.0.1
        with: {name: results, path: here}
      - run: cat here/.ci-kit/a.json here/out/b.txt && echo "uv ${{ steps.uv.outputs.uv-version }}."
"""


def test_artifacts_travel_between_jobs(github: Hub, user: Consumer, runner: Runner) -> None:
    user.commit({".github/workflows/ci.yml": ARTIFACTS}, branch="feat")
    outcome = runner.run(user.folder, ".github/workflows/ci.yml", "push", user.push_event("feat"))
    assert outcome.jobs == {"make": "success", "take": "success"}, str(outcome)
    assert outcome.errors == []
    assert "one\ntwo\nuv 0." in outcome.output
    assert list(github.gateway.artifacts) == ["results"]


PROBE = """
name: probe
description: probe
runs:
  using: composite
  steps:
    - shell: bash
      run: ls "$GITHUB_ACTION_PATH/../.."
"""


def test_the_kit_is_used_as_users_name_it(user: Consumer, hub: Hub, tmp_path: Path) -> None:
    kit = tmp_path / "kit"
    (kit / "actions" / "probe").mkdir(parents=True)
    (kit / "actions" / "probe" / "action.yml").write_text(PROBE)
    (kit / "pyproject.toml").touch()
    runner = Runner(hub, kit, tmp_path / "other")
    text = "on: push\njobs:\n  x:\n    runs-on: ubuntu-24.04\n    steps: [{uses: acme/ci-kit/actions/probe@v1}]\n"
    user.commit({".github/workflows/ci.yml": text}, branch="feat")
    outcome = runner.run(user.folder, ".github/workflows/ci.yml", "push", user.push_event("feat"))
    assert (outcome.jobs, outcome.errors) == ({"x": "success"}, []), str(outcome)
    assert "pyproject.toml" in outcome.output


def test_act_output_that_is_not_json_is_an_error() -> None:
    assert parse(1, ["Error: something"]).errors == ["Error: something"]


@pytest.mark.parametrize("env", [{"CI": "true"}, {"CI_KIT_REQUIRE_E2E": "1"}])
def test_a_missing_tool_fails_where_the_tests_are_required(env: dict[str, str]) -> None:
    with pytest.raises(pytest.fail.Exception, match="no emulate"):
        require("no emulate", env)


def test_a_missing_tool_skips_elsewhere() -> None:
    with pytest.raises(pytest.skip.Exception, match="no emulate"):
        require("no emulate", {"CI": ""})
    require(None, {"CI": "true"})
