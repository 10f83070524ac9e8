from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from ssrl_ecg.errors import InputError
from ssrl_ecg.losses import nt_xent
from ssrl_ecg.methods import ViewBatch
from ssrl_ecg.methods.measurements import TARGETS, MeasurementRegression, MeasurementRegressionConfig
from ssrl_ecg.models import CNNConfig, ECGEncoder1DCNN
from ssrl_ecg.signals.measurement_names import MEASUREMENTS

SMALL = {"hidden_dim": 16, "projection_dim": 8, "temperature": 0.5}


def build(**settings):
    torch.manual_seed(0)
    return MeasurementRegression(
        ECGEncoder1DCNN(CNNConfig(width=2)), MeasurementRegressionConfig(**SMALL | settings)
    ).eval()


@pytest.fixture
def batch(generator):
    views = tuple(torch.randn(4, 12, 64, generator=generator) for _ in range(2))
    targets = torch.randn(4, len(TARGETS), generator=generator)
    targets[1] = targets[:, 3] = float("nan")
    return ViewBatch(views=views, rows=torch.arange(4), sampling_rate_hz=100.0, targets=targets)


def huber(errors):
    return torch.where(errors.abs() <= 1, errors**2 / 2, errors.abs() - 0.5)


def test_the_loss_is_the_mean_over_known_targets_of_both_views_plus_a_share_of_simclr(batch, generator):
    method = build(simclr_weight=0.3)
    loss = method.loss(batch, generator)
    features = [method.encoder(view) for view in batch.views]
    known = ~batch.targets.isnan()
    of_views = [huber(method.readout(one)[known] - batch.targets[known]).mean() for one in features]
    contrast = nt_xent(*(method.contrast.projector(one) for one in features), 0.5)
    torch.testing.assert_close(loss.value, sum(of_views) / 2 + 0.3 * contrast)
    torch.testing.assert_close(loss.logs["regression"], sum(of_views).detach() / 2)


def test_without_simclr_there_is_no_projector_and_targets_alone_count(batch, generator):
    method = build(simclr_weight=0.0)
    loss = method.loss(batch, generator)
    assert not any("projector" in name for name in method.state_dict())
    assert loss.value.item() == loss.logs["regression"].item()
    nothing = replace(batch, targets=torch.full_like(batch.targets, float("nan")))
    assert method.loss(nothing, generator).value.item() == 0


def test_targets_are_read_in_the_order_of_their_names():
    assert TARGETS[: len(MEASUREMENTS)] == tuple(MEASUREMENTS)
    assert MeasurementRegressionConfig().n_targets == len(TARGETS) == len(set(TARGETS))
    assert "n_targets" not in MeasurementRegressionConfig().to_dict()


def test_a_weight_out_of_range_is_refused():
    with pytest.raises(InputError, match="simclr_weight"):
        MeasurementRegressionConfig(simclr_weight=-1.0)
