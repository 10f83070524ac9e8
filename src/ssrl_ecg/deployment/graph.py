"""A checkpoint as one graph: whole records in mV in, one row of features and logits per record out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from ssrl_ecg.errors import InputError
from ssrl_ecg.models import Classifier, Encoder
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.checkpoint import ClassifierCheckpoint, EncoderCheckpoint
from ssrl_ecg.training.windows import over_windows

OVERLAP = 0.5
"""Share of a window that its neighbour covers too, as wherever whole records are judged."""
LONGEST_FILTER = 5000
"""Samples up to which a filter may be a matrix in the graph: 10 s at 500 Hz, 100 MB."""
_CHUNK = 500


class RecordGraph(nn.Module):
    """Everything between a record in mV and what is said of it, with nothing in it that a graph cannot hold.

    The record's length is fixed, so windows are where they are; the batch is not. A filter that multiplies a spectrum
    is a linear map of so many samples: it becomes the matrix of that map, which rounds no worse and needs no Fourier
    transform. Outputs are averaged over the record's windows (half overlapping), as everywhere.

    Args:
        checkpoint: an encoder, or a classifier.
        n_samples: length of every record at the checkpoint's rate; at least one window.

    Raises:
        InputError: records shorter than a window, or too long for a filter in the graph.
    """

    filter_matrix: Tensor | None

    def __init__(self, checkpoint: EncoderCheckpoint | ClassifierCheckpoint, n_samples: int) -> None:
        super().__init__()
        self.preprocessing, self.n_samples = checkpoint.preprocessing, n_samples
        self.n_windows = len(self.preprocessing.window_starts(n_samples, OVERLAP))
        self.network: Encoder | Classifier
        self.network = checkpoint.classifier if isinstance(checkpoint, ClassifierCheckpoint) else checkpoint.encoder
        self.register_buffer("filter_matrix", _filter_matrix(self.preprocessing, n_samples))
        self._after_filter = replace(self.preprocessing, highpass_hz=None, lowpass_hz=None, mains_hz=None)
        self.eval()

    @property
    def output_dims(self) -> dict[str, int]:
        """What ``forward`` returns, in order: the length of each row by its name."""
        if isinstance(self.network, Classifier):
            return {"logits": self.network.head.n_outputs, "features": self.network.encoder.feature_dim}
        return {"features": self.network.feature_dim}

    def forward(self, signal_mv: Tensor) -> tuple[Tensor, ...]:
        """Describe records.

        Args:
            signal_mv: float32 (batch, lead, n_samples) in mV, at the checkpoint's rate, its leads in its order.

        Returns:
            Of a classifier logits (batch, class); of all features (batch, feature_dim).
        """
        if self.filter_matrix is not None:
            signal_mv = signal_mv @ self.filter_matrix
        function = self.network.with_features if isinstance(self.network, Classifier) else self.network
        joined = over_windows(function, signal_mv, self._after_filter, OVERLAP)
        return tuple(torch.split(joined, list(self.output_dims.values()), dim=1))

    def example(self, n_records: int, seed: int = 0) -> Tensor:
        """Make records to try the graph on: noise of 0.3 mV around different levels, the last lead of the first flat.

        Returns:
            float32 (n_records, lead, n_samples) in mV.
        """
        generator = torch.Generator().manual_seed(seed)
        shape = (n_records, len(self.preprocessing.leads), self.n_samples)
        level_mv = torch.randn((*shape[:2], 1), generator=generator)
        signal_mv = level_mv + 0.3 * torch.randn(shape, generator=generator)
        signal_mv[0, -1] = 0.0
        return signal_mv


def _filter_matrix(preprocessing: Preprocessing, n_samples: int) -> Tensor | None:
    """Return the matrix that (..., time) is multiplied with in place of filtering, or None without a filter."""
    if (preprocessing.highpass_hz, preprocessing.lowpass_hz, preprocessing.mains_hz) == (None, None, None):
        return None
    if n_samples > LONGEST_FILTER:
        raise InputError("records are too long for a filter in the graph", field="--record-s", found=n_samples,
                         expected=f"at most {LONGEST_FILTER} samples where the checkpoint filters")  # fmt: skip
    unclipped = replace(preprocessing, clip_mv=None)
    impulses = torch.eye(n_samples, dtype=torch.float64)
    return torch.cat([unclipped.filter(rows).float() for rows in torch.split(impulses, _CHUNK)])


def describe_graph(graph: RecordGraph) -> dict[str, Any]:
    """Say what the graph expects and gives, as JSON's values: the contract between an exported file and its caller."""
    preprocessing = graph.preprocessing
    filters = {key: getattr(preprocessing, key) for key in ("highpass_hz", "lowpass_hz", "mains_hz", "clip_mv")}
    return {
        "input": {
            "name": "signal_mv",
            "dtype": "float32",
            "shape": ["batch", len(preprocessing.leads), graph.n_samples],
            "unit": preprocessing.unit,
            "sampling_rate_hz": preprocessing.sampling_rate_hz,
            "leads": preprocessing.leads,
        },
        "before_the_graph": [
            "leads in the order above; III, aVR, aVL and aVF may be computed from I and II",
            "mV",
            f"resampled to {preprocessing.sampling_rate_hz:g} Hz",
            f"exactly {graph.n_samples} samples, all finite",
        ],
        "inside_the_graph": {
            "filter": {key: value for key, value in filters.items() if value is not None},
            "windows": {"number": graph.n_windows, "length_s": preprocessing.window_s, "overlap": OVERLAP},
            "outputs": "averaged over the windows",
            "normalisation": preprocessing.normalisation,
        },
        "preprocessing": preprocessing.to_dict(),
    }
