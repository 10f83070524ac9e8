"""The training sets of the PhysioNet/CinC Challenge 2021 (Reyna et al., Computing in Cardiology 2021; 48:1-4).

Eight collections in one form, among them PTB-XL. What differs between them stays visible in the table's columns, and
what cannot be known is said here:

- Rates are 257, 500 and 1000 Hz, lengths 5 s to 30 min. The first ``duration_s`` seconds of each record are used,
  resampled; what follows them is not, and a record that is shorter is rejected by the store.
- Patients are not identified: every record counts as a patient of its own, though some collections (PTB, INCART) hold
  several of one patient.
- There are no published folds: -1.
- Records ``HR00001`` to ``HR21837`` are PTB-XL's, the number being ``ecg_id``; the column ``same_as`` says so.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from ssrl_ecg.data.labels import Labels
from ssrl_ecg.data.source import SAME_AS, Layout, Record, SignalFile, Source, fingerprint_files
from ssrl_ecg.data.wfdb_reader import read_wfdb, read_wfdb_header
from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.leads import LEADS, lead_order

SCORED: Mapping[str, tuple[str, ...]] = {
    "AF": ("164889003",),
    "AFL": ("164890007",),
    "BBB": ("6374002",),
    "Brady": ("426627000",),
    "IAVB": ("270492004",),
    "IRBBB": ("713426002",),
    "LAD": ("39732003",),
    "LAnFB": ("445118002",),
    "LBBB": ("164909002", "733534002"),
    "LPR": ("164947007",),
    "LQRSV": ("251146004",),
    "LQT": ("111975006",),
    "NSIVCB": ("698252002",),
    "NSR": ("426783006",),
    "PAC": ("284470004", "63593006"),
    "PR": ("10370003",),
    "PRWP": ("365413008",),
    "PVC": ("427172004", "17338001"),
    "QAb": ("164917005",),
    "RAD": ("47665007",),
    "RBBB": ("59118001", "713427006"),
    "SA": ("427393009",),
    "SB": ("426177001",),
    "STach": ("427084000",),
    "TAb": ("164934002",),
    "TInv": ("59931005",),
}
"""The classes that the challenge scored, by its abbreviations, and the SNOMED CT codes of each.

Four pairs of codes are scored as one diagnosis each: LBBB and CLBBB, RBBB and CRBBB, PAC and SVPB, PVC and VPB.
Classes, codes and pairs: ``dx_mapping_scored.csv`` of github.com/physionetchallenges/evaluation-2021.
"""

LABEL_SET = "scored"

_PTBXL_RECORD = re.compile(r"HR(\d{5})")
_PART = re.compile(r"g\d+")
_SEX = {"m": 0.0, "f": 1.0}


class CinC2021(Source):
    """A folder of the challenge's records, ``.hea`` and ``.mat``, at any depth.

    Label set ``scored``: ``SCORED``, multilabel, known where the header has a code. The collections were not all
    annotated for all classes, so a 0 means that the code is not there.

    Args:
        root: the folder; each folder in it that holds records is a collection of its own, PhysioNet's parts ``g1``,
            ``g2``, ... belonging to the one around them.
        sampling_rate_hz: rate of the stored records.
        duration_s: length of the stored records.

    Raises:
        InputError: the folder is missing, or holds no record.
    """

    name: ClassVar[str] = "cinc2021"

    def __init__(self, root: str | Path, sampling_rate_hz: float = 500.0, duration_s: float = 10.0) -> None:
        self.root = Path(root)
        if not self.root.is_dir():
            raise InputError("folder of the challenge's records is missing", file=self.root)
        self.expected = Layout(float(sampling_rate_hz), round(duration_s * sampling_rate_hz))
        self._headers = sorted(self._walk(".hea"))
        if not self._headers:
            raise InputError("no record is in this folder", file=self.root, expected="files .hea and .mat")

    def records(self) -> pd.DataFrame:
        """Return one row per header, sorted by path.

        Beside the seam's columns: ``collection``; ``age`` in years; ``sex``, 0 for men and 1 for women; ``dx``, the
        SNOMED CT codes, joined by commas; ``file_rate_hz`` and ``file_duration_s`` of the whole record; ``same_as``.
        What a header does not say is NaN or empty; one that cannot be read is left to ``read`` to refuse.

        Raises:
            InputError: two records have the same name.
        """
        table = pd.DataFrame([self._row(path) for path in self._headers])
        if table["record_id"].duplicated().any():
            found = table["record_id"][table["record_id"].duplicated()].iloc[0]
            raise InputError("record is there twice", file=self.root, field="record", found=found)
        return table

    def read(self, record: Record) -> SignalFile:
        """Return the first seconds of a record's twelve leads, in canonical order, at the store's rate.

        Raises:
            InputError: the record cannot be read (see ``read_wfdb``), or lacks a lead.
        """
        recording = read_wfdb(f"{self.root}/{record.path}")
        signal_mv = recording.signal_mv[list(lead_order(recording.leads))]
        return SignalFile(
            self.expected.beginning(signal_mv, recording.sampling_rate_hz), self.expected.sampling_rate_hz, LEADS
        )

    def label_sets(self, records: pd.DataFrame) -> dict[str, Labels]:
        """Return the label set ``scored`` of these rows."""
        codes = [frozenset(cell.split(",")) - {""} for cell in records["dx"]]
        values = np.array([[not own.isdisjoint(one) for one in SCORED.values()] for own in codes], dtype=np.uint8)
        known = np.array([bool(own) for own in codes], dtype=np.bool_)
        labels = Labels(LABEL_SET, tuple(SCORED), values.reshape(-1, len(SCORED)), known, "multilabel")
        return {LABEL_SET: labels}

    def fingerprint(self) -> str:
        """Return a hash of the name, size and time of every header and signal file."""
        return fingerprint_files(self.root, [], [*self._headers, *self._walk(".mat")])

    def _walk(self, suffix: str) -> list[str]:
        n_root = len(f"{self.root}/")
        walk = os.walk(self.root)
        return [f"{folder}/{name}"[n_root:] for folder, _, names in walk for name in names if name.endswith(suffix)]

    def _row(self, path: str) -> dict[str, Any]:
        place = PurePosixPath(path)
        ptbxl = _PTBXL_RECORD.fullmatch(place.stem)
        seam = {"record_id": place.stem, "patient_id": place.stem, "fold": -1, "path": path.removesuffix(".hea")}
        folders = [folder for folder in place.parts[:-1] if not _PART.fullmatch(folder)]
        own = {
            "collection": folders[-1] if folders else self.root.resolve().name,
            SAME_AS: f"ptbxl:{int(ptbxl[1])}" if ptbxl else "",
        }
        return {**seam, **own, **_said_by(f"{self.root}/{path}")}


def _said_by(header_path: str) -> dict[str, Any]:
    """What a header says beside its signals."""
    try:
        rate_hz, n_samples, comments = read_wfdb_header(header_path)
    except InputError:  # reading the signals will say why
        rate_hz, n_samples, comments = math.nan, None, {}
    codes = [code.strip() for code in comments.get("Dx", "").split(",")]
    return {
        "age": pd.to_numeric(comments.get("Age", ""), errors="coerce"),
        "sex": _SEX.get(comments.get("Sex", "")[:1].lower(), math.nan),
        "dx": ",".join(code for code in codes if code.isdecimal()),
        "file_rate_hz": rate_hz,
        "file_duration_s": math.nan if n_samples is None else n_samples / rate_hz,
    }
