import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_kit.parts import Chart, Series
from ci_kit.render.charts import even, mermaid, safe
from ci_kit.render.svg import svg, ticks
from tests.hostile import anything
from tests.render.samples import bars, curve

finite = st.floats(allow_nan=False, allow_infinity=False)
points = st.lists(st.tuples(finite, finite), max_size=12)
NUMBER = re.compile(r"-?[\d.]+")


def chart(kind: str, *series: list[tuple[float, float]]) -> Chart:
    return Chart.model_validate(
        {
            "kind": kind,
            "title": "loss",
            "x": "epoch",
            "y": "loss",
            "series": [
                {"name": f"s{index}", "x": [x for x, _ in one], "y": [y for _, y in one]}
                for index, one in enumerate(series)
            ],
        }
    )


def drawn(source: str) -> list[list[float]]:
    return [
        [float(value) for value in NUMBER.findall(line)]
        for line in source.splitlines()
        if line.startswith(("  line", "  bar"))
    ]


def test_a_curve_is_drawn_with_its_values_and_names() -> None:
    (source,) = mermaid(curve())
    assert 'title "loss by epoch: validation loss blue, training loss grey"' in source
    assert 'x-axis "epoch" 1 --> 12' in source
    assert drawn(source)[0][:3] == [0.9, 0.81, 0.729]


def test_uneven_points_are_put_where_they_belong() -> None:
    series = Series(name="loss", x=(0.0, 1.0, 10.0), y=(0.0, 10.0, 100.0))
    assert even(series, 11, "line") == pytest.approx([10.0 * index for index in range(11)])


def test_lines_of_different_range_are_drawn_apart_and_named() -> None:
    sources = mermaid(chart("line", [(0, 1), (1, 2)], [(0, 1), (9, 2)], [(1, 5), (0, 4)]))
    assert [len(drawn(source)) for source in sources] == [2, 1]
    assert ['title "loss: s0 blue, s2 orange"' in sources[0], 'title "loss: s1 grey"' in sources[1]] == [True, True]


def test_big_and_tiny_values_are_scaled() -> None:
    (big,) = mermaid(chart("line", [(0, 1e20), (1, 2e20)]))
    (tiny,) = mermaid(chart("line", [(0, 1e-9), (1, 2e-9)]))
    assert ("(×10^20)" in big, "(×10^-9)" in tiny) == (True, True)
    assert drawn(big) == drawn(tiny) == [[1.0, 2.0]]


def test_one_point_is_no_line() -> None:
    assert mermaid(chart("line", [(0, 1)])) == []
    assert mermaid(chart("line", [])) == []


def test_categories_are_named() -> None:
    (source,) = mermaid(bars())
    assert 'x-axis "class" ["a", "b", "c"]' in source
    assert "  bar [1, 2, -3]" in source


@settings(max_examples=60)
@given(st.sampled_from(["line", "bar", "histogram"]), st.lists(points, min_size=1, max_size=4))
def test_any_numbers_can_be_drawn(kind: str, series: list[list[tuple[float, float]]]) -> None:
    one = chart(kind, *series)
    for source in mermaid(one):
        assert len(source) < 8000
        assert not re.search(r"nan|inf|\de", source.partition("x-axis")[2])
    assert not re.search(r"nan|inf", svg(one))


@given(anything, st.integers(2, 60))
def test_names_hold_nothing_that_mermaid_reads(text: str, limit: int) -> None:
    name = safe(text, limit)
    assert 0 < len(name) <= max(limit, 7)
    assert not set(name) & set("\"'`;#%{}[]<>&\\|@=~^$*!?\n\r\t")
    assert "--" not in name


def test_ticks_are_round_numbers_between_the_ends() -> None:
    assert ticks(0.0, 1.47) == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4]
    assert ticks(1.0, 12.0) == [2.0, 4.0, 6.0, 8.0, 10.0, 12.0]
