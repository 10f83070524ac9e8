"""What a comparison would cost: one training of each kind is rehearsed, and multiplied by how many there would be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ssrl_ecg.data.labels import Labels
from ssrl_ecg.data.splits import Split
from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.evaluation.label_fractions import Cell, make_cells
from ssrl_ecg.evaluation.plans import Experiment, MethodPlan, TrainingPlan
from ssrl_ecg.evaluation.record_facts import record_facts
from ssrl_ecg.models import Classifier, LinearHead, LinearHeadConfig
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.classify import train_classifier
from ssrl_ecg.training.pretrain import pretrain
from ssrl_ecg.training.rehearsal import Estimate, rehearsing

_BATCH = 256


@dataclass(frozen=True)
class Share:
    """What one row of the comparison costs.

    Attributes:
        name: "SimCLR pretraining", "supervised", "SimCLR fine-tuned".
        n_trainings: how many trainings that is.
        total_s: all of them, one after the other; an upper bound, as trainings on few labels have smaller batches and
            may stop early.
        peak_memory_mb: of one of them.
    """

    name: str
    n_trainings: int
    total_s: float
    peak_memory_mb: float


class Forecast:
    """Rehearses the trainings of an experiment; probes, floors and the report are not among them.

    Args:
        experiment: what would be compared.
        store: the records.
        labels: targets of every row.
        splits: as the experiment gets them.
    """

    def __init__(self, experiment: Experiment, store: RecordStore, labels: Labels, splits: Sequence[Split]) -> None:
        self._experiment, self._store, self._labels = experiment, store, labels
        self._rows = splits[0].train
        self._validations = {str(number): split.validation for number, split in enumerate(splits)
                             if len(split.validation)}  # fmt: skip
        known = self._rows[labels.known[self._rows]]
        patients = store.records["patient_id"].to_numpy()
        cells = make_cells(experiment.design, labels, patients, known)
        self._cells = [cell for cell in cells if len(cell.rows)]
        self._preprocessing: Preprocessing = experiment.preprocessing.fitted(
            store.read_mv(self._rows[start : start + _BATCH]) for start in range(0, len(self._rows), _BATCH)
        )

    def shares(self) -> list[Share]:
        """Rehearse one training of each kind; pretraining on simulated records, if there is any, is not counted."""
        experiment = self._experiment
        shares = [self._pretraining(method) for method in experiment.methods]
        shares += [self._training(name, plan) for name, plan in experiment.supervised.items()]
        if experiment.finetune is not None:
            tuned = [method for method in experiment.methods if method.finetuned]
            shares += [self._training(f"{method.name} fine-tuned", experiment.finetune, method) for method in tuned]
        return shares

    def _pretraining(self, method: MethodPlan) -> Share:
        experiment = self._experiment
        with rehearsing() as rehearsal:
            pretrain(
                lambda: method.kind(experiment.encoder_of(method).build(), method.config), self._store, self._rows,
                preprocessing=self._preprocessing, recipe=method.recipe, config=method.pretrain,
                compute=experiment.compute, facts=record_facts(self._store, method.kind.needs, self._rows),
                watch_labels=self._labels, progress=False,
            )  # fmt: skip
        estimate = _made(rehearsal.estimate)
        count = experiment.n_pretrainings_of(method)
        return Share(f"{method.name} pretraining", count, count * estimate.total_s, estimate.peak_memory_mb)

    def _training(self, name: str, plan: TrainingPlan, method: MethodPlan | None = None) -> Share:
        experiment, largest = self._experiment, max(self._cells, key=lambda cell: len(cell.rows))

        def make_classifier() -> Classifier:
            encoder = experiment.encoder_of(method).build()
            n_classes = len(self._labels.classes)
            head = LinearHead(LinearHeadConfig(), feature_dim=encoder.feature_dim, n_outputs=n_classes)
            return Classifier(encoder, head)

        with rehearsing() as rehearsal:
            train_classifier(
                make_classifier, self._store, largest.rows, self._labels, preprocessing=self._preprocessing,
                recipe=plan.recipe, config=plan.config, validations=self._validations, compute=experiment.compute,
                progress=False,
            )  # fmt: skip
        estimate = _made(rehearsal.estimate)
        total_s = sum(_cell_s(plan, cell, estimate) for cell in self._cells)
        return Share(name, len(self._cells), total_s, estimate.peak_memory_mb)


def _made(estimate: Estimate | None) -> Estimate:
    assert estimate is not None
    return estimate


def _cell_s(plan: TrainingPlan, cell: Cell, estimate: Estimate) -> float:
    """Time of the training of one cell, whose steps depend on how many labels it has."""
    n_steps = plan.config.total_steps(len(cell.rows))
    return n_steps * estimate.step_s + math.ceil(n_steps / plan.config.evaluate_every) * estimate.epoch_end_s
