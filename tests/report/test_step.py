import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ci_kit.__main__ import main
from ci_kit.config import read
from ci_kit.errors import UserError
from ci_kit.forge import history, pruning
from ci_kit.forge.git import Git
from ci_kit.forge.local import LocalForge
from ci_kit.job import Job
from ci_kit.parts import Check, Metric, Source, Status
from ci_kit.report.step import run
from ci_kit.result import Findings, Result
from tests.render.samples import check, evaluated, passing, result

# Real git and real processes: a matter of seconds, not of milliseconds.
pytestmark = pytest.mark.e2e

CONFIG = "data: {evaluation: {path: a.csv}}\ntrain: {command: make}\nreport: {title: digits}"


@pytest.fixture(autouse=True)
def outside_actions(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_ACTIONS", "GITHUB_EVENT_NAME", "GITHUB_TOKEN", "GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "a.csv").write_text("x\n1\n")
    (tmp_path / ".gitignore").write_text(".ci-kit\n")
    who = ("-c", "user.name=Test", "-c", "user.email=test@localhost")
    for command in (("init", "-q", "-b", "main"), ("add", "."), (*who, "commit", "-qm", "start")):
        subprocess.run(("git", *command), cwd=tmp_path, check=True, capture_output=True)
    return tmp_path


def save(root: Path, *results: Result, dirty: bool = False) -> None:
    for one in results:
        source = one.source.model_copy(update={"sha": Git(root).sha(), "dirty": dirty})
        one.model_copy(update={"source": source}).save(root)


def report(root: Path) -> Findings:
    return run(Job(root=root, config=read(CONFIG.encode()), source=Source(sha=Git(root).sha())))


def statuses(findings: Findings) -> dict[str, Status]:
    return {one.id: one.status for one in findings.checks}


def only(findings: Findings, name: str) -> Check:
    return next(one for one in findings.checks if one.id == name)


def event(
    root: Path, monkeypatch: pytest.MonkeyPatch, name: str, payload: dict[str, object], **more: str
) -> tuple[Path, Path]:
    path, summary, output = root / ".ci-kit/event", root / ".ci-kit/summary", root / ".ci-kit/output"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"repository": {"default_branch": "main", "full_name": "octo/digits"}} | payload))
    known = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": name,
        "GITHUB_EVENT_PATH": str(path),
        "GITHUB_REPOSITORY": "octo/digits",
        "GITHUB_RUN_ID": "4711",
        "GITHUB_STEP_SUMMARY": str(summary),
        "GITHUB_OUTPUT": str(output),
        "GITHUB_SHA": Git(root).sha(),
    }
    for key, value in (known | more).items():
        monkeypatch.setenv(key, value)
    for file in (summary, output):
        file.touch()
    return summary, output


def pull_request(fork: bool) -> dict[str, object]:
    head = {"sha": "ab" * 20, "repo": {"full_name": "else/digits" if fork else "octo/digits"}}
    base = {"sha": "cd" * 20, "ref": "main", "repo": {"full_name": "octo/digits"}}
    return {"pull_request": {"number": 7, "head": head, "base": base}}


def test_a_failed_change_is_still_a_published_report(repository: Path) -> None:
    save(repository, *passing("validate", "train"), evaluated("fail"))
    findings = report(repository)
    assert statuses(findings) == {"publish": "pass", "record": "pass"}
    comment = Path(only(findings, "publish").observed or "").read_text()
    assert "## ❌ digits: the candidate is worse than main" in comment
    assert comment.splitlines()[0].startswith("<!-- ci-kit:report id=default ")
    assert [file.path for file in findings.files] == [".ci-kit/report.md", ".ci-kit/report.html"]
    assert all((repository / file.path).stat().st_size == file.bytes for file in findings.files)


def test_the_results_of_a_clean_base_branch_become_history(repository: Path) -> None:
    save(repository, *passing("validate", "train"), evaluated())
    report(repository)
    git = Git(repository)
    past = history.find(git, git.sha(), "evaluate")
    assert past is not None
    assert past.result.metrics["log_loss"].value == 0.142


def test_what_nothing_reads_any_more_leaves_the_history(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git, old = Git(repository), Git(repository).sha()
    LocalForge(repository).record(
        {f"results/{old}/evaluate.scores.npz": b"x", f"results/{old}/evaluate.json": b"y"}, "A"
    )
    git.must("commit", "--quiet", "--allow-empty", "-m", "B")
    monkeypatch.setattr(pruning, "SCORES", 1)
    save(repository, *passing("validate", "train"), evaluated())
    assert statuses(report(repository))["record"] == "pass"
    names = git.must("ls-tree", "-r", "--name-only", "ci-kit", "results").split()
    assert f"results/{git.sha()}/evaluate.json" in names
    assert [name for name in names if old in name] == [f"results/{old}/evaluate.json"]


def test_a_branch_or_a_changed_work_tree_makes_no_history(repository: Path) -> None:
    save(repository, *passing("validate", "train"), evaluated(), dirty=True)
    assert statuses(report(repository)) == {"publish": "pass"}
    save(repository, *passing("validate", "train"), evaluated())
    subprocess.run(("git", "switch", "-qc", "change"), cwd=repository, check=True, capture_output=True)
    assert statuses(report(repository)) == {"publish": "pass"}


def test_files_that_training_wrote_do_not_make_the_commit_another(repository: Path) -> None:
    save(repository, *passing("validate", "train"))
    save(repository, evaluated(), dirty=True)
    assert statuses(report(repository))["record"] == "pass"


def test_a_step_that_could_not_judge_does_not_become_history(repository: Path) -> None:
    save(repository, *passing("validate", "train"), result("evaluate", check("error", "fail")))
    report(repository)
    git = Git(repository)
    assert history.find(git, git.sha(), "train") is not None
    assert history.find(git, git.sha(), "evaluate") is None


def test_nothing_to_report(repository: Path) -> None:
    with pytest.raises(UserError, match="nothing to report"):
        report(repository)


def test_a_push_has_its_report_in_the_summary(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(repository, *passing("validate", "train"), evaluated())
    summary, _ = event(repository, monkeypatch, "push", {}, GITHUB_REF="refs/heads/change")
    assert statuses(report(repository)) == {"publish": "skip"}
    assert "## ✅ digits: the candidate is better than main" in summary.read_text()
    assert "[on GitHub](https://github.com/octo/digits/actions/runs/4711)" in summary.read_text()


def test_without_a_token_the_report_is_in_the_summary_and_the_step_fails(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(repository, *passing("validate", "train"), evaluated())
    summary, _ = event(repository, monkeypatch, "pull_request", pull_request(fork=False))
    findings = report(repository)
    assert statuses(findings) == {"publish": "fail"}
    assert "GITHUB_TOKEN" in (only(findings, "publish").detail or "")
    assert "## ✅ digits" in summary.read_text()


def test_a_fork_is_told_where_its_report_is(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(repository, *passing("validate", "train"), evaluated())
    summary, _ = event(repository, monkeypatch, "pull_request", pull_request(fork=True))
    findings = report(repository)
    assert statuses(findings) == {"publish": "skip"}
    assert "the report is in the job summary" in (only(findings, "publish").detail or "")
    assert "## ✅ digits" in summary.read_text()


class ReadOnly(BaseHTTPRequestHandler):
    """GitHub, as a token that only reads sees it."""

    def do_GET(self) -> None:
        self.answer(200, b"[]")

    def do_POST(self) -> None:
        self.answer(403, b'{"message": "Resource not accessible by integration"}')

    def answer(self, status: int, body: bytes) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def read_only(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with ThreadingHTTPServer(("127.0.0.1", 0), ReadOnly) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        monkeypatch.setenv("GITHUB_API_URL", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("GITHUB_TOKEN", "ghs_" + "a1B2" * 9)
        yield
        server.shutdown()


@pytest.mark.usefixtures("read_only")
@pytest.mark.parametrize(
    ("actor", "status", "said"),
    [
        ("dependabot[bot]", "skip", "Dependabot's token can't write here; the report is in the job summary"),
        ("octocat", "fail", "Add `pull-requests: write`"),
    ],
)
def test_dependabot_is_told_where_its_report_is(
    repository: Path, monkeypatch: pytest.MonkeyPatch, actor: str, status: str, said: str
) -> None:
    save(repository, *passing("validate", "train"), evaluated())
    summary, _ = event(repository, monkeypatch, "pull_request", pull_request(fork=False), GITHUB_ACTOR=actor)
    findings = report(repository)
    assert statuses(findings) == {"publish": status}
    assert said in (only(findings, "publish").detail or "")
    assert "## ✅ digits" in summary.read_text()


def test_dependabots_other_troubles_are_shown(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(repository, *passing("validate", "train"), evaluated())
    event(repository, monkeypatch, "pull_request", pull_request(fork=False), GITHUB_ACTOR="dependabot[bot]")
    assert statuses(report(repository)) == {"publish": "fail"}  # there is no token at all


def test_data_that_changed_between_the_steps_fails_and_makes_no_history(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = evaluated()
    other = other.model_copy(update={"source": other.source.model_copy(update={"data": {"evaluation": "sha256:b"}})})
    save(repository, *passing("validate", "train"), other)
    findings = report(repository)
    assert statuses(findings) == {"publish": "pass", "data/evaluation": "fail", "record": "skip"}
    assert (
        only(findings, "data/evaluation").observed == "evaluation: validate read md5:6f1a but evaluate read sha256:b."
    )
    line = "❌ digits: the data that was tested is not the data that was scored: evaluation"
    assert line in Path(only(findings, "publish").observed or "").read_text()
    assert capsys.readouterr().out == f"{line}\n"
    git = Git(repository)
    assert history.find(git, git.sha(), "validate") is None


def test_the_terminal_says_the_verdict_of_the_whole_run(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(repository, result("validate", *(check(f"c{index}", "fail") for index in range(4))))
    report(repository)
    assert capsys.readouterr().out == "❌ digits: the data fails 4 checks\n"


def test_secrets_never_reach_the_report(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_PASSWORD", "correct-horse-battery")
    bad = check("rows", "fail", detail="login with correct-horse-battery failed")
    save(repository, result("validate", bad))
    report(repository)
    for path in (repository / ".ci-kit").rglob("*"):
        if path.suffix in {".md", ".html"}:
            assert "correct-horse-battery" not in path.read_text()


def test_the_history_of_the_base_branch_is_shown(repository: Path) -> None:
    for turn in range(3):
        (repository / "turn").write_text(str(turn))
        commit(repository)
        save(repository, result("validate", check("rows")), evaluated("pass"))
        assert statuses(report(repository))["record"] == "pass"
    subprocess.run(("git", "checkout", "-qb", "change"), cwd=repository, check=True)
    (repository / "turn").write_text("changed")
    commit(repository)
    save(repository, result("validate", check("rows")), evaluated("pass"))
    source = Source(sha=Git(repository).sha(), base_sha=Git(repository).sha("main"))
    run(Job(root=repository, config=read(CONFIG.encode()), source=source))
    text = (repository / ".ci-kit/report.md").read_text()
    assert "| last 3 on `main` |" in text
    assert "38.2 s (usually 38.2 s)" in text


def commit(root: Path) -> None:
    who = ("-c", "user.name=Test", "-c", "user.email=test@localhost")
    for command in (("add", "."), (*who, "commit", "-qm", "turn")):
        subprocess.run(("git", *command), cwd=root, check=True, capture_output=True)


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        ("", {}),
        ("minutes: 2, money: 1", {"budget/minutes": "pass", "budget/money": "pass"}),
        ("minutes: 1, money: 0.01", {"budget/minutes": "warn", "budget/money": "warn"}),
        ("minutes: 1, exceeded: fail", {"budget/minutes": "fail"}),
        ("money: 0.01, exceeded: fail", {"budget/money": "fail"}),
        ("gpu-minutes: 3", {"budget/gpu-minutes": "pass"}),
        ("gpu-minutes: 1.9", {"budget/gpu-minutes": "warn"}),
        ("gpu-minutes: 1.9, exceeded: fail", {"budget/gpu-minutes": "fail"}),
    ],
)
def test_a_change_that_takes_more_than_its_budget(repository: Path, budget: str, expected: dict[str, str]) -> None:
    trained = result("train", metrics={"gpu_time": Metric(value=120, unit="s")})
    save(repository, trained, evaluated("pass"))  # 76.4 seconds, 0.024 euro, 2 minutes of a GPU
    more = f", budget: {{{budget}}}" if budget else ""
    config = read(CONFIG.replace("title: digits}", f"title: digits{more}}}").encode())
    found = run(Job(root=repository, config=config, source=Source(sha=Git(repository).sha())))
    assert {one.id: one.status for one in found.checks if one.id.startswith("budget")} == expected


@pytest.mark.parametrize(("train", "expected"), [("launcher: local", "pass"), ("launcher: ray", "skip")])
def test_of_no_gpu_no_time_was_taken_and_of_a_clusters_it_is_not_known(
    repository: Path, train: str, expected: str
) -> None:
    save(repository, *passing("train"))
    text = CONFIG.replace("make}", f"make, {train}}}").replace("digits}", "digits, budget: {gpu-minutes: 1}}")
    found = run(Job(root=repository, config=read(text.encode()), source=Source(sha=Git(repository).sha())))
    assert only(found, "budget/gpu-minutes").status == expected


def printed(repository: Path, monkeypatch: pytest.MonkeyPatch, *more: str) -> int:
    (repository / "ci-kit.yaml").write_text(CONFIG)
    monkeypatch.setattr(sys, "argv", ["ci-kit", "report", "--stdout", "-C", str(repository), *more])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_on_stdout_there_is_the_report_and_nothing_else(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_PASSWORD", "correct-horse-battery")
    bad = check("rows", "fail", detail="login with correct-horse-battery failed")
    save(repository, result("validate", bad), *passing("train"), evaluated())
    assert printed(repository, monkeypatch) == 0  # as `report` does: what failed has failed its own step
    said = capsys.readouterr()
    first, title, *rest = said.out.splitlines()
    assert first == f"<!-- ci-kit:report id=default run=0 attempt=1 sha={Git(repository).sha()} -->"
    assert title == "## ❌ digits: the data fails 1 check"
    assert "login with" in said.out
    assert "correct-horse-battery" not in said.out + said.err
    assert "watermark" not in said.out
    assert "✓ report: 1 check" in said.err
    assert rest[-1] == "</details>"
    assert not (repository / ".ci-kit/comments").exists()
    assert history.find(Git(repository), Git(repository).sha(), "evaluate") is None
    assert "## ❌ digits" in (repository / ".ci-kit/report.md").read_text()


def test_a_budget_fails_and_is_still_printed(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save(repository, *passing("validate", "train"), evaluated())
    monkeypatch.setattr("tests.report.test_step.CONFIG", f"{CONFIG[:-1]}, budget: {{minutes: 1, exceeded: fail}}}}")
    assert printed(repository, monkeypatch) == 1
    said = capsys.readouterr()
    assert "## ✅ digits" in said.out
    assert "Time of this change is above its budget" in said.err


def test_without_a_result_nothing_is_printed(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert printed(repository, monkeypatch) == 2
    said = capsys.readouterr()
    assert (said.out, "nothing to report" in said.err) == ("", True)


def test_reports_of_the_same_comment_share_it(repository: Path) -> None:
    shown: tuple[tuple[str, Status], ...] = (("bike", "pass"), ("bus", "fail"))
    for name, status in shown:
        save(repository, *passing("validate", "train"), evaluated(status))
        text = CONFIG.replace("report: {title: digits}", f"report: {{id: {name}, comment: models}}")
        found = run(Job(root=repository, config=read(text.encode()), source=Source(sha=Git(repository).sha())))
        assert only(found, "publish").observed == str(repository / ".ci-kit/comments/models.md")
    comment = (repository / ".ci-kit/comments/models.md").read_text()
    assert "## ❌ models: 1 of 2 reports fails" in comment
    assert "| ❌&nbsp;<b>bus</b> | the candidate is worse than main<br>log\u00a0loss\u00a00.142" in comment
    assert "<details><summary>✅ <b>bike</b></summary>" in comment
    # Alone, in the job summary, each has its own name, too.
    assert (repository / ".ci-kit/report.md").read_text().startswith("## ❌ bus: the candidate is worse than main")


def test_secrets_never_reach_a_shared_comment(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_PASSWORD", "correct-horse-battery")
    save(repository, result("validate", check("rows", "fail", detail="login with correct-horse-battery failed")))
    text = CONFIG.replace("title: digits", "title: on correct-horse-battery, id: bike, comment: models")
    run(Job(root=repository, config=read(text.encode()), source=Source(sha=Git(repository).sha())))
    comment = unescape((repository / ".ci-kit/comments/models.md").read_text())
    assert "login with" in comment
    assert "correct-horse-battery" not in comment


def test_cml_is_not_asked_to_write_a_part(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(repository, *passing("validate", "train"), evaluated())
    event(repository, monkeypatch, "pull_request", pull_request(fork=False), GITHUB_TOKEN="ghs_" + "a1B2" * 9)
    text = CONFIG.replace("title: digits", "publisher: cml, comment: models")
    found = run(Job(root=repository, config=read(text.encode()), source=Source(sha=Git(repository).sha())))
    said = only(found, "publish")
    assert said.status == "fail"
    assert "cml can't write one part of the shared comment models" in (said.detail or "")
    assert "The report is in the job summary" in (said.detail or "")
