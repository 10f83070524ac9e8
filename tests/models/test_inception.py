from __future__ import annotations

import torch

from ssrl_ecg.models import Inception1D, InceptionConfig


def test_parameters_follow_from_the_benchmarks_layer_table():
    """12 leads, width 32: bottleneck of 32, kernels 39, 19 and 9, a pooled path of kernel 1, batch norm of 128."""
    kernels = 32 * 32 * (39 + 19 + 9)
    first = 12 * 32 + kernels + 12 * 32 + 2 * 128
    later = 128 * 32 + kernels + 128 * 32 + 2 * 128
    shortcuts = (12 * 128 + 2 * 128) + (128 * 128 + 2 * 128)
    by_hand = first + 5 * later + shortcuts
    assert sum(p.numel() for p in Inception1D(InceptionConfig()).parameters()) == by_hand == 473_344


def test_time_is_kept_and_the_vector_is_twice_the_map():
    encoder = Inception1D(InceptionConfig(width=4)).eval()
    assert encoder.feature_map(torch.randn(1, 12, 77)).shape == (1, 16, 77)
    assert encoder.feature_dim == 32


def test_a_group_adds_its_input_to_what_its_modules_say():
    group = Inception1D(InceptionConfig(width=2)).eval().groups[0]
    signal = torch.randn(1, 12, 50)
    changed = signal
    for module in group.modules_in_turn:
        parts = [kernel(module.bottleneck(changed)) for kernel in module.kernels]
        changed = module.norm(torch.cat([*parts, module.pooled(changed)], dim=1)).clamp(min=0)
    torch.testing.assert_close(group(signal), (changed + group.shortcut(signal)).clamp(min=0))
