from __future__ import annotations

import pytest
import torch

from ssrl_ecg.errors import InputError
from ssrl_ecg.methods import MAE, MAEConfig, ViewBatch
from ssrl_ecg.models import CNNConfig, ECGEncoder1DCNN, LeadViT1D, LeadViTConfig, ViT1D, ViTConfig

ENCODERS = {
    "leads": lambda: LeadViT1D(LeadViTConfig(width=8, depth=2, heads=2, patch_samples=10)),
    "all leads": lambda: ViT1D(ViTConfig(width=8, depth=2, heads=2, patch_samples=5)),
}


def build(encoder: str = "leads", **settings) -> MAE:
    torch.manual_seed(0)
    config = MAEConfig(decoder_width=8, decoder_heads=2, decoder_depth=1, **settings)
    return MAE(ENCODERS[encoder](), config)


def make_batch(size: int = 3, n_samples: int = 64) -> ViewBatch:
    view = torch.randn(size, 12, n_samples, generator=torch.Generator().manual_seed(1))
    return ViewBatch(views=(view,), rows=torch.arange(size), sampling_rate_hz=100.0)


@pytest.mark.parametrize(("ratio", "hidden"), [(0.75, 54), (0.5, 36), (0.001, 1), (0.999, 71)])
def test_so_many_patches_are_hidden_in_every_record(ratio, hidden, generator):
    mask = build(mask_ratio=ratio).draw_mask(5, 72, generator)
    assert (mask.sum(dim=1) == hidden).all()


def test_every_patch_is_hidden_equally_often(generator):
    mask = build().draw_mask(4000, 8, generator)
    assert mask.float().mean(dim=0).tolist() == pytest.approx([0.75] * 8, abs=0.03)
    assert len({tuple(row.tolist()) for row in mask}) == 28


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("normalise", [False, True])
def test_loss_by_a_slow_loop_over_hidden_patches(encoder, normalise):
    method, batch = build(encoder, normalise_targets=normalise), make_batch()
    found = method.loss(batch, torch.Generator().manual_seed(2))
    patches = method.encoder.patches(batch.views[0])
    mask = method.draw_mask(3, patches.shape[1], torch.Generator().manual_seed(2))
    errors, powers = [], []
    for record in range(3):
        visible = (~mask[record]).nonzero().T
        tokens = method.encoder.encode(patches[record : record + 1], visible)
        decoded = method.decoder(tokens, visible, patches.shape[1])[0]
        for token in mask[record].nonzero().flatten():
            target = patches[record, token]
            if normalise:
                target = (target - target.mean()) / (target.var() + 1e-6).sqrt()
            errors.append((decoded[token] - target).square())
            powers.append(target.square())
    expected = torch.stack(errors).mean()
    torch.testing.assert_close(found.value, expected)
    explained = 1 - expected.detach() / torch.stack(powers).mean()
    torch.testing.assert_close(found.logs["explained"], explained, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_what_is_hidden_does_not_leak(encoder, generator):
    """Other samples in the hidden patches change neither what is encoded nor what is decoded."""
    method, signal = build(encoder), make_batch().views[0]
    size, rows = method.encoder.config.patch_samples, method.encoder.rows
    patches = method.encoder.patches(signal)
    mask = method.draw_mask(3, patches.shape[1], generator)
    other = signal.clone()
    for record, token in mask.nonzero().tolist():
        row, column = divmod(token, patches.shape[1] // rows)
        leads = slice(None) if rows == 1 else row
        other[record, leads, column * size : (column + 1) * size] += 100
    visible = (~mask).nonzero()[:, 1].reshape(3, -1)
    first, second = (
        method.decoder(method.encoder.encode(method.encoder.patches(x), visible), visible, patches.shape[1])
        for x in (signal, other)
    )
    assert not torch.equal(method.encoder.patches(other), patches)
    assert torch.equal(first, second)


def test_other_encoders_and_views_of_one_patch_are_refused(generator):
    with pytest.raises(InputError, match="expected vit-xs-leads or vit-xs or vit-s, found ECGEncoder1DCNN"):
        MAE(ECGEncoder1DCNN(CNNConfig(width=2)), MAEConfig())
    with pytest.raises(InputError, match="single patch"):
        build("all leads").loss(make_batch(n_samples=9), generator)


@pytest.mark.parametrize("values", [{"mask_ratio": 0.0}, {"mask_ratio": 1.0}, {"decoder_depth": 0}])
def test_settings_out_of_range_are_refused(values):
    with pytest.raises(InputError, match=next(iter(values))):
        MAEConfig(**values)
