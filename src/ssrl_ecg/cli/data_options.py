"""Which recordings and which labels: the flags of every command that reads data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ssrl_ecg.data.cinc2021 import LABEL_SET as SCORED_SET
from ssrl_ecg.data.cinc2021 import CinC2021
from ssrl_ecg.data.folder import LABEL_SET, Folder
from ssrl_ecg.data.labels import Labels
from ssrl_ecg.data.ludb import LUDB
from ssrl_ecg.data.ptbxl import PTBXL
from ssrl_ecg.data.source import Source
from ssrl_ecg.data.store import BuildResult, RecordStore, build_store
from ssrl_ecg.errors import InputError

KINDS = {"ptbxl": "super", "cinc2021": SCORED_SET, "ludb": "rhythm", "folder": LABEL_SET}
"""Kind of data -> the label set that is used when none is named."""

_KIND = re.compile(r"([a-z0-9]{2,}):(.*)")


@dataclass(frozen=True, kw_only=True)
class ReadingOptions:
    """How recordings are read, and where they are kept."""

    labels_csv: Path = Path("labels.csv")
    """Labels file of a folder: source, relative to the folder."""
    file_rate_hz: float | None = None
    """Sampling rate of the CSV and NPY files of a folder: source."""
    unit: Literal["mV", "uV", "V"] | None = None
    """Unit of the CSV and NPY files of a folder: source; without it mV, checked for plausibility."""
    duration_s: float = 10.0
    """Seconds of each recording that are used, of a folder: source."""
    store: Path | None = None
    """Folder of the store that the recordings are read into once; without it ./store/NAME-RATEhz."""


@dataclass(frozen=True, kw_only=True)
class DataOptions(ReadingOptions):
    """Which recordings."""

    data: str
    """Folder of PTB-XL, or KIND:FOLDER, KIND being ptbxl, cinc2021, ludb or folder (your own and a labels CSV)."""

    def source(self, sampling_rate_hz: float) -> Source:
        """Open the recordings at a rate.

        Raises:
            InputError: an unknown kind, a missing folder, or a rate the source does not have.
        """
        kind, root = self._kind_and_root()
        if kind == "folder":
            return Folder(
                root,
                self.labels_csv,
                sampling_rate_hz=sampling_rate_hz,
                duration_s=self.duration_s,
                file_rate_hz=self.file_rate_hz,
                unit=self.unit,
            )
        if kind == "cinc2021":
            return CinC2021(root, sampling_rate_hz)
        if kind == "ludb":
            return LUDB(root, sampling_rate_hz)
        if sampling_rate_hz % 1:
            raise InputError("PTB-XL comes at two rates", expected="100 or 500 Hz", found=f"{sampling_rate_hz} Hz")
        return PTBXL(root, int(sampling_rate_hz))

    def build(self, sampling_rate_hz: float) -> BuildResult:
        """Bring the store up to date, with a progress bar, and open it.

        Raises:
            InputError: see ``source`` and ``build_store``.
        """
        source = self.source(sampling_rate_hz)
        place = self.store or Path("store") / self.store_name(sampling_rate_hz)
        return build_store(source, place, progress=True)

    def store_name(self, sampling_rate_hz: float) -> str:
        """Name of the store's folder, unless ``store`` is given."""
        return f"{self._kind_and_root()[1].resolve().name}-{sampling_rate_hz:g}hz"

    def open_store(self, sampling_rate_hz: float) -> RecordStore:
        """Like ``build``, and say where the store is and what was left out of it."""
        built = self.build(sampling_rate_hz)
        rejected = f", {built.n_rejected} rejected ({built.store.path / 'rejected.csv'})" if built.n_rejected else ""
        print(f"store: {built.store.path} ({len(built.store)} records{rejected})", flush=True)
        return built.store

    def _kind_and_root(self) -> tuple[str, Path]:
        match = _KIND.fullmatch(self.data)
        if match is None or Path(self.data).exists():
            return "ptbxl", Path(self.data)
        if match[1] not in KINDS:
            expected = " or ".join(f"{kind}:FOLDER" for kind in KINDS)
            raise InputError("unknown kind of data", field="--data", expected=expected, found=self.data)
        return match[1], Path(match[2])


@dataclass(frozen=True, kw_only=True)
class LabelledDataOptions(DataOptions):
    """Which recordings and which labels."""

    label_set: str | None = None
    """PTB-XL: super (the default), sub, diag, form, rhythm, all, norm, super-single; other kinds have one label set."""

    def labels(self, store: RecordStore) -> Labels:
        """Return the label set that is asked for.

        Raises:
            InputError: the store has none of this name.
        """
        return store.labels(self.label_set or KINDS[self._kind_and_root()[0]])
