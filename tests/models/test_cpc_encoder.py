from __future__ import annotations

import pytest
import torch

from ssrl_ecg.errors import InputError
from ssrl_ecg.models import CPCEncoder, CPCEncoderConfig

CONTEXTS = ("gru", "lstm", "s4d")
FRONT_ENDS = ("fc", "strided")


def build(**settings) -> CPCEncoder:
    torch.manual_seed(0)
    return CPCEncoder(CPCEncoderConfig(**{"width": 6} | settings)).eval()


def parameters(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_published_sizes_by_hand():
    """Mehari and Strodthoff: four layers of 512 (no bias, batch norm), two LSTM layers of 512."""
    encoder = CPCEncoder(CPCEncoderConfig(width=512, front_end="fc", context="lstm"))
    assert parameters(encoder.front_end) == 12 * 512 + 3 * 512 * 512 + 4 * 2 * 512
    assert parameters(encoder.context) == 2 * 4 * (2 * 512 * 512 + 2 * 512)
    assert encoder.feature_dim == 1536
    strided = CPCEncoder(CPCEncoderConfig(width=512)).front_end
    assert parameters(strided) == 512 * (12 * 4 + 512 * (1 + 2 + 2)) + 4 * 2 * 512


@pytest.mark.parametrize(("front_end", "hop", "lengths"), [("fc", 1, (250, 64)), ("strided", 16, (15, 4))])
@pytest.mark.parametrize("context", CONTEXTS)
def test_layers_are_latents_and_contexts(context, front_end, hop, lengths):
    encoder = build(context=context, front_end=front_end)
    assert encoder.hop_samples == hop
    for n_samples, expected in zip((250, 64), lengths, strict=True):
        layers = encoder.layer_maps(torch.randn(2, 12, n_samples))
        assert [tuple(layer.shape) for layer in layers] == [(2, 6, expected)] * 2


@pytest.mark.parametrize("front_end", FRONT_ENDS)
@pytest.mark.parametrize("context", CONTEXTS)
def test_contexts_only_look_back(context, front_end):
    encoder = build(context=context, front_end=front_end)
    latents = torch.rand(1, 6, 20)
    later = latents.clone()
    later[..., 12:] = torch.rand(1, 6, 8)
    before, after = encoder.context(latents), encoder.context(later)
    torch.testing.assert_close(before[..., :12], after[..., :12], atol=1e-6, rtol=1e-5)
    assert (before[..., 12:] - after[..., 12:]).abs().amax(dim=1).min() > 1e-4
    earlier = latents.clone()
    earlier[..., 0] = torch.rand(1, 6)
    assert (encoder.context(earlier)[..., -1] - before[..., -1]).abs().max() > 0


@pytest.mark.parametrize("front_end", FRONT_ENDS)
def test_every_sample_is_seen_by_one_latent(front_end):
    encoder = build(front_end=front_end, width=32)
    hop, signal = encoder.hop_samples, torch.randn(1, 12, 160, requires_grad=True)
    latents = encoder.layer_maps(signal)[0]
    for step in (0, 4, 9):
        (gradient,) = torch.autograd.grad(latents[..., step].sum(), signal, retain_graph=True)
        (reached,) = torch.nonzero(gradient[0].abs().sum(dim=0), as_tuple=True)
        assert reached.tolist() == list(range(step * hop, (step + 1) * hop))


def test_vector_joins_mean_maximum_and_last_context():
    encoder, signal = build(), torch.randn(2, 12, 250)
    contexts = encoder.feature_map(signal)
    expected = torch.cat([contexts.mean(dim=2), contexts.max(dim=2).values, contexts[:, :, -1]], dim=1)
    torch.testing.assert_close(encoder(signal), expected)


@pytest.mark.parametrize("values", [{"front_end": "resnet"}, {"context": "rnn"}, {"n_layers": 0}])
def test_settings_out_of_range_are_refused(values):
    with pytest.raises(InputError, match=next(iter(values))):
        CPCEncoderConfig(**values)
