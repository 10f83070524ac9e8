"""Pretrained encoders of an experiment: each is learnt once, kept in a folder, and used again by whoever asks."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ssrl_ecg.data.labels import Labels
from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.evaluation.cell_jobs import CellJob, Key
from ssrl_ecg.evaluation.cells import cell_path, identity_of
from ssrl_ecg.evaluation.plans import Experiment, MethodPlan
from ssrl_ecg.evaluation.record_facts import record_facts
from ssrl_ecg.evaluation.simulated_start import simulated_encoder
from ssrl_ecg.files import jsonable, remove, write_json
from ssrl_ecg.methods.method import Method
from ssrl_ecg.models.encoder import Encoder
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.checkpoint import EncoderCheckpoint, load_encoder, save_checkpoint
from ssrl_ecg.training.embed import module_hash
from ssrl_ecg.training.pretrain import PretrainConfig, pretrain
from ssrl_ecg.training.provenance import describe_weights
from ssrl_ecg.training.run import as_config

GROUP = "pretraining"
"""Group of the cells that say which encoders there are."""


class Pretrainings:
    """Encoders of every method and number, learnt from the training rows' signals.

    Args:
        experiment: the methods.
        store: the records.
        labels: targets that watched probes use; nothing is learnt from them.
        rows: training rows.
        preprocessing: fitted.
        notes: results folder; histories go to ``pretraining`` in it.
        folder: where encoders are kept.
        progress: show progress bars.
    """

    def __init__(
        self,
        experiment: Experiment,
        store: RecordStore,
        labels: Labels,
        rows: np.ndarray,
        preprocessing: Preprocessing,
        *,
        notes: Path,
        folder: Path,
        progress: bool,
    ) -> None:
        self.experiment, self.store, self.labels, self.rows = experiment, store, labels, rows
        self.preprocessing, self.notes, self.folder, self.progress = preprocessing, notes, folder, progress
        self.records = identity_of(store.records["record_id"].to_numpy()[rows])

    def __getstate__(self) -> dict[str, Any]:
        """In another process nobody watches a progress bar."""
        return self.__dict__ | {"progress": False}

    def jobs(self) -> list[CellJob]:
        """Every pretraining as a cell, whose array is the hash of the encoder's weights."""
        return [
            CellJob(
                *self.key(method, number),
                identity_of(self._settings(method, number)),
                partial(self._weights, method, number),
                many_threads=True,
            )
            for method in self.experiment.methods
            for number in range(self.experiment.n_pretrainings_of(method))
        ]

    def forget_lost(self, folder: Path) -> None:
        """Take back the cells, in a results folder, of encoders that are not where they are kept."""
        for method in self.experiment.methods:
            for number in range(self.experiment.n_pretrainings_of(method)):
                if not self._path(method, number).exists():
                    remove(cell_path(folder, *self.key(method, number)))

    def keys(self, method: MethodPlan) -> tuple[Key, ...]:
        """Cells of a method's pretrainings."""
        return tuple(self.key(method, number) for number in range(self.experiment.n_pretrainings_of(method)))

    def key(self, method: MethodPlan, number: int) -> Key:
        """Cell of one pretraining."""
        return GROUP, self._path(method, number).parent.name

    def _path(self, method: MethodPlan, number: int) -> Path:
        name = f"{method.name.lower().replace(' ', '-')}-{self._config(method, number).seed}"
        return self.folder / name / "encoder.safetensors"

    def _config(self, method: MethodPlan, number: int) -> PretrainConfig:
        return replace(method.pretrain, seed=method.pretrain.seed + number)

    def _settings(self, method: MethodPlan, number: int) -> dict[str, Any]:
        settings: dict[str, Any] = jsonable(
            method.settings()
            | {
                "seed": self._config(method, number).seed,
                "encoder": as_config(self.experiment.encoder_of(method).config),
                "preprocessing": self.preprocessing.to_dict(),
                "data": self.store.facts.fingerprint,
                "records": self.records,
            }
            | self.experiment.processes()
        )
        return settings

    def _weights(self, method: MethodPlan, number: int) -> dict[str, Any]:
        return {"weights": np.array(module_hash(self.encoder(method, number)))}

    def encoder(self, method: MethodPlan, number: int) -> Encoder:
        """Pretrain, or take the encoder of an earlier run with the same settings; note its history in the results."""
        path, settings = self._path(method, number), self._settings(method, number)
        history, noted = path.with_name("history.json"), self.notes / "pretraining" / f"{path.parent.name}.json"
        if path.exists() and (saved := load_encoder(path)).provenance.get("settings") == settings:
            if history.exists():  # not beside encoders of runs that noted it in their results alone
                write_json(noted, json.loads(history.read_text(encoding="utf-8")))
            return saved.encoder
        started = time.process_time()
        encoder, trained = self._learn(method, self._config(method, number), path.parent)
        processor_s = time.process_time() - started
        provenance = describe_weights(["ssrl-ecg", "run"], settings, self.store, self.rows)
        for target in (history, noted):
            write_json(target, {"settings": settings, "history": trained, "processor_s": processor_s})
        save_checkpoint(path, EncoderCheckpoint(encoder, self.preprocessing, provenance))
        return encoder

    def _learn(
        self, method: MethodPlan, config: PretrainConfig, folder: Path
    ) -> tuple[Encoder, list[dict[str, float]]]:
        """Pretrain: first on simulated records if the plan says so, then on the recordings unless those were all."""
        plan, compute, start = self.experiment.encoder_of(method), self.experiment.compute, None
        if method.start is not None:
            seeded = replace(method.start, pretrain=replace(method.start.pretrain, seed=config.seed))
            start = simulated_encoder(seeded, plan.build, self.preprocessing, compute=compute, progress=self.progress)
            if "simulation" in method.kind.needs:
                return start, []

        def make_method() -> Method:
            made = method.kind(plan.build(), method.config)
            if start is not None:
                made.encoder.load_state_dict(start.state_dict())
            return made

        result = pretrain(
            make_method, self.store, self.rows, preprocessing=self.preprocessing, recipe=method.recipe, config=config,
            compute=compute, facts=record_facts(self.store, method.kind.needs, self.rows), watch_labels=self.labels,
            folder=folder, progress=self.progress,
        )  # fmt: skip
        return result.encoder, result.history
