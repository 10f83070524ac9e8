"""Measure a 12-lead ECG as electrocardiographs do: intervals, amplitudes, axes and indices, with units.

Intervals are medians over normal beats; amplitudes are read from the representative beat. What cannot be measured is
NaN and has a reason. The names, units, definitions and sources are in ``MEASUREMENTS``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.beat_measurements import lead_measurements, vector_measurements, voltage_measurements
from ssrl_ecg.signals.delineation import Delineation, delineate
from ssrl_ecg.signals.leads import LEADS
from ssrl_ecg.signals.measurement_names import MEASUREMENTS, PER_LEAD, RECORD, Measurement
from ssrl_ecg.signals.representative_beat import (
    P_ONSET,
    QRS_OFFSET,
    QRS_ONSET,
    T_OFFSET,
    RepresentativeBeat,
    representative_beat,
)
from ssrl_ecg.signals.rhythm import interval_measurements, rhythm_measurements

__all__ = ["FLAGS", "MEASUREMENTS", "Measured", "Measurement", "measure"]

FLAGS: dict[str, str] = {
    "no_beats": "no QRS complex was found: nothing is measured",
    "few_beats": "fewer than three normal beats: amplitudes and intervals rest on one or two",
    "short": "less than 5 s: rhythm cannot be judged",
    "unusable_leads": "a lead is flat, missing or saturated",
    "noisy": "the beats differ from their median by more than 0.1 mV (SD) in a lead",
    "paced": "paced beats",
    "only_abnormal_beats": "every beat is ectopic or paced: they are measured in place of normal ones",
    "irregular": "successive RR intervals differ by more than a tenth (median)",
    "no_p_waves": "no P waves in at least half of the beats",
    "limbs_perhaps_swapped": "P, QRS and T all point to the right: arm electrodes may be interchanged",
}
"""Quality flags, and what each means."""

_LEAD_NAMES = list(MEASUREMENTS)[len(RECORD) :]
_SHORT_S = 5.0
_FEW_BEATS = 3
_NOISY_MV = 0.1
_IRREGULAR = 0.1


@dataclass(frozen=True)
class Measured:
    """What was measured in one recording.

    Attributes:
        values: every name of ``MEASUREMENTS`` in its order; NaN where it could not be measured.
        reasons: name -> why, for every NaN in ``values``.
        flags: names of ``FLAGS``.
    """

    values: dict[str, float]
    reasons: dict[str, str]
    flags: tuple[str, ...]


def measure(
    signal_mv: NDArray[np.floating], sampling_rate_hz: float, delineation: Delineation | None = None
) -> Measured:
    """Measure a recording.

    Args:
        signal_mv: (12, time) canonical leads in mV; NaN allowed.
        sampling_rate_hz: samples per second.
        delineation: where the waves are; found here when None.

    Returns:
        All measurements; bad signals give NaN with reasons, never an error.

    Raises:
        InputError: the array is not (12, time), or the rate is not positive.
    """
    signal = np.asarray(signal_mv)
    if signal.ndim != 2 or signal.shape[0] != len(LEADS) or signal.shape[1] == 0:
        raise InputError("this is not a 12-lead signal", expected=f"({len(LEADS)}, time)", found=signal.shape)
    if not (math.isfinite(sampling_rate_hz) and sampling_rate_hz > 0):
        raise InputError("the sampling rate must be positive", field="sampling_rate_hz", found=sampling_rate_hz)
    found = delineate(signal, sampling_rate_hz) if delineation is None else delineation
    beat = representative_beat(signal, sampling_rate_hz, found)
    values = dict.fromkeys(MEASUREMENTS, np.nan) | rhythm_measurements(found)
    if beat is not None:
        values |= _beat_values(found, beat)
    return Measured(values, _reasons(values, found, beat), _flags(values, found, beat))


def _beat_values(delineation: Delineation, beat: RepresentativeBeat) -> dict[str, float]:
    intervals = interval_measurements(delineation, beat)
    leads = lead_measurements(beat)
    chosen = [leads[name][list(measurement.leads)] for name, measurement in PER_LEAD.items()]
    per_lead = dict(zip(_LEAD_NAMES, np.concatenate(chosen).tolist(), strict=True))
    vectors, voltages = vector_measurements(beat, leads), voltage_measurements(leads, intervals["qrs_ms"])
    noise_mv = beat.noise_mv[delineation.usable]
    noise = {"noise_mv": float(noise_mv.max()) if len(noise_mv) else np.nan}
    return intervals | vectors | voltages | noise | per_lead


def _reasons(values: dict[str, float], delineation: Delineation, beat: RepresentativeBeat | None) -> dict[str, str]:
    if beat is None:
        return {name: "no QRS complex was found" for name, value in values.items() if math.isnan(value)}
    absent = [
        wave
        for wave, fiducial in (("P", P_ONSET), ("QRS", QRS_ONSET), ("QRS", QRS_OFFSET), ("T", T_OFFSET))
        if math.isnan(beat.fiducials_s[fiducial])
    ]
    n_beats = len(delineation.overall_s)
    return {
        name: _reason(MEASUREMENTS[name], absent, delineation, n_beats)
        for name, value in values.items()
        if math.isnan(value)
    }


def _reason(measurement: Measurement, absent: list[str], delineation: Delineation, n_beats: int) -> str:
    """Return why a measurement is missing: the first of its needs that is not met."""
    unusable = [LEADS[lead] for lead in measurement.leads if not delineation.usable[lead]]
    if unusable:
        told = [problem for problem in delineation.problems if problem.startswith(f"lead {unusable[0]} ")]
        return told[0] if told else f"lead {unusable[0]} is unusable"
    if n_beats < measurement.beats:
        return f"needs {measurement.beats} beats, there are {n_beats}"
    missing = [wave for wave in measurement.waves if wave in absent]
    if missing:
        told = [problem for problem in delineation.problems if f"no {missing[0]} wave" in problem]
        return told[0] if told else f"no {missing[0]} wave in at least half of the beats"
    return measurement.otherwise


def _flags(values: dict[str, float], delineation: Delineation, beat: RepresentativeBeat | None) -> tuple[str, ...]:
    if beat is None:
        return ("no_beats",)
    abnormal = delineation.ectopic | delineation.paced
    turned = values["p_axis_degrees"], values["qrs_axis_degrees"], values["t_axis_degrees"]
    raised = {
        "few_beats": len(beat.beats) < _FEW_BEATS,
        "short": delineation.duration_s < _SHORT_S,
        "unusable_leads": not delineation.usable.all(),
        "noisy": values["noise_mv"] > _NOISY_MV,
        "paced": bool(delineation.paced.any()),
        "only_abnormal_beats": bool(abnormal.all()),
        "irregular": values["rr_irregularity"] > _IRREGULAR,
        "no_p_waves": math.isnan(values["p_ms"]),
        "limbs_perhaps_swapped": all(abs(axis) > 90 for axis in turned),
    }
    return tuple(name for name, is_raised in raised.items() if is_raised)
