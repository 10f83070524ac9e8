"""What is logged: one row of numbers per epoch, kept through a resume and written as CSV after every epoch."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning as L

from ssrl_ecg.files import atomic_path
from ssrl_ecg.training.epoch_logs import EpochLog

HISTORY_NAME = "history.csv"


def write_history(path: Path, rows: Sequence[Mapping[str, float]]) -> None:
    """Write rows of numbers as CSV, with a column for every name that any row has."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows({name: f"{value:.6g}" for name, value in row.items()} for row in rows)


class History(L.Callback):
    """Collects each epoch's mean of everything the module logs, and what other callbacks add.

    Args:
        path: where ``history.csv`` goes; None keeps the rows in memory only.
        log: who else is told each row; not told again the rows of the run that is resumed.
    """

    def __init__(self, path: Path | None = None, log: EpochLog | None = None) -> None:
        self._path, self._log = path, log
        self.rows: list[dict[str, float]] = []
        self._extra: dict[str, float] = {}

    def add(self, values: dict[str, float]) -> None:
        """Add numbers to the row of the epoch that is ending."""
        self._extra.update(values)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Close the epoch's row."""
        logged = {name: float(value) for name, value in trainer.callback_metrics.items()}
        self.rows.append({"epoch": float(trainer.current_epoch), **logged, **self._extra})
        self._extra = {}
        if self._path is not None and trainer.is_global_zero:
            write_history(self._path, self.rows)
        if self._log is not None and trainer.is_global_zero:
            self._log(self.rows[-1])

    def state_dict(self) -> dict[str, Any]:
        """Rows so far, for the training state."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the rows of the run that is resumed."""
        self.rows = state_dict["rows"]
