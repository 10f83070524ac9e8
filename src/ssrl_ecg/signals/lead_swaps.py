"""Electrodes in each other's place: what an interchange does to the twelve leads.

Each limb lead is the difference of two electrodes, each chest lead that of one electrode and the mean of the three limb
electrodes. An interchange of the three limb electrodes leaves that mean, and so the chest leads, as they are, and obeys
Einthoven's law; one of chest electrodes only puts leads into another order (Batchvarov, Malik and Camm 2007, "Incorrect
electrode cable connection during electrocardiographic recording").
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise, permutations

import numpy as np
from numpy.typing import NDArray

from ssrl_ecg.signals.leads import LEADS, LIMB_LEADS_FROM_I_II

_LIMBS = ("right arm", "left arm", "left leg")
_CHEST = LEADS[6:]
_POTENTIALS_FROM_I_II = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
"""Potentials of right arm, left arm and left leg from leads I and II, against the right arm."""
_I_II_FROM_POTENTIALS = np.array([[-1.0, 1.0, 0.0], [-1.0, 0.0, 1.0]])


def _limb_swaps() -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Yield the five ways to confuse three limb electrodes: each pair, and all of them in turn."""
    for order in permutations(range(3)):
        moved = [place for place in range(3) if order[place] != place]
        if not moved:
            continue
        swap = np.eye(len(LEADS))
        from_i_ii = LIMB_LEADS_FROM_I_II @ _I_II_FROM_POTENTIALS @ _POTENTIALS_FROM_I_II[list(order)]
        swap[:6] = 0
        swap[:6, :2] = from_i_ii
        names = [_LIMBS[place] for place in moved]
        yield (" and ".join(names) if len(moved) == 2 else f"limb leads in turn ({_LIMBS[order[0]]} first)"), swap


def _chest_swaps() -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Yield neighbours in each other's place, V1 and V3, and V1 to V6 from left to right."""
    for first, second in (*pairwise(_CHEST), ("V1", "V3")):
        places = [LEADS.index(first), LEADS.index(second)]
        swap = np.eye(len(LEADS))
        swap[places] = swap[places[::-1]]
        yield f"{first} and {second}", swap
    reversed_chest = np.eye(len(LEADS))
    reversed_chest[6:] = reversed_chest[:5:-1].copy()
    yield "V1 to V6 reversed", reversed_chest


LEAD_SWAPS: dict[str, NDArray[np.float64]] = dict([*_limb_swaps(), *_chest_swaps()])
"""Which electrodes are interchanged -> (12, 12): the leads recorded so, as weighted sums of the right ones."""


def swap_leads(signal: NDArray[np.floating], swap: str) -> NDArray[np.float32]:
    """Return what would have been recorded with electrodes interchanged.

    Args:
        signal: (..., 12, time) in canonical order, any unit.
        swap: one of ``LEAD_SWAPS``.

    Returns:
        The same shape and unit, float32.
    """
    recorded: NDArray[np.float32] = LEAD_SWAPS[swap].astype(np.float32) @ np.asarray(signal, dtype=np.float32)
    return recorded
