"""Recordings spoiled on purpose, as they are spoiled in practice, to see whether they are told from sound ones."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from ssrl_ecg.signals.filters import fft_filter
from ssrl_ecg.signals.lead_swaps import LEAD_SWAPS, swap_leads

Signals = NDArray[np.float32]
Fault = Callable[[Signals, float, np.random.Generator], Signals]
"""(record, 12, time) in mV, samples per second, chance -> the same spoiled; what is given stays as it is."""

_SNR_DB = 0.0
_MOTION_HZ = (0.5, 8.0)


def _all_flat(signals_mv: Signals, _: float, __: np.random.Generator) -> Signals:
    return np.zeros_like(signals_mv)


def _one_flat(signals_mv: Signals, _: float, rng: np.random.Generator) -> Signals:
    spoiled = signals_mv.copy()
    spoiled[np.arange(len(spoiled)), rng.integers(0, spoiled.shape[1], len(spoiled))] = 0
    return spoiled


def _noise(
    signals_mv: Signals, rate_hz: float, rng: np.random.Generator, band_hz: tuple[float, float] | None
) -> Signals:
    """Add noise with the power of the signal, that is at 0 dB, to all leads alike."""
    noise = rng.standard_normal(signals_mv.shape, dtype=np.float32)
    if band_hz is not None:
        noise = fft_filter(torch.from_numpy(noise), rate_hz, low_hz=band_hz[0], high_hz=band_hz[1]).numpy()
    wanted = signals_mv.std(axis=-1).mean(axis=1) * 10 ** (-_SNR_DB / 20)
    noise *= (wanted / noise.std(axis=(1, 2)))[:, None, None].astype(np.float32)
    return signals_mv + noise


def _white(signals_mv: Signals, rate_hz: float, rng: np.random.Generator) -> Signals:
    return _noise(signals_mv, rate_hz, rng, None)


def _motion(signals_mv: Signals, rate_hz: float, rng: np.random.Generator) -> Signals:
    return _noise(signals_mv, rate_hz, rng, _MOTION_HZ)


def _swapped(signals_mv: Signals, _: float, __: np.random.Generator, *, swap: str) -> Signals:
    return swap_leads(signals_mv, swap)


def _scaled(signals_mv: Signals, _: float, __: np.random.Generator, *, factor: float) -> Signals:
    return (signals_mv * factor).astype(np.float32)


FAULTS: dict[str, dict[str, Fault]] = {
    "flat": {"every lead flat": _all_flat, "one lead flat": _one_flat},
    "noisy": {"white noise at 0 dB": _white, "0.5 to 8 Hz noise at 0 dB": _motion},
    "leads swapped": {swap: partial(_swapped, swap=swap) for swap in LEAD_SWAPS},
    "wrong unit": {"uV taken for mV": partial(_scaled, factor=1e3), "V taken for mV": partial(_scaled, factor=1e-3)},
}
"""Kind of fault -> its forms."""
