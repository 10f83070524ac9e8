"""How simulated ECGs are taken: where electrodes sit, what they pick up besides the heart, how leads are stored.

Everything acts on the eight leads a recorder measures, I, II and V1-V6; the other four are computed from I and II.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.spatial.transform import Rotation

from ssrl_ecg.signals.leads import limb_leads_from_i_ii
from ssrl_ecg.signals.vcg import DOWER

FloatArray = NDArray[np.float64]

_AMPLIFIER_HZ = 150.0
"""Upper corner of the recorder, where noise has fallen to half its amplitude."""
_MUSCLE_HZ = 30.0
"""Muscle noise rises with frequency up to about here and is flat above (surface electromyogram)."""
_GAIN_SCATTER = np.array([0.03, 0.03, 0.08, 0.08, 0.08, 0.08, 0.08, 0.08])
"""SD of the logarithm of each lead's gain: chest electrodes are placed less exactly than limb electrodes."""


@dataclass(frozen=True)
class Recording:
    """How n records were taken: what differs between two records of the same heart.

    Attributes:
        lead_matrix: (n, 8, 3) dipole to I, II, V1-V6: Dower's matrix with errors of electrode position and gain.
        breathing_hz: (n,) respiratory rate; breathing modulates amplitudes.
        f_wave_hz: (n,) rate of the fibrillation waves, where there are any.
        pvc_dipole_mv: (n, 3, 3) the three waves of a ventricular premature beat, where there are any.
        slow_hz: (n, 3) frequencies of the baseline wander.
        slow_mv: (n, 8, 6) its cosine and then sine amplitudes in each lead.
        mains_mv: (n, 8, 2) cosine and sine amplitude of the mains in each lead.
        pink_mv_per_rthz: (n,) amplitude density of the 1/f^a noise at 10 Hz, mV per square root of Hz.
        pink_exponent: (n,) its a.
        muscle_mv_per_rthz: (n,) amplitude density of the muscle noise well above 30 Hz.
        lead_noise: (n, 8) noise amplitude of each lead relative to the record's.
    """

    lead_matrix: FloatArray
    breathing_hz: FloatArray
    f_wave_hz: FloatArray
    pvc_dipole_mv: FloatArray
    slow_hz: FloatArray
    slow_mv: FloatArray
    mains_mv: FloatArray
    pink_mv_per_rthz: FloatArray
    pink_exponent: FloatArray
    muscle_mv_per_rthz: FloatArray
    lead_noise: FloatArray


def draw_recording(n: int, noise: float, generator: np.random.Generator) -> Recording:
    """Draw how each of n records is taken.

    Args:
        n: number of records.
        noise: factor on the amplitude of everything that is not heart; 0 for clean records.
        generator: the source of all randomness.

    Returns:
        The conditions, one row per record.
    """

    def spread(median: float, log_sd: float, *shape: int) -> FloatArray:
        return noise * median * np.exp(generator.normal(0, log_sd, (n, *shape)))

    position = Rotation.from_euler("xyz", generator.normal(0, 0.06, (n, 3))).as_matrix()
    gain = np.exp(_GAIN_SCATTER * generator.normal(0, 1, (n, 8)))
    axis = generator.normal(0, 1, (n, 2, 3))
    axis *= 1.3 / np.linalg.norm(axis, axis=2, keepdims=True)
    return Recording(
        lead_matrix=gain[:, :, None] * (DOWER @ position),
        breathing_hz=generator.uniform(0.18, 0.33, n),
        f_wave_hz=np.clip(generator.normal(5.8, 0.8, n), 4, 9),
        pvc_dipole_mv=np.stack([axis[:, 0], 0.6 * axis[:, 1], -0.35 * axis[:, 0]], axis=1),
        slow_hz=generator.uniform(0.05, 0.45, (n, 3)),
        slow_mv=spread(0.018, 0.6, 1, 1) * generator.normal(0, 1, (n, 8, 6)),
        mains_mv=spread(0.010, 0.6, 1, 1) * generator.normal(0, 1, (n, 8, 2)),
        pink_mv_per_rthz=spread(0.0020, 0.5),
        pink_exponent=generator.uniform(0.6, 1.6, n),
        muscle_mv_per_rthz=spread(0.0014, 0.7),
        lead_noise=np.exp(generator.normal(0, 0.35, (n, 8))),
    )


def draw_noise(
    recording: Recording,
    sampling_rate_hz: float,
    n_samples: int,
    mains_hz: float | None,
    generator: np.random.Generator,
) -> NDArray[np.float32]:
    """Draw what the electrodes pick up besides the heart.

    Args:
        recording: the conditions of n records.
        sampling_rate_hz: samples per second.
        n_samples: length of each record.
        mains_hz: frequency of the mains; none is added for None, or at or above half the sampling rate.
        generator: the source of all randomness.

    Returns:
        (n, 8, n_samples) sum of baseline wander, mains, 1/f^a and muscle noise in I, II, V1-V6, mV.
    """
    time_s = np.arange(n_samples, dtype=np.float32) / np.float32(sampling_rate_hz)
    phase = np.float32(2 * np.pi) * recording.slow_hz.astype(np.float32)[:, :, None] * time_s
    waves, amplitudes_mv = [np.cos(phase), np.sin(phase)], recording.slow_mv
    if mains_hz is not None and mains_hz < sampling_rate_hz / 2:
        mains = (
            2 * np.pi * mains_hz / sampling_rate_hz * np.broadcast_to(np.arange(n_samples), (len(phase), 1, n_samples))
        )
        waves += [np.cos(mains).astype(np.float32), np.sin(mains).astype(np.float32)]
        amplitudes_mv = np.concatenate([amplitudes_mv, recording.mains_mv], axis=2)
    noise_mv: NDArray[np.float32] = amplitudes_mv.astype(np.float32) @ np.concatenate(waves, axis=1)
    noise_mv += _coloured_noise(recording, sampling_rate_hz, n_samples, generator)
    return noise_mv


def _coloured_noise(
    recording: Recording, sampling_rate_hz: float, n_samples: int, generator: np.random.Generator
) -> NDArray[np.float32]:
    """Draw 1/f^a and muscle noise, (n, 8, time) in mV, as white noise shaped in the frequency domain.

    A one-sided density S(f) gives the component at f the variance S(f) df, half of it in each of cosine and sine,
    half of that in each of +f and -f. 1/f^a noise is held level below 0.5 Hz (the wander's range) and there is no
    constant offset.
    """
    frequency_hz = fft.rfftfreq(n_samples, 1 / sampling_rate_hz)
    muscle_shape = frequency_hz**2 / (frequency_hz**2 + _MUSCLE_HZ**2)
    pink_shape = (np.maximum(frequency_hz, 0.5) / 10) ** -recording.pink_exponent[:, None]
    density = (
        recording.pink_mv_per_rthz[:, None] ** 2 * pink_shape
        + recording.muscle_mv_per_rthz[:, None] ** 2 * muscle_shape
    )
    amplitude = np.sqrt(density * (sampling_rate_hz / n_samples) / 4) / (1 + (frequency_hz / _AMPLIFIER_HZ) ** 4)
    amplitude[:, 0] = 0
    n, n_frequencies = amplitude.shape
    white = generator.standard_normal((n, 8, 2 * n_frequencies), dtype=np.float32).view(np.complex64)
    white *= amplitude[:, None].astype(np.float32)
    white *= recording.lead_noise[:, :, None].astype(np.float32)
    coloured: NDArray[np.float32] = fft.irfft(white, n_samples, norm="forward")
    return coloured


def twelve_leads(eight_mv: NDArray[np.float32]) -> NDArray[np.float32]:
    """Round I, II and V1-V6 as a recorder stores them and derive the other limb leads.

    I and II are rounded to 2 microvolts, V1-V6 to 1: then III, aVR, aVL and aVF are whole microvolts too, and
    Einthoven's and Goldberger's relations hold without any rounding error in stored integers.

    Args:
        eight_mv: (n, 8, time) leads I, II, V1-V6, mV.

    Returns:
        (n, 12, time) canonical leads, mV, whole multiples of 0.001.
    """
    limb_uv = 2 * np.rint(500 * eight_mv[:, :2])
    all_uv: NDArray[np.float32] = np.concatenate(
        [limb_leads_from_i_ii(limb_uv[:, 0], limb_uv[:, 1]), np.rint(1000 * eight_mv[:, 2:])], axis=1
    )
    all_uv /= 1000
    return all_uv
