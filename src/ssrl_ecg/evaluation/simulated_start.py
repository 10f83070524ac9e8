"""Pretraining on simulated records, to start a pretraining on recordings from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from ssrl_ecg.augmentations.recipes import Recipe, timeout_leads
from ssrl_ecg.data.ptbxl import PTBXL
from ssrl_ecg.data.store import RecordStore, build_store
from ssrl_ecg.data.synthetic import write_synthetic_ptbxl
from ssrl_ecg.evaluation.record_facts import simulation_facts
from ssrl_ecg.methods.simulation import Simulation, SimulationConfig
from ssrl_ecg.models.encoder import Encoder
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.loop import Compute
from ssrl_ecg.training.pretrain import PretrainConfig, pretrain
from ssrl_ecg.training.run import as_config


@dataclass(frozen=True, kw_only=True)
class SimulatedStart:
    """A simulation pretraining with everything it depends on."""

    n_records: int = 4000
    """Simulated records (>= 10); about three times as many as the sample has, our choice."""
    cohort_seed: int = 0
    """Seed of the cohort."""
    config: SimulationConfig = field(default_factory=SimulationConfig)
    pretrain: PretrainConfig = field(default_factory=lambda: PretrainConfig(epochs=20))
    recipe: Recipe = field(default_factory=timeout_leads)
    """Augmentations of a view; they must keep time."""

    def settings(self) -> dict[str, Any]:
        """Plain values that identify the pretraining, beside the encoder's and the preprocessing's."""
        return {
            "simulated_records": self.n_records,
            "cohort_seed": self.cohort_seed,
            "method": Simulation.__name__,
            "config": as_config(self.config),
            "pretrain": as_config(self.pretrain),
            "recipe": self.recipe.to_dict(),
        }


def simulated_encoder(
    start: SimulatedStart,
    make_encoder: Callable[[], Encoder],
    preprocessing: Preprocessing,
    *,
    compute: Compute | None = None,
    progress: bool = True,
) -> Encoder:
    """Pretrain an encoder on a cohort that is simulated for it and deleted afterwards.

    Args:
        start: cohort and training; its seed is that of ``start.pretrain``.
        make_encoder: builds a fresh encoder.
        preprocessing: what the encoder will be fed; statistics are fitted to the simulated records in place of its own.
        compute: precision and devices.
        progress: show progress bars.

    Raises:
        InputError: another rate than PTB-XL's, or anything pretraining refuses.
    """
    with TemporaryDirectory() as folder:
        store = _cohort(start, Path(folder), preprocessing.sampling_rate_hz, progress)
        rows = np.arange(len(store))
        unfitted = replace(preprocessing, mean_mv=None, sd_mv=None)
        return pretrain(
            lambda: Simulation(make_encoder(), start.config),
            store,
            rows,
            preprocessing=unfitted.fitted(map(store.read_mv, np.array_split(rows, 1 + len(rows) // 256))),
            recipe=start.recipe,
            config=start.pretrain,
            compute=compute,
            facts=simulation_facts(store, rows),
            progress=progress,
        ).encoder


def _cohort(start: SimulatedStart, folder: Path, sampling_rate_hz: float, progress: bool) -> RecordStore:
    rate_hz = int(sampling_rate_hz)
    root = write_synthetic_ptbxl(folder / "tree", start.n_records, start.cohort_seed, rate_hz, progress=progress)
    return build_store(PTBXL(root, rate_hz), folder / "store", progress=progress).store
