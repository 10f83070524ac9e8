from __future__ import annotations

import math

import pytest
import torch

from ssrl_ecg.errors import InputError
from ssrl_ecg.losses import sinkhorn, swapped_prediction
from ssrl_ecg.methods import SwAV, SwAVConfig, ViewBatch
from ssrl_ecg.models import CNNConfig, ECGEncoder1DCNN


def build(**settings) -> SwAV:
    torch.manual_seed(0)
    config = SwAVConfig(**({"hidden_dim": 16, "projection_dim": 8, "n_prototypes": 4} | settings))
    return SwAV(ECGEncoder1DCNN(CNNConfig(width=2)), config).train()


def make_batch(method: SwAV, size: int = 6, seed: int = 1) -> ViewBatch:
    generator = torch.Generator().manual_seed(seed)
    views = tuple(torch.randn(size, 12, 64, generator=generator) for _ in range(method.plan.n_views))
    return ViewBatch(views=views, rows=torch.arange(size), sampling_rate_hz=100.0)


def unit_projections(method: SwAV, batch: ViewBatch) -> torch.Tensor:
    z = method.projector(method.encoder(torch.cat(batch.views)))
    return (z / z.norm(dim=1, keepdim=True)).view(len(batch.views), len(batch.rows), -1)


@pytest.mark.parametrize("n_windows", [2, 4])
def test_loss_by_hand(n_windows, generator):
    method = build(n_windows=n_windows, epsilon=0.2, temperature=0.5, sinkhorn_iterations=2)
    batch = make_batch(method)
    loss = method.loss(batch, generator)
    similarities = unit_projections(method, batch) @ method.prototypes.T
    assignments = torch.stack([sinkhorn(similarities[0], 0.2, 2), sinkhorn(similarities[1], 0.2, 2)])
    torch.testing.assert_close(loss.value, swapped_prediction(similarities, assignments, 0.5))
    shares = (similarities / 0.5).softmax(dim=-1).mean(dim=(0, 1)).tolist()
    assert loss.logs["prototypes_used"].item() == pytest.approx(math.exp(-sum(p * math.log(p) for p in shares)))


def test_prototypes_start_and_stay_on_the_sphere():
    method = build()
    torch.testing.assert_close(method.prototypes.norm(dim=1), torch.ones(4))
    with torch.no_grad():
        method.prototypes.mul_(torch.tensor([[0.5], [2.0], [3.0], [1.0]]))
    directions = method.prototypes / method.prototypes.norm(dim=1, keepdim=True)
    method.after_step(0.5)
    torch.testing.assert_close(method.prototypes, directions)


def test_prototypes_are_frozen_at_first_and_a_resumed_training_knows(generator):
    method, resumed = build(frozen_fraction=0.2), build(frozen_fraction=0.2)
    method.loss(make_batch(method), generator).value.backward()
    assert torch.count_nonzero(method.prototypes.grad) == 0
    assert all(torch.count_nonzero(p.grad) for p in method.encoder.parameters())
    method.after_step(0.2)
    resumed.load_state_dict(method.state_dict())
    resumed.loss(make_batch(method), generator).value.backward()
    assert torch.count_nonzero(resumed.prototypes.grad) > 0


def test_a_full_queue_takes_part_in_the_assignment(generator):
    method = build(queue_size=16, temperature=0.5)
    batch = make_batch(method)
    alone = method.loss(batch, generator).value
    assert torch.equal(method.loss(batch, generator).value, alone)
    method.after_step(0.5)
    method.loss(make_batch(method, seed=2), generator)
    method.after_step(0.6)
    assert method.queue.full
    loss = method.loss(batch, generator)
    z = unit_projections(method, batch)
    similarities, earlier = z @ method.prototypes.T, method.queue.keys @ method.prototypes.T
    assignments = torch.stack([sinkhorn(torch.cat([own, earlier]), 0.05, 3)[:6] for own in similarities])
    torch.testing.assert_close(loss.value, swapped_prediction(similarities, assignments, 0.5))
    assert abs(loss.value - alone) > 1e-4


@pytest.mark.parametrize(
    "values",
    [{"n_prototypes": 1}, {"n_windows": 1}, {"epsilon": 0.0}, {"frozen_fraction": 1.5}, {"queue_size": -1}],
)
def test_settings_out_of_range_are_refused(values):
    with pytest.raises(InputError, match=next(iter(values))):
        SwAVConfig(**values)
