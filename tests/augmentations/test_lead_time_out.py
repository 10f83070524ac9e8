from __future__ import annotations

import math

import numpy as np
import torch

from ssrl_ecg.augmentations.lead_time_out import LeadTimeOut, LeadTimeOutConfig


def test_silences_a_window_of_each_lead_that_may_wrap_around(batch, generator):
    timeout = LeadTimeOut(LeadTimeOutConfig())
    drawn = timeout.draw(batch, 100.0, generator)
    expected = batch.numpy().copy()
    for row in range(6):
        for lead in range(12):
            start = math.ceil(drawn["start_fraction"][row, lead].item() * 400)
            for step in range(200):
                expected[row, lead, (start + step) % 400] = 0
    np.testing.assert_array_equal(timeout.apply(batch, drawn, 100.0).numpy(), expected)


def test_half_of_every_lead_is_lost_and_every_moment_as_often(generator):
    silent = LeadTimeOut(LeadTimeOutConfig())(torch.ones(500, 12, 100), 100.0, generator) == 0
    assert ((silent.sum(dim=2) - 50).abs() <= 1).all()
    assert (silent.float().mean(dim=(0, 1)) - 0.5).abs().max() < 0.03
