"""The main job: pretrain on all training-fold signals, then compare with everything that must be beaten."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache, partial
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
from ssrl_ecg.evaluation.floors import DEFAULT_FLOORS, FLOORS, check_floors, floor_plans
from ssrl_ecg.evaluation.floors.arm import FloorArm
from ssrl_ecg.evaluation.floors.tables import standardised
from ssrl_ecg.evaluation.floors.workshop import CONSTANTS, Workshop
from ssrl_ecg.evaluation.kept_beside import signals_version
from ssrl_ecg.evaluation.label_fractions import (
    ArmPlan,
    LabelFractions,
    identity_of,
    run_design,
)
from ssrl_ecg.evaluation.noisy_student import Features
from ssrl_ecg.evaluation.plans import EncoderPlan, MethodPlan, TrainingPlan
from ssrl_ecg.evaluation.record_facts import record_facts
from ssrl_ecg.evaluation.simulated_start import simulated_encoder
from ssrl_ecg.evaluation.whole_system import SHARE, WholeSystems
from ssrl_ecg.files import jsonable, write_json
from ssrl_ecg.methods.method import Method
from ssrl_ecg.metrics.comparison import check_replicates
from ssrl_ecg.models.encoder import Encoder
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.attention_probe import AttentionProbeConfig, whole_record_maps
from ssrl_ecg.training.checkpoint import EncoderCheckpoint, load_encoder, save_checkpoint
from ssrl_ecg.training.embed import Readout, embed
from ssrl_ecg.training.loop import Compute, stream_seed
from ssrl_ecg.training.pretrain import PretrainConfig, pretrain
from ssrl_ecg.training.probe import N_INNER_FOLDS
from ssrl_ecg.training.provenance import describe_weights
from ssrl_ecg.training.run import as_config

_BATCH = 256
_MAPS = 3
"""Sets of feature maps kept in memory: those of one method's pretrainings, tens to hundreds of megabytes each."""


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Everything the main job needs beside the data."""

    encoder: EncoderPlan
    """Of the supervised rows, and of every method without its own."""
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
    attention_probe: bool = False
    """Whether frozen encoders are also read out by attention (``training.attention_probe``)."""
    whole_systems: bool = False
    """Whether the floors' ensemble also teaches students, in each method's features and, as a control, without them."""
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

    def encoder_of(self, method: MethodPlan | None) -> EncoderPlan:
        """The encoder a method is pretrained in; of None, the experiment's."""
        return self.encoder if method is None or method.encoder is None else method.encoder

    def n_pretrainings_of(self, method: MethodPlan | None) -> int:
        """How many encoders a method, or the random floor, has."""
        return self.n_pretrainings if method is None or method.n_pretrainings is None else method.n_pretrainings

    @property
    def encoders(self) -> tuple[EncoderPlan, ...]:
        """Every encoder once, the experiment's first."""
        return tuple(dict.fromkeys([self.encoder, *(self.encoder_of(method) for method in self.methods)]))


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
        self._features = cache(lambda method, number: self._embed(self._pretrained(method, number)))
        self._random_features = cache(lambda encoder, number: self._embed(self._random(encoder, number)))
        self._maps = lru_cache(_MAPS)(lambda method, number: self._map(self._pretrained(method, number)))
        self._random_maps = lru_cache(_MAPS)(lambda encoder, number: self._map(self._random(encoder, number)))

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
                "encoder": as_config(self.experiment.encoder_of(method).config),
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
        rows, started = self.splits[0].train, time.process_time()
        encoder, trained = self._learn(method, config, run_folder)
        processor_s = time.process_time() - started
        provenance = describe_weights(["ssrl-ecg", "run"], settings, self.store, rows)
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

        rows = self.splits[0].train
        result = pretrain(
            make_method, self.store, rows, preprocessing=self.preprocessing, recipe=method.recipe, config=config,
            compute=compute, facts=record_facts(self.store, method.kind.needs, rows), watch_labels=self.labels,
            folder=folder, progress=self.progress,
        )  # fmt: skip
        return result.encoder, result.history

    def _embed(self, encoder: Encoder) -> dict[Readout, np.ndarray]:
        """Features of every record by readout; those of the last layer stand at the end of those of all layers."""
        layers = embed(encoder, self.preprocessing, self.store, np.arange(len(self.store)), readout="layers")
        return {"last": np.ascontiguousarray(layers[:, -encoder.feature_dim :]), "layers": layers}

    def _random(self, encoder: EncoderPlan, number: int) -> Encoder:
        torch.manual_seed(stream_seed(self.experiment.design.first_seed + number, "initialisation"))
        return encoder.build()

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

    def trained(self, name: str, plan: TrainingPlan, method: MethodPlan | None) -> Arm:
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


def arm_plans(runner: _Runner) -> list[ArmPlan]:
    """Rows in the order of the report: methods, supervised, floors."""
    experiment = runner.experiment
    common = {
        **experiment.encoder.settings(),
        "preprocessing": runner.preprocessing.to_dict(),
        "precision": experiment.compute.precision,
        **experiment.processes(),
        "data": runner.store.facts.source_fingerprint,
    }
    plans = [plan for method in experiment.methods for plan in _method_plans(runner, method, common)]
    for name, plan in experiment.supervised.items():
        settings = common | {"supervised": plan.settings()}
        plans.append(ArmPlan(name, "supervised", settings, partial(runner.trained, name, plan, None)))
    for encoder in experiment.encoders:
        own = encoder == experiment.encoder
        name = "random encoder probe" if own else f"random {encoder.kind.__name__} probe"
        settings = common | encoder.settings() | {"n_encoders": experiment.n_pretrainings}
        plans += [
            replace(plan, compared=plan.compared and own) for plan in _probe_plans(runner, name, settings, encoder)
        ]
    plans += floor_plans(runner.store, runner.labels, runner.splits[0].train, runner.preprocessing, experiment.floors)
    return plans + (_system_plans(runner, common) if experiment.whole_systems else [])


def _system_plans(runner: _Runner, common: dict[str, Any]) -> list[ArmPlan]:
    """The whole system with each method's encoder, and without any."""
    systems = WholeSystems(Workshop(runner.store, runner.labels, runner.splits[0].train, runner.preprocessing))
    floors = common | {"floors": CONSTANTS, "measurements": signals_version(), "share": SHARE}

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
        scaled = cache(lambda number, layers=layers: standardised(layers(number), runner.splits[0].train))
        plans.append(plan(f"{method.name} in the whole system", "method", settings, in_turn(n_pretrainings, scaled)))
    return plans


def _probe_plans(
    runner: _Runner, name: str, settings: dict[str, Any], source: MethodPlan | EncoderPlan
) -> list[ArmPlan]:
    """Probes of frozen encoders: of the feature vector, of all layers' averages, and by attention if asked for."""
    family: Family = "method" if isinstance(source, MethodPlan) else "floor"

    def linear(name: str, readout: Readout) -> Arm:
        return ProbeArm(name, family, runner.features(source, readout))

    layers, attention = f"{name}, all layers", f"{name}, attention"
    fitted = settings | runner.probe_settings
    plans = [
        ArmPlan(name, family, fitted, partial(linear, name, "last")),
        ArmPlan(layers, family, fitted | {"readout": "layers"}, partial(linear, layers, "layers"), compared=False),
    ]
    if runner.experiment.attention_probe:
        trained = settings | {"readout": "attention", "head": as_config(AttentionProbeConfig())}
        build = lambda: AttentionProbeArm(attention, family, runner.maps(source))  # noqa: E731
        plans.append(ArmPlan(attention, family, trained, build, compared=False))
    return plans


def _method_plans(runner: _Runner, method: MethodPlan, common: dict[str, Any]) -> list[ArmPlan]:
    """A method's frozen probes and, if asked for, its fine-tuned row."""
    experiment = runner.experiment
    pretraining = method.settings() | {"records": runner.training_records}
    settings = common | experiment.encoder_of(method).settings()
    settings |= {"pretraining": pretraining, "n_pretrainings": experiment.n_pretrainings_of(method)}
    plans = _probe_plans(runner, f"{method.name} frozen probe", settings, method)
    if experiment.finetune is not None and method.finetuned:
        tuned = f"{method.name} fine-tuned"
        settings = settings | {"finetune": experiment.finetune.settings(), "head_inverse_penalty": HEAD_INVERSE_PENALTY}
        plans.append(ArmPlan(tuned, "method", settings, partial(runner.trained, tuned, experiment.finetune, method)))
    return [replace(plan, knowledge=method.knowledge) for plan in plans]


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
