from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from ssrl_ecg.evaluation.segmentation.scores import BOUNDARIES, SegmentationScores
from ssrl_ecg.evaluation.segmentation.tables import (
    ResampledRow,
    Resampling,
    ScoredRow,
    against_scratch,
    comparison_table,
    sample_table,
)
from ssrl_ecg.metrics.segmentation import record_dice, sample_f1

N, LEADS = 40, 3


def made(seed, skill):
    """Scores of a segmenter that is right with a probability of its own in each record."""
    rng = np.random.default_rng(seed)
    confusion = np.zeros((N, LEADS, 4, 4), np.int32)
    difficulty = np.random.default_rng(99).normal(0, 0.05, N)
    for record in range(N):
        for code in range(4):
            right = np.clip(skill + difficulty[record], 0.05, 0.99)
            share = np.full(4, (1 - right) / 3)
            share[code] = right
            confusion[record, :, code] = rng.multinomial(200, share, LEADS)
    empty = np.zeros((N, LEADS, len(BOUNDARIES), 2))
    detections = rng.integers(0, 9, (N, LEADS, len(BOUNDARIES), 2, 3)).astype(np.int16)
    return SegmentationScores(np.arange(N), confusion, detections, empty)


def row(name, scores, *, kind="network", rate_hz=100.0, fraction=1.0):
    return ScoredRow(name, kind, rate_hz, fraction, 160.0, (f"cells/{name}.npz",), scores)


@pytest.fixture(scope="module")
def resampling():
    return Resampling.draw([str(k) for k in range(N)], 1 + np.arange(N) % 4, 400, 0)


def test_replicates_draw_as_many_patients_of_every_fold_as_it_has(resampling):
    folds = np.arange(N) % 4
    assert (resampling.weights[0] == 1).all()
    for fold in range(4):
        assert (resampling.weights[:, folds == fold].sum(axis=1) == 10).all()
    assert resampling.weights[1:].std() > 0.5


def test_records_of_one_patient_are_drawn_together():
    weights = Resampling.draw(["a", "a", "b", "c"], [1, 1, 1, 1], 50, 0).weights
    np.testing.assert_array_equal(weights[:, 0], weights[:, 1])


def test_a_replicate_is_the_score_of_its_repeated_records(resampling):
    scores = made(0, 0.8)
    drawn = ResampledRow(scores, resampling)
    for replicate in (0, 7):
        rows = np.repeat(np.arange(N), resampling.weights[replicate].astype(int))
        by_record = scores.confusion[rows].sum(axis=1)
        np.testing.assert_allclose(drawn.f1[replicate], sample_f1(by_record.sum(axis=0)))
        np.testing.assert_allclose(drawn.dice[replicate], record_dice(by_record))
        found, missed, false = scores.detections[rows].sum(axis=(0, 1))[2, 0].astype(float)
        assert drawn.boundary_f1[replicate, 2, 0] == pytest.approx(2 * found / (2 * found + missed + false))


def test_the_interval_is_as_wide_as_the_spread_of_patients_makes_it(resampling):
    scores = made(0, 0.8)
    table = sample_table([row("a", scores)], resampling)
    dice = sample_f1(scores.confusion.sum(axis=1))[:, 1:].mean(axis=1)
    half = stats.t.ppf(0.975, N - 1) * stats.sem(dice)
    line = table.iloc[0]
    assert line["macro_dice_high"] - line["macro_dice_low"] == pytest.approx(2 * half, rel=0.25)
    assert line["macro_dice"] == pytest.approx(dice.mean())


def test_differences_are_paired_and_only_with_the_row_from_scratch_at_that_rate_and_fraction(resampling):
    worse, better, equal = made(0, 0.7), made(1, 0.8), made(2, 0.7)
    rows = [
        row("scratch", worse), row("pretrained", better), row("same", equal), row("other rate", better, rate_hz=250.0),
        row("floor", better, kind="floor"), row("pretrained", better, fraction=0.1),
    ]  # fmt: skip
    table = comparison_table(rows, resampling, against_scratch(rows, ["scratch"]))
    assert table[["row", "verdict"]].to_numpy().tolist() == [["pretrained", "better"], ["same", "no difference"]]
    gain = table.iloc[0]
    both = [ResampledRow(one, resampling).macro_f1() for one in (better, worse)]
    assert gain["difference"] == pytest.approx(both[0][0] - both[1][0])
    assert gain["difference_low"] == pytest.approx(np.quantile((both[0] - both[1])[1:], 0.025), abs=2e-3)
    assert gain["p_holm"] == pytest.approx(2 * gain["p"])


def test_nothing_to_compare_with_is_an_empty_table(resampling):
    rows = [row("floor", made(0, 0.7), kind="floor")]
    assert comparison_table(rows, resampling, against_scratch(rows, ["scratch"])).empty
