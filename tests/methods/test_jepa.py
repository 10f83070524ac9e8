from __future__ import annotations

import math
from itertools import groupby

import pytest
import torch

from ssrl_ecg.errors import InputError
from ssrl_ecg.methods import JEPA, JEPAConfig, ViewBatch
from ssrl_ecg.models import CNNConfig, ECGEncoder1DCNN, LeadViT1D, LeadViTConfig, ViT1D, ViTConfig, ViTS1D


def build(**settings) -> JEPA:
    torch.manual_seed(0)
    return JEPA(ViT1D(ViTConfig(width=8, depth=2, heads=2)), JEPAConfig(**settings))


def make_batch(size: int = 3, n_samples: int = 250) -> ViewBatch:
    view = torch.randn(size, 12, n_samples, generator=torch.Generator().manual_seed(1))
    return ViewBatch(views=(view,), rows=torch.arange(size), sampling_rate_hz=100.0)


def test_masks_keep_15_to_25_percent_and_hide_no_less_than_half_a_second(generator):
    method, kept = build(), set()
    for _ in range(60):
        mask = method.draw_mask(8, 50, 100.0, generator)
        counts = (~mask).sum(dim=1)
        assert (counts == counts[0]).all()
        kept.add(int(counts[0]))
        for row in mask.tolist():
            assert all(len(list(group)) >= 10 for hidden, group in groupby(row) if hidden)
    assert kept == set(range(math.ceil(0.15 * 50), math.ceil(0.25 * 50) + 1))


@pytest.mark.parametrize(("rate_hz", "patch_samples", "shortest"), [(100.0, 5, 10), (500.0, 25, 10), (500.0, 5, 50)])
def test_blocks_are_counted_in_seconds(rate_hz, patch_samples, shortest, generator):
    method = JEPA(ViT1D(ViTConfig(width=8, depth=1, heads=2, patch_samples=patch_samples)), JEPAConfig())
    mask = method.draw_mask(200, 10 * shortest, rate_hz, generator)
    assert min(len(list(g)) for row in mask.tolist() for hidden, g in groupby(row) if hidden) == shortest


def test_loss_by_a_slow_loop_over_hidden_patches():
    method, batch = build(), make_batch()
    with torch.no_grad():
        for p in method.target_encoder.parameters():
            p.add_(0.1 * torch.randn_like(p))
    found = method.loss(batch, torch.Generator().manual_seed(2))
    patches = method.encoder.patches(batch.views[0])
    mask = method.draw_mask(3, 50, 100.0, torch.Generator().manual_seed(2))
    errors, targets = [], []
    for record in range(3):
        visible = (~mask[record]).nonzero().T
        tokens = method.encoder.encode(patches[record : record + 1], visible)
        predicted = method.predictor(tokens, visible, 50)[0]
        for token, target in enumerate(method.target_encoder.encode(patches[record : record + 1])[0]):
            unit = (target - target.mean()) / (target.var(unbiased=False) + 1e-5).sqrt()
            targets.append(unit)
            if mask[record, token]:
                errors.append((predicted[token] - unit).abs())
    torch.testing.assert_close(found.value, torch.stack(errors).mean())
    torch.testing.assert_close(found.logs["target_sd"], torch.stack(targets).std(dim=0).mean())


def test_the_target_gets_no_gradient_and_the_prediction_does_not_see_what_is_hidden(generator):
    method, batch = build(), make_batch()
    method.loss(batch, generator).value.backward()
    assert all(p.grad is None for p in method.target_encoder.parameters())
    signal = batch.views[0]
    mask = method.draw_mask(3, 50, 100.0, generator)
    visible = (~mask).nonzero()[:, 1].reshape(3, -1)
    other = signal + 100 * mask.repeat_interleave(5, dim=1).unsqueeze(1)
    first, second = (
        method.predictor(method.encoder.encode(method.encoder.patches(x), visible), visible, 50)
        for x in (signal, other)
    )
    assert not torch.equal(signal, other)
    assert torch.equal(first, second)


def test_tau_rises_in_a_straight_line_and_starts_lower_in_short_trainings():
    method = build()
    method.begin(100_000)
    assert [method.tau(p) for p in (0.0, 0.5, 1.0)] == pytest.approx([0.998, 0.99875, 0.9995])
    method.begin(600)
    assert method.tau(0.0) ** 60 == pytest.approx(0.5)
    assert method.tau(1.0) == pytest.approx(0.9995)


def test_target_is_the_exponential_average_by_a_slow_loop():
    method = build(momentum_tau=0.9, final_tau=0.98, scale_half_life=False)
    method.begin(4)
    expected = [p.double() for p in method.target_encoder.parameters()]
    for target, online in zip(expected, method.encoder.parameters(), strict=True):
        assert torch.equal(target, online.double())
    for step in range(1, 5):
        with torch.no_grad():
            for p in method.encoder.parameters():
                p.add_(torch.randn_like(p))
        method.after_step(step / 4)
        tau = 0.9 + 0.08 * step / 4
        online = [p.detach().double() for p in method.encoder.parameters()]
        expected = [tau * t + (1 - tau) * o for t, o in zip(expected, online, strict=True)]
    for target, value in zip(method.target_encoder.parameters(), expected, strict=True):
        torch.testing.assert_close(target, value.float(), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", [ViT1D, ViTS1D])
def test_the_predictor_is_as_deep_and_half_as_wide(kind):
    method = JEPA(kind(kind.Config(width=24)), JEPAConfig())
    assert len(method.predictor.blocks) == 8
    assert method.predictor.mask_token.shape == (12,)
    shallow = JEPA(kind(kind.Config(width=24)), JEPAConfig(predictor_depth=2))
    assert len(shallow.predictor.blocks) == 2


@pytest.mark.parametrize(
    "encoder", [ECGEncoder1DCNN(CNNConfig(width=2)), LeadViT1D(LeadViTConfig(width=8, depth=1, heads=2))]
)
def test_other_encoders_are_refused(encoder):
    with pytest.raises(InputError, match=f"expected vit-xs or vit-s, found {type(encoder).__name__}"):
        JEPA(encoder, JEPAConfig())


def test_views_of_one_patch_are_refused(generator):
    with pytest.raises(InputError, match="single patch"):
        build().loss(make_batch(n_samples=9), generator)


@pytest.mark.parametrize(
    "values", [{"final_tau": 1.1}, {"keep_low": 0.0}, {"keep_high": 0.1}, {"block_s": 0}, {"predictor_depth": 0}]
)
def test_settings_out_of_range_are_refused(values):
    with pytest.raises(InputError, match=next(iter(values))):
        JEPAConfig(**values)
