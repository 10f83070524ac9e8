from __future__ import annotations

import math

import pytest
import torch

from ssrl_ecg.errors import InputError
from ssrl_ecg.methods import BYOL, BYOLConfig, ViewBatch
from ssrl_ecg.models import CNNConfig, ECGEncoder1DCNN


def build(**settings) -> BYOL:
    torch.manual_seed(0)
    config = BYOLConfig(hidden_dim=16, projection_dim=8, **settings)
    return BYOL(ECGEncoder1DCNN(CNNConfig(width=2)), config)


def make_batch(size: int = 6) -> ViewBatch:
    generator = torch.Generator().manual_seed(1)
    views = tuple(torch.randn(size, 12, 64, generator=generator) for _ in range(2))
    return ViewBatch(views=views, rows=torch.arange(size), sampling_rate_hz=100.0)


def target_state(method: BYOL) -> list[torch.Tensor]:
    return [p.clone() for part in (method.target_encoder, method.target_projector) for p in part.parameters()]


def online_state(method: BYOL) -> list[torch.Tensor]:
    return [p.detach().clone() for part in (method.encoder, method.projector) for p in part.parameters()]


def test_target_starts_as_the_online_network_with_its_projector():
    method = build()
    for target, online in zip(target_state(method), online_state(method), strict=True):
        assert torch.equal(target, online)
    assert not any(p.requires_grad for p in method.target_encoder.parameters())


def test_loss_by_hand_symmetric_in_the_views(generator):
    method, batch = build().eval(), make_batch()
    a, b = batch.views

    def unit(z):
        return z / z.norm(dim=1, keepdim=True)

    def predict(view):
        return unit(method.predictor(method.projector(method.encoder(view))))

    def project(view):
        return unit(method.target_projector(method.target_encoder(view)))

    expected = ((predict(a) - project(b)) ** 2).sum(1).mean() + ((predict(b) - project(a)) ** 2).sum(1).mean()
    loss = method.loss(batch, generator)
    torch.testing.assert_close(loss.value, expected)
    swapped = method.loss(ViewBatch(views=(b, a), rows=batch.rows, sampling_rate_hz=100.0), generator)
    torch.testing.assert_close(swapped.value, loss.value)
    cosine = ((predict(a) * project(b)).sum(1).mean() + (predict(b) * project(a)).sum(1).mean()) / 2
    torch.testing.assert_close(loss.logs["alignment"], cosine.detach())


def test_target_in_training_uses_its_own_batch_statistics(generator):
    method = build().train()
    norm = next(m for m in method.target_encoder.modules() if isinstance(m, torch.nn.BatchNorm1d))
    before = norm.running_mean.clone()
    method.loss(make_batch(), generator)
    assert norm.training
    assert not torch.equal(norm.running_mean, before)


def test_target_is_the_exponential_average_by_a_slow_loop():
    method = build(momentum_tau=0.9, scale_half_life=False)
    method.begin(4)
    expected = [value.double() for value in target_state(method)]
    for step in range(1, 5):
        with torch.no_grad():
            for part in (method.encoder, method.projector):
                for p in part.parameters():
                    p.add_(torch.randn_like(p))
        method.after_step(step / 4)
        tau = 1 - 0.1 * (math.cos(math.pi * step / 4) + 1) / 2
        expected = [tau * t + (1 - tau) * o.double() for t, o in zip(expected, online_state(method), strict=True)]
    for target, value in zip(target_state(method), expected, strict=True):
        torch.testing.assert_close(target, value.float(), atol=1e-5, rtol=1e-5)


def test_last_step_leaves_the_target_where_it_is():
    method = build()
    before = target_state(method)
    with torch.no_grad():
        next(method.encoder.parameters()).add_(1)
    method.after_step(1.0)
    assert all(torch.equal(a, b) for a, b in zip(before, target_state(method), strict=True))


@pytest.mark.parametrize("total_steps", [1, 60, 600, 1700])
def test_short_trainings_start_with_the_half_life_that_is_asked_for(total_steps):
    method = build(half_life_fraction=0.1)
    method.begin(total_steps)
    left = 1.0
    steps = 0.1 * total_steps
    for _ in range(int(steps)):
        left *= method.tau(0.0)
    left *= method.tau(0.0) ** (steps - int(steps))
    assert left == pytest.approx(0.5)
    assert method.tau(1.0) == 1.0


def test_long_trainings_and_exact_start_values_are_left_alone():
    method = build(half_life_fraction=0.1)
    method.begin(1800)
    assert method.tau(0.0) == pytest.approx(0.996)
    exact = build(momentum_tau=0.99, scale_half_life=False)
    exact.begin(100)
    assert exact.tau(0.0) == pytest.approx(0.99)
    assert exact.tau(0.5) == pytest.approx(0.995)


def test_state_holds_the_target():
    method, copy = build(), build()
    with torch.no_grad():
        next(method.target_encoder.parameters()).add_(1)
    copy.load_state_dict(method.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(target_state(method), target_state(copy), strict=True))


@pytest.mark.parametrize("values", [{"momentum_tau": 1.01}, {"momentum_tau": -0.1}, {"half_life_fraction": 0.0}])
def test_settings_out_of_range_are_refused(values):
    with pytest.raises(InputError, match=next(iter(values))):
        BYOLConfig(**values)
