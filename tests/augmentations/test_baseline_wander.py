from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ssrl_ecg.augmentations.baseline_wander import BaselineWander, BaselineWanderConfig


def test_electrodes_wander_record_by_record(batch, generator, read_by_leads):
    wander = BaselineWander(BaselineWanderConfig())
    drawn = wander.draw(batch, 100.0, generator)
    change = (wander.apply(batch, drawn, 100.0) - batch).numpy()
    time_s = np.arange(400) / 100
    for row in range(2):
        electrodes = np.zeros((9, 400))
        for electrode in range(9):
            for k in range(50):
                weight, phase = (drawn[name][row, electrode, k].item() for name in ("weight", "phase_radians"))
                electrodes[electrode] += weight * np.cos(2 * math.pi * 0.01 * (k + 1) * time_s + phase)
        electrodes *= drawn["amplitude_mv"][row].item() / math.sqrt(2)
        np.testing.assert_allclose(change[row], read_by_leads(electrodes), atol=1e-6)


def test_limb_leads_wander_with_the_documented_sd_below_half_a_hertz(generator):
    wander = BaselineWander(BaselineWanderConfig(amplitude_mv=(0.1, 0.1)))
    change = wander(torch.zeros(600, 12, 1000), 10.0, generator)  # 100 s: the period of the slowest cosine
    assert change[:, :3].std().item() == pytest.approx(0.1 * math.sqrt(50 / 6), rel=0.03)
    assert change[:, 6:].std().item() == pytest.approx(0.1 * math.sqrt(50 / 6 * 2 / 3), rel=0.03)
    power = torch.fft.rfft(change).abs().square().mean(dim=(0, 1))
    assert power[1:51].sum() > 0.9999 * power.sum()
