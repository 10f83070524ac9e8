"""Vision transformers along time: an ECG cut into patches, each a token that looks at all others.

Dosovitskiy et al. 2021, "An Image is Worth 16x16 Words", in the two forms that self-supervised ECG work uses: patches
of 50 ms that span all leads (Weimann and Conrad 2024, arXiv 2410.13867), and patches of single leads (Na et al. 2024,
ST-MEM, arXiv 2402.09450). Sizes, missing biases and the register token are Weimann and Conrad's.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from ssrl_ecg.errors import InputError
from ssrl_ecg.models.config import require_whole
from ssrl_ecg.models.encoder import Encoder, EncoderConfig


@dataclass(frozen=True, kw_only=True)
class ViTConfig(EncoderConfig):
    """Settings of ``ViT1D``; the defaults are ViT-XS: 3.55 M parameters with 12 leads at 100 Hz."""

    width: int = 192
    """Dimensions of a token: even, and a multiple of ``heads``; Weimann and Conrad's XS."""
    depth: int = 8
    """Transformer blocks (>= 1)."""
    heads: int = 4
    """Attention heads of a block (>= 1)."""
    patch_samples: int = 5
    """Length of a patch (>= 1); 5 samples at 100 Hz are Weimann and Conrad's 50 ms, at 500 Hz it takes 25."""
    registers: int = 1
    """Learned tokens beside the patches (>= 0), room for what belongs to no patch; Darcet et al. 2024."""

    def __post_init__(self) -> None:
        """Refuse values out of range, and widths that cannot be shared out among the heads."""
        super().__post_init__()
        require_whole("depth", self.depth, 1)
        require_whole("heads", self.heads, 1)
        require_whole("patch_samples", self.patch_samples, 1)
        require_whole("registers", self.registers, 0)
        require_heads(self.width, self.heads)


@dataclass(frozen=True, kw_only=True)
class ViTSConfig(ViTConfig):
    """Settings of ``ViTS1D``: 14.2 M parameters with 12 leads at 100 Hz."""

    width: int = 384
    """Dimensions of a token; Weimann and Conrad's S."""
    heads: int = 6
    """Attention heads of a block (>= 1)."""


@dataclass(frozen=True, kw_only=True)
class LeadViTConfig(ViTConfig):
    """Settings of ``LeadViT1D``: 3.55 M parameters."""

    patch_samples: int = 25
    """Length of a patch (>= 1); 250 ms at 100 Hz, where ST-MEM has 300 ms: ten fill a window of 2.5 s."""


class ViT1D(Encoder):
    """Patches over all leads, a linear embedding, sine and cosine positions, blocks with their norm first, a last norm.

    Any length will do: positions are computed, and what is left over at the end, shorter than a patch, is not looked
    at. The layer maps are the patches' tokens after each block; registers are left out of them.

    Attributes:
        rows: rows of the grid of patches; one, since a patch holds all leads.
    """

    Config = ViTConfig
    config: ViTConfig
    rows: int = 1

    def __init__(self, config: ViTConfig) -> None:
        super().__init__(config)
        self.minimum_samples = config.patch_samples
        self.layer_dims = (config.width,) * config.depth
        self.embedding = nn.Linear(self.patch_values, config.width, bias=False)
        self.registers = nn.Parameter(0.02 * torch.randn(config.registers, config.width))
        self.blocks = transformer_blocks(config.width, config.depth, config.heads)
        self.norm = nn.LayerNorm(config.width, bias=False)
        nn.init.xavier_uniform_(self.embedding.weight)

    @property
    def patch_values(self) -> int:
        """Values that a patch holds."""
        return self.config.n_leads // self.rows * self.config.patch_samples

    def patches(self, signal: Tensor) -> Tensor:
        """Cut a signal (batch, lead, time) into patches (batch, rows x n, patch_values), row by row.

        Raises:
            InputError: as ``feature_map``.
        """
        self._check(signal)
        pieces = signal.unfold(2, self.config.patch_samples, self.config.patch_samples)  # (batch, lead, n, sample)
        n_records = signal.shape[0]  # not len(), which an exported graph would take for a constant
        rows = pieces.reshape(n_records, self.rows, -1, *pieces.shape[2:]).transpose(2, 3)
        return rows.reshape(n_records, -1, self.patch_values)

    def encode(self, patches: Tensor, visible: Tensor | None = None) -> Tensor:
        """Turn patches into tokens; the invisible ones are left out, not blanked: nothing of them is looked at.

        Args:
            patches: (batch, token, patch_values), as ``patches`` returns them.
            visible: (batch, chosen) int64, each row's tokens to look at; None for all.

        Returns:
            (batch, chosen or token, width), normalised.
        """
        return self._tokens_by_layer(patches, visible)[-1]

    def _tokens_by_layer(self, patches: Tensor, visible: Tensor | None) -> list[Tensor]:
        tokens = self.embedding(patches) + self._places(patches)
        if visible is not None:
            tokens = tokens.take_along_dim(visible.unsqueeze(-1), dim=1)
        tokens = torch.cat([self.registers.expand(tokens.shape[0], -1, -1), tokens], dim=1)
        layers = [layer[:, self.config.registers :] for layer in after_each(self.blocks, tokens)]
        return [*layers[:-1], self.norm(layers[-1])]

    def _places(self, patches: Tensor) -> Tensor:
        """Say where each token is: (token, width)."""
        return sine_positions(patches.shape[1], self.config.width, patches.device)

    def _layers(self, signal: Tensor) -> list[Tensor]:
        return [tokens.transpose(1, 2) for tokens in self._tokens_by_layer(self.patches(signal), None)]


class ViTS1D(ViT1D):
    """ViT-S. Everything else as ``ViT1D``."""

    Config = ViTSConfig


class LeadViT1D(ViT1D):
    """Patches of single leads: tokens on a grid of leads and times, which tell their lead by a learned embedding.

    ST-MEM's idea, with its lead embeddings and without the separators it puts at each lead's ends. The layer maps have
    one column per time, the average of the leads' tokens, so that maps run along time as every encoder's do.

    Attributes:
        rows: rows of the grid of patches; one per lead.
    """

    Config = LeadViTConfig

    def __init__(self, config: LeadViTConfig) -> None:
        self.rows = config.n_leads
        super().__init__(config)
        self.leads = nn.Parameter(0.02 * torch.randn(config.n_leads, config.width))

    def _places(self, patches: Tensor) -> Tensor:
        times = sine_positions(patches.shape[1] // self.rows, self.config.width, patches.device)
        return (self.leads.unsqueeze(1) + times).flatten(0, 1)

    def _layers(self, signal: Tensor) -> list[Tensor]:
        return [layer.reshape(*layer.shape[:2], self.rows, -1).mean(dim=2) for layer in super()._layers(signal)]


def require_heads(width: int, heads: int) -> None:
    """Refuse a token's dimensions that are odd or cannot be shared out among the heads.

    Raises:
        InputError: names what was expected and found.
    """
    if width % 2 or width % heads:
        expected = f"an even multiple of {heads} heads"
        raise InputError("setting out of range", field="width", expected=expected, found=width)


def sine_positions(n: int, width: int, device: torch.device) -> Tensor:
    """Compute sines, then cosines, of wavelengths from 2 pi to 20,000 pi (Vaswani et al. 2017, section 3.5).

    Args:
        n: positions.
        width: dimensions, even.
        device: where they are needed.

    Returns:
        (n, width), in [-1, 1].
    """
    rates = 1e4 ** (-torch.arange(0, width, 2, device=device) / width)
    angles = torch.arange(n, device=device).unsqueeze(1) * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def transformer_blocks(width: int, depth: int, heads: int) -> nn.ModuleList:
    """Build pre-norm blocks: attention, then two layers with GELU and 4 x width in between; no biases, no dropout.

    Every matrix starts from Glorot's uniform initialisation, as in He et al. 2022 (MAE).

    Raises:
        InputError: as ``require_heads``.
    """
    require_heads(width, heads)
    blocks = nn.ModuleList(
        nn.TransformerEncoderLayer(
            width, heads, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True, bias=False
        )
        for _ in range(depth)
    )
    for parameter in blocks.parameters():
        if parameter.ndim > 1:
            nn.init.xavier_uniform_(parameter)
    return blocks


def after_each(blocks: nn.ModuleList, tokens: Tensor) -> list[Tensor]:
    """Send tokens (batch, token, width) through blocks and return what comes out of each.

    On processors torch's fused attention takes twice as long backwards in bfloat16 as the plain formula does, with
    tokens as few as here (torch 2.13): a training step takes a third less without it.
    """
    plain = tokens.device.type == "cpu" and torch.is_autocast_enabled("cpu")
    layers = []
    with sdpa_kernel(SDPBackend.MATH) if plain else nullcontext():
        for block in blocks:
            tokens = block(tokens)
            layers.append(tokens)
    return layers
