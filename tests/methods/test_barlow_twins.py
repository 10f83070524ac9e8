from __future__ import annotations

import pytest
import torch

from ssrl_ecg.errors import InputError
from ssrl_ecg.losses import barlow_twins_loss
from ssrl_ecg.methods import BarlowTwins, BarlowTwinsConfig, ViewBatch
from ssrl_ecg.models import CNNConfig, ECGEncoder1DCNN


def test_loss_per_dimension_of_the_projected_views(generator):
    torch.manual_seed(0)
    config = BarlowTwinsConfig(hidden_dim=16, projection_dim=8, redundancy_weight=0.3)
    method = BarlowTwins(ECGEncoder1DCNN(CNNConfig(width=2)), config).train()
    a, b = torch.randn(5, 12, 64, generator=generator), torch.randn(5, 12, 64, generator=generator)
    loss = method.loss(ViewBatch(views=(a, b), rows=torch.arange(5), sampling_rate_hz=100.0), generator)
    z = method.projector(method.encoder(torch.cat([a, b])))
    torch.testing.assert_close(loss.value, barlow_twins_loss(z[:5], z[5:], 0.3) / 8)


@pytest.mark.parametrize("values", [{"redundancy_weight": -1.0}, {"hidden_dim": 0}, {"projection_dim": 1.5}])
def test_settings_out_of_range_are_refused(values):
    with pytest.raises(InputError, match=next(iter(values))):
        BarlowTwinsConfig(**values)
