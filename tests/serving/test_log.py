"""The prediction log: whole lines, never in the way."""

import json
import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ci_kit.serving import log
from ci_kit.serving.log import PredictionLog, open_log


def opened(folder: Path, **more: Any) -> tuple[PredictionLog, list[int]]:
    lost: list[int] = []
    return PredictionLog(folder, mark={"model": "abc"}, answer="answer", lost=lost.append, **more), lost


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in sorted(folder.glob("*.jsonl")) for line in path.read_text().splitlines()]


def test_a_request_is_a_line_a_row_with_the_time_in_utc_and_the_models_digest(tmp_path: Path) -> None:
    made, lost = opened(tmp_path)
    before = datetime.now(UTC)
    made.add([{"a": 1, "id": 7}, {"a": None, "id": 8}], [4, 5])
    made.close()
    first, second = lines(tmp_path)
    at = datetime.fromisoformat(first.pop("time"))
    assert before.replace(microsecond=0) <= at <= datetime.now(UTC)
    assert first == {"model": "abc", "a": 1, "id": 7, "answer": 4}
    assert second["a"] is None
    assert [path.name for path in tmp_path.iterdir()] == [f"{at:%Y-%m-%d}.jsonl"]
    assert lost == []


def test_a_day_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)])
    monkeypatch.setattr(log, "datetime", type("Clock", (), {"now": staticmethod(lambda _: next(times))}))
    made, _ = opened(tmp_path)
    made.add([{"a": 1}], [1])
    made.add([{"a": 2}], [2])
    made.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2026-12-31.jsonl", "2027-01-01.jsonl"]


def test_what_does_not_fit_into_the_queue_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "PAUSE", 60)
    made, lost = opened(tmp_path)
    made.add([{"a": 0}, {"a": 0}], [0, 0])
    monkeypatch.setattr(log, "PENDING", 3 * made._size + 1)
    for number in range(1, 5):
        made.add([{"a": number}, {"a": number}], [0, 0])
    made.close()
    assert [line["a"] for line in lines(tmp_path)] == [0, 0, 1, 1, 2, 2]
    assert lost == [2, 2]


def test_what_was_written_makes_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "PAUSE", 60)
    monkeypatch.setattr(log, "PENDING", 200)
    made, lost = opened(tmp_path)
    for number in range(20):
        made.add([{"a": number}], [0])
        made._flush()
    made.close()
    assert (len(lines(tmp_path)), lost) == (20, [])


def test_a_column_of_the_clients_keeps_its_value_and_other_rows_get_the_logs_own(tmp_path: Path) -> None:
    made, _ = opened(tmp_path)
    sent = {"time": "2026-01-01", "model": "mine", "text": "a\nb"}
    rows = [sent, {"text": "é"}]
    made.add(rows, ["x", "y"])
    made.close()
    first, second = lines(tmp_path)
    assert first == sent | {"answer": "x"}
    assert (second["model"], second["text"], second["time"][:2]) == ("abc", "é", "20")
    assert rows == [{"time": "2026-01-01", "model": "mine", "text": "a\nb"}, {"text": "é"}]  # they are not the log's


def test_a_share_of_the_requests_is_kept(tmp_path: Path) -> None:
    made, lost = opened(tmp_path, sample=0.2)
    for number in range(2000):
        made.add([{"a": number}], [0])
    made.close()
    assert 300 < len(lines(tmp_path)) < 500
    assert lost == []


def test_nobody_waits_while_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    made, lost = opened(tmp_path / "file" / "log")
    started = time.perf_counter()
    for number in range(100):
        made.add([{"a": number}], [0])
    assert time.perf_counter() - started < 0.2
    made.close()
    assert sum(lost) == 100


def test_a_line_that_a_full_disk_cut_takes_no_other_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    full = iter([True, True, False, False])

    def write(handle: int, content: bytes) -> int:
        if len(content) > 20 and next(full, False):
            if len(content) % 2 or len(content) > 40:
                real(handle, content[:10])
            raise OSError(28, "No space left on device")
        return real(handle, content)

    monkeypatch.setattr(os, "write", write)
    monkeypatch.setattr(log, "PAUSE", 0.01)
    made, lost = opened(tmp_path)
    for number in range(4):
        made.add([{"a": number}], [number])
        time.sleep(0.05)
    made.close()
    text = next(tmp_path.glob("*.jsonl")).read_text()
    whole = [json.loads(line)["a"] for line in text.splitlines() if line.endswith("}")]
    assert whole == [2, 3]
    assert lost == [1, 1]


def test_writers_at_the_same_time_cut_no_line(tmp_path: Path) -> None:
    made = [opened(tmp_path)[0] for _ in range(4)]

    def work(one: PredictionLog, start: int) -> None:
        for number in range(start, start + 200):
            one.add([{"a": number, "text": "x" * 300}], [number])

    threads = [threading.Thread(target=work, args=(one, 200 * at)) for at, one in enumerate(made)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in made:
        one.close()
    assert sorted(line["a"] for line in lines(tmp_path)) == list(range(800))


def test_there_is_a_log_only_where_a_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI_KIT_LOG", raising=False)
    assert open_log(mark={}, answer="answer", lost=lambda _: None) is None
    monkeypatch.setenv("CI_KIT_LOG", str(tmp_path / "log"))
    made = open_log(mark={}, answer="answer", lost=lambda _: None)
    assert made
    made.add([{"a": 1}], [1])
    made.close()
    assert len(lines(tmp_path / "log")) == 1
