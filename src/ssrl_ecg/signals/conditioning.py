"""From a raw recording to what wave detection reads: finite leads at one internal rate, in bands given in Hz.

One Fourier transform serves every band and the change of rate, so that recordings of the same heart at 100 and 500 Hz
arrive at nearly the same numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.pacing import spike_samples, without_spikes

INTERNAL_RATE_HZ = 250.0
"""Rate of everything that detection looks at; recordings at 100 Hz fill a fifth of its band, at 500 Hz half of it."""

_FLAT_SD_MV = 5e-3
"""A lead that varies less than this (5 uV) holds no wave that could be placed."""
_MISSING_FRACTION = 0.5
"""A lead with more missing samples than this is not used."""
_STUCK_FRACTION = 0.2
"""A lead that spends more of its time than this exactly at its highest or at its lowest value is saturated."""
_PAD_S = 1.0


@dataclass(frozen=True)
class Conditioned:
    """The spectrum of a recording's leads, ready to be turned into signals of any band at the internal rate.

    Attributes:
        spectrum: (lead, frequency) complex, of the leads continued at both ends; zeros for unusable leads.
        frequency_hz: (frequency,).
        n_periodic: samples at ``rate_hz`` of the continued leads, of which ``band`` returns the first ``n_samples``.
        rate_hz: the exact rate of what ``band`` returns, within 1 % of ``INTERNAL_RATE_HZ``.
        n_samples: the length of what ``band`` returns.
        usable: (lead,) leads that are neither flat, mostly missing nor saturated.
        reasons: (lead,) why a lead is not usable, empty for usable ones.
        spikes_s: (spike,) instants of pacemaker spikes, which the spectrum no longer holds.
    """

    spectrum: NDArray[np.complexfloating]
    frequency_hz: NDArray[np.float32]
    rate_hz: float
    n_periodic: int
    n_samples: int
    usable: NDArray[np.bool_]
    reasons: tuple[str, ...]
    spikes_s: NDArray[np.float64]

    def band(self, low_hz: float, high_hz: float) -> NDArray[np.float32]:
        """Return the leads (lead, n_samples) in mV between two frequencies, zero phase.

        The gain is that of a second-order Butterworth high-pass run forward and backward, times a Gaussian low-pass,
        which does not ring: one half at ``low_hz`` and at ``high_hz``.
        """
        with np.errstate(divide="ignore"):
            high_pass = 1 / (1 + (low_hz / self.frequency_hz) ** 4)
        gain = high_pass * np.exp2(-((self.frequency_hz / high_hz) ** 2))
        filtered = fft.irfft(self.spectrum * gain, n=self.n_periodic, axis=-1)
        kept: NDArray[np.float32] = filtered[:, : self.n_samples]
        return kept


def condition(signal_mv: NDArray[np.floating], sampling_rate_hz: float) -> Conditioned:
    """Bridge gaps, find unusable leads, take out pacemaker spikes, and transform.

    Args:
        signal_mv: (lead, time) in mV; NaN and infinite samples count as missing.
        sampling_rate_hz: samples per second, at least 50.

    Returns:
        The leads' spectrum, from which ``Conditioned.band`` makes signals.

    Raises:
        InputError: not two-dimensional, no lead, or a rate that is not a finite number of at least 50 Hz.
    """
    _check(signal_mv, sampling_rate_hz)
    signal = np.array(signal_mv, dtype=np.float32)
    missing = ~np.isfinite(signal)
    for lead in np.flatnonzero(missing.any(axis=1)):
        known = np.flatnonzero(~missing[lead])
        signal[lead] = np.interp(np.arange(signal.shape[1]), known, signal[lead, known]) if len(known) else 0
    reasons = _why_unusable(signal, missing)
    signal[[bool(reason) for reason in reasons]] = 0
    spikes = spike_samples(signal, sampling_rate_hz)
    if len(spikes):
        signal = without_spikes(signal, spikes, sampling_rate_hz)
    continued = _continued(signal, sampling_rate_hz)
    n_periodic = 2 * round(continued.shape[-1] * INTERNAL_RATE_HZ / sampling_rate_hz / 2)
    rate_hz = sampling_rate_hz * n_periodic / continued.shape[-1]
    return Conditioned(
        spectrum=fft.rfft(continued, axis=-1) * np.float32(n_periodic / continued.shape[-1]),
        frequency_hz=np.fft.rfftfreq(continued.shape[-1], 1 / sampling_rate_hz).astype(np.float32),
        rate_hz=rate_hz,
        n_periodic=n_periodic,
        n_samples=math.floor((signal.shape[-1] - 1) * rate_hz / sampling_rate_hz + 1e-6) + 1,
        usable=np.array([not reason for reason in reasons]),
        reasons=reasons,
        spikes_s=spikes / sampling_rate_hz,
    )


def _check(signal_mv: NDArray[np.floating], sampling_rate_hz: float) -> None:
    if not (math.isfinite(sampling_rate_hz) and sampling_rate_hz >= 50):
        raise InputError(
            "sampling rate out of range", field="sampling_rate_hz", expected="at least 50 Hz", found=sampling_rate_hz
        )
    if signal_mv.ndim != 2 or 0 in signal_mv.shape:
        raise InputError("not a recording", field="signal_mv", expected="(lead, time)", found=signal_mv.shape)


def _why_unusable(filled: NDArray[np.float32], missing: NDArray[np.bool_]) -> tuple[str, ...]:
    """Return, per lead, why it cannot be used; empty where it can."""
    at_bound = [filled == bound[:, None] for bound in (filled.min(axis=1), filled.max(axis=1))]
    reasons = np.full(len(filled), "", dtype=object)
    reasons[np.max(np.count_nonzero(at_bound, axis=-1), axis=0) > _STUCK_FRACTION * filled.shape[1]] = "is saturated"
    reasons[filled.std(axis=1) < _FLAT_SD_MV] = "is flat"
    reasons[np.count_nonzero(missing, axis=1) > _MISSING_FRACTION * filled.shape[1]] = "is mostly missing"
    return tuple(reasons.tolist())


def _continued(signal: NDArray[np.float32], sampling_rate_hz: float) -> NDArray[np.float32]:
    """Append odd reflections of the right end and then of the left end: taken as periodic, both ends are continued.

    The first sample stays first, so that no change of rate can shift the signal.
    """
    n_samples = signal.shape[-1]
    total = fft.next_fast_len(n_samples + 2 * min(n_samples - 1, round(_PAD_S * sampling_rate_hz)), real=True)
    n_before = min(n_samples - 1, (total - n_samples) // 2)
    n_after = min(n_samples - 1, total - n_samples - n_before)
    after = 2 * signal[:, -1:] - signal[:, n_samples - 1 - n_after : n_samples - 1][:, ::-1]
    before = 2 * signal[:, :1] - signal[:, 1 : n_before + 1][:, ::-1]
    return np.concatenate([signal, after, before], axis=-1)
