"""GE MUSE XML (root ``RestingECG``): the waveform of the kind Rhythm, eight leads as Base64 of little-endian int16.

GE publishes no description; element names are those of exported files. MUSE stores I, II and V1-V6 only.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ssrl_ecg.data.readers.waveform import Given, Waveform, mv_per_unit, same_length
from ssrl_ecg.data.readers.xml_file import decoded, number, parse_xml, root_name, text_of
from ssrl_ecg.errors import InputError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_INVALID = -32768
_OFFSETS = ("LeadTimeOffset", "LeadOffsetFirstSample")


def is_muse(path: Path, head: bytes) -> bool:
    """Whether a file is XML with the root ``RestingECG``."""
    return root_name(head) == "RestingECG"


def read_muse(path: Path, given: Given) -> Waveform:
    """Read the rhythm waveform.

    Raises:
        InputError: there is none, its leads do not start together, or a part of it cannot be understood.
    """
    waveforms = [one for one in parse_xml(path).findall(".//{*}Waveform") if text_of(one, "WaveformType") == "Rhythm"]
    if len(waveforms) != 1:
        raise InputError("no single rhythm waveform", expected="1 of the type Rhythm", found=len(waveforms))
    leads = waveforms[0].findall("{*}LeadData")
    starts = {tuple((one.findtext(f"{{*}}{name}") or "0").strip() for name in _OFFSETS) for one in leads}
    if len(starts) > 1:
        raise InputError("leads do not start at the same time", field=" and ".join(_OFFSETS))
    names = [text_of(one, "LeadID") for one in leads]
    signal_mv = same_length([_samples_mv(one) for one in leads], names)
    return Waveform(signal_mv, _rate_hz(waveforms[0]), tuple(names), "mV")


def _rate_hz(waveform: Element) -> float:
    """Return SampleBase times ten to the power of SampleExponent, which is 0 where it is absent."""
    exponent = number(waveform.findtext("{*}SampleExponent") or "0", "SampleExponent")
    if abs(exponent) > 9:
        raise InputError("exponent of the sampling rate is not understood", field="SampleExponent", found=exponent)
    return number(text_of(waveform, "SampleBase"), "SampleBase") * math.pow(10, exponent)


def _samples_mv(lead: Element) -> NDArray[np.float64]:
    content = decoded(lead.findtext("{*}WaveFormData"), "WaveFormData")
    if len(content) % 2:
        raise InputError("waveform ends within a sample", field="WaveFormData", found=f"{len(content)} bytes")
    samples = np.frombuffer(content, dtype="<i2").astype(np.float64)
    samples[samples == _INVALID] = np.nan
    per_bit = number(text_of(lead, "LeadAmplitudeUnitsPerBit"), "LeadAmplitudeUnitsPerBit")
    return samples * (per_bit * mv_per_unit(text_of(lead, "LeadAmplitudeUnits")))
