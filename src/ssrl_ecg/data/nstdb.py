"""Noise of the MIT-BIH Noise Stress Test Database (Moody, Muldrow & Mark, Comput Cardiol 1984; 11:381-384).

Three half hours from active volunteers, with electrodes on limbs where the ECG is not visible: two channels, 360 Hz.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ssrl_ecg.data.source import SignalFile
from ssrl_ecg.data.wfdb_reader import read_wfdb
from ssrl_ecg.errors import InputError

NOISES = {"bw": "baseline wander", "em": "electrode motion", "ma": "muscle artefact"}
"""Record -> what dominates in it; em also holds much of the other two."""


def read_noise(root: str | Path, name: str) -> SignalFile:
    """Return a recording of noise.

    Args:
        root: the database's folder, with ``bw.hea``, ``bw.dat`` and so on.
        name: one of ``NOISES``.

    Returns:
        (2, time) in mV at 360 Hz, all finite; its two channels belong to none of the twelve leads.

    Raises:
        InputError: no such noise, its files are missing or damaged (see ``read_wfdb``), or a sample is marked invalid.
    """
    if name not in NOISES:
        raise InputError("no recording of noise", field="noise", expected=", ".join(NOISES), found=name)
    noise = read_wfdb(Path(root) / name)
    n_invalid = int(np.isnan(noise.signal_mv).sum())
    if n_invalid:
        raise InputError("noise has invalid samples", file=Path(root) / f"{name}.hea", expected="none", found=n_invalid)
    return noise
