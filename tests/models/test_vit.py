from __future__ import annotations

import math

import pytest
import torch

from ssrl_ecg.errors import InputError
from ssrl_ecg.models import LeadViT1D, LeadViTConfig, ViT1D, ViTConfig, ViTS1D, ViTSConfig
from ssrl_ecg.models.vit import sine_positions


def small(kind=ViT1D, **settings) -> ViT1D:
    torch.manual_seed(0)
    return kind(kind.Config(width=8, depth=2, heads=2, **settings)).eval()


def layer_norm(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return (x - x.mean(-1, keepdim=True)) / (x.var(-1, keepdim=True, unbiased=False) + 1e-5).sqrt() * weight


def slow_block(block: torch.nn.TransformerEncoderLayer, tokens: torch.Tensor) -> torch.Tensor:
    """One record's tokens (token, width) through attention, head by head and token by token, and the two layers."""
    attention, width = block.self_attn, tokens.shape[1]
    normed = layer_norm(tokens, block.norm1.weight)
    query, key, value = (normed @ attention.in_proj_weight.T).split(width, dim=1)
    size = width // attention.num_heads
    heads = []
    for first in range(0, width, size):
        part = slice(first, first + size)
        rows = []
        for q in query[:, part]:
            weights = torch.stack([(q @ k / math.sqrt(size)).exp() for k in key[:, part]])
            rows.append((weights / weights.sum()) @ value[:, part])
        heads.append(torch.stack(rows))
    tokens = tokens + torch.cat(heads, dim=1) @ attention.out_proj.weight.T
    hidden = layer_norm(tokens, block.norm2.weight) @ block.linear1.weight.T
    gelu = hidden * 0.5 * (1 + torch.erf(hidden / math.sqrt(2)))
    return tokens + gelu @ block.linear2.weight.T


def slow_tokens(encoder: ViT1D, patches: list[torch.Tensor], places: torch.Tensor) -> torch.Tensor:
    embedded = torch.stack([encoder.embedding.weight @ patch for patch in patches]) + places
    tokens = torch.cat([encoder.registers, embedded])
    for block in encoder.blocks:
        tokens = slow_block(block, tokens)
    return layer_norm(tokens[encoder.config.registers :], encoder.norm.weight)


def test_positions_by_the_formula():
    positions = sine_positions(7, 6, torch.device("cpu"))
    for p in range(7):
        angles = [p / 10000 ** (2 * i / 6) for i in range(3)]
        expected = [math.sin(a) for a in angles] + [math.cos(a) for a in angles]
        assert positions[p].tolist() == pytest.approx(expected, abs=1e-6)


def test_tokens_by_a_slow_loop_over_patches_of_all_leads():
    encoder, signal = small(), torch.randn(12, 23)
    patches = [signal[:, 5 * k : 5 * k + 5].flatten() for k in range(4)]
    expected = slow_tokens(encoder, patches, sine_positions(4, 8, signal.device))
    torch.testing.assert_close(encoder.feature_map(signal[None])[0].T, expected, atol=1e-5, rtol=1e-4)


def test_tokens_by_a_slow_loop_over_patches_of_single_leads():
    encoder, signal = small(LeadViT1D, n_leads=3, patch_samples=10), torch.randn(3, 29)
    positions = sine_positions(2, 8, signal.device)
    patches = [signal[lead, 10 * k : 10 * k + 10] for lead in range(3) for k in range(2)]
    places = torch.stack([encoder.leads[lead] + positions[k] for lead in range(3) for k in range(2)])
    expected = slow_tokens(encoder, patches, places)
    tokens = encoder.encode(encoder.patches(signal[None]))[0]
    torch.testing.assert_close(tokens, expected, atol=1e-5, rtol=1e-4)
    averages = torch.stack([expected[[k, 2 + k, 4 + k]].mean(dim=0) for k in range(2)], dim=1)
    torch.testing.assert_close(encoder.feature_map(signal[None])[0], averages, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", [ViT1D, LeadViT1D])
def test_visible_tokens_are_encoded_as_if_there_were_no_others(kind):
    encoder, signal = small(kind, patch_samples=5), torch.randn(2, 12, 40)
    n = encoder.rows * 8
    visible = torch.stack([torch.randperm(n)[:5] for _ in range(2)])
    patches = encoder.patches(signal)
    found = encoder.encode(patches, visible)
    positions = sine_positions(8, 8, signal.device)
    for row in range(2):
        places = [
            positions[token % 8] + (encoder.leads[token // 8] if encoder.rows > 1 else 0) for token in visible[row]
        ]
        expected = slow_tokens(encoder, list(patches[row, visible[row]]), torch.stack(places))
        torch.testing.assert_close(found[row], expected, atol=1e-5, rtol=1e-4)
    everything = torch.arange(n).expand(2, -1)
    torch.testing.assert_close(encoder.encode(patches, everything), encoder.encode(patches))


def test_layers_are_the_patches_after_each_block():
    encoder, signal = small(), torch.randn(2, 12, 40)
    first, last = encoder.layer_maps(signal)
    tokens = encoder.embedding(encoder.patches(signal)) + sine_positions(8, 8, signal.device)
    tokens = torch.cat([encoder.registers.expand(2, -1, -1), tokens], dim=1)
    torch.testing.assert_close(first, encoder.blocks[0](tokens)[:, 1:].transpose(1, 2))
    assert first.shape == last.shape == (2, 8, 8)


@pytest.mark.parametrize(
    ("kind", "width", "values"), [(ViT1D, 192, 12 * 5), (ViTS1D, 384, 12 * 5), (LeadViT1D, 192, 25)]
)
def test_parameters_follow_from_the_sizes(kind, width, values):
    block = 4 * width**2 + 2 * 4 * width**2 + 2 * width
    leads = 12 * width if kind is LeadViT1D else 0
    by_hand = values * width + width + 8 * block + width + leads
    assert sum(p.numel() for p in kind(kind.Config()).parameters()) == by_hand


def test_weimann_and_conrads_sizes_at_500_hz():
    """Their configuration files state 3.6 M and 14,277,888 parameters."""
    sizes = [kind(kind.Config(patch_samples=25)) for kind in (ViT1D, ViTS1D)]
    assert [sum(p.numel() for p in encoder.parameters()) for encoder in sizes] == [3_600_000, 14_277_888]


def test_no_register_and_the_shortest_input():
    encoder = small(registers=0, patch_samples=7)
    assert encoder.feature_map(torch.randn(1, 12, 7)).shape == (1, 8, 1)
    with pytest.raises(InputError, match="at least 7 samples, found 6"):
        encoder(torch.randn(1, 12, 6))


@pytest.mark.parametrize(
    ("config", "values"),
    [
        (ViTConfig, {"width": 190}),
        (ViTSConfig, {"width": 192, "heads": 5}),
        (ViTConfig, {"width": 9, "heads": 3}),
        (ViTConfig, {"depth": 0}),
        (LeadViTConfig, {"patch_samples": 0}),
        (LeadViTConfig, {"registers": -1}),
    ],
)
def test_settings_out_of_range_are_refused(config, values):
    with pytest.raises(InputError, match=next(iter(values))):
        config(**values)


def test_the_plain_attention_of_bfloat16_on_processors_is_the_fused_one():
    encoder, signal = small(), torch.randn(4, 12, 100)
    exact = encoder(signal)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = encoder(signal)
    torch.testing.assert_close(rounded.float(), exact, atol=0.05, rtol=0.05)
