import pytest

from ci_kit.validate.wording import share


@pytest.mark.parametrize(
    ("bad", "total", "shown"),
    [
        (29, 1424, "2.0 %"),
        (31, 1424, "2.2 %"),
        (5, 1000, "0.50 %"),
        (1234, 10_000_000, "0.012 %"),
        (999, 10_000, "10 %"),
        (1, 3, "33.3 %"),
        (1, 5, "20 %"),
        (1, 1, "100 %"),
        (0, 7, "0 %"),
        (1, 10**9, "< 0.001 %"),
        (9999, 10_000, "> 99.9 %"),
    ],
)
def test_a_share_has_two_digits_and_is_never_rounded_to_nothing_or_all(bad: int, total: int, shown: str) -> None:
    assert share(bad, total) == f"{bad:,} of {total:,} rows ({shown})"
