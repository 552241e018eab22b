"""When a new version is given up: the first bad second, and no good one."""

import pytest

from ci_kit.deploy.watch import Bar, Traffic, Watch

METRICS = """
# HELP ci_kit_requests_total Requests for predictions
ci_kit_requests_total{status="200"} 90.0
ci_kit_requests_total{status="400"} 6.0
ci_kit_requests_total{status="422"} 3.0
ci_kit_requests_total{status="500"} 1.0
ci_kit_request_seconds_bucket{le="0.1"} 100.0
ci_kit_request_seconds_sum 0.5
ci_kit_request_seconds_count 100.0
other_requests_total{status="500"} 99.0
"""
OLD = Traffic(requests=1000, failed=10, seconds=2.0)  # 1 % and 2 ms
BAR = Bar(old=OLD, errors=0.01, slower=2.0)


def test_the_counters_are_read_and_only_the_services_own_failures_count() -> None:
    found = Traffic.read(METRICS)
    assert found == Traffic(requests=100, failed=4, seconds=0.5)
    assert (found.share, found.mean) == (0.04, 0.005)
    assert Traffic.read("") == Traffic()
    assert (Traffic().share, Traffic().mean) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("second", "said"),
    [
        (Traffic(100, 2, 0.2), None),  # 2 %: the old one's 1 % and 1 % more
        (Traffic(100, 3, 0.2), "3 of 100 requests failed within a second"),
        (Traffic(1, 1, 0.0), "1 of 1 requests failed"),
        (Traffic(100, 0, 0.69), None),  # 6.9 ms: less than 5 ms slower than 2 ms
        (Traffic(100, 0, 0.71), "a request takes 7.1 ms, the old version took 2.0 ms"),
        (Traffic(19, 0, 1.9), None),  # too few to speak of a mean
        (Traffic(0, 0, 0.0), None),
    ],
)
def test_what_a_second_may_be(second: Traffic, said: str | None) -> None:
    found = BAR.broken(second, warm=True)
    assert (found is None) if said is None else (said in (found or ""))


def test_times_count_only_when_it_is_warm_and_there_was_an_old_version() -> None:
    slow = Traffic(100, 0, 50.0)
    assert BAR.broken(slow, warm=True)
    assert BAR.broken(slow, warm=False) is None
    assert Bar(old=Traffic(), errors=0.01, slower=2.0).broken(slow, warm=True) is None
    assert Bar(old=Traffic(), errors=0.01, slower=2.0).broken(Traffic(100, 2, 0), warm=False)


def test_a_slow_old_version_is_compared_by_its_ratio() -> None:
    bar = Bar(old=Traffic(100, 0, 10.0), errors=0.0, slower=1.5)  # 100 ms
    assert bar.broken(Traffic(100, 0, 14.9), warm=True) is None
    assert bar.broken(Traffic(100, 0, 15.1), warm=True)


def test_a_bad_second_is_found_after_a_long_good_time() -> None:
    """An hour of good requests does not dilute one bad second."""
    watch = Watch(BAR, 0.0, Traffic())
    at, seen = 0.0, Traffic()
    for _ in range(500):
        at, seen = at + 0.2, Traffic(seen.requests + 100, seen.failed, seen.seconds + 0.2)
        assert watch.look(at, seen) is None
    bad = Traffic(seen.requests + 100, 20, seen.seconds + 0.2)
    assert "20 of " in (watch.look(at + 0.2, bad) or "")
    assert watch.total == bad


def test_failures_older_than_a_second_are_no_longer_counted() -> None:
    watch = Watch(Bar(old=Traffic(), errors=0.1, slower=2.0), 0.0, Traffic())
    assert watch.look(0.2, Traffic(100, 9, 0.1)) is None
    for step in range(2, 12):
        assert watch.look(step * 0.2, Traffic(100 + step, 9, 0.1)) is None, step


def test_counters_that_begin_anew_are_a_crash() -> None:
    watch = Watch(BAR, 0.0, Traffic(50, 0, 0.1))
    assert watch.look(0.2, Traffic(3, 0, 0.0)) == "the new version crashed and was started again"
