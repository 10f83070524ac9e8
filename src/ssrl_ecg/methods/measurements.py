"""Measurement pretraining: read off a crop what a physician reads off the whole recording (weak supervision).

The targets are the measurements of ``ssrl-ecg measure``, the grades of the textbook criteria and their scores of the
five superclasses. No label of a record enters, but cardiology's knowledge does: this is weak supervision (Ratner et
al. 2017, "Snorkel"), not self-supervision, and its rows are to be read beside floors that have the same measurements.
Targets belong to the whole recording and a view is an augmented crop of it, so rates and rhythm can only be guessed
from a few beats, and what the augmentation hid must be inferred from the rest.

A share of SimCLR keeps records apart that measure alike (``simclr_weight``; 0 leaves it out).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from ssrl_ecg.losses import huber_known
from ssrl_ecg.methods.gather import gather_with_gradient
from ssrl_ecg.methods.method import Loss, Method, Need, ViewBatch
from ssrl_ecg.methods.simclr import ContrastiveHead, SimCLRConfig
from ssrl_ecg.models import Encoder
from ssrl_ecg.models.config import require_between
from ssrl_ecg.signals.criteria import CRITERIA, SUPERCLASSES
from ssrl_ecg.signals.measurement_names import MEASUREMENTS

TARGETS: tuple[str, ...] = (*MEASUREMENTS, *CRITERIA, *SUPERCLASSES)
"""What is regressed, in order: every measurement, the grade of every criterion, the score of every superclass."""


@dataclass(frozen=True, kw_only=True)
class MeasurementRegressionConfig(SimCLRConfig):
    """Settings of measurement pretraining; those inherited are of the SimCLR that is added."""

    simclr_weight: float = 0.2
    """Weight of SimCLR's loss beside that of the targets, in [0, 100]; 0 leaves it out. Our choice."""

    n_targets: ClassVar[int] = len(TARGETS)
    """How many targets there are: what ``signals`` measures decides, not a setting."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        super().__post_init__()
        require_between("simclr_weight", self.simclr_weight, 0.0, 100.0)


class MeasurementRegression(Method):
    """Encoder and one linear layer: what it reads must lie open in the features, where probes look for it."""

    Config = MeasurementRegressionConfig
    config: MeasurementRegressionConfig
    needs: ClassVar[frozenset[Need]] = frozenset({"measurements"})

    def __init__(self, encoder: Encoder, config: MeasurementRegressionConfig) -> None:
        super().__init__(encoder, config)
        self.readout = nn.Linear(encoder.feature_dim, config.n_targets)
        self.contrast = ContrastiveHead(encoder.feature_dim, config) if config.simclr_weight else None

    def loss(self, batch: ViewBatch, generator: torch.Generator) -> Loss:
        """Regress the known targets from both views, and add SimCLR's share.

        Over several processes the mean is that of all records: known targets are not equally many in each share. Logs
        ``regression``, and SimCLR's ``alignment``.
        """
        assert batch.targets is not None
        features = self.encoder(torch.cat(batch.views))
        targets = batch.targets.repeat(len(batch.views), 1)
        value = huber_known(gather_with_gradient(self.readout(features)), gather_with_gradient(targets))
        logs = {"regression": value.detach()}
        if self.contrast is not None:
            contrast: Loss = self.contrast(features)
            value, logs = value + self.config.simclr_weight * contrast.value, logs | contrast.logs
        return Loss(value=value, logs=logs)
