"""Which of the Trainer's checkpoints is taken, and what is said of weights that did not come back."""

import copy
import signal
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from ci_kit.resume import STOPPED
from ci_kit.resume.folder import MANIFEST, seal

pytestmark = pytest.mark.e2e


@pytest.fixture
def kit() -> Any:
    from ci_kit.resume import transformers  # takes seconds, which a run without this test need not wait for

    return transformers


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def checkpoint(folder: Path, step: int) -> Path:
    made = folder / f"checkpoint-{step}"
    made.mkdir()
    (made / "model.safetensors").write_text(f"weights of step {step}")
    (made / "trainer_state.json").write_text("{}")
    seal(made, step)
    return made


def test_without_a_folder_or_a_checkpoint_there_is_none(kit: Any, tmp_path: Path) -> None:
    assert kit.newest(str(tmp_path / "none")) is None
    (tmp_path / "runs").mkdir()
    assert kit.newest(str(tmp_path)) is None


def test_the_newest_is_taken_by_number(kit: Any, tmp_path: Path) -> None:
    for step in (100, 80, 20):
        checkpoint(tmp_path, step)
    assert kit.newest(str(tmp_path)) == str(tmp_path / "checkpoint-100")


@pytest.mark.parametrize("harm", ["no manifest", "half a manifest", "a file cut short", "a file missing"])
def test_what_is_torn_is_refused_and_removed(
    kit: Any, tmp_path: Path, harm: str, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, torn = checkpoint(tmp_path, 80), checkpoint(tmp_path, 100)
    if harm == "no manifest":
        (torn / MANIFEST).unlink()
    elif harm == "half a manifest":
        (torn / MANIFEST).write_text((torn / MANIFEST).read_text()[:40])
    elif harm == "a file cut short":
        (torn / "model.safetensors").write_text("weights")
    else:
        (torn / "trainer_state.json").unlink()
    assert kit.newest(str(tmp_path)) == str(whole)
    assert not torn.exists()
    assert "checkpoint-100 is refused" in capsys.readouterr().err


def test_weights_that_did_not_come_back_are_an_error(kit: Any, tmp_path: Path) -> None:
    """The Trainer only warns, and trains on with layers that are new."""
    (tmp_path / "checkpoint-20").mkdir()
    arguments, state = SimpleNamespace(output_dir=str(tmp_path)), SimpleNamespace(global_step=20)
    model = torch.nn.Linear(2, 2).to(torch.bfloat16)
    other = copy.deepcopy(model)
    kit.Resume().on_save(arguments, state, None, model=model)
    kit.Resume().on_train_begin(arguments, state, None, model=other)
    with torch.no_grad():
        other.bias += 1
    with pytest.raises(ValueError, match="checkpoint-20 was not restored"):
        kit.Resume().on_train_begin(arguments, state, None, model=other)


def test_sigterm_saves_seals_and_ends(kit: Any, tmp_path: Path) -> None:
    arguments, state = SimpleNamespace(output_dir=str(tmp_path)), SimpleNamespace(global_step=20)
    control, model, resume = SimpleNamespace(should_save=False), torch.nn.Linear(2, 2), kit.Resume()
    (tmp_path / "checkpoint-20").mkdir()
    resume.on_train_begin(arguments, SimpleNamespace(global_step=0), control, model=model)
    resume.on_step_end(arguments, state, control)
    assert not control.should_save
    signal.raise_signal(signal.SIGTERM)
    resume.on_step_end(arguments, state, control)
    assert control.should_save
    with pytest.raises(SystemExit) as ended:
        resume.on_save(arguments, state, control, model=model)
    assert ended.value.code == STOPPED
    assert kit.newest(str(tmp_path)) == str(tmp_path / "checkpoint-20")
