from __future__ import annotations

import numpy as np
import torch

from ssrl_ecg.training.record_facts import RecordFacts

ROWS = torch.tensor([2, 0])


def test_rpeaks_of_a_window_count_from_its_beginning_and_are_padded_with_nan():
    peaks = [np.array([0.4, 1.2]), np.array([]), np.array([0.1, 0.9, 1.7, 2.5])]
    found = RecordFacts(rpeaks_s=peaks).rpeaks_in(ROWS, torch.tensor([0.5, 0.4]), 2.0)
    expected = torch.tensor([[0.4, 1.2], [0.0, 0.8]])  # 2.5 s lies at the first window's end, which is outside
    torch.testing.assert_close(found, expected, equal_nan=True)


def test_a_window_without_beats_is_all_nan():
    found = RecordFacts(rpeaks_s=[np.array([])]).rpeaks_in(torch.tensor([0]), torch.zeros(1), 1.0)
    assert found.shape == (1, 1)
    assert found.isnan().all()


def test_classes_and_features_are_those_of_the_beats_inside():
    peaks = [np.array([0.4, 1.2]), np.array([]), np.array([0.1, 0.9, 1.7, 2.5])]
    classes = [np.array([7, 3]), np.zeros(0, np.int64), np.array([0, 1, 2, 3])]
    features = [np.stack([own, -own], axis=1).astype(np.float32) for own in classes]
    facts, rows, starts_s = (
        RecordFacts(rpeaks_s=peaks, beat_classes=classes, beat_features=features),
        torch.tensor([2, 0, 1]),
        torch.tensor([0.5, 0.9, 0.0]),
    )
    assert facts.rpeaks_in(rows, starts_s, 2.0).isnan().tolist() == [[False, False], [False, True], [True, True]]
    assert facts.beat_classes_in(rows, starts_s, 2.0).tolist() == [[1, 2], [3, -1], [-1, -1]]
    found = facts.beat_features_in(rows, starts_s, 2.0)
    nan = float("nan")
    expected = torch.tensor([[[1.0, -1.0], [2.0, -2.0]], [[3.0, -3.0], [nan, nan]], [[nan, nan]] * 2])
    torch.testing.assert_close(found, expected, equal_nan=True)


def test_masks_and_targets_follow_rows_and_starts():
    masks = np.arange(3 * 3 * 10).reshape(3, 3, 10) % 2 == 0
    facts = RecordFacts(masks=masks, targets=np.arange(6, dtype=np.float32).reshape(3, 2))
    cut = facts.masks_in(ROWS, torch.tensor([1, 4]), 5)
    assert np.array_equal(cut, np.stack([masks[2, :, 1:6], masks[0, :, 4:9]]))
    assert facts.targets_of(ROWS).tolist() == [[4, 5], [0, 1]]


def test_nothing_is_known_unless_given():
    facts = RecordFacts()
    assert facts.targets_of(ROWS) is facts.masks_in(ROWS, ROWS, 5) is None
    for of_beats in (facts.rpeaks_in, facts.beat_classes_in, facts.beat_features_in):
        assert of_beats(ROWS, torch.zeros(2), 1.0) is None


def test_identity_changes_with_every_fact():
    targets = np.zeros((2, 1), np.float32)
    known = [
        RecordFacts(),
        RecordFacts(targets=targets),
        RecordFacts(targets=targets + 1),
        RecordFacts(rpeaks_s=[np.array([0.1])]),
        RecordFacts(rpeaks_s=[np.array([0.2])]),
        RecordFacts(rpeaks_s=[np.array([0.2])], beat_classes=[np.array([1])]),
        RecordFacts(rpeaks_s=[np.array([0.2])], beat_features=[np.zeros((1, 2), np.float32)]),
        RecordFacts(masks=np.zeros((1, 3, 2), bool)),
        RecordFacts(masks=np.ones((1, 3, 2), bool)),
    ]
    assert len({facts.identity() for facts in known}) == len(known)
    assert RecordFacts(targets=targets.copy()).identity() == known[1].identity()
