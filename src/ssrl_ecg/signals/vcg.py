"""The vectorcardiogram: the heart as one dipole, and the matrices between it and the twelve leads.

Axes as Frank defined them: X to the patient's left, Y to the feet, Z to the back.

Sources: the forward matrix is that of Dower, Machado and Osborne, "On deriving the electrocardiogram from
vectorcardiographic leads", Clin Cardiol 1980; the inverse one that of Edenbrandt and Pahlm, "Vectorcardiogram
synthesized from a 12-lead ECG: superiority of the inverse Dower matrix", J Electrocardiol 1988, the pseudo-inverse of
the forward matrix printed to three decimals.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.leads import INDEPENDENT_LEADS, LEADS, LIMB_LEADS_FROM_I_II

DOWER: NDArray[np.float64] = np.array(
    [
        [0.632, -0.235, 0.059],
        [0.235, 1.066, -0.132],
        [-0.515, 0.157, -0.917],
        [0.044, 0.164, -1.387],
        [0.882, 0.098, -1.277],
        [1.213, 0.127, -0.601],
        [1.125, 0.127, -0.086],
        [0.831, 0.076, 0.230],
    ]
)
"""(8, 3): leads I, II, V1-V6 as weighted sums of X, Y, Z."""

INVERSE_DOWER: NDArray[np.float64] = np.array(
    [
        [0.156, -0.010, -0.172, -0.074, 0.122, 0.231, 0.239, 0.194],
        [-0.227, 0.887, 0.057, -0.019, -0.106, -0.022, 0.041, 0.048],
        [0.022, 0.102, -0.229, -0.310, -0.246, -0.063, 0.055, 0.108],
    ]
)
"""(3, 8): X, Y, Z as weighted sums of leads I, II, V1-V6."""

_INDEPENDENT = [LEADS.index(lead) for lead in INDEPENDENT_LEADS]


def leads_to_vcg(signal_mv: NDArray[Any]) -> NDArray[Any]:
    """Estimate the vectorcardiogram from the eight independent leads with the inverse Dower matrix.

    Args:
        signal_mv: (..., 12, time) in canonical order, in mV.

    Returns:
        (..., 3, time): X, Y, Z in mV, in the signal's floating-point type.

    Raises:
        InputError: the lead axis is not twelve long.
    """
    return _weighted(INVERSE_DOWER, _axis(signal_mv, len(LEADS))[..., _INDEPENDENT, :])


def vcg_to_leads(vcg_mv: NDArray[Any]) -> NDArray[Any]:
    """Derive the twelve leads of a dipole with the Dower matrix; limb leads obey Einthoven's law exactly.

    Args:
        vcg_mv: (..., 3, time): X, Y, Z in mV.

    Returns:
        (..., 12, time) in canonical order, in mV, in the signal's floating-point type.

    Raises:
        InputError: the axis before time is not three long.
    """
    twelve = np.concatenate([LIMB_LEADS_FROM_I_II @ DOWER[:2], DOWER[2:]])
    return _weighted(twelve, _axis(vcg_mv, 3))


def dipole_part(signal_mv: NDArray[Any]) -> NDArray[Any]:
    """Return what a single dipole explains of a 12-lead signal: its projection onto Dower's three-dimensional space.

    The projection is orthogonal in the eight independent leads (least squares), so applying it again changes nothing;
    ``signal - dipole_part(signal)`` is what no vectorcardiogram can show.

    Args:
        signal_mv: (..., 12, time) in canonical order, in mV.

    Returns:
        (..., 12, time) in mV, of rank three at most, in the signal's floating-point type.

    Raises:
        InputError: the lead axis is not twelve long.
    """
    return vcg_to_leads(_weighted(np.linalg.pinv(DOWER), _axis(signal_mv, len(LEADS))[..., _INDEPENDENT, :]))


def _axis(signal: NDArray[Any], length: int) -> NDArray[Any]:
    """Return the signal after checking the length of its axis before time."""
    if signal.ndim < 2 or signal.shape[-2] != length:
        raise InputError("wrong number of leads", expected=f"(..., {length}, time)", found=signal.shape)
    return signal


def _weighted(weights: NDArray[np.floating], signal: NDArray[Any]) -> NDArray[Any]:
    """Apply (out, in) weights along the axis before time, in the signal's floating-point type."""
    weighted: NDArray[Any] = weights.astype(np.result_type(signal.dtype, np.float32)) @ signal
    return weighted
