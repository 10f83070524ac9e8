from __future__ import annotations

import numpy as np
import pytest
import torch

from ssrl_ecg.augmentations.baseline_shift import BaselineShift, BaselineShiftConfig


def test_electrodes_shift_record_by_record(batch, generator, read_by_leads):
    shift = BaselineShift(BaselineShiftConfig())
    drawn = shift.draw(batch, 40.0, generator)  # 10 s
    change = (shift.apply(batch, drawn, 40.0) - batch).numpy()
    time_s = np.arange(400) / 40
    for row in range(6):
        electrodes = np.zeros((9, 400))
        for number in range(drawn["start_s"].shape[1]):
            start_s, length_s = drawn["start_s"][row, number].item(), drawn["length_s"][row, number].item()
            inside = (time_s >= start_s) & (time_s < start_s + length_s)
            electrodes[:, inside] += drawn["offset"][row, :, number].double().numpy()[:, None]
        electrodes *= drawn["amplitude_mv"][row].item()
        np.testing.assert_allclose(change[row], read_by_leads(electrodes), atol=1e-6)


@pytest.mark.parametrize(("duration_s", "most"), [(1.0, 1), (2.5, 1), (10.0, 3), (30.0, 9)])
def test_number_length_and_place_are_as_documented(duration_s, most, generator):
    drawn = BaselineShift(BaselineShiftConfig()).draw(torch.zeros(2000, 12, round(100 * duration_s)), 100.0, generator)
    start_s, length_s = drawn["start_s"], drawn["length_s"]
    n_shifts = start_s.isfinite().sum(dim=1)
    assert n_shifts.unique().tolist() == list(range(1, most + 1))
    real = start_s.isfinite()
    assert (start_s[real] >= 0).all()
    assert ((start_s + length_s)[real] <= duration_s + 1e-5).all()
    assert length_s.max() <= min(5.5, duration_s / 2)
    if duration_s >= 11:
        assert length_s.mean().item() == pytest.approx(3, abs=0.05)


def test_a_shift_moves_no_lead_by_more_than_the_amplitude(generator):
    shift = BaselineShift(BaselineShiftConfig(amplitude_mv=(2.0, 2.0)))
    change = shift(torch.zeros(2000, 12, 25), 10.0, generator).abs()
    assert 1.8 < change.max() <= 2
