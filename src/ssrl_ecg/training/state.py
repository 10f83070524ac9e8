"""The training state of a run that may be killed: saved after every epoch, whole or not at all, and read as data.

An epoch is a pass over the records in pretraining, and what lies between two looks at the validation records in the
training of a classifier.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from ssrl_ecg.errors import InputError
from ssrl_ecg.files import atomic_path, jsonable, remove_unfinished
from ssrl_ecg.training.epoch_logs import EpochLog
from ssrl_ecg.training.history import HISTORY_NAME, History
from ssrl_ecg.training.run import as_config

STATE_NAME = "training_state.ckpt"


def run_identity(*parts: Any) -> str:
    """SHA-256 of everything that must be equal for one run to go on where another one stopped.

    Args:
        parts: dataclasses, dictionaries, strings and numbers.
    """
    return hashlib.sha256(json.dumps(jsonable(as_config(parts)), sort_keys=True).encode()).hexdigest()


def array_identity(whole: np.ndarray) -> str:
    """SHA-256 of whole numbers: rows of a store, or labels."""
    return hashlib.sha256(np.ascontiguousarray(whole, dtype=np.int64).tobytes()).hexdigest()


def kept_in(folder: Path | None, identity: str, log: EpochLog | None = None) -> tuple[History, TrainingState | None]:
    """History and training state of a run in its folder; what a killed process left unfinished there is removed.

    Args:
        folder: run folder; None keeps the history in memory and no state.
        identity: ``run_identity`` of the run.
        log: who else is told each epoch's numbers.
    """
    if folder is None:
        return History(log=log), None
    for name in (HISTORY_NAME, STATE_NAME):
        remove_unfinished(folder / name)
    return History(folder / HISTORY_NAME, log), TrainingState(folder / STATE_NAME, identity)


class TrainingState(TorchCheckpointIO):
    """The file ``path``, which belongs to the run of this identity.

    Args:
        path: where the state is.
        identity: ``run_identity`` of the run.
    """

    def __init__(self, path: Path, identity: str) -> None:
        super().__init__()
        self.path, self._identity = path, identity

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None) -> None:
        """Write beside the target, flush to disk, rename.

        Raises:
            InputError: the file system refused; the state of the epoch before is still there.
        """
        try:
            with atomic_path(path) as temporary:
                torch.save(checkpoint | {"identity": self._identity}, temporary)
        except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError
            raise InputError(f"the training state cannot be written: {_first_line(error)}", file=path) from error

    def load_checkpoint(
        self,
        path: str | Path,
        map_location: Callable[..., Any] | None = None,
        weights_only: bool | None = True,
    ) -> dict[str, Any]:
        """Read tensors and plain values only; no code in the file is run.

        Raises:
            InputError: the file is damaged, or belongs to another run.
        """
        try:
            state = torch.load(path, map_location=map_location or "cpu", weights_only=True)
        except Exception as error:
            raise InputError(f"cannot resume from this training state: {_first_line(error)}", file=path) from error
        if not isinstance(state, dict) or state.get("identity") != self._identity:
            raise InputError(
                "this run was started with other settings or other data; resume it with the same ones, "
                "or choose a new folder",
                file=path,
            )
        return state


class SaveState(L.Callback):
    """Saves the whole training state after every epoch."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Save, now that the epoch's row of the history is closed."""
        trainer.save_checkpoint(self._path)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
