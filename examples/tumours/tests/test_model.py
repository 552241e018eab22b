"""What the model must keep, whatever else changes."""

import numpy as np
import polars as pl

from ci_kit.testing import assert_invariant, assert_metric, assert_properties, assert_slices


def test_it_is_right_nearly_always(model, dataset):
    assert_metric(model, dataset, "accuracy", at_least=0.92)


def test_it_misses_few_of_either_kind(model, dataset):
    assert_slices(model, dataset, "benign", at_least=0.88)


def test_the_noise_of_an_instrument_changes_next_to_nothing(model, dataset):
    noise = pl.Series(np.random.default_rng(0).normal(1, 0.005, len(dataset)))
    names = list(model.features)
    assert_invariant(model, dataset, lambda frame: frame.with_columns(pl.col(names) * noise), allowed=0.03)


def test_it_answers_whatever_the_schema_allows(model, dataset):
    assert_properties(model, dataset.schema)
