"""Hand-crafted description of a beat's shape in two leads, for the floor that learns no representation.

What the literature on MIT-BIH measures: voltages of the beat at fixed times (de Chazal, O'Dwyer & Reilly, IEEE Trans
Biomed Eng 2004), height, width and slope of the QRS complex, size of the waves before and after it; and how far all
that lies from the usual beat of the record.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_LEVEL_S = (-0.26, -0.08)
"""Where voltages are measured from: the median of this part, relative to the mark of the beat."""
_SAMPLED_S, _SAMPLING_STEP_S = (-0.26, 0.46), 0.02
_QRS_S = (-0.12, 0.13)
_SLOPES_S = (-0.15, 0.20)
_P_WAVE_S, _T_WAVE_S = (-0.24, -0.09), (0.15, 0.45)
_COMPARED_S = (-0.15, 0.16)
_STEEP = 0.2
"""The QRS complex lasts while the slope is above this share of its steepest."""

Windows = NDArray[np.float32]


def beat_shapes(windows_mv: Windows, usual_mv: Windows, sampling_rate_hz: float) -> NDArray[np.float32]:
    """Describe beats, and by how much they differ from the usual beat of their record.

    Args:
        windows_mv: (beat, lead, time) in mV, the beats' marks in the middle, at least 1 s long; zeros for a missing
            lead.
        usual_mv: the usual beat of each beat's record, same shape.
        sampling_rate_hz: samples per second.

    Returns:
        float32 (beat, feature).
    """
    shapes, usual = _shape(windows_mv, sampling_rate_hz), _shape(usual_mv, sampling_rate_hz)
    one, other = (_part(signal_mv, _COMPARED_S, sampling_rate_hz) for signal_mv in (windows_mv, usual_mv))
    one, other = (part - part.mean(axis=-1, keepdims=True) for part in (one, other))
    sizes = np.sqrt((one**2).sum(axis=-1) * (other**2).sum(axis=-1))
    correlation = (one * other).sum(axis=-1) / np.maximum(sizes, 1e-6)
    difference_mv = np.sqrt(((one - other) ** 2).mean(axis=-1))
    return np.column_stack([shapes, shapes - usual, correlation, difference_mv]).astype(np.float32)


def _shape(windows_mv: Windows, rate_hz: float) -> NDArray[np.floating]:
    signal_mv = windows_mv - np.median(_part(windows_mv, _LEVEL_S, rate_hz), axis=-1, keepdims=True)
    voltages = _part(signal_mv, _SAMPLED_S, rate_hz)[..., :: max(1, round(_SAMPLING_STEP_S * rate_hz))]
    qrs, p_wave, t_wave = (_part(signal_mv, span, rate_hz) for span in (_QRS_S, _P_WAVE_S, _T_WAVE_S))
    slopes = np.abs(np.diff(_part(signal_mv, _SLOPES_S, rate_hz), axis=-1))
    steepest, tallest = slopes.max(axis=-1), np.abs(qrs).max(axis=-1)
    measured = [
        qrs.max(axis=-1),
        qrs.min(axis=-1),
        np.ptp(qrs, axis=-1),
        qrs.argmax(axis=-1) / rate_hz,
        qrs.argmin(axis=-1) / rate_hz,
        qrs.mean(axis=-1),
        np.abs(qrs).mean(axis=-1),
        (np.abs(qrs) > 0.5 * tallest[..., None]).sum(axis=-1) / rate_hz,
        steepest * rate_hz,
        (slopes > _STEEP * steepest[..., None]).sum(axis=-1) / rate_hz,
        np.ptp(p_wave, axis=-1),
        t_wave.mean(axis=-1),
        np.abs(t_wave).max(axis=-1),
    ]
    shape: NDArray[np.floating] = np.concatenate([voltages, np.stack(measured, axis=-1)], axis=-1)
    return shape.reshape(len(windows_mv), -1)


def _part(signal_mv: Windows, span_s: tuple[float, float], rate_hz: float) -> Windows:
    """Cut from one time to another, both relative to the mark of the beat."""
    start, stop = (signal_mv.shape[-1] // 2 + round(time_s * rate_hz) for time_s in span_s)
    return signal_mv[..., start : stop + 1]
