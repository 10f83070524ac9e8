"""Feature vectors of whole records from a frozen encoder."""

from __future__ import annotations

import hashlib

import numpy as np
import torch

from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.models.encoder import Encoder
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.windows import over_windows


def module_hash(module: torch.nn.Module) -> str:
    """SHA-256 of every parameter and buffer: equal hashes mean unchanged bytes."""
    digest = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        digest.update(name.encode())
        digest.update(
            value.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes()
            if value.ndim
            else str(value.item()).encode()
        )
    return digest.hexdigest()


@torch.no_grad()
def embed(
    encoder: Encoder,
    preprocessing: Preprocessing,
    store: RecordStore,
    rows: np.ndarray,
    *,
    batch_size: int = 64,
    overlap: float = 0.5,
) -> np.ndarray:
    """Encode records in eval mode, averaging the feature vectors of each record's windows.

    Args:
        encoder: its training mode is restored afterwards; its bytes do not change (asserted).
        preprocessing: the encoder's own, fitted.
        store: the records.
        rows: (n,) rows of the store.
        batch_size: records at a time.
        overlap: share of a window that its neighbour covers too.

    Returns:
        float32 (n, feature_dim), in the order of ``rows``.
    """
    was_training, before = encoder.training, module_hash(encoder)
    device = next(encoder.parameters()).device
    encoder.eval()
    features = np.empty((len(rows), encoder.feature_dim), np.float32)
    for start in range(0, len(rows), batch_size):
        signal_mv = torch.from_numpy(store.read_mv(rows[start : start + batch_size])).to(device)
        features[start : start + batch_size] = (
            over_windows(encoder, signal_mv, preprocessing, overlap).float().cpu().numpy()
        )
    encoder.train(was_training)
    if module_hash(encoder) != before:
        raise AssertionError("a frozen encoder changed while it was embedding")
    return features
