from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, f1_score

from ssrl_ecg.errors import InputError
from ssrl_ecg.metrics.segmentation import mask_confusion, record_dice, sample_f1
from ssrl_ecg.signals.waves import UNMARKED


@pytest.fixture
def masks():
    rng = np.random.default_rng(0)
    annotated, predicted = rng.integers(0, 4, (3, 2, 400)), rng.integers(0, 4, (3, 2, 400))
    predicted = np.where(rng.random(predicted.shape) < 0.6, annotated, predicted)
    annotated[:, :, :50] = UNMARKED
    annotated[1, 1] = UNMARKED
    return annotated.astype(np.uint8), predicted.astype(np.uint8)


def test_confusion_and_f1_are_scikit_learns_where_somebody_annotated(masks):
    annotated, predicted = masks
    counts = mask_confusion(annotated, predicted)
    known = annotated != UNMARKED
    expected = confusion_matrix(annotated[known], predicted[known], labels=range(4))
    np.testing.assert_array_equal(counts.sum(axis=(0, 1)), expected)
    scores = f1_score(annotated[known], predicted[known], labels=range(4), average=None)
    np.testing.assert_allclose(sample_f1(expected), scores)
    assert counts[1, 1].sum() == 0


def test_dice_is_a_mean_over_records_each_by_itself(masks):
    annotated, predicted = masks
    counts = mask_confusion(annotated, predicted).sum(axis=1)
    dice = []
    for truth, found in zip(annotated, predicted, strict=True):
        known = truth != UNMARKED
        a, b = truth[known], found[known]
        dice.append([2 * ((a == k) & (b == k)).sum() / ((a == k).sum() + (b == k).sum()) for k in range(4)])
    np.testing.assert_allclose(record_dice(counts), np.mean(dice, axis=0))


def test_a_wave_neither_annotated_nor_predicted_has_no_score_and_no_part_in_the_mean():
    counts = np.zeros((2, 4, 4), int)
    counts[0, 0, 0], counts[1, 1, 1], counts[1, 1, 0] = 5, 3, 1
    assert np.isnan(sample_f1(counts[0])[1])
    np.testing.assert_allclose(record_dice(counts)[:2], [(1 + 0) / 2, 6 / 7])


@pytest.mark.parametrize(
    ("annotated", "predicted", "what"), [([0, 1], [0], "shape"), ([0], [4], "no such wave"), ([9], [0], "no such wave")]
)
def test_other_masks_are_refused(annotated, predicted, what):
    with pytest.raises(InputError, match=what):
        mask_confusion(annotated, predicted)
