from __future__ import annotations

import functools

import pytest
import torch

from ssrl_ecg.errors import InputError
from ssrl_ecg.models import ENCODERS, Encoder
from ssrl_ecg.models.encoder import ConcatPoolEncoder


@pytest.fixture(params=ENCODERS)
def encoder(request):
    kind = ENCODERS[request.param]
    return kind(kind.Config(width=24)).eval()  # every number of attention heads divides it


def test_vector_is_the_mean_of_the_map_unless_the_encoder_says_otherwise(encoder):
    steps = encoder.feature_map(torch.randn(2, 12, 200)).unbind(dim=-1)
    if type(encoder).pool is Encoder.pool:
        torch.testing.assert_close(encoder.pool(torch.stack(steps, dim=-1)), sum(steps) / len(steps))
    if isinstance(encoder, ConcatPoolEncoder):
        largest = functools.reduce(torch.maximum, steps)
        by_hand = torch.cat([sum(steps) / len(steps), largest], dim=1)
        torch.testing.assert_close(encoder.pool(torch.stack(steps, dim=-1)), by_hand)


def test_one_sample_too_short_is_refused_in_one_line(encoder):
    assert encoder(torch.randn(1, 12, encoder.minimum_samples)).shape == (1, encoder.feature_dim)
    with pytest.raises(
        InputError, match=f"at least {encoder.minimum_samples} samples, found {encoder.minimum_samples - 1}"
    ):
        encoder(torch.randn(1, 12, encoder.minimum_samples - 1))


@pytest.mark.parametrize("shape", [(2, 8, 200), (12, 200), (2, 200, 12)])
def test_wrong_axes_or_leads_are_refused(encoder, shape):
    with pytest.raises(InputError, match="12 leads"):
        encoder(torch.randn(shape))


def test_bfloat16_autocast_stays_close(encoder):
    signal = torch.randn(4, 12, 200)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        reduced = encoder(signal)
    full = encoder(signal)
    assert torch.nn.functional.cosine_similarity(reduced.float(), full).min() > 0.99
