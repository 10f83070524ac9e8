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
    """Turns normalised ECGs (batch, lead, time) into features: a map along time, and one vector read out of the map.

    A subclass names its ``Config``, the shortest input it accepts in ``minimum_samples``, sets ``layer_dims`` and
    implements ``_layers``; one whose vector is not the map's average says so in ``pool`` and ``feature_dim``. Initial
    weights are drawn from torch's global generator, as everywhere in torch: seed it (``torch.manual_seed``) before
    building.

    Attributes:
        config: the settings the encoder was built from; ``type(encoder)(encoder.config)`` has the same architecture.
        layer_dims: channels after each stage, from the first to the feature map.
    """

    Config: ClassVar[type[EncoderConfig]]
    minimum_samples: int
    config: EncoderConfig
    layer_dims: tuple[int, ...]

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config

    @property
    def map_dim(self) -> int:
        """Channels of the feature map."""
        return self.layer_dims[-1]

    @property
    def feature_dim(self) -> int:
        """Length of the feature vector; as many as the map has channels, unless ``pool`` says otherwise."""
        return self.map_dim

    @property
    def layer_feature_dim(self) -> int:
        """Length of what ``layer_features`` returns."""
        return sum(self.layer_dims[:-1]) + self.feature_dim

    @abstractmethod
    def _layers(self, signal: Tensor) -> list[Tensor]:
        """Compute what each stage makes of a signal whose shape has been checked; the last is the feature map."""

    def feature_map(self, signal: Tensor) -> Tensor:
        """Compute features along time.

        Args:
            signal: normalised ECG (batch, lead, time), at least ``minimum_samples`` long.

        Returns:
            (batch, map_dim, time'), time' >= 1.

        Raises:
            InputError: the signal has another number of axes or leads, or is too short.
        """
        return self.layer_maps(signal)[-1]

    def layer_maps(self, signal: Tensor) -> list[Tensor]:
        """Compute what each stage makes of a signal: (batch, ``layer_dims[k]``, time_k); the last is the feature map.

        Args:
            signal: normalised ECG (batch, lead, time), at least ``minimum_samples`` long.

        Raises:
            InputError: as ``feature_map``.
        """
        self._check(signal)
        return self._layers(signal)

    def forward(self, signal: Tensor) -> Tensor:
        """Read one vector per record out of the feature map: (batch, lead, time) -> (batch, feature_dim)."""
        return self.pool(self.feature_map(signal))

    def pool(self, features: Tensor) -> Tensor:
        """Average a feature map over time: (batch, map_dim, time') -> (batch, feature_dim)."""
        return features.mean(dim=-1)

    def layer_features(self, signal: Tensor) -> Tensor:
        """Join the averages over time of all stages but the last and the feature vector: early layers take part in it.

        Args:
            signal: normalised ECG (batch, lead, time), at least ``minimum_samples`` long.

        Returns:
            (batch, layer_feature_dim); the feature vector comes last.

        Raises:
            InputError: as ``feature_map``.
        """
        *early, last = self.layer_maps(signal)
        return torch.cat([*(layer.mean(dim=-1) for layer in early), self.pool(last)], dim=1)

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


class ConcatPoolEncoder(Encoder):
    """An encoder whose vector joins the average and the maximum over time of every channel.

    That is the "concat pooling" of the PTB-XL benchmark (Strodthoff et al. 2020, after Howard and Gugger's fastai).
    There it opens the classifier's head; here it belongs to the encoder, so that self-supervised objectives and linear
    probes see both halves (the 512 features of an xresnet1d50 in Mehari and Strodthoff 2022). The feature map, which
    heads that read maps and objectives along time get, keeps its own channels.
    """

    @property
    def feature_dim(self) -> int:
        """Length of the feature vector: twice the channels of the feature map."""
        return 2 * self.map_dim

    def pool(self, features: Tensor) -> Tensor:
        """Join average and maximum over time: (batch, map_dim, time') -> (batch, 2 map_dim)."""
        return torch.cat([features.mean(dim=-1), features.amax(dim=-1)], dim=1)
