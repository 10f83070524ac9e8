"""Rows of the segmentation tables that learn nothing here: delineators, the floors that a network must beat."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssrl_ecg.evaluation.segmentation.scores import LeadWaves
from ssrl_ecg.signals.delineation import FIDUCIALS, delineate
from ssrl_ecg.signals.waves import MARKS, WAVES

Delineator = Callable[[NDArray[np.float32], float], list[LeadWaves]]
"""(12, time) in mV and its rate -> the waves of every lead."""


@dataclass(frozen=True)
class DelineatorArm:
    """A floor: it learns nothing from LUDB's marks here.

    Attributes:
        name: row name.
        delineate: finds the waves of a recording.
        settings: plain values its scores depend on.
    """

    name: str
    delineate: Delineator
    settings: Mapping[str, Any]


def classical_waves(signal_mv: NDArray[np.float32], sampling_rate_hz: float) -> list[LeadWaves]:
    """Find waves by ``signals.delineation``, whose constants were chosen on the odd records of LUDB."""
    return [_by_wave(beats) for beats in delineate(signal_mv, sampling_rate_hz).leads_s]


def neurokit_waves(signal_mv: NDArray[np.float32], sampling_rate_hz: float) -> list[LeadWaves]:
    """Find waves by NeuroKit2's wavelet delineator (Martinez et al. 2004), each lead by itself with its own R peaks.

    A lead on which it fails has none.
    """
    return [_by_wave(neurokit_beats(lead_mv, round(sampling_rate_hz))) for lead_mv in signal_mv]


def neurokit_beats(lead_mv: NDArray[np.float32], sampling_rate_hz: int) -> NDArray[np.float64]:
    """Find the beats of a lead by NeuroKit2: (beat, 9) times in s, last axis ``FIDUCIALS``; none where it fails."""
    import neurokit2 as nk

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            clean = nk.ecg_clean(lead_mv.astype(np.float64), sampling_rate=sampling_rate_hz)
            r_peaks = nk.ecg_peaks(clean, sampling_rate=sampling_rate_hz)[1]["ECG_R_Peaks"]
            waves = nk.ecg_delineate(clean, r_peaks, sampling_rate=sampling_rate_hz, method="dwt")[1]
        except Exception:  # noisy and flat leads end in whatever its inner steps raise
            return np.zeros((0, len(FIDUCIALS)))
    names = ("P_Onsets", "P_Peaks", "P_Offsets", "R_Onsets", None, "R_Offsets", "T_Onsets", "T_Peaks", "T_Offsets")
    columns = [r_peaks if name is None else waves[f"ECG_{name}"] for name in names]
    return np.stack([np.asarray(column, dtype=np.float64) for column in columns], axis=1) / sampling_rate_hz


def _by_wave(beats_s: NDArray[np.float64]) -> LeadWaves:
    """(beat, 9) times -> (beat, 3) of each wave."""
    return {wave: beats_s[:, len(MARKS) * k : len(MARKS) * (k + 1)] for k, wave in enumerate(WAVES)}


FLOORS: dict[str, DelineatorArm] = {
    "classical": DelineatorArm("ssrl_ecg delineator, 500 Hz", classical_waves, {"delineator": "ssrl_ecg"}),
    "neurokit2": DelineatorArm("NeuroKit2 wavelet delineator, 500 Hz", neurokit_waves, {"delineator": "neurokit2 dwt"}),
}
"""Floors by the name that the command line uses."""
