"""HL7 annotated ECG (aECG): XML of the FDA's ECG warehouse.

Follows the HL7 aECG Implementation Guide (Brown and Badilini, 21 March 2005): a ``series`` of the kind RHYTHM holds a
``sequenceSet``; one of its sequences is time (``GLIST_TS`` or ``GLIST_PQ``, with an increment), the others are leads
(``SLIST_PQ``: value = origin + scale * digit), named by codes such as ``MDC_ECG_LEAD_V1``. Representative beats, which
are derived series, are not read.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ssrl_ecg.data.readers.waveform import Given, Waveform, mv_per_unit, same_length
from ssrl_ecg.data.readers.xml_file import any_namespace, find, number, parse_xml, root_name
from ssrl_ecg.errors import InputError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_S_PER_UNIT = {"s": 1.0, "ms": 1e-3, "us": 1e-6}


def is_aecg(path: Path, head: bytes) -> bool:
    """Whether a file is XML with the root ``AnnotatedECG``."""
    return root_name(head) == "AnnotatedECG"


def read_aecg(path: Path, given: Given) -> Waveform:
    """Read the first rhythm series.

    Raises:
        InputError: there is none, it is in several pieces, or a part of it cannot be understood.
    """
    series = [one for one in parse_xml(path).findall(".//{*}series") if _code(one) in ("RHYTHM", "")]
    if not series:
        raise InputError("no rhythm series: representative beats alone are no recording")
    sets = series[0].findall(any_namespace("component/sequenceSet"))
    if len(sets) != 1:
        raise InputError("series is in several pieces of time", expected="one sequenceSet", found=len(sets))
    sequences = sets[0].findall(any_namespace("component/sequence"))
    times = [one for one in sequences if _code(one).startswith("TIME_")]
    leads = [one for one in sequences if not _code(one).startswith("TIME_")]
    if len(times) != 1:
        raise InputError("no time axis", expected="one TIME_ABSOLUTE or TIME_RELATIVE sequence", found=len(times))
    names = [_code(one) for one in leads]
    signal_mv = same_length([_samples_mv(one) for one in leads], names)
    notes = (f"first of {len(series)} rhythm series",) if len(series) > 1 else ()
    return Waveform(signal_mv, 1 / _step_s(times[0]), tuple(names), "mV", notes)


def _code(element: Element) -> str:
    code = element.find("{*}code")
    return "" if code is None else code.get("code", "")


def _step_s(sequence: Element) -> float:
    increment = find(sequence, "value/increment")
    unit = increment.get("unit", "")
    step = number(increment.get("value"), "increment")
    if unit not in _S_PER_UNIT or not step > 0:
        raise InputError(
            "time step is not understood", expected="a positive number of s, ms or us", found=f"{step:g} {unit}"
        )
    return step * _S_PER_UNIT[unit]


def _samples_mv(sequence: Element) -> NDArray[np.float64]:
    value = find(sequence, "value")
    origin, scale = find(value, "origin"), find(value, "scale")
    try:
        digits = np.array((find(value, "digits").text or "").split(), dtype=np.float64)
    except ValueError as error:
        raise InputError(f"digits are no numbers: {error}", field=_code(sequence)) from error
    offset_mv = number(origin.get("value"), "origin") * mv_per_unit(origin.get("unit", ""))
    return offset_mv + digits * (number(scale.get("value"), "scale") * mv_per_unit(scale.get("unit", "")))
