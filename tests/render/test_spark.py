import pytest
from hypothesis import given
from hypothesis import strategies as some

from ci_kit.render.spark import BARS, sparkline


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((), ""),
        ((1.0,), "▄"),
        ((2.0, 2.0), "▄▄"),
        ((0.0, 1.0), "▁█"),
        ((1.0, 0.0, 0.5), "█▁▅"),
        ((0.9, float("nan"), 0.8), "█▁"),
        ((-1.7e308, 1.7e308), "▁█"),
        (tuple(map(float, range(8))), BARS),
    ],
)
def test_lines(values: tuple[float, ...], expected: str) -> None:
    assert sparkline(values) == expected


@given(some.lists(some.floats(allow_nan=False, allow_infinity=False), min_size=2))
def test_a_higher_value_never_has_a_lower_bar(values: list[float]) -> None:
    bars = [BARS.index(bar) for bar in sparkline(values)]
    assert len(bars) == len(values)
    for (value, bar), (other, beside) in zip(
        zip(values, bars, strict=True), zip(values[1:], bars[1:], strict=True), strict=False
    ):
        assert value == other or (value > other) == (bar > beside) or bar == beside
