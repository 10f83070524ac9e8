"""Changes of the eight independent leads, or of the nine electrodes, carried to all twelve leads.

What is added this way keeps the limb leads consistent, because III, aVR, aVL and aVF follow from I and II.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.leads import INDEPENDENT_LEADS, LEADS, LIMB_LEADS_FROM_I_II

INDEPENDENT = [LEADS.index(lead) for lead in INDEPENDENT_LEADS]
"""Positions of I, II, V1-V6 among the twelve."""


def _twelve_from_eight() -> NDArray[np.float64]:
    matrix = np.zeros((12, 8))
    matrix[:6, :2] = LIMB_LEADS_FROM_I_II
    matrix[6:, 2:] = np.eye(6)
    return matrix


TWELVE_FROM_EIGHT = torch.from_numpy(_twelve_from_eight())
"""(12, 8): all leads as weighted sums of I, II, V1-V6; for changes of the leads, so that the input's rounding stays."""


N_ELECTRODES = 9


def _leads_from_electrodes() -> NDArray[np.float64]:
    i_ii_from_limbs = np.array([[-1.0, 1.0, 0.0], [-1.0, 0.0, 1.0]])
    matrix = np.zeros((12, N_ELECTRODES))
    matrix[:6, :3] = LIMB_LEADS_FROM_I_II @ i_ii_from_limbs
    matrix[6:, :3] = -1 / 3
    matrix[6:, 3:] = np.eye(6)
    return matrix


LEADS_FROM_ELECTRODES = torch.from_numpy(_leads_from_electrodes())
"""(12, 9): what the leads read of RA, LA, LL, V1-V6: limb differences, and chest against Wilson's terminal."""


def require_twelve_leads(signal: Tensor) -> None:
    """Refuse a (batch, lead, time) batch without the twelve leads.

    Raises:
        InputError: the lead axis is not twelve long.
    """
    if signal.shape[1] != len(LEADS):
        raise InputError(
            "this augmentation needs twelve leads", expected="(batch, 12, time)", found=tuple(signal.shape)
        )
