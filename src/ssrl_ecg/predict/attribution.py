"""Which stretches of which leads speak for a class, and which against it: integrated gradients.

Sundararajan, Taly and Yan, "Axiomatic attribution for deep networks" (ICML 2017). With x the network's input, b a
baseline that says nothing and F the logit of a class, sample i is worth

    (x_i - b_i) * integral over a from 0 to 1 of dF(b + a (x - b)) / dx_i.

These worths add up to F(x) - F(b) (completeness): nothing is lost, nothing appears twice. The integral is taken with
the midpoint rule. The baseline is 0 after normalisation: the training records' mean, which is close to a flat line.
A network's logit of a record is the mean over its windows, and so the worth of a sample is summed over the windows that
see it and divided by their number. Worths of filtered samples are shown at the samples' own places.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ssrl_ecg.errors import InputError
from ssrl_ecg.predict.preparation import Prepared
from ssrl_ecg.signals.leads import LEADS
from ssrl_ecg.training.checkpoint import ClassifierCheckpoint

N_STEPS = 16
"""Points of the integral. On ten simulated records the packaged classifier's worths add up to within 0.15 logits."""
STRETCH_S = 0.1
"""Length of a stretch: about a QRS complex."""

_BATCH = 64


class Stretch(NamedTuple):
    """A stretch of one lead.

    Attributes:
        lead: its name.
        start_s: from the record's start.
        stop_s: its end.
        logits: by how much it raises the class's logit; below 0 where it speaks against the class.
    """

    lead: str
    start_s: float
    stop_s: float
    logits: float


def sample_logits(
    checkpoint: ClassifierCheckpoint, recording: Prepared, name: str, *, n_steps: int = N_STEPS
) -> NDArray[np.float32]:
    """Return by how much every sample raises the logit of a class.

    Args:
        checkpoint: the classifier.
        recording: prepared for it.
        name: one of its classes.
        n_steps: points of the integral, at least 1.

    Returns:
        (12, time), zero in leads that the network does not read; the sum is the record's logit minus the baseline's.

    Raises:
        InputError: no such class.
    """
    if name not in checkpoint.classes:
        raise InputError("no such class", expected=", ".join(checkpoint.classes), found=name)
    preprocessing, column = checkpoint.preprocessing, checkpoint.classes.index(name)
    rows = [LEADS.index(lead) for lead in preprocessing.leads]
    filtered_mv = preprocessing.filter(torch.from_numpy(np.ascontiguousarray(recording.signal_mv[rows])))
    starts, length = preprocessing.window_starts(filtered_mv.shape[-1]), preprocessing.window_samples
    windows = preprocessing.normalise(torch.stack([filtered_mv[:, start : start + length] for start in starts]))
    parts = [_integrated(checkpoint.classifier, part, column, n_steps) for part in torch.split(windows, _BATCH)]
    worth = np.zeros(recording.signal_mv.shape, dtype=np.float32)
    for start, window in zip(starts, torch.cat(parts).numpy(), strict=True):
        worth[rows, start : start + length] += window / len(starts)
    return worth


def _integrated(network: nn.Module, windows: Tensor, column: int, n_steps: int) -> Tensor:
    """Worth (window, lead, time) of the samples of normalised windows, for one output; the baseline is 0."""
    gradient = torch.zeros_like(windows)
    for step in range(n_steps):
        point = (windows * ((step + 0.5) / n_steps)).requires_grad_(True)
        gradient += torch.autograd.grad(network(point)[:, column].sum(), point)[0]
    return windows * gradient / n_steps


def stretch_logits(worth: NDArray[np.float32], sampling_rate_hz: float) -> NDArray[np.float64]:
    """Add worths (12, time) up over stretches of ``STRETCH_S``: (12, stretch), the last one may be shorter."""
    n_samples = max(1, round(STRETCH_S * sampling_rate_hz))
    return np.add.reduceat(worth.astype(np.float64), np.arange(0, worth.shape[1], n_samples), axis=1)


def strongest(worth: NDArray[np.float32], sampling_rate_hz: float, n: int) -> list[Stretch]:
    """List the stretches that raise or lower the logit most, strongest first.

    Args:
        worth: (12, time) of ``sample_logits``.
        sampling_rate_hz: its rate.
        n: most stretches to list; those without any effect are left out.
    """
    logits = stretch_logits(worth, sampling_rate_hz)
    n_samples, duration_s = max(1, round(STRETCH_S * sampling_rate_hz)), worth.shape[1] / sampling_rate_hz
    places = np.argsort(-np.abs(logits), axis=None, kind="stable")[:n]
    found = []
    for lead, place in zip(*np.unravel_index(places, logits.shape), strict=True):
        start_s, stop_s = (float(edge * n_samples / sampling_rate_hz) for edge in (place, place + 1))
        if logits[lead, place] != 0:
            found.append(Stretch(LEADS[lead], start_s, min(stop_s, duration_s), float(logits[lead, place])))
    return found
