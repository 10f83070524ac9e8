"""What completes the tokens of a vision transformer that saw some of its patches, and which encoders those are."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ssrl_ecg.errors import InputError
from ssrl_ecg.models import ENCODERS, Encoder
from ssrl_ecg.models.vit import after_each, sine_positions, transformer_blocks


class TokenDecoder(nn.Module):
    """A narrow transformer that is given some tokens of a grid of patches and speaks about all of them.

    Tokens enter at their places, a learned mask token stands in for every other, and each row of the grid is decoded
    by itself with the same weights: with patches of single leads a lead is completed from what the encoder gathered
    in its own visible tokens (Na et al. 2024, ST-MEM); with patches of all leads there is one row.
    """

    def __init__(self, in_dim: int, out_dim: int, *, rows: int, width: int, depth: int, heads: int) -> None:
        """Build the decoder.

        Args:
            in_dim: dimensions of the tokens given.
            out_dim: numbers said about each token.
            rows: rows of the grid.
            width: dimensions inside, an even multiple of ``heads``.
            depth: transformer blocks.
            heads: attention heads of a block.

        Raises:
            InputError: the width cannot be shared out among the heads.
        """
        super().__init__()
        self.rows = rows
        self.entry = nn.Linear(in_dim, width, bias=False)
        self.mask_token = nn.Parameter(0.02 * torch.randn(width))
        self.blocks = transformer_blocks(width, depth, heads)
        self.norm = nn.LayerNorm(width, bias=False)
        self.exit = nn.Linear(width, out_dim, bias=False)

    def forward(self, tokens: Tensor, visible: Tensor, n_tokens: int) -> Tensor:
        """Complete a grid.

        Args:
            tokens: (batch, chosen, in_dim), what the encoder made of the visible patches.
            visible: int64 (batch, chosen), where they are on the grid, row by row.
            n_tokens: size of the grid, a multiple of ``rows``.

        Returns:
            (batch, n_tokens, out_dim).
        """
        entered = self.entry(tokens).float()
        grid = self.mask_token.expand(len(tokens), n_tokens, -1)
        grid = grid.scatter(1, visible.unsqueeze(-1).expand_as(entered), entered)
        lines = grid.reshape(len(tokens) * self.rows, -1, grid.shape[-1])
        lines = lines + sine_positions(lines.shape[1], lines.shape[2], lines.device)
        said: Tensor = self.exit(self.norm(after_each(self.blocks, lines)[-1]))
        return said.reshape(len(tokens), n_tokens, -1)


def require_encoder(method: str, encoder: Encoder, names: Sequence[str]) -> None:
    """Refuse an encoder that a method cannot work with.

    Args:
        method: the method, for the message.
        encoder: what it was given.
        names: the entries of ``ENCODERS`` that fit.

    Raises:
        InputError: the encoder is none of them.
    """
    if type(encoder) not in [ENCODERS[name] for name in names]:
        expected = " or ".join(names)
        raise InputError(
            f"{method} cannot use this encoder", field="encoder", expected=expected, found=type(encoder).__name__
        )
