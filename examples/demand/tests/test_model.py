"""What the model must keep, whatever else changes."""

import polars as pl

from ci_kit.testing import assert_directional, assert_metric, assert_slices


def test_it_is_right_within_two_megawatts(model, dataset):
    assert_metric(model, dataset, "mae", at_most=2.0)


def test_it_is_so_on_each_day_of_the_week(model, dataset):
    assert_slices(model, dataset, "weekday", at_most=2.5)


def test_it_beats_the_demand_of_a_week_before(model, dataset):
    naive = (dataset.frame["week_before"] - dataset.frame["demand"]).abs().mean()
    assert_metric(model, dataset, "mae", at_most=0.9 * naive)


def test_frost_needs_more_than_mild_weather(model, dataset):
    def freeze(frame):
        return frame.with_columns(temperature=pl.lit(-5.0))

    assert_directional(model, dataset, freeze, expected="up", allowed=0.05)
