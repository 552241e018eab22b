"""What the model must keep, whatever else changes."""

import polars as pl

from ci_kit.testing import assert_directional, assert_invariant, assert_metric, assert_properties, assert_slices


def test_it_tells_who_pays_back(model, dataset):
    assert_metric(model, dataset, "accuracy", at_least=0.75)


def test_it_does_so_for_every_job(model, dataset):
    assert_slices(model, dataset, "job", at_least=0.68)


def test_the_region_decides_next_to_nothing(model, dataset):
    assert_invariant(model, dataset, lambda frame: frame.with_columns(region=pl.lit("north")), allowed=0.03)


def test_a_larger_loan_is_no_safer(model, dataset):
    assert_directional(model, dataset, lambda frame: frame.with_columns(pl.col("amount") * 1.5), expected="down")


def test_it_answers_whatever_the_schema_allows(model, dataset):
    assert_properties(model, dataset.schema)
