"""What a network says of whole records when it only looks: feature vectors of an encoder, logits of a classifier."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.models.classifier import Classifier
from ssrl_ecg.models.encoder import Encoder
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.windows import over_windows

Readout = Literal["last", "layers"]
"""Which features of an encoder are read: its feature vector, or the averages over time of all its stages."""


def module_hash(module: nn.Module) -> str:
    """SHA-256 of every parameter and buffer: equal hashes mean unchanged bytes."""
    digest = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


@contextmanager
def eval_mode(module: nn.Module) -> Iterator[None]:
    """Put a module into eval mode for the length of a block; afterwards every part of it is in the mode it was in."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, was_training in modes:
            part.training = was_training


@torch.no_grad()
def record_outputs(
    module: nn.Module,
    n_outputs: int,
    preprocessing: Preprocessing,
    store: RecordStore,
    rows: np.ndarray,
    *,
    batch_size: int = 64,
    overlap: float = 0.5,
    function: Callable[[Tensor], Tensor] | None = None,
) -> np.ndarray:
    """Apply a module in eval mode to whole records and average its outputs over each record's windows.

    Args:
        module: (windows, lead, window_samples) -> (windows, n_outputs); its training mode is restored afterwards.
        n_outputs: numbers it gives per window.
        preprocessing: the module's own, fitted.
        store: the records.
        rows: (n,) rows of the store, possibly none.
        batch_size: records at a time.
        overlap: share of a window that its neighbour covers too.
        function: a method of the module that is called in its place, with the same form.

    Returns:
        float32 (n, n_outputs), in the order of ``rows``.
    """
    device = next(module.parameters()).device
    outputs = np.empty((len(rows), n_outputs), np.float32)
    with eval_mode(module):
        for start in range(0, len(rows), batch_size):
            part = slice(start, start + batch_size)
            signal_mv = torch.from_numpy(store.read_mv(rows[part])).to(device)
            outputs[part] = over_windows(function or module, signal_mv, preprocessing, overlap).float().cpu().numpy()
    return outputs


def embed(
    encoder: Encoder,
    preprocessing: Preprocessing,
    store: RecordStore,
    rows: np.ndarray,
    *,
    batch_size: int = 64,
    overlap: float = 0.5,
    readout: Readout = "last",
) -> np.ndarray:
    """Encode records in eval mode, averaging the feature vectors of each record's windows.

    Args:
        encoder: its training mode is restored afterwards; its bytes do not change (asserted).
        preprocessing: the encoder's own, fitted.
        store: the records.
        rows: (n,) rows of the store.
        batch_size: records at a time.
        overlap: share of a window that its neighbour covers too.
        readout: "last" for the encoder's feature vector, "layers" for it and the averages of all earlier stages.

    Returns:
        float32 (n, feature_dim), or (n, layer_feature_dim), in the order of ``rows``.

    Raises:
        AssertionError: the encoder changed a parameter or buffer of its own.
    """
    before = module_hash(encoder)
    function, n_outputs = {
        "last": (encoder.__call__, encoder.feature_dim),
        "layers": (encoder.layer_features, encoder.layer_feature_dim),
    }[readout]
    features = record_outputs(
        encoder, n_outputs, preprocessing, store, rows, batch_size=batch_size, overlap=overlap, function=function
    )
    if module_hash(encoder) != before:
        raise AssertionError("a frozen encoder changed while it was embedding")
    return features


def predict_logits(
    classifier: Classifier,
    preprocessing: Preprocessing,
    store: RecordStore,
    rows: np.ndarray,
    *,
    batch_size: int = 64,
    overlap: float = 0.5,
) -> np.ndarray:
    """Logits of whole records in eval mode, averaged over each record's windows.

    Args:
        classifier: its training mode is restored afterwards.
        preprocessing: the classifier's own, fitted.
        store: the records.
        rows: (n,) rows of the store.
        batch_size: records at a time.
        overlap: share of a window that its neighbour covers too.

    Returns:
        float32 (n, class), in the order of ``rows``.
    """
    n_outputs = classifier.head.n_outputs
    return record_outputs(classifier, n_outputs, preprocessing, store, rows, batch_size=batch_size, overlap=overlap)
