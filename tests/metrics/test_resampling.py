from __future__ import annotations

import numpy as np
import pytest

from ssrl_ecg.errors import InputError
from ssrl_ecg.metrics.resampling import RARE, EvaluatedRecords, ModelScores, draw_resamples


@pytest.fixture
def records(rng):
    """Three folds of 60 patients with two records each, one common and one rare class."""
    patients = np.repeat(np.arange(180), 2)
    targets = np.zeros((360, 2), dtype=np.uint8)
    targets[:, 0] = rng.random(360) < 0.4
    targets[[0, 1, 130, 250, 254], 1] = 1
    return EvaluatedRecords(targets, patients, patients // 60 + 7, ("NORM", "HYP"))


def test_each_fold_draws_as_many_patients_as_it_has_with_all_their_records(records, rng):
    counts = draw_resamples(records, 1, 50, rng).record_counts
    assert (counts[:, 0::2] == counts[:, 1::2]).all()
    for rows in records.fold_rows().values():
        assert (counts[:, rows].sum(axis=1) == 120).all()
    assert len(np.unique(counts, axis=0)) == 50


def test_no_replicate_loses_a_rare_class_in_a_fold(records, rng):
    counts = draw_resamples(records, 1, 400, rng).record_counts
    for rows in records.fold_rows().values():
        assert ((counts[:, rows] @ records.targets[rows]) > 0).all()


def test_patients_of_common_classes_are_drawn_freely(records, rng):
    """Common classes are no strata: the number of their positives varies as in simple random draws."""
    rows = records.fold_rows()["8"]
    positives = draw_resamples(records, 1, 4000, rng).record_counts[:, rows] @ records.targets[rows, 0]
    per_patient = records.targets[rows, 0].reshape(-1, 2).sum(axis=1)
    assert positives.mean() == pytest.approx(per_patient.sum(), rel=0.02)
    assert positives.var() == pytest.approx(60 * per_patient.var(), rel=0.1)


def test_a_class_spread_over_rarer_strata_is_redrawn_and_counted(rng):
    """Both patients of class c belong to a pair of its own stratum, so a sixteenth of the draws lose them."""
    targets = np.zeros((60, 3), dtype=np.uint8)
    targets[[0, 1], 0] = 1
    targets[[2, 3], 1] = 1
    targets[[0, 2], 2] = 1
    found = draw_resamples(EvaluatedRecords(targets, np.arange(60), np.zeros(60), ("a", "b", "c")), 1, 1600, rng)
    assert ((found.record_counts @ targets) > 0).all()
    assert found.n_redrawn == pytest.approx(1600 / 15, rel=0.4)


def test_classes_that_no_replicate_can_keep_are_an_error(rng):
    """Seventy-five such classes at once: one draw in 126 keeps them all."""
    n_pairs = 150
    targets = np.zeros((2 * n_pairs, n_pairs + n_pairs // 2), dtype=np.uint8)
    for pair in range(n_pairs):
        targets[[2 * pair, 2 * pair + 1], pair] = 1
        targets[2 * pair, n_pairs + pair // 2] = 1
    classes = tuple(f"c{column}" for column in range(targets.shape[1]))
    records = EvaluatedRecords(targets, np.arange(2 * n_pairs), np.full(2 * n_pairs, 9), classes)
    with pytest.raises(InputError, match=r"rarest classes.*found 9"):
        draw_resamples(records, 1, 500, rng)


def test_subsets_are_drawn_with_replacement(records, rng):
    counts = draw_resamples(records, 5, 2000, rng).subset_counts
    assert counts.shape == (2000, 5)
    assert (counts.sum(axis=1) == 5).all()
    np.testing.assert_allclose(counts.mean(axis=0), 1, atol=0.1)
    assert (draw_resamples(records, 1, 10, rng).subset_counts == 1).all()


def test_the_generator_decides_everything(records):
    first, again, other = (draw_resamples(records, 3, 20, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.record_counts, again.record_counts)
    np.testing.assert_array_equal(first.subset_counts, again.subset_counts)
    assert (first.record_counts != other.record_counts).any()


def test_rare_and_undefined_classes_are_known():
    targets = np.zeros((60, 3), dtype=np.uint8)
    targets[:RARE, 0] = 1
    targets[: RARE - 1, 1] = 1
    targets[RARE - 1 :, 2] = 1
    records = EvaluatedRecords(targets, np.arange(60), np.arange(60) // 30, ("a", "b", "c"))
    assert records.rare().tolist() == [False, True, True]
    assert records.undefined_in_folds() == {"1": ("a", "b", "c")}


@pytest.mark.parametrize(
    ("patients", "folds", "complaint"),
    [
        ([1, 2, 3], [7, 7, 8, 8], "field patients"),
        ([1, 2, 3, 4], [7, 7, 8], "field folds"),
        (["p1", "p2", "p2", "p3"], [7, 7, 8, 8], "more than one test fold.*p2"),
    ],
)
def test_records_that_do_not_fit_together_are_refused(patients, folds, complaint):
    with pytest.raises(InputError, match=complaint):
        EvaluatedRecords(np.array([[0], [1], [0], [1]]), patients, folds, ("MI",))


def test_cells_without_subsets_are_their_own(rng):
    assert ModelScores(rng.random((4, 1))).scores.shape == (1, 4, 1)
    assert ModelScores(rng.random((3, 4, 1))).subset_ids().tolist() == [0, 1, 2]
    assert ModelScores(rng.random((3, 4, 1)), ["s1", "s0", "s1"]).subset_ids().tolist() == ["s0", "s1"]
    with pytest.raises(InputError, match="one subset per cell"):
        ModelScores(rng.random((3, 4, 1)), [0, 1])
    with pytest.raises(InputError, match="no cells"):
        ModelScores(rng.random(4))


def test_one_replicate_is_no_bootstrap(records, rng):
    with pytest.raises(InputError, match="too few"):
        draw_resamples(records, 1, 1, rng)


def test_cells_weigh_as_seeds_within_subsets(rng):
    scores = rng.random((4, 2, 1))
    weights = ModelScores(scores, ("b", "a", "b", "b")).cell_weights()
    by_subset = [scores[[1]].mean(axis=0), scores[[0, 2, 3]].mean(axis=0)]
    np.testing.assert_allclose(np.tensordot(weights, scores, axes=1), np.mean(by_subset, axis=0))
