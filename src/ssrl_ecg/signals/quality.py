"""What a reader of an ECG would say of its recording before reading it: gaps, dead leads, clipping, leads misplaced."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.leads import LEADS, limb_leads_from_i_ii

EINTHOVEN_FRACTION = 0.2
"""By more than this fraction of their root mean square, limb leads miss their laws where columns are swapped; rounding
stays far below, leads that were filtered apart (LUDB) do not."""
MISSING_FRACTION = 0.1
"""A lead with more missing samples than this is not bridged."""
FLAT_S = 1.0
"""A lead that keeps one value for so long is off, or its amplifier is overdriven."""
PLAUSIBLE_SPAN_MV = (0.1, 10.0)
"""Between these lies the span of an ECG's largest lead; QRS complexes below 0.5 mV already count as low voltage."""
_SATURATED_FRACTION = 0.01
_PROGRESSION = 0.5
_INVERTED = 0.5


def quality_warnings(signal_mv: NDArray[np.floating], sampling_rate_hz: float) -> tuple[str, ...]:
    """Say what is odd about a recording, a sentence each.

    Args:
        signal_mv: (12, time) in mV, canonical leads; NaN where samples are missing.
        sampling_rate_hz: samples per second.

    Returns:
        Warnings of missing samples, flat stretches, saturation, implausible amplitude, broken laws of limb leads, arm
        electrodes in each other's place, and chest leads out of order; empty where nothing is odd.
    """
    missing = ~np.isfinite(signal_mv)
    filled = np.where(missing, 0, signal_mv).astype(np.float32) if missing.any() else signal_mv.astype(np.float32)
    flat = _flat_leads(filled, sampling_rate_hz)
    found = [
        _about(missing.any(axis=1), "missing samples in"),
        _about(flat, f"flat for {FLAT_S:g} s or more:"),
        _about(_saturated(filled) & ~flat, "saturated:"),
        _amplitude(filled),
        einthoven_warning(signal_mv),
    ]
    if not flat.any():
        found += [_arms(filled), _chest(filled)]
    return tuple(warning for warning in found if warning)


def einthoven_warning(signal_mv: NDArray[np.floating]) -> str:
    """Warn of limb leads that break Einthoven's law, as swapped columns do; derived ones obey it by construction.

    Args:
        signal_mv: (12, time) in mV, canonical leads; samples with a NaN are left out.
    """
    limb = signal_mv[:6, np.isfinite(signal_mv[:6]).all(axis=0)].astype(np.float64)
    ac = limb - limb.mean(axis=1, keepdims=True) if limb.size else limb
    miss = ac - limb_leads_from_i_ii(ac[0], ac[1])
    if not np.square(miss).sum() > EINTHOVEN_FRACTION**2 * np.square(ac).sum():
        return ""
    return "limb leads break Einthoven's law: are leads swapped, misnamed, or filtered apart?"


def bridged(signal_mv: NDArray[np.floating]) -> NDArray[np.float32]:
    """Bridge missing samples by straight lines.

    Args:
        signal_mv: (12, time) in mV; NaN where samples are missing.

    Returns:
        The same shape, finite.

    Raises:
        InputError: a lead misses more than ``MISSING_FRACTION`` of its samples.
    """
    signal = np.array(signal_mv, dtype=np.float32)
    known = np.isfinite(signal)
    for lead in np.flatnonzero(~known.all(axis=1)):
        share = 1 - known[lead].mean()
        if share > MISSING_FRACTION:
            expected, found = f"at most {MISSING_FRACTION:.0%}", f"{share:.0%}"
            raise InputError(f"too many samples are missing in lead {LEADS[lead]}", expected=expected, found=found)
        at = np.flatnonzero(known[lead])
        signal[lead] = np.interp(np.arange(signal.shape[1]), at, signal[lead, at])
    return signal


def _about(leads: Iterable[bool] | NDArray[np.bool_], what: str) -> str:
    names = [lead for lead, is_so in zip(LEADS, leads, strict=True) if is_so]
    return f"{what} {', '.join(names)}" if names else ""


def _flat_leads(signal: NDArray[np.float32], sampling_rate_hz: float) -> NDArray[np.bool_]:
    """Leads (12,) with a stretch of equal samples of ``FLAT_S``, or, if they are shorter, throughout."""
    needed = min(math.ceil(FLAT_S * sampling_rate_hz), signal.shape[1] - 1)
    is_still = np.diff(signal, axis=1) == 0
    flat: NDArray[np.bool_] = is_still.sum(axis=1) >= needed
    for lead in np.flatnonzero(flat):
        moves = np.flatnonzero(~is_still[lead])
        gaps = np.diff(np.r_[-1, moves, is_still.shape[1]]) - 1
        flat[lead] = gaps.max() >= needed
    return flat


def _saturated(signal: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Leads (12,) that are at one and the same extreme, and stay there, more often than peaks are."""
    bounds = (signal.min(axis=1, keepdims=True), signal.max(axis=1, keepdims=True))
    at_bound = [signal == bound for bound in bounds]
    n_stuck = [np.count_nonzero(at[:, 1:] & at[:, :-1], axis=1) for at in at_bound]
    return np.asarray(np.max(n_stuck, axis=0) > _SATURATED_FRACTION * signal.shape[1])


def _amplitude(signal: NDArray[np.float32]) -> str:
    span = float(np.ptp(signal, axis=1).max())
    if span == 0 or PLAUSIBLE_SPAN_MV[0] <= span <= PLAUSIBLE_SPAN_MV[1]:
        return ""
    return f"the largest lead spans {span:.3g} mV, which is hardly an ECG's: is the unit right?"


def _direction(lead: NDArray[np.float32]) -> float:
    """Whether the largest deflections from the mean point up (towards 1) or down (towards -1)."""
    up, down = float(lead.max() - lead.mean()), float(lead.mean() - lead.min())
    return (up - down) / max(up + down, 1e-6)


def _arms(signal: NDArray[np.float32]) -> str:
    """Lead I upside down and aVR upright, while V6 points up: arm electrodes swapped, or dextrocardia (without V6)."""
    i, avr, v6 = (_direction(signal[LEADS.index(lead)]) for lead in ("I", "aVR", "V6"))
    if i < -_INVERTED and avr > _INVERTED and v6 > 0:
        return "lead I is upside down and aVR upright: are the arm electrodes swapped?"
    return ""


def _chest(signal: NDArray[np.float32]) -> str:
    """Two neighbours among V2 to V5 of which each resembles the other's neighbour more than the other does."""
    correlation = np.corrcoef(signal[6:])
    swaps = []
    for left in range(1, 4):
        right = left + 1
        before = correlation[right, left - 1] - correlation[left, left - 1]
        after = correlation[left, right + 1] - correlation[right, right + 1]
        if min(before, after) > 0 and before + after > _PROGRESSION:
            swaps.append(f"{LEADS[6 + left]} and {LEADS[6 + right]}")
    return f"chest leads are out of order: {', '.join(swaps)} look swapped" if swaps else ""
