from __future__ import annotations

import numpy as np
import pytest
import torch

from ssrl_ecg.augmentations.time_axis import sample_at
from ssrl_ecg.augmentations.time_warp import TimeWarp, TimeWarpConfig
from ssrl_ecg.errors import InputError


@pytest.mark.parametrize(("n_segments", "change"), [(4, 0.2), (20, 0.5), (2, 0.0)])
def test_time_runs_evenly_within_each_segment(batch, generator, n_segments, change):
    warp = TimeWarp(TimeWarpConfig(n_segments=n_segments, change_fraction=change))
    drawn = warp.draw(batch, 100.0, generator)
    for row in range(6):
        length = drawn["length_factor"][row].double().numpy() / n_segments * 400
        position = np.interp(
            np.arange(400), np.concatenate([[0], np.cumsum(length)]), np.linspace(0, 400, n_segments + 1)
        )
        expected = sample_at(batch, torch.tensor([row]), torch.from_numpy(position).unsqueeze(0))
        torch.testing.assert_close(warp.apply(batch, drawn, 100.0)[row], expected[0], atol=2e-3, rtol=0)


def test_half_are_stretched_by_a_fifth_and_all_halves_occur(generator):
    factor = TimeWarp(TimeWarpConfig()).draw(torch.zeros(3000, 1, 9), 100.0, generator)["length_factor"]
    torch.testing.assert_close(factor.sum(dim=1), torch.full((3000,), 4.0))
    halves, counts = factor.unique(dim=0, return_counts=True)
    torch.testing.assert_close(halves.unique(), torch.tensor([0.8, 1.2]))
    assert len(halves) == 6
    assert counts.min() > 420


def test_an_odd_number_of_segments_is_refused():
    with pytest.raises(InputError, match="n_segments, expected even"):
        TimeWarpConfig(n_segments=5)
