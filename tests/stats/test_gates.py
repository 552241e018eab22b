import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_kit.stats import MIN_ROWS, Verdict, gate_accuracy, gate_error, gate_r2, gate_score

Pair = tuple[np.ndarray, np.ndarray]
SETTINGS = settings(max_examples=50, deadline=None, derandomize=True)


def losses_from(data: bytes) -> Pair:
    """Return two arrays of 1 to 60 losses from 0 to 429 with ties, zeros and long tails."""
    words = np.frombuffer(data[: len(data) // 4 * 4], dtype=np.uint16).astype(np.float64) ** 2 / 1e7
    return words[::2], words[1::2]


# From bytes and not number by number: 20 times faster to draw, and it shrinks as well.
PAIRS = st.binary(min_size=4, max_size=240).map(losses_from)


def score(candidate: np.ndarray, baseline: np.ndarray) -> Verdict:
    return gate_score(candidate, baseline, relative_margin=0.05)


def noisy(seed: int, rows: int, rise: float) -> Pair:
    """Return losses of two models: the second is `rise` worse on average, and each row differs at random."""
    random = np.random.default_rng(seed)
    baseline = random.exponential(0.2, rows)
    return baseline * random.gamma(8, (1 + rise) / 8, rows), baseline


@pytest.mark.parametrize(
    ("rise", "rows", "outcome"),
    [(0.0, 20_000, "pass"), (0.2, 20_000, "fail"), (-0.5, 200, "pass"), (0.0, 30, "unsure"), (3.0, 4, "unsure")],
)
def test_score_decides_by_the_change_and_the_rows(rise: float, rows: int, outcome: str) -> None:
    assert score(*noisy(1, rows, rise)).outcome == outcome


def test_score_reports_change_margin_and_rows() -> None:
    verdict = score(np.array([0.2, 0.4] * 50), np.array([0.1, 0.3] * 50))
    assert verdict.outcome == "fail"
    assert (verdict.rows, verdict.rows_needed) == (100, None)
    assert verdict.change.value == pytest.approx(0.1)
    assert verdict.margin == pytest.approx(0.01)
    assert verdict.relative is not None
    assert verdict.relative.value == pytest.approx(0.5)


@pytest.mark.parametrize("rows", [1, 2, 5, 1000])
def test_identical_rows_pass_with_no_change(rows: int) -> None:
    losses = np.linspace(0, 1, rows)
    truth = np.linspace(0, 1, max(rows, 2))
    right = np.ones(rows)
    for verdict in (
        score(losses, losses),
        gate_accuracy(right, right, margin=0.0),
        gate_error(losses, losses, metric="rmse", relative_margin=0.0),
        gate_r2(truth, truth, truth, margin=0.0),
    ):
        assert (verdict.outcome, verdict.change.value) == ("pass", 0)
        assert verdict.change.low in (0, None)


@pytest.mark.parametrize("rows", range(1, MIN_ROWS))
def test_too_few_rows_are_never_decided(rows: int) -> None:
    ones, zeros = np.ones(rows), np.zeros(rows)
    assert score(ones * 9, ones).outcome == "unsure"
    assert score(ones, ones * 9).outcome == "unsure"
    assert gate_accuracy(zeros, ones, margin=0.0).outcome == "unsure"


def test_one_row_says_what_it_cannot_say() -> None:
    verdict = score(np.array([2.0]), np.array([1.0]))
    assert verdict.outcome == "unsure"
    assert (verdict.change.low, verdict.change.high, verdict.detectable, verdict.rows_needed) == (None,) * 4


def test_constant_differences_need_no_variance_to_be_decided() -> None:
    assert score(np.full(20, 0.2), np.full(20, 0.1)).outcome == "fail"
    assert score(np.full(20, 0.1), np.full(20, 0.2)).outcome == "pass"


def test_worse_by_exactly_the_margin_passes() -> None:
    baseline = np.random.default_rng(2).exponential(size=500)
    assert score(baseline * 1.05, baseline).outcome == "pass"


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_perfect_baseline_fails_a_worse_candidate(scale: float) -> None:
    verdict = score(np.full(20, scale), np.zeros(20))
    assert (verdict.outcome, verdict.relative) == ("fail", None)


def test_floor_forgives_a_difference_too_small_to_matter() -> None:
    baseline, candidate = np.full(100, 0.001), np.full(100, 0.0012)
    assert gate_score(candidate, baseline, relative_margin=0.05).outcome == "fail"
    assert gate_score(candidate, baseline, relative_margin=0.05, floor=1e-3).outcome == "pass"


@pytest.mark.parametrize(
    ("rows", "losses", "wins", "margin", "outcome"),
    [
        (1000, 7, 0, 0.0, "fail"),  # exact p = 2⁻⁷ = 0.0078
        (1000, 6, 0, 0.0, "unsure"),  # exact p = 2⁻⁶ = 0.0156
        (1000, 16, 5, 0.0, "unsure"),  # exact p = 0.0133, though the adjusted interval alone would fail it
        (1000, 30, 5, 0.005, "fail"),
        (1000, 30, 5, 0.03, "unsure"),
        (100_000, 300, 0, 0.005, "pass"),  # certain, and too small to matter
        (300, 0, 1, 0.005, "unsure"),
        (450, 12, 6, 0.005, "unsure"),
        (100, 0, 50, 0.005, "pass"),
        (20, 20, 0, 0.005, "fail"),
    ],
)
def test_accuracy_needs_certainty_and_the_margin(
    rows: int, losses: int, wins: int, margin: float, outcome: str
) -> None:
    candidate, baseline = np.ones(rows), np.ones(rows)
    candidate[:losses] = 0
    baseline[losses : losses + wins] = 0
    verdict = gate_accuracy(candidate, baseline, margin=margin)
    assert verdict.outcome == outcome
    assert verdict.change.value == pytest.approx((wins - losses) / rows)
    assert verdict.change.low is not None
    assert verdict.change.high is not None
    assert -1 <= verdict.change.low <= verdict.change.value <= verdict.change.high <= 1


@pytest.mark.parametrize(("factor", "outcome"), [(1.0, "pass"), (0.5, "pass"), (1.2, "fail")])
def test_regression_headlines_agree_with_the_truth(factor: float, outcome: str) -> None:
    random = np.random.default_rng(3)
    truth = random.normal(50, 10, 20_000)
    baseline = random.normal(0, 2, truth.size)
    candidate = baseline * factor + random.normal(0, 0.01, truth.size)
    assert gate_error(candidate, baseline, metric="mae", relative_margin=0.005).outcome == outcome
    assert gate_error(candidate, baseline, metric="rmse", relative_margin=0.005).outcome == outcome
    r2 = gate_r2(candidate, baseline, truth, margin=0.005)
    assert r2.outcome == outcome
    assert r2.change.value == pytest.approx((np.mean(baseline**2) - np.mean(candidate**2)) / truth.var())


@pytest.mark.parametrize(
    ("candidate", "baseline", "problem"),
    [
        ([], [], "candidate: there are no rows"),
        ([1.0, 2.0], [1.0], "candidate has 2 rows and baseline has 1"),
        ([np.nan, np.inf, 1.0], [1.0] * 3, "candidate: 2 of 3 values are NaN or infinite"),
        ([1.0] * 3, [1.0, -np.inf, 1.0], "baseline: 1 of 3 values are NaN or infinite"),
        ([[1.0]], [1.0], r"candidate: expected one number a row, got shape \(1, 1\)"),
        ([1e200], [1.0], "can't be squared"),
        ([1.0], [-1.0], "baseline: 1 of 1 losses are negative"),
    ],
)
def test_what_cannot_be_judged_is_refused_by_name(candidate: list[float], baseline: list[float], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        gate_score(candidate, baseline, relative_margin=0.05)


def test_accuracy_and_r2_refuse_what_they_cannot_judge() -> None:
    with pytest.raises(ValueError, match="1 of 2 values are neither 0 nor 1"):
        gate_accuracy([0.5, 1], [1, 1], margin=0)
    with pytest.raises(ValueError, match="all values are equal"):
        gate_r2([1, 2], [2, 1], [5, 5], margin=0)


@SETTINGS
@given(PAIRS)
def test_the_order_of_rows_does_not_matter(pair: Pair) -> None:
    candidate, baseline = pair
    order = np.random.default_rng(len(candidate)).permutation(len(candidate))
    first, second = score(candidate, baseline), score(candidate[order], baseline[order])
    assert first.outcome == second.outcome
    assert first.change.value == pytest.approx(second.change.value, rel=1e-9, abs=1e-9)


@SETTINGS
@given(PAIRS, st.sampled_from([2.0**-20, 0.5, 4.0, 2.0**30]))
def test_the_unit_of_the_loss_does_not_matter(pair: Pair, scale: float) -> None:
    first, second = score(*pair), score(pair[0] * scale, pair[1] * scale)
    assert (first.outcome, first.rows_needed) == (second.outcome, second.rows_needed)
    assert second.change.value == pytest.approx(first.change.value * scale)
    assert second.margin == pytest.approx(first.margin * scale)


@SETTINGS
@given(PAIRS, st.data())
def test_a_worse_row_never_turns_fail_into_pass(pair: Pair, data: st.DataObject) -> None:
    candidate, baseline = pair
    candidate = candidate + 1  # so that many of the pairs do fail
    worse = candidate.copy()
    worse[data.draw(st.integers(0, len(worse) - 1))] += data.draw(st.floats(0, 1e6))
    assert (score(candidate, baseline).outcome, score(worse, baseline).outcome) != ("fail", "pass")


@SETTINGS
@given(PAIRS.map(lambda pair: (pair[0] % 2 // 1, pair[1] % 2 // 1)), st.data())
def test_a_lost_row_never_improves_the_verdict_on_accuracy(pair: Pair, data: st.DataObject) -> None:
    candidate, baseline = pair
    worse = candidate.copy()
    worse[data.draw(st.integers(0, len(worse) - 1))] = 0
    if (worse == baseline).all():
        return
    rank = ("fail", "unsure", "pass").index
    before, after = (gate_accuracy(rows, baseline, margin=0.1) for rows in (candidate, worse))
    assert rank(after.outcome) <= rank(before.outcome)


@SETTINGS
@given(PAIRS)
def test_both_directions_are_never_failures_and_mirror_each_other(pair: Pair) -> None:
    there, back = score(*pair), score(pair[1], pair[0])
    assert (there.outcome, back.outcome) != ("fail", "fail")
    assert there.change.value == pytest.approx(-back.change.value)


@SETTINGS
@given(PAIRS)
def test_numbers_of_a_verdict_are_consistent(pair: Pair) -> None:
    verdict = score(*pair)
    if verdict.detectable is not None:
        assert verdict.detectable >= verdict.margin
        assert verdict.change.low is not None
        assert verdict.change.high is not None
        assert verdict.change.low <= verdict.change.value <= verdict.change.high
    if verdict.rows_needed is not None:
        assert verdict.outcome == "unsure"
        assert verdict.rows_needed > verdict.rows


def test_equal_models_fail_rarely_and_worse_ones_are_caught() -> None:
    equal = caught = 0
    for seed in range(500):
        random = np.random.default_rng(seed)
        hardness = random.exponential(0.3, 300)
        logits = [-np.log(np.expm1(hardness + 0.05)) + random.normal(0, 0.3, 300) for _ in range(3)]
        logits[2] -= 0.6
        losses = [np.logaddexp(0, -logit) for logit in logits]
        correct = [logit > 0 for logit in logits]
        outcomes = [
            {score(losses[k], losses[0]).outcome, gate_accuracy(correct[k], correct[0], margin=0.005).outcome}
            for k in (1, 2)
        ]
        equal += "fail" in outcomes[0]
        caught += "fail" in outcomes[1]
    assert equal <= 15
    assert caught >= 475


def test_the_least_detectable_change_is_caught_four_times_in_five() -> None:
    verdicts = [score(*noisy(seed, 400, 0.0)) for seed in range(50)]
    detectable = np.mean([v.detectable / 0.2 for v in verdicts if v.detectable is not None])
    caught = np.mean([score(*noisy(seed, 400, float(detectable))).outcome == "fail" for seed in range(400)])
    assert 0.65 <= caught <= 0.92


def test_the_rows_needed_let_an_equal_model_pass_four_times_in_five() -> None:
    first = [score(*noisy(seed, 100, 0.0)).rows_needed for seed in range(50)]
    needed = int(np.median([rows for rows in first if rows is not None]))
    passed = np.mean([score(*noisy(seed, needed, 0.0)).outcome == "pass" for seed in range(300)])
    assert 0.65 <= passed <= 0.97
