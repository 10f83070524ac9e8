from __future__ import annotations

import numpy as np
import pytest
import torch

from ssrl_ecg.augmentations.base import Parameters
from ssrl_ecg.augmentations.temporal_dropout import TemporalDropout, TemporalDropoutConfig


def lost_samples(drawn: Parameters, row: int, n_samples: int, sampling_rate_hz: float) -> np.ndarray:
    time_s = np.arange(n_samples) / sampling_rate_hz
    starts = drawn["start_s"][row].numpy()
    return np.any([(start <= time_s) & (time_s < start + drawn["gap_s"][row].item()) for start in starts], axis=0)


@pytest.mark.parametrize("gap_s", [0.03, 0.2, 5.0])
def test_bridges_the_gaps_record_by_record(batch, generator, gap_s):
    dropout = TemporalDropout(TemporalDropoutConfig(probability=1.0, lost_fraction=(0.2, 0.5), gap_s=gap_s))
    drawn = dropout.draw(batch, 100.0, generator)
    expected = batch.numpy().copy()
    for row in range(6):
        lost = lost_samples(drawn, row, 400, 100.0)
        for lead in range(12):
            kept = np.flatnonzero(~lost)
            expected[row, lead, lost] = np.interp(np.flatnonzero(lost), kept, expected[row, lead, kept])
    np.testing.assert_allclose(dropout.apply(batch, drawn, 100.0).numpy(), expected, atol=1e-12)


@pytest.mark.parametrize(("duration_s", "sampling_rate_hz"), [(10.0, 100.0), (10.0, 500.0), (2.5, 100.0)])
def test_loses_the_documented_share_in_gaps_that_do_not_overlap(generator, duration_s, sampling_rate_hz):
    dropout = TemporalDropout(TemporalDropoutConfig(probability=1.0))
    n_samples = round(duration_s * sampling_rate_hz)
    drawn = dropout.draw(torch.zeros(300, 1, n_samples), sampling_rate_hz, generator)
    for row in range(300):
        starts = drawn["start_s"][row][drawn["start_s"][row].isfinite()].double()
        gap_s, share = drawn["gap_s"][row].item(), len(starts) * drawn["gap_s"][row].item() / duration_s
        assert 0.05 - 1e-6 <= share <= 0.2 + 1e-6
        assert gap_s <= 0.3 + 1e-6
        assert (starts.diff() >= gap_s - 1e-5).all()
        assert starts[0] >= 0
        assert starts[-1] + gap_s <= duration_s + 1e-5
        lost = lost_samples(drawn, row, n_samples, sampling_rate_hz).mean()
        assert lost == pytest.approx(share, abs=(len(starts) + 1) / n_samples)


def test_a_gap_at_an_end_takes_the_nearest_kept_value():
    drawn = Parameters(torch.tensor([0]), {"start_s": torch.tensor([[0.0, 0.07]]), "gap_s": torch.tensor([0.03])})
    signal = torch.arange(10.0).view(1, 1, -1)
    output = TemporalDropout(TemporalDropoutConfig()).apply(signal, drawn, 100.0)
    assert output.flatten().tolist() == [3, 3, 3, 3, 4, 5, 6, 6, 6, 6]


def test_touching_gaps_are_bridged_as_one():
    drawn = Parameters(torch.tensor([0]), {"start_s": torch.tensor([[0.02, 0.04]]), "gap_s": torch.tensor([0.02])})
    signal = torch.tensor([0.0, 1, 9, 9, 9, 9, 6, 7]).view(1, 1, -1)
    output = TemporalDropout(TemporalDropoutConfig()).apply(signal, drawn, 100.0)
    torch.testing.assert_close(output.flatten(), torch.arange(8.0))


def test_documented_strength_and_rate():
    config = TemporalDropoutConfig()
    assert (config.probability, config.lost_fraction) == (0.3, (0.05, 0.2))
