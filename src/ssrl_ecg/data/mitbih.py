"""The MIT-BIH Arrhythmia Database (Moody & Mark, IEEE Eng Med Biol 2001; 20:45-50): 48 half hours, two leads, 360 Hz.

It is no ``Source``: records have two leads of changing kind, not twelve, and labels belong to beats. What it offers is
the same in spirit: a table, ``read`` and ``annotation``.

Beats are divided between patients as in de Chazal, O'Dwyer & Reilly (IEEE Trans Biomed Eng 2004; 51:1196-1206): DS1 to
train, DS2 to test, the four paced records in neither. Records 201 and 202 are one man, and the published lists put
201 into DS1 and 202 into DS2: ``records`` gives both the same ``patient_id``, so that a check finds them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ssrl_ecg.data.source import SignalFile
from ssrl_ecg.data.wfdb_reader import WFDBAnnotations, read_wfdb, read_wfdb_annotations
from ssrl_ecg.errors import InputError

SAMPLING_RATE_HZ, N_SAMPLES = 360.0, 650_000

_PARTS = {
    "DS1": "101 106 108 109 112 114 115 116 118 119 122 124 201 203 205 207 208 209 215 220 223 230",
    "DS2": "100 103 105 111 113 117 121 123 200 202 210 212 213 214 219 221 222 228 231 232 233 234",
    "paced": "102 104 107 217",
}
DS1, DS2, PACED = (tuple(names.split()) for names in _PARTS.values())
SAME_PATIENT = {"202": "201"}
"""Record -> the other record of the same person, under whose name both go."""

AAMI_CLASSES = ("N", "S", "V", "F", "Q")
"""Classes of beats of ANSI/AAMI EC57: normal and conducted likewise, supraventricular ectopic, ventricular ectopic,
fusion of the two, and not to be classified (paced beats among them)."""

_SYMBOLS = {"N": "NLRej", "S": "AaJS", "V": "VE", "F": "F", "Q": "/fQ"}
AAMI_OF_SYMBOL = {symbol: name for name in AAMI_CLASSES for symbol in _SYMBOLS[name]}
"""Symbol of a beat in the annotation files -> its class. Every other symbol marks no beat."""


@dataclass(frozen=True)
class HolterAnnotation:
    """What was marked in one record; times in s from its start.

    Attributes:
        beats: a row per beat in order of time: ``time_s``, ``symbol`` (the file's own), ``aami`` (one of
            ``AAMI_CLASSES``).
        rhythms: a row per episode: ``start_s``, ``end_s``, ``rhythm`` such as ``N``, ``AFIB``, ``VT``. They follow each
            other without a gap, up to the record's end.
        flutter_s: (episode, 2) start and end of ventricular flutter, in which no beats are marked (record 207).
    """

    beats: pd.DataFrame
    rhythms: pd.DataFrame
    flutter_s: NDArray[np.float64]


class MITBIH:
    """MIT-BIH in its published layout.

    Args:
        root: the folder with ``100.hea``, ``100.dat``, ``100.atr`` and so on.

    Raises:
        InputError: the folder is missing.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        if not self.root.is_dir():
            raise InputError("folder of MIT-BIH is missing", file=self.root)

    def records(self) -> pd.DataFrame:
        """Return a row per record: ``record_id``, ``patient_id`` and ``part``, which is DS1, DS2 or paced."""
        parts = {name: part for part, names in _PARTS.items() for name in names.split()}
        ids = sorted(parts)
        patients = [SAME_PATIENT.get(name, name) for name in ids]
        return pd.DataFrame({"record_id": ids, "patient_id": patients, "part": [parts[name] for name in ids]})

    def read(self, record_id: str) -> SignalFile:
        """Return a record's two leads at 360 Hz, MLII first where it was recorded.

        ``leads`` says which they are: MLII and V1 in most records, V5 and V2 in 102 and 104. (The file of 114 has them
        the other way round.) MLII is a modified lead, close to II but not one of the twelve.

        Raises:
            InputError: no such record, or its files are missing or damaged (see ``read_wfdb``).
        """
        recording = read_wfdb(self._path(record_id))
        order = sorted(range(len(recording.leads)), key=lambda row: recording.leads[row] != "MLII")
        leads = tuple(recording.leads[row] for row in order)
        return SignalFile(recording.signal_mv[order], recording.sampling_rate_hz, leads)

    def annotation(self, record_id: str) -> HolterAnnotation:
        """Return a record's beats, rhythms and episodes of ventricular flutter.

        Raises:
            InputError: no such record, or its annotation is missing, damaged, reaches beyond the record's end, or
                begins or ends flutter without the other.
        """
        path = self._path(record_id)
        marks = read_wfdb_annotations(path, "atr", N_SAMPLES)
        begins, ends = (marks.samples[marks.symbols == symbol] / SAMPLING_RATE_HZ for symbol in "[]")
        if len(begins) != len(ends) or (begins > ends).any():
            found = f"{len(begins)} [ and {len(ends)} ]"
            raise InputError("episodes of flutter do not begin and end in turn", file=f"{path}.atr", found=found)
        return HolterAnnotation(_beats(marks), _rhythms(marks), np.stack([begins, ends], axis=1))

    def _path(self, record_id: str) -> str:
        if record_id not in {*DS1, *DS2, *PACED}:
            raise InputError("no record of MIT-BIH", field="record_id", found=record_id)
        return f"{self.root}/{record_id}"


def _beats(marks: WFDBAnnotations) -> pd.DataFrame:
    is_beat = np.isin(marks.symbols, list(AAMI_OF_SYMBOL))
    symbols = marks.symbols[is_beat].tolist()
    classes = [AAMI_OF_SYMBOL[symbol] for symbol in symbols]
    return pd.DataFrame({"time_s": marks.samples[is_beat] / SAMPLING_RATE_HZ, "symbol": symbols, "aami": classes})


def _rhythms(marks: WFDBAnnotations) -> pd.DataFrame:
    """Return the episodes; a change of rhythm is a mark ``+`` whose note is the new one's name after a bracket."""
    is_change = (marks.symbols == "+") & np.char.startswith(marks.notes, "(")
    starts_s = marks.samples[is_change] / SAMPLING_RATE_HZ
    ends_s = np.append(starts_s[1:], N_SAMPLES / SAMPLING_RATE_HZ)[: len(starts_s)]
    names = [str(note)[1:] for note in marks.notes[is_change]]
    return pd.DataFrame({"start_s": starts_s, "end_s": ends_s, "rhythm": names})
