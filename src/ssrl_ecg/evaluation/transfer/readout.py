"""What an encoder says of the beat in the middle of a window."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ssrl_ecg.models.encoder import Encoder

_BEAT_S = (-0.30, 0.45)
"""The beat's own part of a window, relative to its mark: from before its P wave to the end of its T wave."""
N_SIDES = 3
"""What ``beside_usual`` joins."""


def beat_feature_dim(encoder: Encoder) -> int:
    """How many features ``beat_features`` gives."""
    return sum(encoder.layer_dims)


def beat_features(encoder: Encoder, windows: Tensor, window_s: float) -> Tensor:
    """Average the map of every stage over the moments of the beat, so that neighbouring beats are not taken for it.

    Args:
        encoder: what reads the windows.
        windows: normalised, (batch, lead, time), the beats' marks in the middle.
        window_s: their length.

    Returns:
        (batch, beat_feature_dim).
    """
    maps = encoder.layer_maps(windows)
    return torch.cat([_of_the_beat(one, window_s).mean(dim=-1) for one in maps], dim=1)


def beside_usual(own: Tensor, usual: Tensor) -> Tensor:
    """Join features of beats, their difference from those of the usual beats, and its size.

    A linear readout cannot tell far from near by the difference alone.

    Args:
        own: (batch, feature).
        usual: (batch, feature) of the usual beat of each beat's record.

    Returns:
        (batch, N_SIDES * feature).
    """
    difference = own - usual
    return torch.cat([own, difference, difference.abs()], dim=1)


def _of_the_beat(feature_map: Tensor, window_s: float) -> Tensor:
    """Cut a map (batch, channel, moment) to the moments of the beat, at least the one in the middle."""
    n_moments = feature_map.shape[-1]
    moment_s = (np.arange(n_moments) + 0.5) / n_moments * window_s - window_s / 2
    own = np.flatnonzero((moment_s >= _BEAT_S[0]) & (moment_s <= _BEAT_S[1]))
    first, last = (own[0], own[-1]) if len(own) else (n_moments // 2, n_moments // 2)
    return feature_map[..., first : last + 1]
