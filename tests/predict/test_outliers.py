"""Distances against SciPy, the regression against its own data."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import mahalanobis
from sklearn.covariance import LedoitWolf

from ssrl_ecg.predict.outliers import Arrangement, Gaussian, arrangement_facts
from ssrl_ecg.signals.lead_swaps import LEAD_SWAPS, swap_leads


def test_distance_is_that_of_mahalanobis_with_the_shrunken_covariance():
    rng = np.random.default_rng(0)
    facts = rng.normal(size=(80, 5)) @ rng.normal(size=(5, 5)) * [1, 10, 1e3, 0.1, 1] + 7
    new = facts[:6] + rng.normal(size=(6, 5))
    model = LedoitWolf().fit((facts - facts.mean(axis=0)) / facts.std(axis=0))
    scaled = (new - facts.mean(axis=0)) / facts.std(axis=0)
    wanted = [mahalanobis(row, np.zeros(5), model.precision_) for row in scaled]
    np.testing.assert_allclose(Gaussian.fit(facts).distance(new), wanted, rtol=1e-6)


def test_a_fact_that_never_varied_is_strange_as_soon_as_it_does():
    facts = np.random.default_rng(0).normal(size=(50, 3))
    facts[:, 1] = 4.0
    model = Gaussian.fit(facts)
    assert np.isfinite(model.distance(facts)).all()
    assert model.distance(facts[:1] + np.array([0, 1, 0]))[0] > 100 * model.distance(facts).max()


@pytest.fixture
def arrangement(reliability) -> Arrangement:
    return reliability.strangeness.arrangement


def test_the_right_arrangement_and_simulated_swaps_of_other_patients_are_told_apart(arrangement, store, split):
    signals_mv = store.read_mv(split.test)
    assert arrangement.names == ("", *LEAD_SWAPS)
    right = arrangement.log_probabilities(arrangement_facts(signals_mv, 100.0))
    np.testing.assert_allclose(np.exp(right).sum(axis=1), 1)
    assert (right.argmax(axis=1) == 0).mean() > 0.6
    swap = "V1 to V6 reversed"
    swapped = arrangement.log_probabilities(arrangement_facts(swap_leads(signals_mv, swap), 100.0))
    assert (swapped.argmax(axis=1) == arrangement.names.index(swap)).mean() > 0.8
    assert swapped[:, 0].max() < right[:, 0].mean()


def test_facts_of_many_recordings_do_not_depend_on_the_chunks(store):
    signals_mv = np.concatenate([store.read_mv(np.arange(len(store)))] * 2)
    facts = arrangement_facts(signals_mv, 100.0)
    np.testing.assert_allclose(facts[len(store) :], facts[: len(store)], atol=1e-4)
