"""Recordings to try the page with: simulated here, nobody's."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ssrl_ecg.data.ptbxl import DIAGNOSTIC_CLASSES
from ssrl_ecg.data.simulator import simulate
from ssrl_ecg.data.source import SignalFile
from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.lead_swaps import swap_leads
from ssrl_ecg.signals.leads import LEADS

_RATE_HZ = 500.0


class _Recipe(NamedTuple):
    """A superclass, the seed whose recording shows what the name says, and electrodes in each other's places."""

    superclass: str
    seed: int
    swap: str = ""


EXAMPLES = {
    "normal": _Recipe("NORM", 2),
    "inferior infarction": _Recipe("MI", 0),
    "left bundle branch block": _Recipe("CD", 1),
    "left ventricular hypertrophy": _Recipe("HYP", 3),
    "infarction and atrial fibrillation": _Recipe("MI", 4),
    "normal, arms interchanged": _Recipe("NORM", 2, "right arm and left arm"),
}
"""Name -> how it is made."""


def example(name: str) -> SignalFile:
    """Simulate one of ``EXAMPLES``: 10 s at 500 Hz, the same every time.

    Raises:
        InputError: no such example.
    """
    if name not in EXAMPLES:
        raise InputError("no such example", expected=", ".join(EXAMPLES), found=name)
    superclass, seed, swap = EXAMPLES[name]
    labels = np.array([[superclass == one for one in DIAGNOSTIC_CLASSES]], dtype=np.uint8)
    generator = np.random.default_rng(seed)
    ecg = simulate(1, generator=generator, sampling_rate_hz=_RATE_HZ, labels=labels, severity=(0.9, 1.0), noise=0.6)
    signal_mv = swap_leads(ecg.signal_mv, swap) if swap else ecg.signal_mv
    return SignalFile(signal_mv[0], _RATE_HZ, LEADS)
