from __future__ import annotations

import pytest
import torch

from ssrl_ecg.errors import InputError
from ssrl_ecg.models import ENCODERS


@pytest.fixture(params=ENCODERS)
def encoder(request):
    kind = ENCODERS[request.param]
    return kind(kind.Config(width=4)).eval()


def test_vector_is_the_mean_of_the_map(encoder):
    signal = torch.randn(2, 12, 200)
    by_hand = torch.stack([encoder.feature_map(signal)[..., t] for t in range(encoder.feature_map(signal).shape[-1])])
    torch.testing.assert_close(encoder(signal), by_hand.mean(dim=0))


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
