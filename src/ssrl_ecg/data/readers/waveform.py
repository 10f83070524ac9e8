"""What a file holds and says, what its user may add, and what every reader needs: bounds, units, names of leads."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssrl_ecg.data.wfdb_reader import MAX_VALUES
from ssrl_ecg.errors import InputError
from ssrl_ecg.extras import extra_package
from ssrl_ecg.signals.leads import LEADS, canonical_lead_name

MAX_FILE_BYTES = 1 << 30
"""Largest file of any format that is opened."""
MAX_TEXT_BYTES = 1 << 26
"""Largest XML file that is parsed: its tree takes many times the room of its text."""

_MV_PER_UNIT = {"mv": 1.0, "millivolt": 1.0, "uv": 1e-3, "microvolt": 1e-3, "v": 1e3, "volt": 1e3, "nv": 1e-6}
_MICRO = str.maketrans({"µ": "u", "μ": "u"})
_ECG_PREFIX = re.compile(r"^(ecg|ekg)[\s_:-]+(?!lead)", re.IGNORECASE)
_REMARK = re.compile(r"\s*[\[(]([^\])]*)[\])]\s*$")


@dataclass(frozen=True)
class Given:
    """What the user says of a file; it counts where the file itself says nothing.

    Attributes:
        sampling_rate_hz: samples per second.
        unit: ``mV``, ``uV`` or ``V``.
        leads: names of leads that the file leaves unnamed, in its order.
        duration_s: leave out what comes after it; None reads all.
    """

    sampling_rate_hz: float | None = None
    unit: str | None = None
    leads: tuple[str, ...] = LEADS
    duration_s: float | None = None

    def n_samples(self, rate_hz: float | None) -> int:
        """Return how many samples per lead are wanted at a rate, at most what ``MAX_VALUES`` allows.

        Raises:
            InputError: the duration asks for more than that.
        """
        largest = MAX_VALUES // len(LEADS)
        if self.duration_s is None or rate_hz is None:
            return largest
        n_samples = math.ceil(min(self.duration_s * rate_hz, largest + 1))
        if n_samples > largest:
            raise InputError("record is too large", expected=f"at most {MAX_VALUES} values", found=f"{rate_hz:g} Hz")
        return n_samples


@dataclass(frozen=True)
class Waveform:
    """What a file holds and says; None is what it does not say.

    Attributes:
        signal: (lead, time) float32 in ``unit``; NaN where the file marks a sample invalid.
        sampling_rate_hz: samples per second.
        leads: lead names in the file's own spelling and order.
        unit: of the signal.
        notes: what its user should know of how it was read, a sentence each.
    """

    signal: NDArray[np.float32]
    sampling_rate_hz: float | None = None
    leads: tuple[str, ...] | None = None
    unit: str | None = None
    notes: tuple[str, ...] = ()


def mv_per_unit(unit: str) -> float:
    """Return the factor that turns values of a unit into mV; plural, case and the sign for micro do not matter.

    Raises:
        InputError: the unit is no voltage.
    """
    name = unit.strip().translate(_MICRO).lower()
    factor = _MV_PER_UNIT.get(name, _MV_PER_UNIT.get(name.removesuffix("s")))
    if factor is None:
        raise InputError("signal is not a voltage", field="unit", expected="mV, uV or V", found=repr(unit[:40]))
    return factor


def lead_name(name: str) -> str | None:
    """Return the canonical name of a lead, or None for a channel that is none of the twelve.

    Beside what ``canonical_lead_name`` takes, a prefix ``ECG`` or ``EKG`` (EDF+) and a remark in brackets at the end,
    such as a unit or ``(Einthoven)`` (DICOM), do not matter.
    """
    try:
        return canonical_lead_name(_ECG_PREFIX.sub("", _REMARK.sub("", name.strip())))
    except InputError:
        return None


def remark(name: str) -> str | None:
    """Return what stands in brackets at the end of a name: the unit, in headers of tables; None without brackets."""
    match = _REMARK.search(name)
    return match[1].strip() if match else None


def check_size(path: Path, largest: int = MAX_FILE_BYTES) -> None:
    """Refuse a file that is larger than what may be read, before anything of it is.

    Raises:
        InputError: it is.
        OSError: it is not there.
    """
    size = path.stat().st_size
    if size > largest:
        raise InputError("file is too large", file=path, expected=f"at most {largest} bytes", found=size)


def check_values(n_values: int) -> None:
    """Refuse a recording of more than ``MAX_VALUES`` values."""
    if n_values > MAX_VALUES:
        raise InputError("record is too large", expected=f"at most {MAX_VALUES} values", found=n_values)


def needed(module: str, what: str) -> Any:
    """Import a package of the extra ``readers``.

    Raises:
        InputError: it is not installed.
    """
    return extra_package(module, "readers", f"{what} files")


def leads_first(array: NDArray[Any], n_leads: int) -> NDArray[Any]:
    """Return an array of numbers as (lead, time), whichever of its two axes is that of the leads.

    Raises:
        InputError: neither axis, or both, are as long as there are leads; or its values are no real numbers.
    """
    fits = [array.ndim == 2 and length == n_leads for length in array.shape]
    if array.dtype.kind not in "fiu" or sum(fits) != 1:
        expected = f"numbers, ({n_leads}, time) or (time, {n_leads}); name other leads in their order"
        raise InputError("array does not fit", expected=expected, found=f"{array.dtype} {array.shape}")
    return array if fits[0] else array.T


def same_length(samples: list[NDArray[Any]], leads: list[str]) -> NDArray[np.float32]:
    """Stack leads to (lead, time) float32.

    Raises:
        InputError: there are none, or some are shorter than others: a gap whose place the file does not tell.
    """
    lengths = {len(lead) for lead in samples}
    if len(lengths) != 1:
        found = ", ".join(f"{name} {len(lead)}" for name, lead in zip(leads, samples, strict=True))
        raise InputError("leads are not equally long", expected="the same samples of every lead", found=found[:200])
    return np.stack(samples).astype(np.float32)
