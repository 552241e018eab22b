from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ci_kit.supervise.log import Thinner


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_progress_bar_shows_one_state_a_second_and_its_end() -> None:
    clock, shown = Clock(), b""
    thinner = Thinner(clock)
    for percent in range(100):
        shown += thinner.feed(b"\r%d%%" % percent)
        clock.now += 0.1
    shown += thinner.feed(b"\r100%\ndone\n") + thinner.close()
    states = shown.decode().splitlines()
    assert states[-2:] == ["100%", "done"]
    assert 9 <= len(states) <= 13


def test_many_states_in_one_chunk_leave_the_first_and_the_last() -> None:
    assert Thinner(Clock()).feed(b"1%\r2%\r3%\r100%\n") == b"1%\n100%\n"


def test_an_unfinished_line_is_shown_at_the_end() -> None:
    thinner = Thinner(Clock())
    assert thinner.feed(b"a\nhalf") == b"a\n"
    assert thinner.close() == b"half\n"
    assert thinner.close() == b""


def test_a_line_without_an_end_is_not_held_for_ever() -> None:
    assert len(Thinner(Clock()).feed(b"x" * 10**6)) == 10**6


LINES = st.lists(st.binary(max_size=8).map(lambda text: text.replace(b"\r", b"").replace(b"\n", b"")), max_size=20)


@given(lines=LINES, ending=st.sampled_from([b"\n", b"\r\n"]), cuts=st.lists(st.integers(0, 200), max_size=8))
def test_whole_lines_pass_unchanged_however_the_stream_is_cut(
    lines: list[bytes], ending: bytes, cuts: list[int]
) -> None:
    stream = b"".join(line + ending for line in lines)
    marks = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    thinner = Thinner(Clock())
    shown = b"".join(thinner.feed(stream[start:end]) for start, end in pairwise(marks))
    assert (shown + thinner.close()).replace(b"\r\n", b"\n") == b"".join(line + b"\n" for line in lines)
