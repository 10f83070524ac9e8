"""MAE: what most patches of an ECG hide should follow from the few that can be seen.

He et al. 2022, "Masked Autoencoders Are Scalable Vision Learners"; on patches of single leads Na et al. 2024, ST-MEM
(arXiv 2402.09450). Here: either grid of patches, decoded lead by lead where patches belong to leads.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ssrl_ecg.errors import InputError
from ssrl_ecg.losses import masked_mse
from ssrl_ecg.methods.masking import chosen
from ssrl_ecg.methods.method import Loss, Method, ViewBatch, ViewPlan
from ssrl_ecg.methods.token_decoder import TokenDecoder, require_encoder
from ssrl_ecg.models import Encoder, ModuleConfig
from ssrl_ecg.models.config import require_between, require_whole
from ssrl_ecg.models.vit import ViT1D


@dataclass(frozen=True, kw_only=True)
class MAEConfig(ModuleConfig):
    """Settings of MAE."""

    mask_ratio: float = 0.75
    """Share of the patches that are hidden, in (0, 1); He et al. 2022 and ST-MEM."""
    normalise_targets: bool = False
    """Whether to reconstruct each patch less its mean and over its SD (He et al. 2022); it hides voltages."""
    decoder_width: int = 96
    """Dimensions of a token in the decoder (>= 1), an even multiple of its heads; a third to a half of the encoder's in
    the papers."""
    decoder_depth: int = 2
    """Transformer blocks of the decoder (>= 1); ST-MEM has 4, a third of its encoder's."""
    decoder_heads: int = 4
    """Attention heads of the decoder (>= 1)."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        require_between("mask_ratio", self.mask_ratio, 1e-3, 1 - 1e-3)
        for name in ("decoder_width", "decoder_depth", "decoder_heads"):
            require_whole(name, getattr(self, name), 1)


class MAE(Method):
    """A vision transformer on the visible patches, a light decoder, squared error on the hidden ones.

    One view per record: the mask is the augmentation.
    """

    Config = MAEConfig
    config: MAEConfig
    encoder: ViT1D
    plan = ViewPlan(windows=1)

    def __init__(self, encoder: Encoder, config: MAEConfig) -> None:
        require_encoder("MAE", encoder, ("vit-xs-leads", "vit-xs", "vit-s"))
        super().__init__(encoder, config)
        self.decoder = TokenDecoder(
            encoder.feature_dim,
            self.encoder.patch_values,
            rows=self.encoder.rows,
            width=config.decoder_width,
            depth=config.decoder_depth,
            heads=config.decoder_heads,
        )

    def loss(self, batch: ViewBatch, generator: torch.Generator) -> Loss:
        """Reconstruct the hidden patches.

        Logs ``explained``: 1 - squared error / mean square of what was hidden; 0 is what an answer of zero reaches.

        Raises:
            InputError: views of a single patch.
        """
        view, asked = batch.views[0], batch.views[-1]  # the same, unless a control asks for another record's patches
        patches = self.encoder.patches(view)
        hidden = self.draw_mask(len(view), patches.shape[1], generator).to(view.device)
        visible = chosen(~hidden)
        decoded = self.decoder(self.encoder.encode(patches, visible), visible, patches.shape[1])
        target, counts = self.targets(self.encoder.patches(asked)), hidden.unsqueeze(-1)
        value = masked_mse(decoded, target, counts)
        power = masked_mse(torch.zeros_like(target), target, counts)
        return Loss(value=value, logs={"explained": 1 - value.detach() / power.clamp(min=1e-12)})

    def targets(self, patches: Tensor) -> Tensor:
        """Return what is to be reconstructed of each patch (batch, token, value)."""
        if not self.config.normalise_targets:
            return patches
        mean, variance = patches.mean(-1, keepdim=True), patches.var(-1, keepdim=True)
        return (patches - mean) / (variance + 1e-6).sqrt()

    def draw_mask(self, n_records: int, n_tokens: int, generator: torch.Generator) -> Tensor:
        """Hide equally many patches of each record: bool (record, token), at least one hidden and one visible.

        Raises:
            InputError: there is only one patch.
        """
        if n_tokens < 2:
            raise InputError(
                "a view has a single patch", field="window_s", expected="2 patches or more", found=n_tokens
            )
        n_hidden = min(max(round(self.config.mask_ratio * n_tokens), 1), n_tokens - 1)
        order = torch.rand(n_records, n_tokens, generator=generator, device=generator.device).argsort(dim=1)
        return order.argsort(dim=1) < n_hidden
