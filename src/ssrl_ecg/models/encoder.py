"""What every encoder promises: a signal in, a feature map or one vector per record out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from ssrl_ecg.errors import InputError
from ssrl_ecg.models.config import ModuleConfig, require_whole


@dataclass(frozen=True, kw_only=True)
class EncoderConfig(ModuleConfig):
    """Settings that every encoder has."""

    n_leads: int = 12
    """Number of leads of the input (>= 1); the standard ECG has 12."""
    width: int = 64
    """Channels of the first stage (>= 1); every later width is a multiple of it."""

    def __post_init__(self) -> None:
        """Refuse what no network can be built from."""
        require_whole("n_leads", self.n_leads, 1)
        require_whole("width", self.width, 1)


class Encoder(nn.Module, ABC):
    """Turns normalised ECGs (batch, lead, time) into features.

    A subclass names its ``Config``, the shortest input it accepts in ``minimum_samples``, sets ``layer_dims`` and
    implements ``_layers``. Initial weights are drawn from torch's global generator, as everywhere in torch: seed it
    (``torch.manual_seed``) before building.

    Attributes:
        config: the settings the encoder was built from; ``type(encoder)(encoder.config)`` has the same architecture.
        layer_dims: channels after each stage, from the first to the feature map.
    """

    Config: ClassVar[type[EncoderConfig]]
    minimum_samples: ClassVar[int]
    config: EncoderConfig
    layer_dims: tuple[int, ...]

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config

    @property
    def feature_dim(self) -> int:
        """Channels of the feature map, and length of the feature vector."""
        return self.layer_dims[-1]

    @abstractmethod
    def _layers(self, signal: Tensor) -> list[Tensor]:
        """Compute what each stage makes of a signal whose shape has been checked; the last is the feature map."""

    def feature_map(self, signal: Tensor) -> Tensor:
        """Compute features along time.

        Args:
            signal: normalised ECG (batch, lead, time), at least ``minimum_samples`` long.

        Returns:
            (batch, feature_dim, time'), time' >= 1.

        Raises:
            InputError: the signal has another number of axes or leads, or is too short.
        """
        self._check(signal)
        return self._layers(signal)[-1]

    def forward(self, signal: Tensor) -> Tensor:
        """Average the feature map over time: (batch, lead, time) -> (batch, feature_dim)."""
        return self.feature_map(signal).mean(dim=-1)

    def layer_features(self, signal: Tensor) -> Tensor:
        """Average what every stage computes over time, and join the averages: a readout that early layers take part in.

        Args:
            signal: normalised ECG (batch, lead, time), at least ``minimum_samples`` long.

        Returns:
            (batch, sum of ``layer_dims``).

        Raises:
            InputError: as ``feature_map``.
        """
        self._check(signal)
        return torch.cat([layer.mean(dim=-1) for layer in self._layers(signal)], dim=1)

    def _check(self, signal: Tensor) -> None:
        n_leads, minimum = self.config.n_leads, self.minimum_samples
        if signal.ndim != 3 or signal.shape[1] != n_leads:
            raise InputError(
                "signal has the wrong shape", expected=f"(batch, {n_leads} leads, time)", found=tuple(signal.shape)
            )
        if signal.shape[2] < minimum:
            raise InputError(
                f"signal is too short for {type(self).__name__}",
                expected=f"at least {minimum} samples",
                found=signal.shape[2],
            )
