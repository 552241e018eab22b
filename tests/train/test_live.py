import subprocess
import sys
import threading

import pytest

from ci_kit.errors import UserError
from ci_kit.train.live import Live

Posted = list[tuple[str, str, bool | None]]


def test_it_shows_the_newest_and_how_it_ended() -> None:
    posted, first = Posted(), threading.Event()

    def post(title: str, text: str, well: bool | None) -> None:
        posted.append((title, text, well))
        first.set()

    live = Live(post, print, first=0.01)
    live.show(["0:10 so far", "loss | 1"])
    assert first.wait(5)
    live.show(["0:20 so far"])
    live.end(well=True)
    assert posted == [
        ("Training: 0:10 so far, loss | 1", "- `0:10` so far\n- loss `│` 1", None),
        ("Trained: 0:20 so far", "- `0:20` so far", True),
    ]


def test_a_run_that_ends_before_the_first_word_shows_nothing() -> None:
    posted = Posted()
    live = Live(lambda *what: posted.append(what), print, first=60)
    live.show(["0:01 so far"])
    live.end(well=False)
    assert posted == []


def test_a_trouble_is_said_once_and_ends_it() -> None:
    said, tried = list[str](), threading.Event()

    def post(*_: object) -> None:
        tried.set()
        raise UserError("the token may not do this", hint="Add `checks: write`")

    live = Live(post, said.append, first=0.01)
    live.show(["0:01 so far"])
    assert tried.wait(5)
    live.end(well=True)
    assert said == ["train: no live check: the token may not do this. Add `checks: write`"]


def test_an_end_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ci_kit.train.live.PATIENCE", 0.05)
    begun, stuck = threading.Event(), threading.Event()

    def post(*_: object) -> None:
        begun.set()
        stuck.wait(20)

    live = Live(post, print, first=0.01)
    live.show(["0:01 so far"])
    assert begun.wait(5)
    live.end(well=True)
    assert live._thread.is_alive()
    stuck.set()
    live._thread.join(5)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can hide it")
def test_no_process_of_the_user_but_this_one_can_read_the_token() -> None:
    # 3 is PR_GET_DUMPABLE: of a process that is not, /proc shows environment and memory to root alone.
    ask = "import ctypes; print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), flush=True)"
    hide = "from ci_kit.train.live import _keep_to_itself; _keep_to_itself()"
    run = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"
    command = [sys.executable, "-c", f"{ask}; {hide}; {ask}; {run}", ask]
    assert subprocess.run(command, capture_output=True, check=True, text=True).stdout.split() == ["1", "0", "1"]
