"""Numbers by which an ordinary recording is told from an odd one: how its leads go together, how strong they are.

They are the ground on which interchanged electrodes, wrong units, noise and dead leads are found. Twelve leads are so
redundant that an interchange leaves correlations no right recording has (the idea of Kors and van Herpen 2001,
"Accurate automatic detection of electrode interchange in the electrocardiogram").
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.filters import fft_filter
from ssrl_ecg.signals.leads import INDEPENDENT_LEADS, LEADS

FloatArray = NDArray[np.float64]

N_ARRANGEMENT_FACTS = 60
"""Numbers about how the leads go together."""

_BAND_HZ = (0.5, 40.0)
_NOISE_FROM_HZ = 20.0
_FLOOR_MV = 1e-4
_LARGEST_CORRELATION = 0.999
_QUANTILES = (0.005, 0.5, 0.995)
_N_DIPOLE = 3
_LEAST_SHARE = 1e-6
_INDEPENDENT = [LEADS.index(lead) for lead in INDEPENDENT_LEADS]


class Character(NamedTuple):
    """What a recording is like, beside what its heart does.

    Attributes:
        arrangement: (record, 60) without unit, of the eight independent leads between 0.5 and 40 Hz: Fisher's z of
            their 28 correlations, log SD (in mV), signed cube root of the third moment over the SD, and the 99.5 % and
            0.5 % quantiles over the SD. No polarity or order of leads is lost in them.
        levels: (record, 48), natural logarithms of mV, of twelve leads each: SD between 0.5 and 40 Hz, SD from 20 Hz
            on, SD below 0.5 Hz, and highest minus lowest value; none smaller than that of 0.1 uV.
        beyond_dipole: (record,), natural logarithm of a share in [1e-6, 1): of the power of the eight independent leads
            between 0.5 and 40 Hz, what their three strongest principal components leave over. The heart is so nearly
            one dipole, which has three components, that little is left (a classical finding, e.g. Horan, Flowers and
            Brody 1964, "Principal factor waveforms of the thoracic QRS complex"); what each electrode adds by itself,
            such as noise or motion, is not of three components. A recording without power has the least share.
    """

    arrangement: FloatArray
    levels: FloatArray
    beyond_dipole: FloatArray


def character(signal_mv: NDArray[np.floating], sampling_rate_hz: float) -> Character:
    """Describe recordings of one length.

    Args:
        signal_mv: (record, 12, time) in mV, canonical leads, unfiltered, finite.
        sampling_rate_hz: samples per second, above 40.

    Raises:
        InputError: another shape.
    """
    if signal_mv.ndim != 3 or signal_mv.shape[1] != len(LEADS):
        raise InputError("not recordings of twelve leads", expected="(record, 12, time)", found=signal_mv.shape)
    signal = torch.as_tensor(signal_mv, dtype=torch.float32)
    high_hz = _BAND_HZ[1] if _BAND_HZ[1] < sampling_rate_hz / 2 else None
    band = fft_filter(signal, sampling_rate_hz, low_hz=_BAND_HZ[0], high_hz=high_hz).numpy()
    independent = band[:, _INDEPENDENT]
    return Character(_arrangement(independent), _levels(signal, band, sampling_rate_hz), _beyond_dipole(independent))


def _arrangement(band: NDArray[np.float32]) -> FloatArray:
    ordered = np.sort(band, axis=-1)
    lowest, median, highest = (ordered[..., round(part * (band.shape[-1] - 1))] for part in _QUANTILES)
    centred = band - median[..., None]
    covariance = (centred @ centred.swapaxes(1, 2)).astype(np.float64) / centred.shape[-1]
    sd = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2)).clip(_FLOOR_MV)
    first, second = np.triu_indices(centred.shape[1], 1)
    correlation = (covariance / (sd[:, :, None] * sd[:, None]))[:, first, second]
    z = np.arctanh(correlation.clip(-_LARGEST_CORRELATION, _LARGEST_CORRELATION))
    third_moment = (centred * centred * centred).mean(axis=-1, dtype=np.float64)
    extremes = [(highest - median) / sd, (lowest - median) / sd]
    return np.concatenate([z, np.log(sd), np.cbrt(third_moment) / sd, *extremes], axis=1)


def _levels(signal_mv: torch.Tensor, band: NDArray[np.float32], sampling_rate_hz: float) -> FloatArray:
    power = torch.fft.rfft(signal_mv - signal_mv.mean(dim=-1, keepdim=True)).abs().square()
    frequency_hz = torch.fft.rfftfreq(signal_mv.shape[-1], 1 / sampling_rate_hz)
    scale = 2 / signal_mv.shape[-1] ** 2  # Parseval; both halves of the spectrum
    noise = (scale * power[..., frequency_hz >= _NOISE_FROM_HZ].sum(dim=-1)).sqrt()
    baseline = (scale * power[..., frequency_hz < _BAND_HZ[0]].sum(dim=-1)).sqrt()
    span = signal_mv.amax(dim=-1) - signal_mv.amin(dim=-1)
    values = [band.std(axis=-1), noise.numpy(), baseline.numpy(), span.numpy()]
    logarithms: FloatArray = np.log(np.concatenate(values, axis=1).astype(np.float64).clip(_FLOOR_MV))
    return logarithms


def _beyond_dipole(band: NDArray[np.float32]) -> FloatArray:
    centred = (band - band.mean(axis=-1, keepdims=True)).astype(np.float64)
    power = np.linalg.eigvalsh(centred @ centred.swapaxes(1, 2) / centred.shape[-1])  # ascending
    left = power[:, :-_N_DIPOLE].clip(0).sum(axis=1)
    share = left / (power.clip(0).sum(axis=1) + _FLOOR_MV**2)
    logarithm: FloatArray = np.log(share.clip(_LEAST_SHARE))
    return logarithm
