from __future__ import annotations

import numpy as np
import pytest

from ssrl_ecg.data.ludb import LeadAnnotation
from ssrl_ecg.evaluation.segmentation.scores import (
    BOUNDARIES,
    SegmentationScores,
    f1_of_counts,
    pooled_errors,
    score,
)
from ssrl_ecg.metrics.delineation import Detection, compare_times
from ssrl_ecg.signals.waves import marked_mask, wave_mask

WAVES_S = {
    "p": np.array([[1.0, 1.05, 1.1], [2.0, 2.05, 2.1]]),
    "qrs": np.array([[1.2, 1.25, 1.3], [2.2, 2.25, 2.3]]),
    "t": np.array([[1.5, 1.6, 1.8], [2.5, 2.6, 2.8]]),
}
ANNOTATION = LeadAnnotation(WAVES_S, (1.0, 2.8))


def moved(seconds, *, without=None):
    return {wave: times_s + seconds for wave, times_s in WAVES_S.items() if wave != without} | (
        {without: np.zeros((0, 3))} if without else {}
    )


def scored(*waves, annotations=None):
    """Scores of one record a lead each."""
    annotations = annotations or [ANNOTATION] * len(waves)
    truth = np.stack([marked_mask(WAVES_S, (1.0, 2.8), 2000, 500.0) for _ in waves])[None]
    masks = np.stack([wave_mask(one, 2000, 500.0) for one in waves])[None]
    return score(np.array([3]), [annotations], truth, masks, [waves])


def test_a_constant_offset_passes_the_wide_tolerance_alone():
    scores = scored(moved(0.06))
    f1 = dict(zip(BOUNDARIES, f1_of_counts(scores.detections[0, 0]).tolist(), strict=True))
    assert f1["p_onset"] == f1["qrs_offset"] == [0.0, 1.0]
    assert f1["t_offset"] == [1.0, 1.0]
    mean, sd, within = pooled_errors(scores.detections[..., 1, 0], scores.error_sums)
    np.testing.assert_allclose(mean, 60)
    np.testing.assert_allclose(sd, 0, atol=1e-4)
    np.testing.assert_allclose(within, 0, atol=1e-4)


def test_pooled_errors_are_numpys_over_all_leads():
    leads = [moved(0.01), moved(-0.02), moved(0.03, without="p")]
    scores = scored(*leads)
    mean, sd, _ = pooled_errors(scores.detections[..., 1, 0], scores.error_sums)
    errors = [10.0, 10.0, -20.0, -20.0, 30.0, 30.0]
    assert mean[BOUNDARIES.index("qrs_onset")] == pytest.approx(np.mean(errors))
    assert sd[BOUNDARIES.index("qrs_onset")] == pytest.approx(np.std(errors, ddof=1))
    assert mean[BOUNDARIES.index("p_onset")] == pytest.approx(np.mean(errors[:4]))
    counts = scores.detections.sum(axis=(0, 1))[BOUNDARIES.index("p_onset"), 1]
    assert counts.tolist() == [4, 2, 0]


def test_counts_are_those_of_the_matcher_and_what_lies_outside_the_span_is_not_false():
    waves = moved(0.0)
    waves["qrs"] = np.concatenate([waves["qrs"], [[0.5, 0.55, 0.6], [1.95, 2.0, 2.05]]])
    scores = scored(waves)
    counts = scores.detections[0, 0, BOUNDARIES.index("qrs_onset"), 0]
    expected = compare_times(WAVES_S["qrs"][:, 0], waves["qrs"][:, 0], 0.04, span_s=ANNOTATION.span_s)
    assert counts.tolist() == [expected.n_found, expected.n_missed, expected.n_false] == [2, 0, 1]
    assert f1_of_counts(counts) == Detection.pooled([expected]).f1


def test_samples_are_counted_inside_the_span():
    scores = scored(moved(0.0))
    confusion = scores.confusion[0, 0]
    assert confusion.sum() == 900
    assert (confusion - np.diag(np.diag(confusion))).sum() == 0
    assert np.diag(confusion)[1:].tolist() == [100, 100, 300]


def test_a_lead_without_annotation_counts_nothing():
    scores = scored(moved(0.0), moved(0.0), annotations=[ANNOTATION, None])
    assert scores.detections[0, 1].sum() == 0
    assert scores.detections[0, 0].sum() > 0


def test_cells_come_back_and_join_in_the_order_of_rows():
    first = scored(moved(0.0))
    second = SegmentationScores.of({**first.arrays(), "rows": np.array([1])})
    joined = SegmentationScores.joined([first, second])
    assert joined.rows.tolist() == [1, 3]
    assert joined.confusion.shape == (2, 1, 4, 4)
