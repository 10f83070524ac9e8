"""The main job: pretrain on all training-fold signals, then compare with everything that must be beaten."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ssrl_ecg.augmentations.recipes import Recipe
from ssrl_ecg.data.labels import Labels
from ssrl_ecg.data.splits import Split
from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.evaluation.arms import HEAD_INVERSE_PENALTY, Arm, Family, ProbeArm, TrainedArm, in_turn
from ssrl_ecg.evaluation.floors import DEFAULT_FLOORS, FLOORS, check_floors, floor_plans
from ssrl_ecg.evaluation.label_fractions import (
    ArmPlan,
    LabelFractions,
    identity_of,
    run_design,
)
from ssrl_ecg.evaluation.record_facts import record_facts
from ssrl_ecg.files import jsonable, write_json
from ssrl_ecg.methods.method import Method
from ssrl_ecg.metrics.comparison import check_replicates
from ssrl_ecg.models.encoder import Encoder, EncoderConfig
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.checkpoint import EncoderCheckpoint, load_encoder, save_checkpoint
from ssrl_ecg.training.classify import ClassifyConfig
from ssrl_ecg.training.embed import Readout, embed
from ssrl_ecg.training.loop import Compute, stream_seed
from ssrl_ecg.training.pretrain import PretrainConfig, pretrain
from ssrl_ecg.training.probe import N_INNER_FOLDS
from ssrl_ecg.training.provenance import describe_weights
from ssrl_ecg.training.run import as_config

_BATCH = 256


@dataclass(frozen=True, kw_only=True)
class MethodPlan:
    """One self-supervised method with everything its pretraining depends on."""

    name: str
    """Name in the tables."""
    kind: type[Method]
    config: Any
    """The method's own frozen configuration."""
    pretrain: PretrainConfig
    recipe: Recipe
    """Augmentations of a view."""

    def settings(self) -> dict[str, Any]:
        """Plain values that identify the pretraining."""
        return {
            "method": self.kind.__name__,
            "config": as_config(self.config),
            "pretrain": as_config(self.pretrain),
            "recipe": self.recipe.to_dict(),
        }


@dataclass(frozen=True, kw_only=True)
class TrainingPlan:
    """How one kind of classifier is trained: settings and augmentations."""

    config: ClassifyConfig
    recipe: Recipe

    def settings(self) -> dict[str, Any]:
        """Plain values that identify the training."""
        return {"config": as_config(self.config), "recipe": self.recipe.to_dict()}


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Everything the main job needs beside the data."""

    encoder_kind: type[Encoder]
    encoder_config: EncoderConfig
    preprocessing: Preprocessing
    """Not fitted yet; it is fitted on the training signals of the splits."""
    methods: Sequence[MethodPlan]
    supervised: Mapping[str, TrainingPlan]
    """Rows that are trained from scratch, by name."""
    finetune: TrainingPlan | None
    design: LabelFractions
    n_pretrainings: int = 3
    """Pretrainings per method, seeds counted up from the method's; cells take them in turn."""
    floors: Sequence[str] | None = None
    """Names of ``FLOORS``; None for the default ones that fit the label set."""
    compute: Compute = field(default_factory=Compute)

    def check(self, n_replicates: int, level: float = 0.95) -> None:
        """Refuse, before hours of training, what would fail after them.

        Args:
            n_replicates: bootstrap replicates of the report.
            level: nominal coverage of its intervals.

        Raises:
            InputError: an unknown floor or one whose package is missing, or too few replicates for Holm's correction of
                all comparisons.
        """
        floors = DEFAULT_FLOORS if self.floors is None else self.floors
        check_floors(floors)
        n_methods = len(self.methods) * (1 if self.finetune is None else 2)
        n_others = len(self.supervised) + 1 + sum(FLOORS[name].compared for name in floors)
        n_comparisons = n_methods * n_others * self.design.n_amounts
        check_replicates(n_comparisons, n_replicates, level)

    def processes(self) -> dict[str, int]:
        """Plain values that identify a training by several processes, whose batches add up; none for a single one."""
        return {"devices": self.compute.devices} if self.compute.devices > 1 else {}

    def make_encoder(self) -> Encoder:
        """Build a fresh encoder from torch's current seed."""
        return self.encoder_kind(self.encoder_config)


class _Runner:
    """Builds arms on demand; pretrained encoders are kept in a folder, features in memory."""

    def __init__(
        self,
        experiment: Experiment,
        store: RecordStore,
        labels: Labels,
        splits: Sequence[Split],
        folder: Path,
        encoders: Path,
        progress: bool,
    ) -> None:
        self.experiment, self.store, self.labels, self.splits = experiment, store, labels, splits
        self.folder, self.encoders, self.progress = folder, encoders, progress
        rows = splits[0].train
        self.preprocessing = experiment.preprocessing.fitted(
            store.read_mv(rows[start : start + _BATCH]) for start in range(0, len(rows), _BATCH)
        )
        self.training_records = identity_of(store.records["record_id"].to_numpy()[rows])
        self._pretrained = cache(self._pretrain)
        self._features = cache(self._embed_pretrained)
        self._random_features = cache(self._embed_random)

    @property
    def probe_settings(self) -> dict[str, Any]:
        """What a probe depends on beside its features: how it chooses where no validation rows do."""
        return {} if any(len(split.validation) for split in self.splits) else {"inner_folds": N_INNER_FOLDS}

    def _pretrain(self, method: MethodPlan, number: int) -> Encoder:
        """Pretrain, or take the encoder of an earlier run with the same settings; note its history in the results."""
        config = replace(method.pretrain, seed=method.pretrain.seed + number)
        run_folder = self.encoders / f"{method.name.lower().replace(' ', '-')}-{config.seed}"
        path, history = run_folder / "encoder.safetensors", run_folder / "history.json"
        noted = self.folder / "pretraining" / f"{run_folder.name}.json"
        settings = jsonable(
            method.settings()
            | {
                "seed": config.seed,
                "encoder": as_config(self.experiment.encoder_config),
                "preprocessing": self.preprocessing.to_dict(),
                "data": self.store.facts.source_fingerprint,
                "records": self.training_records,
            }
            | self.experiment.processes()
        )
        if path.exists() and (saved := load_encoder(path)).provenance.get("settings") == settings:
            if history.exists():  # not beside encoders of runs that noted it in their results alone
                write_json(noted, json.loads(history.read_text(encoding="utf-8")))
            return saved.encoder
        rows = self.splits[0].train
        result = pretrain(
            lambda: method.kind(self.experiment.make_encoder(), method.config), self.store, rows,
            preprocessing=self.preprocessing, recipe=method.recipe, config=config, compute=self.experiment.compute,
            facts=record_facts(self.store, method.kind.needs, rows), watch_labels=self.labels,
            folder=run_folder, progress=self.progress,
        )  # fmt: skip
        provenance = describe_weights(["ssrl-ecg", "run"], settings, self.store, rows)
        for target in (history, noted):
            write_json(target, {"settings": settings, "history": result.history})
        save_checkpoint(path, EncoderCheckpoint(result.encoder, self.preprocessing, provenance))
        return result.encoder

    def _embed(self, encoder: Encoder) -> dict[Readout, np.ndarray]:
        """Features of every record by readout; those of the last layer stand at the end of those of all layers."""
        layers = embed(encoder, self.preprocessing, self.store, np.arange(len(self.store)), readout="layers")
        return {"last": np.ascontiguousarray(layers[:, -encoder.feature_dim :]), "layers": layers}

    def _embed_pretrained(self, method: MethodPlan, number: int) -> dict[Readout, np.ndarray]:
        return self._embed(self._pretrained(method, number))

    def _embed_random(self, number: int) -> dict[Readout, np.ndarray]:
        torch.manual_seed(stream_seed(self.experiment.design.first_seed + number, "initialisation"))
        return self._embed(self.experiment.make_encoder())

    def features(self, method: MethodPlan | None, readout: Readout = "last") -> Callable[[int], np.ndarray]:
        """Seed -> features of the method's encoders; None for random ones."""
        if method is None:
            return in_turn(self.experiment.n_pretrainings, lambda number: self._random_features(number)[readout])
        return in_turn(self.experiment.n_pretrainings, lambda number: self._features(method, number)[readout])

    def method_encoder(self, method: MethodPlan) -> Callable[[int], Encoder]:
        """Seed -> a copy of one of the method's pretrained encoders."""
        return in_turn(self.experiment.n_pretrainings, lambda number: copy.deepcopy(self._pretrained(method, number)))

    def trained(self, name: str, plan: TrainingPlan, method: MethodPlan | None) -> Arm:
        """Row that is fine-tuned from the method's encoders; None trains from scratch."""
        experiment = self.experiment
        return TrainedArm(
            name,
            "supervised" if method is None else "method",
            (lambda seed: experiment.make_encoder()) if method is None else self.method_encoder(method),
            self.preprocessing,
            plan.recipe,
            plan.config,
            None if method is None else self.features(method),
            experiment.compute,
        )


def arm_plans(runner: _Runner) -> list[ArmPlan]:
    """Rows in the order of the report: methods, supervised, floors."""
    experiment = runner.experiment
    common = {
        "encoder": experiment.encoder_kind.__name__,
        "encoder_config": as_config(experiment.encoder_config),
        "preprocessing": runner.preprocessing.to_dict(),
        "precision": experiment.compute.precision,
        **experiment.processes(),
        "data": runner.store.facts.source_fingerprint,
    }
    plans = [plan for method in experiment.methods for plan in _method_plans(runner, method, common)]
    for name, plan in experiment.supervised.items():
        settings = common | {"supervised": plan.settings()}
        plans.append(ArmPlan(name, "supervised", settings, partial(runner.trained, name, plan, None)))
    random = common | {"n_encoders": experiment.n_pretrainings} | runner.probe_settings
    plans += _probe_plans(runner, "random encoder probe", "floor", random, None)
    plans += floor_plans(runner.store, runner.labels, runner.splits[0].train, runner.preprocessing, experiment.floors)
    return plans


def _probe_plans(
    runner: _Runner, name: str, family: Family, settings: dict[str, Any], method: MethodPlan | None
) -> list[ArmPlan]:
    """Two probes of frozen encoders: on the feature vector, and on the averages of all layers."""

    def plan(name: str, settings: dict[str, Any], readout: Readout) -> ArmPlan:
        def build() -> Arm:
            return ProbeArm(name, family, runner.features(method, readout))

        return ArmPlan(name, family, settings, build, compared=readout == "last")

    return [plan(name, settings, "last"), plan(f"{name}, all layers", settings | {"readout": "layers"}, "layers")]


def _method_plans(runner: _Runner, method: MethodPlan, common: dict[str, Any]) -> list[ArmPlan]:
    """A method's frozen probe and, if asked for, its fine-tuned row."""
    experiment = runner.experiment
    pretraining = method.settings() | {"records": runner.training_records}
    settings = common | {"pretraining": pretraining, "n_pretrainings": experiment.n_pretrainings}
    plans = _probe_plans(runner, f"{method.name} frozen probe", "method", settings | runner.probe_settings, method)
    if experiment.finetune is not None:
        tuned = f"{method.name} fine-tuned"
        settings = settings | {"finetune": experiment.finetune.settings(), "head_inverse_penalty": HEAD_INVERSE_PENALTY}
        plans.append(ArmPlan(tuned, "method", settings, partial(runner.trained, tuned, experiment.finetune, method)))
    return plans


def run_experiment(
    experiment: Experiment,
    store: RecordStore,
    labels: Labels,
    splits: Sequence[Split],
    folder: Path,
    *,
    encoders: Path | None = None,
    progress: bool = True,
) -> None:
    """Pretrain, train, probe and score every cell; write the scores, subsets and splits into ``folder``.

    Pretraining sees the signals of the training rows only. An interrupted experiment goes on where it stopped.

    Args:
        experiment: what to compare.
        store: the records.
        labels: targets of every row.
        splits: one split, or several that share their training rows (rotation); without validation rows, nothing but
            the labelled rows chooses.
        folder: results folder.
        encoders: folder of the pretrained encoders; without it ``models`` in the results folder. One whose settings,
            records and preprocessing are those of this experiment is used, others are replaced.
        progress: show progress bars.

    Raises:
        InputError: a patient on both sides of a split, or anything the trainings refuse.
    """
    runner = _Runner(experiment, store, labels, splits, folder, encoders or folder / "models", progress)
    run_design(folder, arm_plans(runner), store, labels, splits, experiment.design, progress=progress)
