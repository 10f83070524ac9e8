from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from ssrl_ecg.data.simulator import PARAMETERS, STATEMENT_CODES
from ssrl_ecg.errors import InputError
from ssrl_ecg.losses import nt_xent
from ssrl_ecg.methods import Simulation, SimulationConfig, ViewBatch
from ssrl_ecg.models import CNNConfig, ECGEncoder1DCNN

SMALL = {"hidden_dim": 16, "projection_dim": 8, "temperature": 0.5}
N = len(PARAMETERS)


def build(**settings):
    torch.manual_seed(0)
    return Simulation(ECGEncoder1DCNN(CNNConfig(width=2)), SimulationConfig(**SMALL | settings)).eval()


@pytest.fixture
def batch(generator):
    views = tuple(torch.randn(4, 12, 64, generator=generator) for _ in range(2))
    parameters = torch.randn(4, N, generator=generator)
    parameters[2, :3] = float("nan")
    diagnoses = (torch.rand(4, len(STATEMENT_CODES), generator=generator) < 0.3).float()
    masks = tuple(torch.rand(4, 3, 64, generator=generator) < 0.2 for _ in range(2))
    return ViewBatch(
        views=views, rows=torch.arange(4), sampling_rate_hz=100.0, targets=torch.cat([parameters, diagnoses], 1),
        masks=masks,
    )  # fmt: skip


def test_the_loss_is_the_weighted_sum_of_what_each_view_says(batch, generator):
    method = build(mask_weight=2.0, diagnosis_weight=0.5, simclr_weight=0.3)
    loss = method.loss(batch, generator)
    known = ~batch.targets[:, :N].isnan()
    parts = torch.zeros(3)
    for view, masks in zip(batch.views, batch.masks, strict=True):
        read = method.readout(method.encoder(view))
        errors = (read[:, :N] - batch.targets[:, :N])[known].abs()
        parts[0] += torch.where(errors <= 1, errors**2 / 2, errors - 0.5).mean() / 2
        parts[1] += F.softplus(torch.where(batch.targets[:, N:] == 1, -read[:, N:], read[:, N:])).mean() / 2
        logits = method.wave_logits(method.encoder.layer_maps(view), 64)
        parts[2] += F.softplus(torch.where(masks, -logits, logits)).mean() / 2
    contrast = nt_xent(*(method.contrast.projector(method.encoder(view)) for view in batch.views), 0.5)
    torch.testing.assert_close(torch.stack([loss.logs[name] for name in ("parameters", "diagnoses", "masks")]), parts)
    torch.testing.assert_close(loss.value, parts @ torch.tensor([1.0, 0.5, 2.0]) + 0.3 * contrast)


def test_every_stage_votes_on_every_sample():
    method = build()
    maps = [torch.zeros(1, dim, 2 ** (6 - k)) for k, dim in enumerate(method.encoder.layer_dims)]
    still = method.wave_logits(maps, 64)
    assert still.shape == (1, 3, 64)
    for one in maps:
        one[..., 0] = 1.0  # the beginning of one stage's map
        changed = (method.wave_logits(maps, 64) - still).abs().sum(dim=(0, 1)) > 1e-6
        assert changed[0]
        assert not changed[-1]
        one[..., 0] = 0.0


def test_masks_are_learnt_from_the_crop(batch, generator):
    """A wave that can be seen in the signal is found in it, after a few steps."""
    method = build().train()
    view = torch.randn(8, 12, 64, generator=generator)
    seen = (view[:, :1] > 0.5).expand(-1, 3, -1)
    told = replace(
        batch, views=(view, view), rows=torch.arange(8), masks=(seen, seen), targets=batch.targets.repeat(2, 1)
    )
    optimiser = torch.optim.Adam(method.parameters(), lr=0.01)
    losses = []
    for _ in range(30):
        loss = method.loss(told, generator)
        optimiser.zero_grad()
        loss.value.backward()
        optimiser.step()
        losses.append(loss.logs["masks"].item())
    assert losses[-1] < 0.75 * losses[0]


@pytest.mark.parametrize("name", ["mask_weight", "diagnosis_weight", "simclr_weight"])
def test_weights_out_of_range_are_refused(name):
    with pytest.raises(InputError, match=name):
        SimulationConfig(**{name: -1.0})
