"""Electrodes on the wrong cable: what the twelve leads then show, exactly.

A lead is a weighted sum of the potentials of nine electrodes, and the twelve leads determine these but for a constant
that no lead shows. So the leads of two swapped electrodes follow from those of the right ones. Of the limb leads all
change at once (LA and RA swapped: I is inverted, II and III change places, and so do aVR and aVL); chest leads stay,
for Wilson's terminal is the mean of the three limbs in any order.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ssrl_ecg.augmentations.twelve_leads import INDEPENDENT, LEADS_FROM_ELECTRODES, N_ELECTRODES

ELECTRODES = ("RA", "LA", "LL", "V1", "V2", "V3", "V4", "V5", "V6")


def _electrodes_from_leads() -> NDArray[np.float64]:
    """(9, 8): potentials against RA from I, II, V1-V6: LA is I, LL is II, a chest lead stands on (I + II) / 3."""
    matrix = np.zeros((N_ELECTRODES, len(INDEPENDENT)))
    matrix[1, 0] = matrix[2, 1] = 1.0
    matrix[3:, :2] = 1 / 3
    matrix[3:, 2:] = np.eye(6)
    return matrix


def swap_electrodes(signal_mv: NDArray[np.float32], first: str, second: str) -> NDArray[np.float32]:
    """Return the recording that two swapped electrodes would have given.

    What changes is added to the leads as they are, so that unaffected leads keep every bit.

    Args:
        signal_mv: (12, time) in canonical order; I, II and V1-V6 are taken at their word.
        first: one of ``ELECTRODES``.
        second: another one.
    """
    order = list(range(N_ELECTRODES))
    one, other = ELECTRODES.index(first), ELECTRODES.index(second)
    order[one], order[other] = other, one
    electrodes = _electrodes_from_leads()
    # Rounded, for the thirds of Wilson's terminal leave 1e-17 where nothing changes.
    change = (LEADS_FROM_ELECTRODES.numpy() @ (electrodes[order] - electrodes)).round(12)
    return np.asarray(signal_mv + change @ signal_mv[INDEPENDENT], dtype=np.float32)
