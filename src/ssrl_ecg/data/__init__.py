"""Files to records: one file per source, the store everything trains from, splits, and batches.

``DATASETS`` names the sources. Adding one is a file with a ``Source`` and a line here.
"""

from __future__ import annotations

from ssrl_ecg.data.cinc2021 import CinC2021
from ssrl_ecg.data.ludb import LUDB
from ssrl_ecg.data.ptbxl import PTBXL
from ssrl_ecg.data.source import Source

DATASETS: dict[str, type[Source]] = {
    "cinc2021": CinC2021,
    "ludb": LUDB,
    "ptbxl": PTBXL,
}
