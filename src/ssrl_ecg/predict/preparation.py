"""From a recording of any rate and lead order to what a network wants, and from its windows back to one row each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ssrl_ecg.data.source import SignalFile
from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.leads import LEADS, select_leads
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.signals.quality import bridged, quality_warnings
from ssrl_ecg.training.windows import over_windows

LONGEST_S = 3600.0
"""Longer recordings are refused: all windows of a recording are held at once."""


class Prepared(NamedTuple):
    """A recording as a network wants it, not yet filtered or normalised.

    Attributes:
        signal_mv: (12, time) float32 in mV, canonical leads, at the network's rate.
        warnings: what is odd about the recording.
    """

    signal_mv: NDArray[np.float32]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Preparation:
    """Maps recordings to what a network with this preprocessing wants.

    Attributes:
        preprocessing: the network's own, fitted.
    """

    preprocessing: Preprocessing

    def prepare(self, recording: SignalFile) -> Prepared:
        """Map a recording's leads and rate, bridge short gaps, and look at its quality.

        Args:
            recording: its leads may have any order and spelling; limb leads may be missing if I and II are there.

        Raises:
            InputError: a lead is missing or has long gaps, or the recording is shorter than the network's window or
                longer than ``LONGEST_S``.
        """
        rate_hz = recording.sampling_rate_hz
        duration_s = recording.signal_mv.shape[-1] / rate_hz
        if duration_s > LONGEST_S:
            raise InputError("recording is too long", expected=f"at most {LONGEST_S:g} s", found=f"{duration_s:g} s")
        signal_mv = recording.signal_mv
        if tuple(recording.leads) != LEADS:
            signal_mv = select_leads(signal_mv, recording.leads, LEADS)
        warnings = (*recording.warnings, *quality_warnings(signal_mv, rate_hz))
        wanted = replace(self.preprocessing, leads=LEADS, mean_mv=None, sd_mv=None)
        prepared = wanted.prepare(bridged(signal_mv), sampling_rate_hz=rate_hz, leads=LEADS, unit="mV")
        return Prepared(prepared, tuple(dict.fromkeys(warnings)))

    @torch.inference_mode()
    def apply(self, network: Callable[[Tensor], Tensor], recordings: Sequence[Prepared]) -> NDArray[np.float32]:
        """Apply a network to all windows of recordings and average its outputs over each recording's windows.

        Args:
            network: (windows, lead, window_samples) -> (windows, output), in eval mode.
            recordings: of any lengths; those of one length go through the network together.

        Returns:
            (record, output).
        """
        rows = [LEADS.index(lead) for lead in self.preprocessing.leads]

        def outputs(signals_mv: NDArray[np.float32]) -> NDArray[np.float32]:
            leads_mv = torch.from_numpy(np.ascontiguousarray(signals_mv[:, rows]))
            return np.asarray(over_windows(network, leads_mv, self.preprocessing).numpy())

        return by_length(outputs, recordings)


def by_length(function: Callable[[NDArray[np.float32]], NDArray[Any]], recordings: Sequence[Prepared]) -> NDArray[Any]:
    """Apply a function of (record, 12, time) to the recordings of each length together; rows in their own order."""
    lengths = np.array([recording.signal_mv.shape[1] for recording in recordings])
    groups = [np.flatnonzero(lengths == length) for length in np.unique(lengths)]
    parts = [function(np.stack([recordings[row].signal_mv for row in group])) for group in groups]
    joined = np.concatenate(parts)
    rows: NDArray[Any] = np.empty_like(joined)
    rows[np.concatenate(groups)] = joined
    return rows
