from __future__ import annotations

import numpy as np
import torch
from scipy.stats import chisquare

from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.windows import filtered_mv, over_windows, random_crop


def test_every_row_is_cut_whole_from_its_own_record(generator):
    time = torch.arange(100.0)
    signal = torch.stack([1000 * record + 100 * torch.arange(3)[:, None] + time / 1000 for record in range(8)])
    crop = random_crop(signal, 30, generator)
    assert crop.shape == (8, 3, 30)
    starts = set()
    for record, cut in zip(signal, crop, strict=True):
        start = int((record[0] - cut[0, 0]).abs().argmin())
        starts.add(start)
        assert torch.equal(cut, record[:, start : start + 30])
    assert len(starts) > 3


def test_starts_are_uniform_and_reach_both_ends(generator):
    signal = torch.arange(12.0).expand(6000, 1, 12)
    starts = random_crop(signal, 8, generator)[:, 0, 0].long()
    counts = torch.bincount(starts, minlength=5)
    assert len(counts) == 5
    assert chisquare(counts.numpy()).pvalue > 1e-3


def test_nothing_is_drawn_where_nothing_is_cut(generator):
    signal = torch.randn(2, 3, 10)
    before = generator.get_state()
    assert random_crop(signal, 10, generator) is signal
    assert random_crop(signal, 11, generator) is signal
    assert torch.equal(generator.get_state(), before)


def test_the_same_generator_cuts_the_same():
    signal = torch.randn(5, 2, 50)
    crops = [random_crop(signal, 9, torch.Generator().manual_seed(4)) for _ in range(2)]
    assert torch.equal(*crops)


def test_windows_are_averaged_as_a_slow_loop_does():
    signal_mv = torch.randn(3, 12, 250, dtype=torch.float64)
    preprocessing = Preprocessing(window_s=1.0, normalisation="record", highpass_hz=1.0)

    def function(windows):
        return torch.stack([windows.amax(dim=(1, 2)), windows[:, 2, 7]], dim=1)

    found = over_windows(function, signal_mv, preprocessing, overlap=0.25)
    for record, row in zip(signal_mv, found, strict=True):
        filtered = preprocessing.filter(record)
        outputs = []
        for start in (0, 75, 150):
            window = preprocessing.normalise(filtered[:, start : start + 100])
            outputs.append([float(window.max()), float(window[2, 7])])
        np.testing.assert_allclose(row, np.mean(outputs, axis=0), rtol=1e-12)


def test_filtered_records_are_in_millivolt_and_in_order(store):
    rows = np.array([5, 2])
    plain = filtered_mv(store, rows, Preprocessing())
    np.testing.assert_array_equal(plain, store.read_mv(rows))
    high_passed = filtered_mv(store, rows, Preprocessing(highpass_hz=20.0))
    assert np.abs(high_passed).max() < np.abs(plain).max()
