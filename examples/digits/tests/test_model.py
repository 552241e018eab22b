"""What the model must keep, whatever else changes."""

import polars as pl

from ci_kit.testing import assert_invariant, assert_latency, assert_metric, assert_properties, assert_slices


def test_it_reads_most_digits(model, dataset):
    assert_metric(model, dataset, "accuracy", at_least=0.80)


def test_it_reads_every_sheet(model, dataset):
    sheet = dataset.frame["position"] // 150
    assert_slices(model, dataset, {f"sheet {number}": sheet == number for number in sheet.unique()}, at_least=0.80)


def test_dust_in_a_corner_changes_next_to_nothing(model, dataset):
    assert_invariant(model, dataset, lambda frame: frame.with_columns(p00=pl.lit(2)), allowed=0.02)


def test_it_answers_whatever_the_schema_allows(model, dataset):
    assert_properties(model, dataset.schema)


def test_it_is_about_as_fast_as_on_main(model, baseline, dataset):
    assert_latency(model, baseline, dataset, at_most=2.0)
