"""Whether the next run of a training is started, and with what."""

import json
from pathlib import Path
from typing import Any

import pytest

from ci_kit import config
from ci_kit.errors import UserError
from ci_kit.job import Job
from ci_kit.parts import Check, Cost, Run, Source
from ci_kit.result import Result
from ci_kit.train import proceed, step


class Forge:
    def __init__(self) -> None:
        self.started: list[tuple[Any, ...]] = []

    def dispatch(self, *words: Any) -> None:
        self.started.append(words)


@pytest.fixture
def forge(monkeypatch: pytest.MonkeyPatch) -> Forge:
    found = Forge()
    monkeypatch.setattr(proceed, "connect", lambda *_: found)
    return found


def run(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: str = "",
    *,
    status: str = "unfinished",
    amount: float | None = None,
    **inputs: str,
) -> Check:
    cost = None if amount is None else Cost(amount=amount, currency="EUR")
    known = Run(kit="0", started="2026-11-25T10:00:00+00:00", seconds=1, cost=cost)
    check = Check(id=status, title="x", status="fail")
    Result(step="train", checks=(check,), source=Source(), run=known).save(tmp_path)
    (tmp_path / "event.json").write_text(json.dumps({"inputs": inputs}))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_EVENT_NAME", "workflow_dispatch")
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(tmp_path / "event.json"))
    monkeypatch.setenv("GITHUB_REF", "refs/heads/feature/x")
    monkeypatch.setenv("GITHUB_WORKFLOW_REF", "octo/demo/.github/workflows/train.yml@refs/heads/feature/x")
    job = Job(root=tmp_path, config=config.read(f"train: {{{settings}}}".encode()), say=lambda _: None)
    (found,) = step.proceed(job).checks
    return found


def test_the_next_run_gets_its_number_what_was_spent_and_all_other_inputs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forge: Forge
) -> None:
    check = run(tmp_path, monkeypatch, amount=1.5, run="3", spent="2.25", model="large")
    assert forge.started == [("train.yml", "feature/x", {"run": "4", "spent": "3.75", "model": "large"})]
    assert (check.status, check.title) == ("pass", "Run 4 of at most 10 was started")


def test_the_first_run_is_number_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forge: Forge) -> None:
    run(tmp_path, monkeypatch)
    assert forge.started == [("train.yml", "feature/x", {"run": "2", "spent": "0.00"})]


@pytest.mark.parametrize(
    ("settings", "inputs", "title"),
    [
        ("runs: 3", {"run": "3"}, "3 runs were not enough, and no more are allowed"),
        ("budget: 5", {"spent": "3.5"}, "The budget is spent, and the training is not done"),
    ],
)
def test_enough_is_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forge: Forge, settings: str, inputs: dict[str, str], title: str
) -> None:
    check = run(tmp_path, monkeypatch, settings, amount=1.5, **inputs)
    assert (check.status, check.title) == ("fail", title)
    assert forge.started == []


@pytest.mark.parametrize("status", ["command", "exhausted"])
def test_what_failed_is_not_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forge: Forge, status: str
) -> None:
    assert run(tmp_path, monkeypatch, status=status).status == "skip"
    assert forge.started == []


@pytest.mark.parametrize(("name", "text"), [("run", "many"), ("spent", "-1"), ("spent", "nan"), ("run", "1e99")])
def test_an_input_that_is_no_number_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forge: Forge, name: str, text: str
) -> None:
    with pytest.raises(UserError, match=rf"^the input '{name}' of the workflow is '{text}' \(it must be a number\)"):
        run(tmp_path, monkeypatch, **{name: text})  # type: ignore[arg-type]
    assert forge.started == []


def test_without_a_training_there_is_nothing_to_go_on_with(tmp_path: Path, forge: Forge) -> None:
    job = Job(root=tmp_path, config=config.read(b""), say=lambda _: None)
    with pytest.raises(UserError, match=r"^no result at train\.json"):
        step.proceed(job)
