from __future__ import annotations

import numpy as np
import pytest

from ssrl_ecg.data.labels import Labels
from ssrl_ecg.data.subsampling import subsampling_split
from ssrl_ecg.errors import InputError


@pytest.fixture
def cohort() -> tuple[Labels, np.ndarray]:
    """600 records of 500 patients, 100 of whom have two; three classes, one of them rare; one in twenty unlabelled."""
    rng = np.random.default_rng(0)
    patients = np.concatenate([np.arange(500), np.arange(100)])
    values = (rng.random((600, 3)) < (0.5, 0.3, 0.05)).astype(np.uint8)
    return Labels("made-up", ("a", "b", "c"), values, rng.random(600) > 0.05, "multilabel"), patients


def test_parts_are_70_15_15_percent_with_patients_whole_and_held_out_ones_once(cohort):
    labels, patients = cohort
    for seed in range(5):
        split = subsampling_split(labels, patients, seed)
        owners = [set(patients[rows]) for rows in split.parts().values()]
        assert sum(map(len, owners)) == 500
        assert set.union(*owners) == set(patients)
        assert len(split.train) == pytest.approx(420, abs=3)
        assert [len(part) for part in owners[1:]] == [len(split.validation), len(split.test)]
        assert np.isin(patients, list(owners[0])).nonzero()[0].tolist() == split.train.tolist()


def test_classes_come_in_equal_shares_and_draws_differ(cohort):
    labels, patients = cohort
    draws = [subsampling_split(labels, patients, seed) for seed in range(20)]
    for column in range(3):
        shares = [(labels.values * labels.known[:, None])[one.train, column].mean() for one in draws]
        overall = (labels.values * labels.known[:, None])[:, column].mean()
        assert np.abs(np.array(shares) - overall).max() < 0.015
    tested = np.bincount(np.concatenate([one.test for one in draws]), minlength=600)
    assert len({tuple(one.test) for one in draws}) == 20
    single = tested[100:500]  # patients with one record are each tested in 15 % of the draws
    assert (single > 0).mean() > 0.9
    assert single.max() < 11
    np.testing.assert_array_equal(subsampling_split(labels, patients, 3).test, draws[3].test)


def test_which_of_a_patients_records_is_tested_is_drawn(cohort):
    labels, patients = cohort
    second = [row >= 500 for seed in range(20) for row in subsampling_split(labels, patients, seed).test
              if patients[row] < 100]  # fmt: skip
    assert 0.35 < np.mean(second) < 0.65


def test_too_few_patients_are_refused(cohort):
    labels, _ = cohort
    with pytest.raises(InputError, match="too few patients"):
        subsampling_split(labels, np.arange(600) % 19, 0)
