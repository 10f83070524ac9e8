"""The twelve leads: one order, one spelling, and the laws that tie the limb leads together.

Six leads are measured between limb electrodes, but only two of them are independent. With I and II given
(Einthoven 1912; augmented leads as in Goldberger 1942)::

    III = II - I        aVR = -(I + II) / 2        aVL = I - II / 2        aVF = II - I / 2
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ssrl_ecg.errors import InputError

LEADS: tuple[str, ...] = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
"""Canonical names in canonical order, the order of every (lead, time) array in this package."""

INDEPENDENT_LEADS: tuple[str, ...] = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
"""The eight leads that carry all information of the twelve."""

LIMB_LEADS_FROM_I_II: NDArray[np.float64] = np.array(
    [[1.0, 0.0], [0.0, 1.0], [-1.0, 1.0], [-0.5, -0.5], [1.0, -0.5], [-0.5, 1.0]]
)
"""(6, 2): the limb leads I, II, III, aVR, aVL, aVF as weighted sums of I and II."""

_BY_LOWER_CASE = {lead.lower(): lead for lead in LEADS}
_PREFIX = re.compile(r"^(mdc_ecg_lead_|(ecg[\s_]*)?lead[\s_-]*)")


def canonical_lead_name(name: str) -> str:
    """Return the canonical spelling of a lead name.

    Case, blanks and underscores do not matter, nor does a prefix ``Lead`` or ISO/IEEE 11073's ``MDC_ECG_LEAD_``:
    ``AVR``, ``avr``, ``Lead aVR``, ``lead_avr`` and ``MDC_ECG_LEAD_AVR`` are all ``aVR``. Names of other leads are
    refused, also those that resemble one of the twelve (``-aVR`` of the Cabrera order is inverted; ``MLII`` is a
    modified lead).

    Args:
        name: the name as a file spells it.

    Returns:
        One of ``LEADS``.

    Raises:
        InputError: the name is not one of the twelve leads.
    """
    bare = re.sub(r"[\s_]", "", _PREFIX.sub("", name.strip().lower()))
    if bare not in _BY_LOWER_CASE:
        raise InputError(f"unknown lead {name!r}", expected=f"one of {', '.join(LEADS)}")
    return _BY_LOWER_CASE[bare]


def lead_positions(names: Sequence[str]) -> dict[str, int]:
    """Map each canonical lead name to its position in a recording.

    Args:
        names: the recording's lead names, in its own order and spelling; a subset of the twelve is allowed.

    Returns:
        Canonical name -> index into ``names``.

    Raises:
        InputError: a name is unknown, or two names mean the same lead.
    """
    canonical = [canonical_lead_name(name) for name in names]
    duplicates = sorted({lead for lead in canonical if canonical.count(lead) > 1}, key=LEADS.index)
    if duplicates:
        raise InputError(f"lead given more than once: {', '.join(duplicates)}", found=", ".join(names))
    return {lead: position for position, lead in enumerate(canonical)}


def lead_order(names: Sequence[str]) -> tuple[int, ...]:
    """Return the order that makes a 12-lead recording canonical: ``signal[list(lead_order(names))]``.

    Args:
        names: the recording's twelve lead names, in its own order and spelling.

    Returns:
        Twelve positions, the k-th being where ``LEADS[k]`` lies in the recording.

    Raises:
        InputError: a lead is unknown, given twice, or missing.
    """
    positions = lead_positions(names)
    missing = [lead for lead in LEADS if lead not in positions]
    if missing:
        raise InputError(f"missing lead: {', '.join(missing)}", found=", ".join(names))
    return tuple(positions[lead] for lead in LEADS)


def select_leads(signal: NDArray[Any], names: Sequence[str], wanted: Sequence[str]) -> NDArray[Any]:
    """Return the wanted leads of a recording, deriving limb leads from I and II where they were not recorded.

    Args:
        signal: (..., lead, time), any unit, leads as ``names`` says.
        names: lead names of ``signal``, any order and spelling.
        wanted: canonical names, in the order wanted.

    Returns:
        (..., len(wanted), time), a new floating-point array in the unit of ``signal``.

    Raises:
        InputError: a name is unknown or given twice, or a wanted lead is neither present nor derivable.
    """
    positions = lead_positions(names)
    derivable = set(LEADS[:6]) if {"I", "II"} <= positions.keys() else set()
    missing = [lead for lead in wanted if lead not in positions.keys() | derivable]
    if missing:
        raise InputError(f"missing lead: {', '.join(missing)}", found=", ".join(names))
    limb = (
        limb_leads_from_i_ii(signal[..., positions["I"], :], signal[..., positions["II"], :]) if derivable else signal
    )
    rows = [
        signal[..., positions[lead], :] if lead in positions else limb[..., LEADS.index(lead), :] for lead in wanted
    ]
    return np.stack(rows, axis=-2, dtype=np.result_type(signal.dtype, np.float32))


def limb_leads_from_i_ii(i: ArrayLike, ii: ArrayLike) -> NDArray[Any]:
    """Return all six limb leads from leads I and II (Einthoven's law and Goldberger's leads).

    Args:
        i: lead I, (..., time), any unit.
        ii: lead II, same shape and unit.

    Returns:
        (..., 6, time): I, II, III, aVR, aVL, aVF, in the floating-point type of the inputs.
    """
    pair = np.stack([np.asarray(i), np.asarray(ii)], axis=-2)
    limb: NDArray[Any] = LIMB_LEADS_FROM_I_II.astype(np.result_type(pair.dtype, np.float32)) @ pair
    return limb


def einthoven_error_mv(signal_mv: ArrayLike) -> NDArray[np.float64]:
    """Return by how much the limb leads break their laws, per record.

    Args:
        signal_mv: (..., 12, time) in canonical order, in mV.

    Returns:
        (...): the largest absolute difference, over time and over III, aVR, aVL and aVF, between a lead and what I and
        II say it is, in mV. About 0.001-0.002 for recordings rounded to 1 uV; NaN where a limb lead holds a NaN.

    Raises:
        InputError: the lead axis is not twelve long, or there are no samples.
    """
    signal = np.asarray(signal_mv, dtype=np.float64)
    if signal.ndim < 2 or signal.shape[-2] != len(LEADS) or signal.shape[-1] == 0:
        raise InputError("Einthoven's law needs twelve leads", expected="(..., 12, time)", found=signal.shape)
    derived = limb_leads_from_i_ii(signal[..., 0, :], signal[..., 1, :])
    error: NDArray[np.float64] = np.abs(derived - signal[..., :6, :]).max(axis=(-2, -1))
    return error
