"""A U-Net over any encoder that sees time finely enough: what wave every sample of every lead lies in.

Decoder with skip connections of Ronneberger, Fischer & Brox (2015, "U-Net"), along time, its levels all of one width as
in the feature pyramids of Lin et al. (2017). The contracting half is an ``Encoder``, pretrained or not, so that a
plain U-Net and one on a pretrained encoder are the same network with other weights. Two forms follow from the number
of leads that the encoder reads:

- an encoder of all leads reads the whole recording once, and each lead takes what it needs from the shared features;
- an encoder of one lead reads every lead by itself, as a record of its own.

In both, a small branch at full rate reads each lead's own trace, because features shared by all leads cannot say where
in this lead a wave ends.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssrl_ecg.errors import InputError
from ssrl_ecg.models.config import ModuleConfig, require_whole
from ssrl_ecg.models.encoder import Encoder
from ssrl_ecg.signals.waves import WAVES

N_WAVE_CLASSES = 1 + len(WAVES)
"""Nothing, P, QRS, T, as in a mask."""

COARSEST_STEP_SAMPLES = 8
"""An encoder's finest map must have a value at least this often: at 100 Hz that is 80 ms, the length of a narrow QRS
complex. Our choice."""

_PROBE_SAMPLES = 1024


@dataclass(frozen=True, kw_only=True)
class UNetConfig(ModuleConfig):
    """Settings of the decoder; defaults chosen on patients of LUDB's training part (``results/trials``)."""

    width: int = 32
    """Channels of every level of the decoder (>= 1)."""
    lead_width: int = 16
    """Channels of the branch that reads a lead's own trace at full rate (>= 1)."""
    kernel: int = 7
    """Length of the decoder's convolutions (>= 1, odd)."""

    def __post_init__(self) -> None:
        """Refuse what no network can be built from."""
        for name in ("width", "lead_width", "kernel"):
            require_whole(name, getattr(self, name), 1)
        if self.kernel % 2 == 0:
            raise InputError("setting out of range", field="kernel", expected="an odd number", found=self.kernel)


class UNet(nn.Module):
    """Segments waves: (batch, lead, time) normalised -> logits (batch, lead, ``N_WAVE_CLASSES``, time).

    Args:
        encoder: the contracting half.
        config: the decoder's settings.

    Attributes:
        encoder: as given.
        config: as given.

    Raises:
        InputError: the encoder's maps are too coarse, or grow along its stages.
    """

    def __init__(self, encoder: Encoder, config: UNetConfig) -> None:
        super().__init__()
        self.encoder, self.config = encoder, config
        self.levels = pyramid(encoder)
        *skips, deepest = (encoder.layer_dims[stage] for stage in self.levels)
        width, lead_width, kernel = config.width, config.lead_width, config.kernel
        self.bottom = _convolutions(deepest, width, 1, 1)
        self.up = nn.ModuleList(_convolutions(width + dim, width, kernel) for dim in reversed(skips))
        self.share = nn.Conv1d(width, encoder.config.n_leads * lead_width, 1)
        self.trace = _convolutions(1, lead_width, kernel, 1)
        self.join = _convolutions(2 * lead_width, lead_width, kernel)
        self.classify = nn.Conv1d(lead_width, N_WAVE_CLASSES, 1)

    def forward(self, signal: Tensor, leads: Tensor | None = None) -> Tensor:
        """Compute logits of every sample.

        Args:
            signal: normalised ECG (batch, lead, time): the encoder's leads, or any number for an encoder of one lead.
            leads: (chosen,) positions of the leads whose logits are wanted, in their order; None for all. An encoder of
                all leads reads all of them in any case.

        Returns:
            (batch, chosen, ``N_WAVE_CLASSES``, time).

        Raises:
            InputError: a shape that the encoder does not accept.
        """
        wanted = signal if leads is None else signal[:, leads]
        n_chosen, n_samples = wanted.shape[1:]
        features = self._decoded(wanted.flatten(0, 1)[:, None] if self._reads_one_lead else signal)
        shared = self.share(features).unflatten(1, (-1, self.config.lead_width))
        if leads is not None and not self._reads_one_lead:
            shared = shared[:, leads]
        shared = _stretched(shared.flatten(0, 1), n_samples)
        own = self.trace(wanted.reshape(-1, 1, n_samples))
        logits: Tensor = self.classify(self.join(torch.cat([shared, own], dim=1)))
        return logits.reshape(-1, n_chosen, *logits.shape[1:])

    @property
    def _reads_one_lead(self) -> bool:
        return self.encoder.config.n_leads == 1

    def _decoded(self, rows: Tensor) -> Tensor:
        """Climb the encoder's maps from coarse to fine: (row, lead, time) -> (row, width, time of the finest map)."""
        maps = self.encoder.layer_maps(rows)
        *skips, deepest = (maps[stage] for stage in self.levels)
        features: Tensor = self.bottom(deepest)
        for up, skip in zip(self.up, reversed(skips), strict=True):
            features = up(torch.cat([_stretched(features, skip.shape[-1]), skip], dim=1))
        return features


def pyramid(encoder: Encoder) -> tuple[int, ...]:
    """Which stages of an encoder a decoder climbs: of stages with equally long maps the last, from fine to coarse.

    Raises:
        InputError: no map is fine enough to tell where a wave ends, or maps grow along the stages.
    """
    lengths = _map_lengths(encoder)
    name = type(encoder).__name__
    if max(lengths) * COARSEST_STEP_SAMPLES < _PROBE_SAMPLES:
        raise InputError(
            f"the maps of {name} are too coarse to tell where a wave ends",
            field="encoder",
            expected=f"a value every {COARSEST_STEP_SAMPLES} samples or more often",
            found=f"every {_PROBE_SAMPLES / max(lengths):.0f} samples",
        )
    if sorted(lengths, reverse=True) != lengths:
        raise InputError(f"the maps of {name} do not go from fine to coarse", field="encoder", found=lengths)
    return tuple(stage for stage, one in enumerate(lengths) if one not in lengths[stage + 1 :])


def _map_lengths(encoder: Encoder) -> list[int]:
    """Length of every stage's map of ``_PROBE_SAMPLES`` samples; the encoder is left as it was."""
    device = next(encoder.parameters()).device
    was_training = [(part, part.training) for part in encoder.modules()]
    encoder.eval()
    with torch.no_grad():
        maps = encoder.layer_maps(torch.zeros(1, encoder.config.n_leads, _PROBE_SAMPLES, device=device))
    for part, training in was_training:
        part.training = training
    return [one.shape[-1] for one in maps]


def _convolutions(in_channels: int, out_channels: int, kernel: int, n_layers: int = 2) -> nn.Sequential:
    """Convolutions that keep time, each with batch norm and ReLU."""
    layers = nn.Sequential()
    for _ in range(n_layers):
        layers.append(nn.Conv1d(in_channels, out_channels, kernel, padding=kernel // 2, bias=False))
        layers.append(nn.BatchNorm1d(out_channels))
        layers.append(nn.ReLU(inplace=True))
        in_channels = out_channels
    return layers


def _stretched(features: Tensor, n_samples: int) -> Tensor:
    """Interpolate linearly along time: (batch, channel, time') -> (batch, channel, n_samples)."""
    return F.interpolate(features, n_samples, mode="linear") if features.shape[-1] != n_samples else features
