"""Poly-window: many windows of a record, each the positive of what the others have in common.

Yuan et al. 2025, "Learning ECG Representations via Poly-Window Contrastive Learning" (arXiv 2508.15225): what stays the
same over a recording is what describes the heart. They maximise the agreement of the windows through statistics; which,
is chosen here: the mean of the record's other windows, with the objective of Shidani et al. 2024 ("Poly-View
Contrastive Learning", see ``poly_window_loss``), which is SimCLR's when there are two windows. A step costs as many
forward passes as there are windows.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from ssrl_ecg.losses import poly_window_loss
from ssrl_ecg.methods.gather import gather_with_gradient
from ssrl_ecg.methods.method import Loss, Method, ViewBatch, ViewPlan
from ssrl_ecg.methods.projector import mlp
from ssrl_ecg.methods.simclr import SimCLRConfig
from ssrl_ecg.models import Encoder
from ssrl_ecg.models.config import require_whole


@dataclass(frozen=True, kw_only=True)
class PolyWindowConfig(SimCLRConfig):
    """Settings of poly-window contrast; those inherited are SimCLR's."""

    n_windows: int = 4
    """Windows per record and step (>= 2); our choice: four of 2.5 s can cover a recording of 10 s."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        super().__post_init__()
        require_whole("n_windows", self.n_windows, 2)


class PolyWindow(Method):
    """Encoder, projection head (linear, ReLU, linear), contrast of each window with the mean of the others."""

    Config = PolyWindowConfig
    config: PolyWindowConfig

    def __init__(self, encoder: Encoder, config: PolyWindowConfig) -> None:
        super().__init__(encoder, config)
        self.plan = ViewPlan(windows=config.n_windows)
        self.projector = mlp(encoder.feature_dim, config.hidden_dim, config.projection_dim, batch_norm=False)

    def loss(self, batch: ViewBatch, generator: torch.Generator) -> Loss:
        """Contrast over the batches of all processes; logs ``alignment``, the mean cosine of a record's windows."""
        projections = self.projector(self.encoder(torch.cat(batch.views))).chunk(len(batch.views))
        z = torch.stack([gather_with_gradient(projection) for projection in projections])
        unit = F.normalize(z.detach().float(), dim=-1)
        # The squared length of a sum of n unit vectors is n plus twice the sum of their cosines.
        n_windows = len(z)
        alignment = (unit.sum(dim=0).square().sum(dim=-1).mean() - n_windows) / (n_windows * (n_windows - 1))
        return Loss(value=poly_window_loss(z, self.config.temperature), logs={"alignment": alignment})
