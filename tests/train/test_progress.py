import json
from pathlib import Path

import pytest

from ci_kit.train.progress import Progress

BAR = " 45%|████▌     | 450/1000 [00:10<00:12, 45.0it/s]"


@pytest.mark.parametrize(
    ("said", "parts"),
    [
        ("epoch 3/10", ["epoch 3 of 10"]),
        ("Epoch: 3 of 10, loss=0.31250", ["epoch 3 of 10", "loss 0.3125"]),
        ("iteration 40/80 train_loss: 1.5e-3", ["step 40 of 80", "train_loss 0.0015"]),
        (BAR, ["step 450 of 1,000"]),
        (f"{BAR}\n 46%|████▌     | 460/1000 [00:10<00:12, 45.0it/s]", ["step 460 of 1,000"]),
        ("a glossary of 3 files", []),
        ("downloaded 3/10 shards, no loss of data", []),
        ("2026/11/25 step by step", []),
    ],
)
def test_what_is_printed_tells_how_far_it_is(said: str, parts: list[str]) -> None:
    progress = Progress(())
    progress.hear(0, said)
    assert progress.parts() == parts


def test_the_last_whole_line_of_a_growing_file_counts(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    record = {"step": 7, "train": {"loss": 0.5}, "max_steps": 20}
    log.write_text('{"step": 6}\n' + json.dumps(record) + '\n{"step": 8, "tr')
    progress = Progress((tmp_path / "none.jsonl", log))
    progress.look(0)
    assert progress.parts() == ["step 7 of 20", "train/loss 0.5"]


def test_a_damaged_file_tells_nothing(tmp_path: Path) -> None:
    for text in ("", "\n", "nonsense\n", "[1]\n", '{"step": NaN, "loss": Infinity}\n'):
        (tmp_path / "log.jsonl").write_text(text)
        progress = Progress((tmp_path / "log.jsonl",))
        progress.look(0)
        assert progress.parts() == []


def test_dvclives_file_is_written_anew(tmp_path: Path) -> None:
    (tmp_path / "metrics.json").write_text(json.dumps({"loss": 0.25, "step": 12}, indent=2))
    progress = Progress((tmp_path / "metrics.json",))
    progress.look(0)
    assert progress.parts() == ["step 12", "loss 0.25"]


def test_rate_and_end_follow_from_the_last_minute() -> None:
    progress = Progress(())
    for second in range(0, 200, 10):
        # First slow, then ten times as fast.
        at = second if second < 100 else 100 + 10 * (second - 100)
        progress.hear(second, f"step {at}/2000")
    assert progress.rate()[1] == pytest.approx(10)
    assert progress.left(190) == pytest.approx(100)
    assert progress.left(200) == pytest.approx(90)  # nothing came since, and time has passed


def test_an_epoch_that_is_named_when_it_begins_is_not_done() -> None:
    begins, ends = Progress(()), Progress(())
    for epoch in (1, 2, 3):
        begins.hear(10 * epoch, f"Epoch {epoch}/3")
        ends.hear(10 * epoch, f"Epoch {epoch}/3 loss 0.1")
    assert begins.left(30) == pytest.approx(10)
    assert ends.left(30) == 0


def test_a_count_that_goes_back_has_begun_anew() -> None:
    progress = Progress(())
    for second, at in enumerate((100, 200, 300, 0, 5)):
        progress.hear(second, f"step {at}/300")
    assert progress.rate()[1] == pytest.approx(5)
