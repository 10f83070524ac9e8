"""What only a simulator knows of its records: waves of every sample and parameters, in a tree and in a store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ssrl_ecg.errors import InputError

PARAMETERS_FILE = "parameters.csv"
"""One row per record: ``ecg_id`` in a tree, then rhythm and ``simulator.PARAMETERS``."""
_STORED_MASKS = "masks.npy"


def masks_file(sampling_rate_hz: float) -> str:
    """Name of the masks of a rate in a tree: uint8 (record, time)."""
    return f"masks{sampling_rate_hz:g}.npy"


@dataclass(frozen=True, eq=False)
class SimulationTruth:
    """What is known of simulated records, in their order.

    Attributes:
        parameters: one row per record, the columns of ``PARAMETERS_FILE`` but ``ecg_id``.
        masks: (record, time) uint8: 0 nothing, 1 P wave, 2 QRS complex, 3 T wave; from a store memory-mapped, one byte
            beside the 24 of a sample's leads.
    """

    parameters: pd.DataFrame
    masks: NDArray[np.uint8]

    @classmethod
    def of_tree(cls, root: Path, sampling_rate_hz: float, ecg_ids: NDArray[np.int64]) -> Self:
        """Read the records of these ids from the tree of a synthetic cohort.

        Raises:
            InputError: the tree's files are missing, damaged or of other records.
        """
        masks_path = root / masks_file(sampling_rate_hz)
        try:
            parameters = pd.read_csv(root / PARAMETERS_FILE)
            masks = np.load(masks_path, mmap_mode="r", allow_pickle=False)
            rows = pd.Index(parameters["ecg_id"]).get_indexer(pd.Index(ecg_ids))
        except (OSError, ValueError, KeyError) as error:
            raise InputError(f"what was simulated cannot be read: {error}", file=root) from error
        if (rows < 0).any() or len(masks) != len(parameters):
            raise InputError("masks and parameters are of other records", file=root, expected=len(ecg_ids),
                             found=f"{len(masks)} masks, {len(parameters)} parameters")  # fmt: skip
        return cls(parameters.drop(columns="ecg_id").iloc[rows].reset_index(drop=True), masks[rows])

    def write(self, folder: Path) -> None:
        """Write the records' files into a store's folder."""
        self.parameters.to_csv(folder / PARAMETERS_FILE, index=False)
        np.save(folder / _STORED_MASKS, self.masks)

    @classmethod
    def of_store(cls, folder: Path) -> Self:
        """Read what ``write`` wrote.

        Raises:
            InputError: the store is not one of simulated records, or is damaged.
        """
        if not (folder / _STORED_MASKS).is_file():
            raise InputError("nothing is known of how these records were simulated", file=folder,
                             expected="the store of a cohort that ssrl-ecg data synthetic wrote")  # fmt: skip
        try:
            masks = np.load(folder / _STORED_MASKS, mmap_mode="r", allow_pickle=False)
            return cls(pd.read_csv(folder / PARAMETERS_FILE), masks)
        except (OSError, ValueError) as error:
            raise InputError(f"store is damaged; build it again ({error})", file=folder) from error
