"""Batch norm's running statistics taken from recordings, with no weight learnt."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import update_bn

from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.models.encoder import Encoder
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.windows import random_crop

_LARGEST = 2048
_BATCH = 128


def take_statistics(encoder: Encoder, windows: Iterable[Tensor]) -> Encoder:
    """Set an encoder's batch-norm statistics to the averages over batches of windows.

    An untrained network that keeps the statistics of its initialisation (mean 0, variance 1) hardly normalises:
    pretraining would get credit for the statistics that it collects in passing. Networks without batch norm stay
    as they are.

    Args:
        encoder: changed in place: running means and variances, nothing else.
        windows: batches (window, lead, window_samples), as the encoder is fed.

    Returns:
        The encoder, in the mode it was in.
    """
    update_bn(windows, encoder)
    return encoder


def training_windows(preprocessing: Preprocessing, store: RecordStore, rows: np.ndarray, seed: int) -> Iterator[Tensor]:
    """Give batches of one random window per record, filtered and normalised.

    Args:
        preprocessing: fitted.
        store: the records.
        rows: whose windows; of more than 2,048, that many drawn by ``seed``.
        seed: of the draw and of where windows begin.
    """
    chosen = np.random.default_rng(seed).permutation(rows)[:_LARGEST]
    generator = torch.Generator().manual_seed(seed)
    for start in range(0, len(chosen), _BATCH):
        filtered_mv = preprocessing.filter(torch.from_numpy(store.read_mv(chosen[start : start + _BATCH])))
        yield preprocessing.normalise(random_crop(filtered_mv, preprocessing.window_samples, generator))
