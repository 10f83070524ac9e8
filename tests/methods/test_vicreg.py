from __future__ import annotations

import pytest
import torch

from ssrl_ecg.errors import InputError
from ssrl_ecg.losses import vicreg_terms
from ssrl_ecg.methods import VICReg, VICRegConfig, ViewBatch
from ssrl_ecg.models import CNNConfig, ECGEncoder1DCNN


def test_loss_weighs_the_terms_of_the_projected_views(generator):
    torch.manual_seed(0)
    config = VICRegConfig(
        hidden_dim=16, projection_dim=8, invariance_weight=2.0, variance_weight=3.0, covariance_weight=0.5
    )
    method = VICReg(ECGEncoder1DCNN(CNNConfig(width=2)), config).train()
    a, b = torch.randn(5, 12, 64, generator=generator), torch.randn(5, 12, 64, generator=generator)
    loss = method.loss(ViewBatch(views=(a, b), rows=torch.arange(5), sampling_rate_hz=100.0), generator)
    z = method.expander(method.encoder(torch.cat([a, b])))
    terms = vicreg_terms(z[:5], z[5:])
    torch.testing.assert_close(loss.value, 2 * terms.invariance + 3 * terms.variance + 0.5 * terms.covariance)
    torch.testing.assert_close(loss.logs["covariance"], terms.covariance.detach())


def test_expander_of_the_default_settings():
    expander = VICReg(ECGEncoder1DCNN(CNNConfig()), VICRegConfig()).expander
    shapes = [tuple(layer.weight.shape) for layer in expander if isinstance(layer, torch.nn.Linear)]
    assert shapes == [(1024, 256), (1024, 1024), (1024, 1024)]


@pytest.mark.parametrize("values", [{"variance_weight": -1.0}, {"hidden_dim": 0}, {"projection_dim": 1.5}])
def test_settings_out_of_range_are_refused(values):
    with pytest.raises(InputError, match=next(iter(values))):
        VICRegConfig(**values)
