"""Simulation pretraining: recover what a simulator put into a record, where nothing has to be measured or labelled.

Simulated recordings come with the exact vector of every wave, intervals, rates and diagnoses, and with the P, QRS and T
wave of every sample (``data.simulator``). Three readouts learn them together: parameters and diagnoses from the feature
vector, wave masks from the maps of all stages. The features then go on to real recordings, by themselves or through
another method (``ssrl-ecg pretrain METHOD --init CHECKPOINT``). The joint objective is ours; modelled ECGs as training
data are not (Gillette et al. 2023, "MedalCare-XL").

Parameters and diagnoses belong to the whole record and a view is an augmented crop of it; masks are those of the crop.
A share of SimCLR can be added (``simclr_weight``), as to measurement pretraining.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssrl_ecg.data.simulator import PARAMETERS, STATEMENT_CODES
from ssrl_ecg.losses import huber_known
from ssrl_ecg.methods.gather import gather_with_gradient
from ssrl_ecg.methods.method import Loss, Method, Need, ViewBatch
from ssrl_ecg.methods.simclr import ContrastiveHead, SimCLRConfig
from ssrl_ecg.models import Encoder
from ssrl_ecg.models.config import require_between

N_WAVES = 3
"""P, QRS and T."""


@dataclass(frozen=True, kw_only=True)
class SimulationConfig(SimCLRConfig):
    """Settings of simulation pretraining; those inherited are of the SimCLR that is added."""

    mask_weight: float = 1.0
    """Weight of the wave masks beside the parameters, in [0.001, 100]; our choice."""
    diagnosis_weight: float = 1.0
    """Weight of the diagnoses beside the parameters, in [0.001, 100]; our choice."""
    simclr_weight: float = 0.0
    """Weight of SimCLR's loss beside the parameters', in [0, 100]; 0 leaves it out. Our choice."""

    n_targets: ClassVar[int] = len(PARAMETERS) + len(STATEMENT_CODES)
    """Parameters, standardised, then diagnoses, 0 or 1: what the simulator knows decides, not a setting."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        super().__post_init__()
        require_between("mask_weight", self.mask_weight, 1e-3, 100.0)
        require_between("diagnosis_weight", self.diagnosis_weight, 1e-3, 100.0)
        require_between("simclr_weight", self.simclr_weight, 0.0, 100.0)


class Simulation(Method):
    """Encoder and linear readouts: one of the vector, and one of each stage's map, brought to the signal's rate.

    The last map alone is too coarse to say where a wave ends, so every stage votes on every sample (hypercolumns,
    Hariharan et al. 2015).
    """

    Config = SimulationConfig
    config: SimulationConfig
    needs: ClassVar[frozenset[Need]] = frozenset({"simulation"})

    def __init__(self, encoder: Encoder, config: SimulationConfig) -> None:
        super().__init__(encoder, config)
        self.readout = nn.Linear(encoder.feature_dim, config.n_targets)
        self.waves = nn.ModuleList(nn.Conv1d(dim, N_WAVES, 1) for dim in encoder.layer_dims)
        self.contrast = ContrastiveHead(encoder.feature_dim, config) if config.simclr_weight else None

    def loss(self, batch: ViewBatch, generator: torch.Generator) -> Loss:
        """Add up what the readouts of both views say.

        Logs ``parameters``, ``diagnoses`` and ``masks``, the three losses, and SimCLR's ``alignment``.
        """
        assert batch.targets is not None
        assert batch.masks is not None
        maps = self.encoder.layer_maps(torch.cat(batch.views))
        features = self.encoder.pool(maps[-1])
        parts = self._known(features, batch.targets.repeat(len(batch.views), 1))
        logits = self.wave_logits(maps, batch.views[0].shape[-1])
        parts["masks"] = F.binary_cross_entropy_with_logits(logits.float(), torch.cat(batch.masks).float())
        value = parts["parameters"] + self.config.diagnosis_weight * parts["diagnoses"]
        value = value + self.config.mask_weight * parts["masks"]
        logs = {name: part.detach() for name, part in parts.items()}
        if self.contrast is not None:
            contrast: Loss = self.contrast(features)
            value, logs = value + self.config.simclr_weight * contrast.value, logs | contrast.logs
        return Loss(value=value, logs=logs)

    def wave_logits(self, maps: list[Tensor], n_samples: int) -> Tensor:
        """Compute logits of P, QRS and T for every sample: the sum of all stages' votes, interpolated linearly.

        Args:
            maps: (batch, ``encoder.layer_dims[k]``, time_k) of every stage.
            n_samples: length of the signal.

        Returns:
            (batch, 3, n_samples).
        """
        votes = [wave(one) for wave, one in zip(self.waves, maps, strict=True)]
        return torch.stack([F.interpolate(vote, n_samples, mode="linear") for vote in votes]).sum(dim=0)

    def _known(self, features: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Losses of parameters and diagnoses over the records of all processes: not all know equally many."""
        read, targets = gather_with_gradient(self.readout(features)), gather_with_gradient(targets)
        parameters, diagnoses = slice(None, len(PARAMETERS)), slice(len(PARAMETERS), None)
        return {
            "parameters": huber_known(read[:, parameters], targets[:, parameters]),
            "diagnoses": F.binary_cross_entropy_with_logits(read[:, diagnoses].float(), targets[:, diagnoses]),
        }
