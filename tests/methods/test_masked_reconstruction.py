from __future__ import annotations

import pytest
import torch

from ssrl_ecg.errors import InputError
from ssrl_ecg.methods import MaskedReconstruction, MaskedReconstructionConfig, ViewBatch
from ssrl_ecg.models import (
    CNNConfig,
    ECGEncoder1DCNN,
    Encoder,
    EncoderConfig,
    ResNet1D,
    ResNetConfig,
    ViT1D,
    ViTConfig,
)


class Still(Encoder):
    """Keeps every sample."""

    Config = EncoderConfig
    minimum_samples = 1

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__(config)
        self.layer_dims = (config.width,)
        self.convolution = torch.nn.Conv1d(config.n_leads, config.width, 3, padding=1)

    def _layers(self, signal: torch.Tensor) -> list[torch.Tensor]:
        return [self.convolution(signal)]


ENCODERS = {
    "cnn": (lambda: ECGEncoder1DCNN(CNNConfig(width=2)), 3),
    "resnet": (lambda: ResNet1D(ResNetConfig(width=2)), 5),
    "vit": (lambda: ViT1D(ViTConfig(width=4, depth=1, heads=2)), 2),
    "still": (lambda: Still(EncoderConfig(width=4)), 0),
}


def build(encoder: str = "cnn", **settings) -> MaskedReconstruction:
    torch.manual_seed(0)
    return MaskedReconstruction(ENCODERS[encoder][0](), MaskedReconstructionConfig(decoder_width=4, **settings))


def make_batch(n_samples: int = 100) -> ViewBatch:
    view = torch.randn(3, 12, n_samples, generator=torch.Generator().manual_seed(1))
    return ViewBatch(views=(view,), rows=torch.arange(3), sampling_rate_hz=100.0)


@pytest.mark.parametrize(
    ("n_samples", "rate_hz", "blanked"), [(1000, 100.0, 300), (250, 100.0, 75), (5000, 500.0, 1500), (64, 100.0, 19)]
)
def test_exactly_the_share_is_blanked(n_samples, rate_hz, blanked, generator):
    mask = build().draw_mask(6, n_samples, rate_hz, generator)
    assert mask.shape == (6, 1, n_samples)
    assert (mask.sum(dim=2) == blanked).all()


def test_blocks_are_half_a_second_as_published(generator):
    """Six blocks of 50 samples; those that touch make a multiple of it."""
    for row in build().draw_mask(50, 1000, 100.0, generator)[:, 0].int():
        padded = torch.cat([torch.zeros(1, dtype=torch.int32), row, torch.zeros(1, dtype=torch.int32)])
        starts, ends = ((padded.diff() == sign).nonzero().flatten() for sign in (1, -1))
        assert all(length % 50 == 0 for length in (ends - starts).tolist())


@pytest.mark.parametrize("loss_on", ["masked", "all"])
def test_loss_by_a_slow_loop(loss_on):
    method, batch = build(loss_on=loss_on), make_batch()
    method.eval()
    found = method.loss(batch, torch.Generator().manual_seed(2))
    (view,) = batch.views
    mask = method.draw_mask(3, 100, 100.0, torch.Generator().manual_seed(2))[:, 0]
    blanked = view.clone()
    errors, powers = [], []
    for record in range(3):
        blanked[record, :, mask[record]] = 0
    said = method.reconstruct(blanked)
    for record in range(3):
        for sample in range(100):
            if loss_on == "all" or mask[record, sample]:
                errors.append((said[record, :, sample] - view[record, :, sample]).square())
                powers.append(view[record, :, sample].square())
    expected = torch.stack(errors).mean()
    torch.testing.assert_close(found.value, expected)
    explained = 1 - expected.detach() / torch.stack(powers).mean()
    torch.testing.assert_close(found.logs["explained"], explained, atol=1e-5, rtol=1e-5)


def test_what_is_blanked_does_not_leak(monkeypatch):
    method, batch = build(), make_batch()
    method.train()
    mask = method.draw_mask(3, 100, 100.0, torch.Generator().manual_seed(2))
    seen = []
    reconstruct = method.reconstruct
    monkeypatch.setattr(method, "reconstruct", lambda signal: seen.append(reconstruct(signal)) or seen[-1])
    for view in (batch.views[0], batch.views[0] + 100 * mask):
        shown = ViewBatch(views=(view,), rows=batch.rows, sampling_rate_hz=100.0)
        method.loss(shown, torch.Generator().manual_seed(2))
    assert torch.equal(*seen)


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("n_samples", [64, 127, 250])
def test_the_decoder_undoes_what_any_encoder_shortens(encoder, n_samples):
    method = build(encoder)
    doublings = [layer for layer in method.decoder if isinstance(layer, torch.nn.ConvTranspose1d)]
    assert len(doublings) == ENCODERS[encoder][1]
    signal = torch.randn(2, 12, n_samples)
    assert method.reconstruct(signal).shape == signal.shape


def test_building_leaves_the_encoder_as_it_was():
    encoder = ResNet1D(ResNetConfig(width=2))
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    method = MaskedReconstruction(encoder, MaskedReconstructionConfig())
    assert all(torch.equal(value, before[name]) for name, value in method.encoder.state_dict().items())
    assert method.encoder.training


@pytest.mark.parametrize(
    "values", [{"mask_ratio": 0.0}, {"mask_ratio": 1.0}, {"block_s": 0}, {"loss_on": "none"}, {"decoder_width": 0}]
)
def test_settings_out_of_range_are_refused(values):
    with pytest.raises(InputError, match=next(iter(values))):
        MaskedReconstructionConfig(**values)
