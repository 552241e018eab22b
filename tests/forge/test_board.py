import re
from dataclasses import replace

import pytest
from markdown_it import MarkdownIt

from ci_kit.errors import UserError
from ci_kit.forge.board import MOST, compose
from ci_kit.forge.parts import Board, Part, Piece, merge, read
from ci_kit.parts import Status
from tests.forge.shares import board, part

GFM = MarkdownIt("gfm-like", {"html": True, "linkify": False})
HOSTILE = "\n".join(
    (
        "<!-- ci-kit:end -->",
        "<!-- ci-kit:foot -->",
        "<!-- ci-kit:piece 0 -->",
        '<!-- ci-kit:part {"id":"other"} -->',
        "<!-- ci-kit:shared id=models turn=ff commits= -->",
        "<!-- ci-kit:report id=default run=9 attempt=9 sha=abc -->",
        "--> | -- \\u002d",
    )
)


def written(*boards: Board) -> str:
    return compose("models", replace(merge(*boards), turn="ab12"))


def test_what_is_written_is_read_again() -> None:
    ours = board(part("bike", status="fail", pieces=("one", "two\n\n- three")), part("bus"), part("tram"))
    text = written(ours)
    found = read(text, "models")
    assert found is not None
    assert found.parts == ours.parts
    assert found.commits == ((10, f"{10:040x}"),)
    assert read(text.replace("\n", "\r\n").strip(), "models") == found  # as GitHub may store it
    assert written(found) == text


def test_a_comment_of_another_name_is_none_of_ours() -> None:
    text = written(board(part("bike")))
    assert read(text, "model") is None
    assert read(f"quoted:\n{text}", "models") is None
    assert read("", "models") is None


def test_text_in_a_part_can_not_pass_for_a_mark() -> None:
    bad = Part.model_validate(
        part("bike").model_dump() | {"title": HOSTILE, "says": HOSTILE, "numbers": HOSTILE, "pieces": ()}
    ).model_copy(update={"pieces": (Piece(rank=1, text=HOSTILE),)})
    text = written(board(bad, part("bus")))
    found = read(text, "models")
    assert found is not None
    assert set(found.parts) == {"bike", "bus"}
    assert found.turn == "ab12"
    assert found.parts["bike"].pieces == bad.pieces
    assert [len(re.findall(f"<!-- ci-kit:{name} ", text)) for name in ("part", "end", "shared", "report")] == [
        2,
        2,
        1,
        0,
    ]
    marks = [line for line in text.splitlines() if line.startswith("<!-- ci-kit:")]
    assert all(line.count("--") == 2 and line.endswith(" -->") for line in marks)
    assert text.split("\n\n<!-- ci-kit:part")[0].count("\n| ") == 3  # nobody has a second row


DAMAGES = [
    ('"run":10', '"run":-1'),
    ('"run":10', '"run":"x"'),
    ('"id":"bike"', '"id":"Bike!"'),
    ('"status":"pass"', '"status":"well"'),
    ('"url":"https://run.test/10"', '"url":"javascript:alert(1)"'),
    ('"cut":false', '"cut":false,"more":1'),
    ('{"id":"bike"', "[" * 10_000),
    ("<!-- ci-kit:end -->", ""),
]


@pytest.mark.parametrize(("old", "new"), DAMAGES, ids=range(len(DAMAGES)))
def test_a_damaged_part_is_left_out_and_its_neighbours_stay(old: str, new: str) -> None:
    text = written(board(part("bike"), part("bus"), part("tram")))
    assert old in text
    found = read(text.replace(old, new, 1), "models")
    assert found is not None
    assert set(found.parts) >= {"tram"}
    assert "bike" not in found.parts


@pytest.mark.parametrize("first", [(5, 1), (5, 2), (6, 1)])
@pytest.mark.parametrize("second", [(5, 1), (5, 2), (6, 1)])
def test_the_newest_attempt_counts_whatever_comes_last(first: tuple[int, int], second: tuple[int, int]) -> None:
    sha = "ab" * 20
    both = merge(board(part("bike", *first, sha=sha)), board(part("bike", *second, sha=sha)))
    assert both.parts["bike"].order == max(first, second)


def test_a_part_of_the_commit_before_is_said_to_be_and_goes_at_the_next_push() -> None:
    first = written(board(part("bike", 1, status="fail"), part("bus", 1)))
    second = written(read(first, "models") or Board(), board(part("bus", 2)))
    assert "## ✅ models: 1 of 1 report passes" in second
    assert "1 more is of the commit before 🕓" in second
    assert "| 🕓&nbsp;<b>Bike</b> | ❌ of `0000000`: bike says" in second
    third = read(written(read(second, "models") or Board(), board(part("bus", 3))), "models")
    assert third is not None
    assert set(third.parts) == {"bus"}
    late = merge(third, board(part("tram", 2)), board(part("bike", 1)))
    assert set(late.parts) == {"bus", "tram"}  # also where it arrives late


def test_another_run_of_the_same_commit_makes_nothing_old() -> None:
    sha = "ab" * 20
    found = merge(board(part("bike", 1, sha=sha)), board(part("bus", 5, sha=sha)))
    assert set(found.parts) == {"bike", "bus"}
    assert "🕓" not in written(found)


ORDERS: list[tuple[tuple[Status, ...], str]] = [
    (("pass", "pass", "pass"), "✅ models: 3 of 3 reports pass"),
    (("pass", "fail", "pass"), "❌ models: 1 of 3 reports fails"),
    (("unsure", "unsure", "warn"), "❔ models: 2 of 3 reports can't tell"),
    (("warn", "pass", "skip"), "⚠️ models: 1 of 3 reports warns"),
]


@pytest.mark.parametrize(("statuses", "heading"), ORDERS)
def test_the_worst_comes_first(statuses: tuple[Status, ...], heading: str) -> None:
    text = written(board(*(part(f"m{place}", status=status) for place, status in enumerate(statuses))))
    assert f"## {heading}\n" in text
    shown = re.findall(r"^\| (\S+)&nbsp;", text, re.MULTILINE)
    icons = ["❌", "❔", "⚠️", "✅", "⏭️"]
    assert shown == sorted(shown, key=icons.index)
    assert re.findall(r"<summary>(\S+) ", text) == shown
    assert ("<details open>" in text) is (statuses.count("fail") == 1)


def test_of_many_that_failed_none_is_open() -> None:
    assert "<details open>" not in written(board(part("bike", status="fail"), part("bus", status="fail")))


def test_a_long_part_gives_way_before_short_ones_and_says_so() -> None:
    small = [part(f"small{place}", pieces=("verdict", "x" * 2000)) for place in range(9)]
    great = part("great", pieces=("verdict", *("y" * 7000 for _ in range(8))))
    text = written(board(*small, great))
    found = read(text, "models")
    assert found is not None
    assert len(text.encode()) <= MOST
    assert [len(found.parts[one.id].pieces) for one in small] == [2] * 9
    assert 2 < len(found.parts["great"].pieces) < 9
    assert found.parts["great"].cut
    assert found.parts["great"].digest == great.sealed().digest
    assert text.count("_Shortened to fit. All of it: [in the job summary](https://run.test/10)._") == 1


def test_what_failed_keeps_twice_the_room_and_what_is_old_half_of_it() -> None:
    def sized(name: str, run: int, status: Status) -> Part:
        return part(name, run, status=status, pieces=("verdict", *("z" * 450 for _ in range(9))))

    now = [sized(f"m{place}", 2, "fail" if place < 8 else "pass") for place in range(16)]
    past = [sized(f"o{place}", 1, "fail") for place in range(8)]
    text = written(board(*now, *past))
    found = read(text, "models")
    assert found is not None
    failed, passed, old = ({len(found.parts[one.id].pieces) for one in some} for some in (now[:8], now[8:], past))
    assert min(failed) > max(passed) > max(old)


@pytest.mark.parametrize("count", [1, 2, 10, 30, 60])
def test_any_number_fits_and_reads_as_it_should(count: int) -> None:
    fold = "<details><summary>more</summary>\n\n| a |\n|:--|\n| 1 |\n\n</details>"
    pieces = ("lead " * 100, "| a | b |\n|:--|:--|\n" + "| 1 | 漢 |\n" * 60, "- item\n  more\n" * 60, fold * 40)
    text = written(board(*(part(f"m{place}", pieces=pieces) for place in range(count))))
    assert len(text.encode()) <= MOST
    found = read(text, "models")
    assert found is not None
    assert len(found.parts) == count
    assert written(found) == text
    html = GFM.render(text)
    assert html.count("<details") == html.count("</details>")
    assert html.index("</table>") < html.index("<details")


def test_too_many_reports_are_one_clear_error() -> None:
    with pytest.raises(UserError, match=r"300 reports do not fit into one comment.*report\.comment"):
        written(board(*(part(f"m{place}") for place in range(300))))
