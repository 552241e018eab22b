import importlib
import os
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from ci_kit.config import read
from ci_kit.errors import UserError
from ci_kit.job import Job
from ci_kit.result import Findings
from ci_kit.supervise import supervise
from ci_kit.train import step
from tests.train.machine import torch
from tests.train.nvml import Recorded

# Real git and real processes: a matter of seconds, not of milliseconds.
pytestmark = pytest.mark.e2e


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", Recorded(driver=False))


def train(root: Path, said: list[str], settings: str, model: str = "model.onnx") -> Findings:
    config = read(f"{{train: {{{settings}}}, evaluate: {{model: {model!r}}}}}".encode())
    return step.run(Job(root=root, config=config, say=said.append))


def statuses(findings: Findings) -> dict[str, str]:
    return {check.id: check.status for check in findings.checks if not check.id.startswith("preflight")}


def test_without_a_command_or_pipeline_it_says_how_to_train(tmp_path: Path, said: list[str]) -> None:
    findings = train(tmp_path, said, "")
    assert statuses(findings) == {"command": "skip"}
    assert "train.command" in (findings.checks[0].detail or "")


def test_a_training_gives_files_metrics_curves_telemetry_and_cost(tmp_path: Path, said: list[str]) -> None:
    command = (
        "echo weights > model.onnx; echo plan > plan.txt; echo '{\\\"accuracy\\\": 0.9}' > metrics.json;"
        ' echo \'{\\"step\\": 1, \\"loss\\": 2}\' > log.jsonl; sleep 0.3'
    )
    settings = f'command: "{command}", outputs: [model.onnx, plan.txt], curves: log.jsonl, price: {{per-hour: 3600}}'
    findings = train(tmp_path, said, settings)
    assert set(statuses(findings).values()) == {"pass"}
    assert {file.path: file.role for file in findings.files} == {"model.onnx": "model", "plan.txt": "output"}
    assert findings.metrics["accuracy"].direction == "up"
    assert findings.charts[0].title == "loss"
    assert findings.metrics["peak_memory"].value > 10_000
    wall = findings.metrics["wall_time"].value
    assert 0.3 < wall < 5
    assert findings.cost is not None
    assert findings.cost.amount == pytest.approx(wall, rel=0.2)


@pytest.mark.parametrize(
    ("command", "observed"),
    [
        ("exit 7", "exit 7"),
        ("false; exit 0", "exit 1"),
        ("false | true", "exit 1"),
        ("kill -9 $$", "exit -9: killed by SIGKILL, probably out of memory"),
        ("bash -c 'kill -9 $$'; exit", "exit 137: killed by SIGKILL, probably out of memory"),
        ("kill -TERM $$", "exit -15: ended by SIGTERM, which ci-kit did not send: something else stopped it"),
        ("kill -SEGV $$", "exit -11: ended by SIGSEGV"),
        ("no-such-command-1", "exit 127: no such command"),
        ("echo 'OSError: [Errno 28] No space left on device'; exit 1", "exit 1: no space left on the disk"),
    ],
)
def test_a_failing_command_is_a_failed_check_that_says_why(
    tmp_path: Path, said: list[str], command: str, observed: str
) -> None:
    findings = train(tmp_path, said, f'command: "{command}"')
    more = {"exhausted": "fail"} if "disk" in observed else {}
    assert statuses(findings) == {"command": "fail"} | more
    assert next(check for check in findings.checks if check.id == "command").observed == observed


def test_a_failure_shows_the_last_lines(tmp_path: Path, said: list[str]) -> None:
    detail = train(tmp_path, said, 'command: "seq 100; exit 1"').checks[-1].detail
    assert detail == "\n".join(map(str, range(81, 101)))


def test_long_last_lines_keep_the_end(tmp_path: Path, said: list[str]) -> None:
    command = f"{sys.executable} -c 'for i in range(20): print(i, 1000 * chr(120))'; exit 1"
    detail = train(tmp_path, said, f'command: "{command}"').checks[-1].detail or ""
    assert len(detail) < 4000
    assert detail.splitlines()[-1].startswith("19 x")


def test_a_failed_preflight_starts_nothing(tmp_path: Path, said: list[str]) -> None:
    findings = train(tmp_path, said, 'command: "touch started", gpu: required')
    assert [check.id for check in findings.checks if check.status == "fail"] == ["preflight/gpu"]
    assert not (tmp_path / "started").exists()


def test_missing_and_old_outputs_fail(tmp_path: Path, said: list[str]) -> None:
    (tmp_path / "old.bin").write_text("from before")
    findings = train(tmp_path, said, 'command: "true", outputs: [old.bin, none.bin]')
    assert statuses(findings) == {"command": "pass", "outputs/old.bin": "fail", "outputs/none.bin": "fail"}
    assert findings.files == ()


def test_empty_linked_and_borrowed_outputs_fail(tmp_path: Path, said: list[str]) -> None:
    (tmp_path / "repository").mkdir()
    (tmp_path / "away").write_text("weights of another run")
    (tmp_path / "repository/old").write_text("weights of another run")
    time.sleep(0.1)
    command = "touch empty; ln -s ../away away; ln -s old borrowed; ln -s none dangling; echo 1 > new; ln -s new fine"
    names = ("empty", "away", "borrowed", "dangling", "fine")
    findings = train(tmp_path / "repository", said, f'command: "{command}", outputs: [{", ".join(names)}]')
    found = {check.id.removeprefix("outputs/"): check.observed for check in findings.checks if "outputs" in check.id}
    assert found == dict(zip(names, ("is empty", "leads outside", "not new", "missing", "2 bytes"), strict=True))
    assert [file.path for file in findings.files] == ["fine"]


@pytest.mark.parametrize("name", ["metrics.json", "dvclive/metrics.json"])
@pytest.mark.parametrize("command", ["mkdir -p", "mkfifo", "ln -s /none"])
def test_metrics_that_are_no_file_fail(tmp_path: Path, said: list[str], command: str, name: str) -> None:
    (tmp_path / "dvclive").mkdir()
    findings = train(tmp_path, said, f'command: "{command} {name}"')
    assert statuses(findings) == {"command": "pass", "metrics": "fail"}
    assert findings.checks[-1].observed == "it is not a file"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ('command: "true"', {"command": "pass"}),
        ('command: "echo > metrics.json"', {"command": "pass", "metrics": "fail"}),
        ('command: "> metrics.json"', {"command": "pass", "metrics": "fail"}),
        ('command: "true", metrics: metrics.json', {"command": "pass", "metrics": "fail"}),
        ('command: "true", curves: log.jsonl', {"command": "pass", "curves": "fail"}),
        ('command: "echo \'{\\"a\\": NaN}\' > metrics.json"', {"command": "pass", "metrics": "fail"}),
    ],
)
def test_old_numbers_are_not_taken_for_new_ones(
    tmp_path: Path, said: list[str], settings: str, expected: dict[str, str]
) -> None:
    (tmp_path / "metrics.json").write_text('{"accuracy": 1}')
    findings = train(tmp_path, said, settings)
    assert statuses(findings) == expected
    assert "accuracy" not in findings.metrics


def test_dvclive_is_found_without_configuration(tmp_path: Path, said: list[str]) -> None:
    command = (
        "mkdir -p dvclive/plots/metrics/train;"
        ' echo \'{\\"step\\": 1, \\"train\\": {\\"loss\\": 2}}\' > dvclive/metrics.json;'
        " printf 'step\\\\tloss\\\\n0\\\\t3\\\\n1\\\\t2\\\\n' > dvclive/plots/metrics/train/loss.tsv"
    )
    findings = train(tmp_path, said, f'command: "{command}"')
    assert set(findings.metrics) >= {"train/loss"}
    assert findings.charts[0].series[0].y == (3, 2)


def test_the_command_gets_no_credentials_no_input_and_hidden_gpus(
    tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    withheld = {"GITHUB_TOKEN", "INPUT_TOKEN", "CI_KIT_TOKEN", "GITHUB_ENV", "GITHUB_PATH", "GITHUB_STEP_SUMMARY"}
    for name in (*withheld, "HARMLESS"):
        monkeypatch.setenv(name, "value")
    train(tmp_path, said, 'command: "env; cat", gpu: none')
    names = dict(line.partition("=")[::2] for line in "\n".join(said).splitlines())
    assert not withheld & set(names)
    assert names["HARMLESS"] == "value"
    assert names["CUDA_VISIBLE_DEVICES"] == ""
    assert (names["CI_KIT_GRACE_S"], names["DVC_NO_ANALYTICS"]) == ("6", "1")


def test_output_of_the_command_can_not_command_the_runner(tmp_path: Path, said: list[str]) -> None:
    lines = "::error::a\\\\n  ::add-mask::b\\\\nx ##[error]c\\\\rover ##[error]d\\\\n"
    command = f"printf '{lines}'; echo '::error::e' >&2; exit 1"
    findings = train(tmp_path, said, f'command: "{command}"')
    for text in ["\n".join(said), findings.checks[-1].detail or ""]:
        assert "##[" not in text
        assert not any(line.strip().startswith("::") for line in text.splitlines())
        assert all(letter in text for letter in "abde")


def test_secrets_are_neither_shown_nor_kept(tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_PASSWORD", "correct-horse-battery")
    token = "hf_" + "aB1" * 10
    command = f"echo login with $DATABASE_PASSWORD; printf 'no line end {token}'; exit 1"
    detail = train(tmp_path, said, f'command: "{command}"').checks[-1].detail
    assert "\n".join(said) == detail == "login with ***\nno line end ***"


def test_gpu_figures_are_part_of_the_findings(tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", Recorded())
    monkeypatch.setenv("PYTHONPATH", str(torch(tmp_path / "lib", version="2+cpu", cuda=None)))
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    findings = train(tmp_path, said, 'command: "sleep 0.1"')
    assert findings.gpu == "2 × NVIDIA A100-SXM4-40GB"
    assert {"gpu_utilisation", "gpu_memory", "gpu_energy"} <= set(findings.metrics)
    assert findings.metrics["gpu_time"].value == 2 * findings.metrics["wall_time"].value
    assert {check.id: check.status for check in findings.checks}["preflight/torch"] == "warn"
    hidden = train(tmp_path, said, 'command: "sleep 0.1", gpu: none')
    assert (hidden.gpu, {"gpu_memory", "gpu_time"} & hidden.metrics.keys()) == (None, set())


@pytest.mark.parametrize("adopts", [True, False], ids=["adopted", "marked"])
def test_background_processes_are_ended_and_named(
    tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch, adopts: bool
) -> None:
    if not adopts:  # as on macOS, where orphans can't be adopted
        monkeypatch.setattr("ci_kit.supervise.tree._reap_orphans", lambda wanted: False)
        monkeypatch.setattr("ci_kit.supervise.tree._reaping", lambda: False)
    script = "import os, subprocess; print(subprocess.Popen(['sleep', '61'], start_new_session=True).pid, flush=True)"
    findings = train(tmp_path, said, f'command: "{sys.executable} -c \\"{script}\\""')
    pid = int("".join(said))
    warned = next(check for check in findings.checks if check.id == "processes")
    assert warned.status == "warn"
    assert f"{pid} sleep 61" in (warned.detail or "")
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_cpu_time_counts_the_whole_tree(tmp_path: Path) -> None:
    burn = f"{sys.executable} -c 'import time\nwhile time.process_time() < 0.2: pass'"
    outcome = supervise(["bash", "-c", f"{burn} & {burn}; wait"], root=tmp_path, say=lambda text: None)
    assert 0.4 <= outcome.cpu < 2


def test_it_runs_in_a_thread_too(tmp_path: Path, said: list[str]) -> None:
    found: list[Findings] = []
    thread = threading.Thread(target=lambda: found.append(train(tmp_path, said, 'command: "echo hi"')))
    thread.start()
    thread.join()
    assert said == ["hi"]
    assert statuses(found[0]) == {"command": "pass"}


def test_when_the_output_can_not_be_shown_the_command_is_ended(tmp_path: Path) -> None:
    def broken(text: str) -> None:
        raise BrokenPipeError(text)

    with pytest.raises(BrokenPipeError) as caught:
        supervise(["bash", "-c", "echo $$; exec sleep 61"], root=tmp_path, say=broken)
    with pytest.raises(ProcessLookupError):
        os.kill(int(str(caught.value)), 0)


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psutil", None)
    monkeypatch.delitem(sys.modules, "ci_kit.supervise.tree")
    with pytest.raises(UserError, match=r"running a command needs psutil\. Type: pip install 'ci-kit\[train\]'"):
        importlib.import_module("ci_kit.supervise.tree")


def test_an_exception_with_a_long_message_is_still_named(tmp_path: Path, said: list[str]) -> None:
    (tmp_path / "train.py").write_text("raise ValueError('no such node\\n' + '59,\\n' * 1000)")
    failed = next(
        check for check in train(tmp_path, said, f"command: {sys.executable} train.py").checks if check.status == "fail"
    )
    assert (failed.detail or "").splitlines()[:2] == ["ValueError: no such node", "…"]
    assert (failed.detail or "").rstrip().endswith("59,")
