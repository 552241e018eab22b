import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_kit.render import numbers

finite = st.floats(allow_nan=False, allow_infinity=False)
UNITS = ("", "share", "%", "s", "bytes", "J", "EUR", "rows")


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (0.142, "", "0.142"),
        (0.1 + 0.2, "", "0.300"),
        (0.08, "", "0.08"),
        (1797, "", "1,797"),
        (1797.4, "", "1,797"),
        (-3, "", "−3"),
        (0, "", "0"),
        (1.5e-7, "", "1.50 × 10⁻⁷"),
        (6.02e23, "", "6.02 × 10²³"),
        (0.9733, "share", "97.3 %"),
        (1, "share", "100 %"),
        (0.0001, "share", "0.01 %"),
        (61, "%", "61.0 %"),
        (0.00041, "s", "410 µs"),
        (0.84, "s", "840 ms"),
        (38.24, "s", "38.2 s"),
        (250, "s", "4 min 10 s"),
        (7200, "s", "2 h"),
        (90061, "s", "1 d 1 h"),
        (0, "s", "0 s"),
        (1288490189, "bytes", "1.20 GiB"),
        (512, "bytes", "512 bytes"),
        (2100, "J", "2.1 kJ"),
        (0.012, "EUR", "€0.012"),
        (1234.5, "USD", "$1,234.50"),
        (3, "CHF", "3.00 CHF"),
        (1e30, "EUR", "€1.0 × 10³⁰"),
        (450, "rows", "450 rows"),
    ],
)
def test_numbers_read_well(value: float, unit: str, expected: str) -> None:
    assert numbers.number(value, unit) == expected


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (0.029, "", "+0.029"),
        (-0.013, "share", "−1.3 pp"),
        (0, "share", "0 pp"),
        (12, "s", "+12 s"),
    ],
)
def test_a_change_has_its_sign(value: float, unit: str, expected: str) -> None:
    assert numbers.change(value, unit) == expected


def test_an_interval_is_one_number_unless_it_is_lopsided() -> None:
    assert numbers.spread(0.017, 0.029, 0.041) == "+0.029 ± 0.012"
    assert numbers.spread(-0.029, -0.013, 0.003, "share") == "−1.3 pp ± 1.6"
    assert numbers.spread(0.0, 0.01, 0.05) == "+0.01 (0 … +0.05)"


def test_two_values_that_differ_look_different() -> None:
    assert numbers.pair(0.142, 0.171) == ("0.142", "0.171")
    assert numbers.pair(0.14213, 0.14221) == ("0.1421", "0.1422")
    assert numbers.pair(0.5, 0.5) == ("0.5", "0.5")


@pytest.mark.parametrize(
    ("first", "second", "unit", "expected"),
    [
        (0.64213, 0.62, "", ("0.642", "0.620")),
        (5, 4.371, "rows", ("5.00 rows", "4.37 rows")),
        (0, 0.3512, "", ("0", "0.351")),
        # Digits that were not measured are not shown.
        (41.23, 9.874, "", ("41.2", "9.87")),
        (1e-7, 0.5, "", ("1.00 × 10⁻⁷", "0.5")),
    ],
)
def test_two_numbers_have_equal_digits_where_both_have_them(
    first: float, second: float, unit: str, expected: tuple[str, str]
) -> None:
    assert numbers.pair(first, second, unit) == expected
    assert numbers.pair(second, first, unit) == expected[::-1]


@pytest.mark.parametrize(
    ("value", "base", "expected"),
    [
        (0.029, 0.142, "+20 %"),
        (-0.004, 0.142, "−2.8 %"),
        (0.0201, 1, "+2.0 %"),
        (0.05 * 0.142, 0.142, "+5 %"),  # a configured margin has no digit more than was written
        (0, 1, "±0 %"),
    ],
)
def test_a_relative_change_is_a_percentage(value: float, base: float, expected: str) -> None:
    assert numbers.relative(value, base) == expected


@given(finite, st.sampled_from(UNITS))
def test_every_number_is_short_and_has_a_real_minus(value: float, unit: str) -> None:
    text = numbers.number(value, unit)
    assert len(text) <= 40
    assert "-" not in text
    assert "e" not in text.removesuffix("bytes")
    assert text.startswith("−") == (value < 0)


@given(finite.filter(lambda value: value == 0 or 1e-4 <= abs(value) < 1e15))
def test_three_digits_are_true(value: float) -> None:
    shown = float(numbers.plain(value).replace(",", "").replace("−", "-"))
    assert math.isclose(shown, value, rel_tol=0.00501)


@given(finite, finite, finite, st.sampled_from(UNITS))
def test_no_change_breaks_the_words(low: float, value: float, high: float, unit: str) -> None:
    assert numbers.spread(low, value, high, unit)
    assert all(numbers.pair(low, high, unit))
