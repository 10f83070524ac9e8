from __future__ import annotations

import pytest
import torch

from ssrl_ecg.errors import InputError
from ssrl_ecg.losses import nt_xent
from ssrl_ecg.methods import SimCLR, SimCLRConfig, ViewBatch
from ssrl_ecg.models import CNNConfig, ECGEncoder1DCNN


@pytest.fixture
def method():
    torch.manual_seed(0)
    return SimCLR(ECGEncoder1DCNN(CNNConfig(width=2)), SimCLRConfig(hidden_dim=16, projection_dim=8, temperature=0.3))


def test_published_head():
    head = SimCLR(ECGEncoder1DCNN(CNNConfig()), SimCLRConfig()).contrast.projector
    shapes = [tuple(layer.weight.shape) for layer in head if isinstance(layer, torch.nn.Linear)]
    assert shapes == [(2048, 256), (128, 2048)]


def test_loss_is_nt_xent_of_the_projected_views(method, generator):
    a, b = torch.randn(5, 12, 64, generator=generator), torch.randn(5, 12, 64, generator=generator)
    loss = method.loss(ViewBatch(views=(a, b), rows=torch.arange(5), sampling_rate_hz=100.0), generator)
    z = method.contrast.projector(method.encoder(torch.cat([a, b])))
    torch.testing.assert_close(loss.value, nt_xent(z[:5], z[5:], 0.3))
    torch.testing.assert_close(loss.logs["alignment"], torch.cosine_similarity(z[:5], z[5:]).mean().detach())
    assert abs(loss.value.item() - nt_xent(z[:5], z[5:], 0.07).item()) > 0.01


def test_a_third_view_is_refused(method, generator):
    view = torch.randn(2, 12, 64)
    with pytest.raises(ValueError, match="unpack"):
        method.loss(ViewBatch(views=(view, view, view), rows=torch.arange(2), sampling_rate_hz=100.0), generator)


@pytest.mark.parametrize("values", [{"temperature": 0.0}, {"hidden_dim": 0}, {"projection_dim": 1.5}])
def test_settings_out_of_range_are_refused(values):
    with pytest.raises(InputError, match=next(iter(values))):
        SimCLRConfig(**values)
