import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_kit.stats import benjamini_hochberg


@pytest.mark.parametrize(
    ("p", "q", "rejected"),
    [
        ([], 0.05, []),
        ([0.04], 0.05, [True]),
        ([0.2, 0.06], 0.05, [False, False]),
        # the example of Benjamini and Hochberg (1995), section 3.2: the four smallest of 15
        (
            [1e-4, 4e-4, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.324, 0.4262, 0.57, 0.65, 0.76, 1],
            0.05,
            [True] * 4 + [False] * 11,
        ),
        # 0.03 alone is above 0.05 / 3, but all three are at most 0.05
        ([0.05, 0.03, 0.04], 0.05, [True] * 3),
    ],
)
def test_what_is_rejected(p: list[float], q: float, rejected: list[bool]) -> None:
    assert benjamini_hochberg(p, q) == rejected


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_what_is_no_p_value_is_refused(p: float) -> None:
    with pytest.raises(ValueError, match="p-values lie in"):
        benjamini_hochberg([0.5, p], 0.05)


@pytest.mark.e2e
@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 1000).map(lambda n: (n / 1000) ** 3), min_size=1, max_size=40), st.floats(0.001, 0.5))
def test_scipy_rejects_the_same(p: list[float], q: float) -> None:
    from scipy import stats

    adjusted = stats.false_discovery_control(p)
    if min(abs(adjusted - q)) > 1e-12:
        assert benjamini_hochberg(p, q) == (adjusted <= q).tolist()
