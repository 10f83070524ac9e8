"""DICOM waveform objects, through pydicom: the rhythm group of a 12-lead, general or ambulatory ECG.

Leads are found by their codes, of ISO/IEEE 11073-10101 (``2:1`` for I) or SCP-ECG (``5.6.3-9-1``), which number them
alike (DICOM PS3.16, CID 3001), or by the codes' meanings, such as ``Lead I (Einthoven)``.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from ssrl_ecg.data.readers.waveform import Given, Waveform, check_size, check_values, mv_per_unit, needed
from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.leads import LEADS

LEAD_OF_NUMBER = dict(zip((1, 2, 61, 62, 63, 64, 3, 4, 5, 6, 7, 8), LEADS, strict=True))
"""Numbers of the twelve leads in SCP-ECG (EN 1064) and ISO/IEEE 11073."""

_LEAD_CODE = re.compile(r"(?:2:|5\.6\.3-9-)0*(\d+)")
_DEFLATED = "1.2.840.10008.1.2.1.99"


def is_dicom(path: Path, head: bytes) -> bool:
    """Whether a file begins with DICOM's preamble."""
    return head[128:132] == b"DICM"


def read_dicom(path: Path, given: Given) -> Waveform:
    """Read the first group of waveforms called RHYTHM, or the only one.

    Raises:
        InputError: the file is damaged, holds no waveform, or several groups of which none is the rhythm; or pydicom is
            not installed.
    """
    pydicom = needed("pydicom", "DICOM")
    check_size(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of values that break the standard's rules of form
            if str(pydicom.filereader.read_file_meta_info(path).get("TransferSyntaxUID", "")) == _DEFLATED:
                raise InputError("deflated DICOM is not read: store it uncompressed")
            return _read_group(pydicom.dcmread(path))
    except InputError:
        raise
    except Exception as error:  # whatever its parser stumbles over in a damaged file
        raise InputError(f"DICOM cannot be read: {type(error).__name__}: {error}") from error


def _read_group(dataset: Any) -> Waveform:
    groups = list(dataset.get("WaveformSequence") or [])
    if not groups:
        raise InputError("DICOM object holds no waveform", found=f"modality {dataset.get('Modality', 'unknown')}")
    number = _rhythm(groups)
    group = groups[number]
    channels = list(group.ChannelDefinitionSequence)
    check_values(int(group.NumberOfWaveformSamples) * len(channels))
    scales = np.array([_mv_per_unit(channel) for channel in channels])
    signal_mv = (dataset.waveform_array(number) * scales).T.astype(np.float32)
    names = tuple(_name(channel) for channel in channels)
    return Waveform(signal_mv, float(group.SamplingFrequency), names, "mV")


def _rhythm(groups: list[Any]) -> int:
    labels = [str(group.get("MultiplexGroupLabel", "")) for group in groups]
    named = [number for number, label in enumerate(labels) if "RHYTHM" in label.upper()]
    if len(groups) > 1 and len(named) != 1:
        raise InputError("no single rhythm group", field="MultiplexGroupLabel", found=", ".join(labels))
    return named[0] if named else 0


def _mv_per_unit(channel: Any) -> float:
    if "ChannelSensitivity" not in channel:
        raise InputError("channel lacks its sensitivity", field="ChannelSensitivity")
    return mv_per_unit(str(channel.ChannelSensitivityUnitsSequence[0].CodeValue))


def _name(channel: Any) -> str:
    source = channel.ChannelSourceSequence[0]
    match = _LEAD_CODE.fullmatch(str(source.get("CodeValue", "")).strip())
    named = LEAD_OF_NUMBER.get(int(match[1])) if match and len(match[1]) < 4 else None
    return named or str(source.get("CodeMeaning", ""))
