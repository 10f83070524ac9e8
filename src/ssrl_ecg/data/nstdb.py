"""Noise of the MIT-BIH Noise Stress Test Database (Moody, Muldrow & Mark, Comput Cardiol 1984; 11:381-384).

Three half hours from active volunteers, with electrodes on limbs where the ECG is not visible: two channels, 360 Hz.

Whoever is tested with this noise must not have been trained with it: each recording is split by time, the first two
thirds (20 minutes) for training and the rest (10 minutes) for tests.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from ssrl_ecg.data.source import SignalFile
from ssrl_ecg.data.wfdb_reader import read_wfdb
from ssrl_ecg.errors import InputError

NOISES = {"bw": "baseline wander", "em": "electrode motion", "ma": "muscle artefact"}
"""Record -> what dominates in it; em also holds much of the other two."""

Part = Literal["training", "test"]

TRAINING_SHARE = 2 / 3
"""Share of each recording, from its start, that training may use; the rest is for tests."""


def read_noise(root: str | Path, name: str, part: Part) -> SignalFile:
    """Return one part of a recording of noise.

    Args:
        root: the database's folder, with ``bw.hea``, ``bw.dat`` and so on.
        name: one of ``NOISES``.
        part: "training" or "test"; they share no sample.

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
    end_of_training = round(TRAINING_SHARE * noise.signal_mv.shape[1])
    chosen = slice(end_of_training) if part == "training" else slice(end_of_training, None)
    return replace(noise, signal_mv=noise.signal_mv[:, chosen])
