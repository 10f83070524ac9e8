from __future__ import annotations

import numpy as np
import pytest
import torch

from ssrl_ecg.augmentations.dynamic_time_warp import DynamicTimeWarp, DynamicTimeWarpConfig
from ssrl_ecg.augmentations.time_axis import sample_at


def test_squeezes_and_stretches_the_drawn_places(batch, generator):
    warp = DynamicTimeWarp(DynamicTimeWarpConfig())
    drawn = warp.draw(batch, 100.0, generator)
    for row in range(6):
        edges_in, edges_out = [0.0], [0.0]
        for start, factor in zip(
            drawn["start_fraction"][row].tolist(), drawn["length_factor"][row].tolist(), strict=True
        ):
            edges_out += [edges_out[-1] + start * 400 - edges_in[-1]]
            edges_in += [start * 400, start * 400 + 20]
            edges_out += [edges_out[-1] + factor * 20]
        position = np.interp(np.arange(400), [*edges_out, 400], [*edges_in, 400])
        expected = sample_at(batch, torch.tensor([row]), torch.from_numpy(position).unsqueeze(0))
        torch.testing.assert_close(warp.apply(batch, drawn, 100.0)[row], expected[0], atol=2e-3, rtol=0)


@pytest.mark.parametrize("duration_s", [0.3, 1.0, 2.5, 10.0])
def test_places_fit_into_the_record_without_overlap(duration_s, generator):
    drawn = DynamicTimeWarp(DynamicTimeWarpConfig()).draw(
        torch.zeros(500, 1, round(1000 * duration_s)), 1000.0, generator
    )
    start, length = drawn["start_fraction"], drawn["length_fraction"][0].item()
    assert length * duration_s == pytest.approx(min(0.2, duration_s / 7))
    assert (start.diff(dim=1) >= length - 1e-6).all()
    assert (start[:, 0] >= 0).all()
    assert (start[:, -1] + length <= 1 + 1e-6).all()
    assert ((drawn["length_factor"] == 0.5).sum(dim=1) == 3).all()


def test_outside_the_places_the_pace_is_kept(generator):
    warp = DynamicTimeWarp(DynamicTimeWarpConfig(n_warps=1))
    ramp = torch.arange(1000.0, dtype=torch.float64).view(1, 1, -1)
    pace = warp(ramp, 100.0, generator).flatten()[1:-2].diff()
    assert ((pace - 1).abs() < 2e-2).float().mean() > 0.95
    assert pace.max().item() == pytest.approx(2, abs=0.05)
    assert pace.min().item() == pytest.approx(2 / 3, abs=0.05)
