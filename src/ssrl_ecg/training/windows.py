"""From whole records to what an encoder sees: random crops in training, averaged windows in evaluation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.signals.preprocessing import Preprocessing


def random_crop(signal_mv: Tensor, window_samples: int, generator: torch.Generator) -> Tensor:
    """Cut one window per record, each at its own uniformly drawn start.

    Args:
        signal_mv: (batch, lead, time).
        window_samples: length of the window; the whole record if it is as long.
        generator: CPU generator the starts are drawn from.

    Returns:
        (batch, lead, window_samples); the same tensor if nothing is to be cut.
    """
    starts = draw_starts(len(signal_mv), signal_mv.shape[-1], window_samples, generator)
    return cut(signal_mv, starts, window_samples)


def draw_starts(n_records: int, n_samples: int, window_samples: int, generator: torch.Generator) -> Tensor:
    """Draw where one window of each record begins, uniformly: int64 (n_records,), in samples.

    Where the window is as long as the record it begins at 0, and nothing is drawn.
    """
    latest = n_samples - window_samples
    if latest <= 0:
        return torch.zeros(n_records, dtype=torch.int64)
    return torch.randint(0, latest + 1, (n_records,), generator=generator)


def cut(along_time: Tensor, starts: Tensor, window_samples: int) -> Tensor:
    """Cut a window of each record from whatever runs along its last axis: signals, or masks.

    Args:
        along_time: (batch, ..., time).
        starts: (batch,) first samples.
        window_samples: length of the windows.

    Returns:
        (batch, ..., window_samples); the same tensor if nothing is to be cut.
    """
    if window_samples >= along_time.shape[-1]:
        return along_time
    pairs = zip(along_time, starts.tolist(), strict=True)
    return torch.stack([record[..., start : start + window_samples] for record, start in pairs])


def over_windows(
    function: Callable[[Tensor], Tensor], signal_mv: Tensor, preprocessing: Preprocessing, overlap: float = 0.5
) -> Tensor:
    """Filter, cut into windows, normalise, apply ``function`` and average its outputs over each record's windows.

    Args:
        function: (windows, lead, window_samples) -> (windows, output); logits or feature vectors.
        signal_mv: (batch, lead, time), unfiltered.
        preprocessing: the encoder's own.
        overlap: share of a window that its neighbour covers too, in [0, 1).

    Returns:
        (batch, output): the mean over the windows, for logits as for features, so that a linear head commutes with it.

    Raises:
        InputError: a record is shorter than a window, or has other leads.
    """
    filtered = preprocessing.filter(signal_mv)
    length = preprocessing.window_samples
    starts = preprocessing.window_starts(filtered.shape[-1], overlap)
    windows = torch.stack([filtered[..., start : start + length] for start in starts], dim=1)
    outputs = function(preprocessing.normalise(windows.flatten(0, 1)))
    return outputs.view(filtered.shape[0], len(starts), -1).mean(dim=1)


@torch.no_grad()
def filtered_mv(store: RecordStore, rows: np.ndarray, preprocessing: Preprocessing) -> np.ndarray:
    """Read whole records and filter them: float32 (n, lead, time) in millivolt, not normalised."""
    return preprocessing.filter(torch.from_numpy(store.read_mv(rows))).numpy()
