from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_kit.actions import Filter, harmless, redactor
from tests.actions import runner
from tests.hostile import COMMANDS, CORPUS, GREAT, anything, sweep, texts


def commands(text: str) -> list[runner.Command]:
    return [found for line in runner.lines(text) if (found := runner.command(line))]


@pytest.mark.parametrize("text", COMMANDS)
def test_the_corpus_is_dangerous_before_and_harmless_after(text: str) -> None:
    assert commands(harmless(text)) == []


def test_the_corpus_would_do_harm() -> None:
    assert sum(bool(commands(text)) for text in COMMANDS) >= len(COMMANDS) - 7


@settings(max_examples=60)
@given(anything)
def test_no_command_survives(text: str) -> None:
    assert_no_command_survives(text)


def test_no_command_survives_in_any_of_many_texts() -> None:
    for text in sweep(4000):
        assert_no_command_survives(text)


def assert_no_command_survives(text: str) -> None:
    clean = harmless(text)
    assert commands(clean) == []
    assert harmless(clean) == clean
    assert clean.encode("utf-8").decode() == clean
    assert not set(clean) & set("\r\x1b\x00\u200b\u202e\u2028")


@pytest.mark.parametrize("text", GREAT, ids=[f"{text[:2]!r}" for text in GREAT])
def test_great_texts_are_cleaned_quickly(text: str) -> None:
    assert commands(harmless(text)) == []
    stream = Filter()
    shown = stream.feed(text.encode()) + stream.close()
    assert max(map(len, shown)) <= 6 * 8192 + 100


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("epoch 1: loss 0.31\n", "epoch 1: loss 0.31\n"),
        ("a:b::c", "a:b::c"),
        ("\x1b[1;32mgreen\x1b[0m ✔️ déjà", "green ✔ déjà"),
        ("50%\r100%\n", "50%\n100%\n"),
        ("::error::x", "| ::error::x"),
        ("see ##[error]x", "see ## [error]x"),
        ("## heading [x]", "## heading [x]"),
        ("a\tb\x00", "a\tb\\u0000"),
        ("", ""),
    ],
)
def test_output_stays_readable(text: str, expected: str) -> None:
    assert harmless(text) == expected


@settings(max_examples=60)
@given(st.one_of(texts.map(lambda text: text.encode("utf-8", "surrogatepass")), st.binary(max_size=40)), st.data())
def test_chunks_make_no_difference(data: bytes, draw: st.DataObject) -> None:
    cuts = sorted(draw.draw(st.lists(st.integers(0, len(data)), max_size=5)))
    whole, parts = Filter(limit=30), Filter(limit=30)
    expected = whole.feed(data) + whole.close()
    shown = [line for start, end in pairwise([0, *cuts, len(data)]) for line in parts.feed(data[start:end])]
    assert shown + parts.close() == expected
    assert commands("\n".join(expected)) == []


def test_a_long_line_is_cut_and_the_rest_counted() -> None:
    stream = Filter(limit=10)
    assert stream.feed(b"x" * 6) == []
    assert stream.feed(b"y" * 1006 + b"\nnext") == ["xxxxxxyyyy… (1,002 more characters)"]
    assert stream.close() == ["next"]


def test_a_line_feed_in_the_next_chunk_belongs_to_its_carriage_return() -> None:
    stream = Filter()
    assert stream.feed(b"a\r") == []
    assert stream.feed(b"\nb\r") == ["a"]
    assert stream.feed(b"c") == ["b"]
    assert stream.close() == ["c"]


def test_a_character_cut_in_two_is_put_together() -> None:
    stream = Filter()
    assert stream.feed("é".encode()[:1]) + stream.feed("é".encode()[1:] + b"\xff\n") == ["é\ufffd"]


def test_the_filter_hands_on_what_harmless_would() -> None:
    for text in CORPUS:
        raw = text.encode("utf-8", "replace")
        stream = Filter()
        assert stream.feed(raw) + stream.close() == harmless(raw.decode()).splitlines(), text


SECRET = "correct-horse-battery"
CLEAN = redactor({"A_TOKEN": SECRET})


@pytest.mark.parametrize("cut", range(0, 60, 7))
def test_no_part_of_a_secret_passes_whatever_the_chunks(cut: int) -> None:
    data = f"login {SECRET} ok\nand correct-\x1b[1mhorse\x1b[0m-battery".encode()
    stream = Filter(clean=CLEAN)
    assert stream.feed(data[:cut]) + stream.feed(data[cut:]) + stream.close() == ["login *** ok", "and ***"]


@pytest.mark.parametrize("before", range(80, 102, 3))
@pytest.mark.parametrize("times", [1, 400, 4000])
def test_a_line_is_not_cut_within_a_secret(before: int, times: int) -> None:
    stream = Filter(limit=100, clean=CLEAN)
    shown = "".join(stream.feed(b"x" * before + f"{SECRET} ".encode() * times) + stream.close())
    assert "cor" not in shown.replace("more characters", "")
    assert len(shown) < 140
