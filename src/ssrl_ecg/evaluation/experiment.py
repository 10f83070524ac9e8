"""The main job: pretrain on all training-fold signals, then compare with everything that must be beaten."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ssrl_ecg.data.labels import Labels
from ssrl_ecg.data.splits import Split
from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.evaluation.arms import (
    HEAD_INVERSE_PENALTY,
    Arm,
    AttentionProbeArm,
    Family,
    ProbeArm,
    TrainedArm,
    in_turn,
)
from ssrl_ecg.evaluation.floors import floor_plans
from ssrl_ecg.evaluation.floors.arm import FloorArm
from ssrl_ecg.evaluation.floors.tables import standardised
from ssrl_ecg.evaluation.floors.workshop import CONSTANTS, Workshop
from ssrl_ecg.evaluation.kept_beside import signals_version
from ssrl_ecg.evaluation.label_fractions import ArmPlan, prepare_design
from ssrl_ecg.evaluation.noisy_student import Features
from ssrl_ecg.evaluation.plans import EncoderPlan, Experiment, MethodPlan, TrainingPlan
from ssrl_ecg.evaluation.pretrainings import Pretrainings
from ssrl_ecg.evaluation.remembering import Remembering
from ssrl_ecg.evaluation.revisions import code_version
from ssrl_ecg.evaluation.runner import CheckedCells, Execution
from ssrl_ecg.evaluation.whole_system import SHARE, WholeSystems
from ssrl_ecg.models.encoder import Encoder
from ssrl_ecg.training.attention_probe import AttentionProbeConfig, whole_record_maps
from ssrl_ecg.training.embed import Readout, embed
from ssrl_ecg.training.loop import stream_seed
from ssrl_ecg.training.probe import N_INNER_FOLDS
from ssrl_ecg.training.run import as_config
from ssrl_ecg.training.statistics import take_statistics, training_windows

_BATCH = 256
_MAPS = 3
"""Sets of feature maps kept in memory: those of one method's pretrainings, tens to hundreds of megabytes each."""


class Runner:
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
        rows = splits[0].train
        self.preprocessing = experiment.preprocessing.fitted(
            store.read_mv(rows[start : start + _BATCH]) for start in range(0, len(rows), _BATCH)
        )
        self.pretrainings = Pretrainings(
            experiment, store, labels, rows, self.preprocessing, notes=folder, folder=encoders, progress=progress
        )
        self._pretrained = Remembering(self.pretrainings.encoder)
        self._features = Remembering(lambda method, number: self._embed(self._pretrained(method, number)))
        self._random_features = Remembering(lambda encoder, number: self._embed(self._random(encoder, number)))
        self._maps = Remembering(lambda method, number: self._map(self._pretrained(method, number)), _MAPS)
        self._random_maps = Remembering(lambda encoder, number: self._map(self._random(encoder, number)), _MAPS)

    @property
    def probe_settings(self) -> dict[str, Any]:
        """What a probe depends on beside its features: how it chooses where no validation rows do."""
        return {} if any(len(split.validation) for split in self.splits) else {"inner_folds": N_INNER_FOLDS}

    def _embed(self, encoder: Encoder) -> dict[Readout, np.ndarray]:
        """Features of every record by readout; those of the last layer stand at the end of those of all layers."""
        layers = embed(encoder, self.preprocessing, self.store, np.arange(len(self.store)), readout="layers")
        return {"last": np.ascontiguousarray(layers[:, -encoder.feature_dim :]), "layers": layers}

    def _random(self, encoder: EncoderPlan, number: int) -> Encoder:
        """An encoder with random weights, and statistics as a pretrained one has them."""
        seed, rows = self.experiment.design.first_seed + number, self.splits[0].train
        torch.manual_seed(stream_seed(seed, "initialisation"))
        windows = training_windows(self.preprocessing, self.store, rows, stream_seed(seed, "statistics"))
        return take_statistics(encoder.build(), windows)

    def _map(self, encoder: Encoder) -> np.ndarray:
        return whole_record_maps(encoder, self.preprocessing, self.store)

    def features(self, source: MethodPlan | EncoderPlan, readout: Readout = "last") -> Callable[[int], np.ndarray]:
        """Seed -> features of a method's encoders, or of random ones."""
        if isinstance(source, EncoderPlan):
            count = self.experiment.n_pretrainings
            return in_turn(count, lambda number: self._random_features(source, number)[readout])
        count = self.experiment.n_pretrainings_of(source)
        return in_turn(count, lambda number: self._features(source, number)[readout])

    def maps(self, source: MethodPlan | EncoderPlan) -> Callable[[int], np.ndarray]:
        """Seed -> feature maps of a method's encoders, or of random ones."""
        if isinstance(source, EncoderPlan):
            return in_turn(self.experiment.n_pretrainings, lambda number: self._random_maps(source, number))
        return in_turn(self.experiment.n_pretrainings_of(source), lambda number: self._maps(source, number))

    def method_encoder(self, method: MethodPlan) -> Callable[[int], Encoder]:
        """Seed -> a copy of one of the method's pretrained encoders."""
        count = self.experiment.n_pretrainings_of(method)
        return in_turn(count, lambda number: copy.deepcopy(self._pretrained(method, number)))

    def trained(self, name: str, plan: TrainingPlan, method: MethodPlan | None) -> TrainedArm:
        """Row that is fine-tuned from the method's encoders; None trains from scratch."""
        experiment = self.experiment
        return TrainedArm(
            name,
            "supervised" if method is None else "method",
            (lambda seed: experiment.encoder.build()) if method is None else self.method_encoder(method),
            self.preprocessing,
            plan.recipe,
            plan.config,
            None if method is None else self.features(method),
            experiment.compute,
        )


def arm_plans(runner: Runner) -> list[ArmPlan]:
    """Rows in the order of the report: methods, supervised, floors."""
    experiment = runner.experiment
    common = {
        **experiment.encoder.settings(),
        "preprocessing": runner.preprocessing.to_dict(),
        "precision": experiment.compute.precision,
        **experiment.processes(),
        "data": runner.store.facts.fingerprint,
    }
    plans = [plan for method in experiment.methods for plan in _method_plans(runner, method, common)]
    for name, plan in experiment.supervised.items():
        settings = common | {"supervised": plan.settings()}
        plans.append(ArmPlan(name, "supervised", settings, partial(runner.trained, name, plan, None)))
    for encoder in experiment.encoders:
        own = encoder == experiment.encoder
        name = "random encoder probe" if own else f"random {encoder.kind.__name__} probe"
        settings = common | encoder.settings() | {"n_encoders": experiment.n_pretrainings, "statistics": "training"}
        plans += [
            replace(plan, compared=plan.compared and own) for plan in _probe_plans(runner, name, settings, encoder)
        ]
    plans += floor_plans(runner.store, runner.labels, runner.splits[0].train, runner.preprocessing, experiment.floors)
    return plans + (_system_plans(runner, common) if experiment.whole_systems else [])


def _system_plans(runner: Runner, common: dict[str, Any]) -> list[ArmPlan]:
    """The whole system with each method's encoder, and without any."""
    systems = WholeSystems(Workshop(runner.store, runner.labels, runner.splits[0].train, runner.preprocessing))
    floors = common | {"floors": CONSTANTS, "measurements": signals_version(), "share": SHARE} | code_version("floors")

    def plan(name: str, family: Family, settings: dict[str, Any], features: Features | None) -> ArmPlan:
        return ArmPlan(
            name, family, settings, lambda: FloorArm(name, systems.system(features), False, family),
            gives_logits=False, compared=False, knowledge=True,
        )  # fmt: skip

    plans = [plan("self-training of the ensemble", "floor", floors, None)]
    for method in runner.experiment.methods:
        n_pretrainings = runner.experiment.n_pretrainings_of(method)
        settings = floors | {"pretraining": method.settings(), "n_pretrainings": n_pretrainings}
        layers = runner.features(method, "layers")
        scaled = Remembering(lambda number, layers=layers: standardised(layers(number), runner.splits[0].train))
        system = plan(f"{method.name} in the whole system", "method", settings, in_turn(n_pretrainings, scaled))
        plans.append(replace(system, pretrainings=runner.pretrainings.keys(method)))
    return plans


def _probe_plans(
    runner: Runner, name: str, settings: dict[str, Any], source: MethodPlan | EncoderPlan
) -> list[ArmPlan]:
    """Probes of frozen encoders: of the feature vector, of all layers' averages, and by attention if asked for."""
    family: Family = "method" if isinstance(source, MethodPlan) else "floor"

    def linear(name: str, readout: Readout) -> Arm:
        return ProbeArm(name, family, runner.features(source, readout))

    layers, attention = f"{name}, all layers", f"{name}, attention"
    fitted = settings | runner.probe_settings | code_version("features", "probe")
    plans = [
        ArmPlan(name, family, fitted, partial(linear, name, "last")),
        ArmPlan(layers, family, fitted | {"readout": "layers"}, partial(linear, layers, "layers"), compared=False),
    ]
    if runner.experiment.attention_probe:
        head = {"readout": "attention", "head": as_config(AttentionProbeConfig())}
        trained = settings | head | code_version("features", "attention probe")
        build = lambda: AttentionProbeArm(attention, family, runner.maps(source))  # noqa: E731
        plans.append(ArmPlan(attention, family, trained, build, compared=False))
    return plans


def _method_plans(runner: Runner, method: MethodPlan, common: dict[str, Any]) -> list[ArmPlan]:
    """A method's frozen probes and, if asked for, its fine-tuned row."""
    experiment = runner.experiment
    pretraining = method.settings() | {"records": runner.pretrainings.records}
    settings = common | experiment.encoder_of(method).settings()
    settings |= {"pretraining": pretraining, "n_pretrainings": experiment.n_pretrainings_of(method)}
    plans = _probe_plans(runner, f"{method.name} frozen probe", settings, method)
    if experiment.finetune is not None and method.finetuned:
        tuned = f"{method.name} fine-tuned"
        settings = settings | {"finetune": experiment.finetune.settings(), "head_inverse_penalty": HEAD_INVERSE_PENALTY}
        plans.append(ArmPlan(tuned, "method", settings, partial(runner.trained, tuned, experiment.finetune, method)))
    needed = runner.pretrainings.keys(method)
    return [replace(plan, knowledge=method.knowledge, pretrainings=needed) for plan in plans]


def prepare_experiment(
    experiment: Experiment,
    store: RecordStore,
    labels: Labels,
    splits: Sequence[Split],
    folder: Path,
    *,
    encoders: Path | None = None,
    execution: Execution | None = None,
    make_plans: Callable[[Runner], list[ArmPlan]] = arm_plans,
) -> CheckedCells:
    """List every cell; ``run`` then pretrains, trains, probes and scores, and writes subsets and splits too.

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
        execution: how cells are computed; without it one after the other. Where one training takes several devices,
            cells are computed one after the other in any case.
        make_plans: the rows, of a protocol with others than those of every comparison.

    Raises:
        InputError: a patient on both sides of a split, or what ``check_cells`` refuses.
    """
    execution = execution or Execution()
    if experiment.compute.devices > 1:
        execution = replace(execution, workers=1, ray=None)
    runner = Runner(experiment, store, labels, splits, folder, encoders or folder / "models", execution.progress)
    plans, pretrainings = make_plans(runner), runner.pretrainings.jobs()
    return prepare_design(
        folder, plans, store, labels, splits, experiment.design, execution, pretrainings,
        runner.pretrainings.forget_lost,
    )  # fmt: skip
