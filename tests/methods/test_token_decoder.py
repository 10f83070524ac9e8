from __future__ import annotations

import pytest
import torch

from ssrl_ecg.errors import InputError
from ssrl_ecg.methods.token_decoder import TokenDecoder, require_encoder
from ssrl_ecg.models import CNNConfig, ECGEncoder1DCNN, LeadViT1D, LeadViTConfig
from ssrl_ecg.models.vit import sine_positions


@pytest.fixture
def decoder():
    torch.manual_seed(0)
    return TokenDecoder(6, 5, rows=3, width=8, depth=2, heads=2)


def test_each_row_is_decoded_from_its_own_tokens_at_their_places(decoder):
    tokens = torch.randn(2, 4, 6)
    visible = torch.tensor([[0, 3, 5, 11], [8, 2, 1, 9]])
    found = decoder(tokens, visible, 12)
    for record in range(2):
        for row in range(3):
            line = []
            for column in range(4):
                place = (visible[record] == 4 * row + column).nonzero()
                known = len(place) > 0
                line.append(decoder.entry(tokens[record, place[0, 0]]) if known else decoder.mask_token)
            values = torch.stack(line)[None] + sine_positions(4, 8, tokens.device)
            for block in decoder.blocks:
                values = block(values)
            expected = decoder.exit(decoder.norm(values))[0]
            torch.testing.assert_close(found[record, 4 * row : 4 * row + 4], expected)


def test_a_width_that_heads_cannot_share_is_refused():
    with pytest.raises(InputError, match="even multiple of 4 heads"):
        TokenDecoder(6, 5, rows=1, width=6, depth=1, heads=4)


def test_other_encoders_are_refused_in_one_line():
    require_encoder("X", LeadViT1D(LeadViTConfig(width=4, depth=1, heads=2)), ("vit-xs", "vit-xs-leads"))
    with pytest.raises(InputError, match=r"X cannot use .* expected vit-xs or vit-xs-leads, found ECGEncoder1DCNN"):
        require_encoder("X", ECGEncoder1DCNN(CNNConfig(width=2)), ("vit-xs", "vit-xs-leads"))
    with pytest.raises(InputError, match="found LeadViT1D"):
        require_encoder("X", LeadViT1D(LeadViTConfig(width=4, depth=1, heads=2)), ("vit-xs", "vit-s"))
