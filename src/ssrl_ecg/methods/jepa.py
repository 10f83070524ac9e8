"""JEPA: what an encoder would say about hidden stretches of an ECG should follow from the rest of it.

Assran et al. 2023 (I-JEPA) in the 12-lead form of Weimann and Conrad 2024, "Self-supervised pre-training with
joint-embedding predictive architecture boosts ECG classification performance" (arXiv 2410.13867): nothing is
reconstructed, the targets are a slow copy's tokens. They train 100,000 steps of 2,048 records of 10 s; a few epochs
leave it near where it started, so give it the longest schedule there is time for.

What differs here: the target's momentum is adapted to short trainings, as BYOL's is, and its tokens are normalised once
more without weights (I-JEPA). Hidden blocks are as long as theirs, but lie anywhere with equal right.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from ssrl_ecg.errors import InputError
from ssrl_ecg.losses import masked_l1
from ssrl_ecg.methods.masking import chosen, place_blocks, random_blocks
from ssrl_ecg.methods.method import Loss, ViewBatch, ViewPlan
from ssrl_ecg.methods.momentum import MomentumConfig, MomentumMethod
from ssrl_ecg.methods.token_decoder import TokenDecoder, require_encoder
from ssrl_ecg.models import Encoder
from ssrl_ecg.models.config import require_between, require_whole
from ssrl_ecg.models.vit import ViT1D


@dataclass(frozen=True, kw_only=True)
class JEPAConfig(MomentumConfig):
    """Settings of JEPA; where nothing else is said, of Weimann and Conrad's PTB-XL configuration."""

    momentum_tau: float = 0.998
    """Share of itself that the target keeps at the start, in [0, 1]."""
    final_tau: float = 0.9995
    """The same at the end, in [0, 1]; in between it rises in a straight line."""
    keep_low: float = 0.15
    """Least share of the patches that stays visible, in (0, 1)."""
    keep_high: float = 0.25
    """Largest share of the patches that stays visible, in (0, 1); each batch draws its own between the two."""
    block_s: float = 0.5
    """Shortest stretch that is hidden, in seconds (> 0): ten patches of 50 ms."""
    predictor_depth: int | None = None
    """Transformer blocks of the predictor (>= 1); None for as many as the encoder has."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        super().__post_init__()
        require_between("final_tau", self.final_tau, 0.0, 1.0)
        require_between("keep_low", self.keep_low, 1e-3, 1 - 1e-3)
        require_between("keep_high", self.keep_high, self.keep_low, 1 - 1e-3)
        require_between("block_s", self.block_s, 1e-3, 1e3)
        if self.predictor_depth is not None:
            require_whole("predictor_depth", self.predictor_depth, 1)


class JEPA(MomentumMethod):
    """Encoder of the visible patches, a predictor of half its width, and a target encoder that sees everything.

    The predictor's output is compared with the target's normalised tokens, absolute error, at the hidden patches only.
    One view per record. The target starts as a copy of the encoder.
    """

    Config = JEPAConfig
    config: JEPAConfig
    encoder: ViT1D
    plan = ViewPlan(windows=1)

    def __init__(self, encoder: Encoder, config: JEPAConfig) -> None:
        require_encoder("JEPA", encoder, ("vit-xs", "vit-s"))
        super().__init__(encoder, config)
        sizes = self.encoder.config
        self.predictor = TokenDecoder(
            sizes.width,
            sizes.width,
            rows=1,
            width=sizes.width // 2,
            depth=config.predictor_depth or sizes.depth,
            heads=sizes.heads,
        )
        self.target_encoder = deepcopy(self.encoder).requires_grad_(False)

    def loss(self, batch: ViewBatch, generator: torch.Generator) -> Loss:
        """Predict the target's tokens at the hidden patches.

        Logs ``target_sd``, the SD of the target's normalised tokens over records and patches, averaged over their
        dimensions: 0 where all are the same, at most about 1.

        Raises:
            InputError: views of a single patch.
        """
        view, asked = batch.views[0], batch.views[-1]  # the same, unless a control asks for another record's tokens
        patches = self.encoder.patches(view)
        hidden = self.draw_mask(len(view), patches.shape[1], batch.sampling_rate_hz, generator).to(view.device)
        visible = chosen(~hidden)
        predicted = self.predictor(self.encoder.encode(patches, visible), visible, patches.shape[1])
        target = self._targets(self.encoder.patches(asked))
        value = masked_l1(predicted, target, hidden.unsqueeze(-1))
        return Loss(value=value, logs={"target_sd": target.flatten(0, 1).std(dim=0).mean()})

    def tau(self, progress: float) -> float:
        """Interpolate between the start and the final value."""
        return self.start_tau + (self.config.final_tau - self.start_tau) * progress

    def draw_mask(self, n_records: int, n_patches: int, sampling_rate_hz: float, generator: torch.Generator) -> Tensor:
        """Hide blocks, equally many patches of each record: bool (record, patch).

        Raises:
            InputError: there is only one patch.
        """
        if n_patches < 2:
            raise InputError(
                "a view has a single patch", field="window_s", expected="2 patches or more", found=n_patches
            )
        draw = float(torch.rand((), generator=generator, device=generator.device))
        kept = self.config.keep_low + (self.config.keep_high - self.config.keep_low) * draw
        n_hidden = n_patches - min(math.ceil(kept * n_patches), n_patches - 1)
        shortest = max(1, round(self.config.block_s * sampling_rate_hz / self.encoder.config.patch_samples))
        sizes = [random_blocks(n_hidden, shortest, generator) for _ in range(n_records)]
        return place_blocks(sizes, n_patches, generator)

    @torch.no_grad()
    def _targets(self, patches: Tensor) -> Tensor:
        tokens = self.target_encoder.encode(patches).float()
        return F.layer_norm(tokens, tokens.shape[-1:])

    def _pairs(self) -> Iterator[tuple[Tensor, Tensor]]:
        yield from zip(self.target_encoder.parameters(), self.encoder.parameters(), strict=True)
