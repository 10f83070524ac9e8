"""Learn from records with labels what a finished classifier's answers are worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssrl_ecg.data.labels import Labels
from ssrl_ecg.data.splits import Rows
from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.errors import InputError
from ssrl_ecg.metrics.calibration import adaptive_calibration_error
from ssrl_ecg.metrics.conformal import LabelConditional
from ssrl_ecg.metrics.inputs import FloatArray, Targets
from ssrl_ecg.metrics.platt import cross_fitted_probabilities, fit_recalibration, uncalibrated
from ssrl_ecg.predict.outliers import Arrangement, Gaussian
from ssrl_ecg.predict.reliability import Reliability, conformal_scores
from ssrl_ecg.predict.strangeness import Strangeness, distances, set_limits
from ssrl_ecg.signals.character import Character, character
from ssrl_ecg.training.checkpoint import ClassifierCheckpoint
from ssrl_ecg.training.embed import record_outputs

_CHUNK = 256
_MOST_TRAINING_RECORDS = 5000
"""More than these describe what is ordinary no better, and every interchange is simulated on each."""


@dataclass(frozen=True, eq=False)
class Seen:
    """What a classifier and the signals say of some records.

    Attributes:
        logits: (record, class) float32.
        features: (record, feature) float32 of the encoder.
        facts: levels and arrangement of the signals.
    """

    logits: NDArray[np.float32]
    features: NDArray[np.float32]
    facts: Character

    @classmethod
    def of(cls, checkpoint: ClassifierCheckpoint, store: RecordStore, rows: Rows) -> Seen:
        """Look at records of a store, which has the checkpoint's rate and leads."""
        classifier = checkpoint.classifier
        n_classes = classifier.head.n_outputs
        n_outputs = n_classes + classifier.encoder.feature_dim
        outputs = record_outputs(
            classifier, n_outputs, checkpoint.preprocessing, store, rows, function=classifier.with_features
        )
        rate_hz = store.facts.sampling_rate_hz
        chunks = [rows[start : start + _CHUNK] for start in range(0, len(rows), _CHUNK)]
        parts = [character(store.read_mv(chunk), rate_hz) for chunk in chunks]
        facts = Character(*(np.concatenate(part) for part in zip(*parts, strict=True)))
        return cls(outputs[:, :n_classes], outputs[:, n_classes:], facts)


def fit_reliability(
    checkpoint: ClassifierCheckpoint, store: RecordStore, labels: Labels, training: Rows, validation: Rows
) -> Reliability:
    """Learn what is ordinary from training records, and everything else from validation records.

    Args:
        checkpoint: the classifier.
        store: records at its rate.
        labels: targets of every row.
        training: rows it was trained on, or others of the same kind; only their signals are read.
        validation: labelled rows that it was not trained on.

    Raises:
        InputError: other classes, too few records or patients, or what ``metrics.platt`` refuses.
    """
    check_classes(checkpoint, labels)
    if len(training) < 2 or len(validation) < 2:
        found = f"{len(training)} training and {len(validation)} validation records"
        raise InputError("too few records to calibrate on", expected="at least 2 of each", found=found)
    ordinary = training[np.linspace(0, len(training) - 1, min(len(training), _MOST_TRAINING_RECORDS)).astype(int)]
    known, held_out = Seen.of(checkpoint, store, ordinary), Seen.of(checkpoint, store, validation)
    models = (
        Gaussian.fit(known.features.astype(np.float64)),
        Gaussian.fit(known.facts.levels),
        Arrangement.fit(store.read_mv(ordinary), store.facts.sampling_rate_hz),
    )
    typical, limit = set_limits(distances(*models, held_out.features, held_out.facts))
    exclusive = checkpoint.task == "single"
    targets = labels.values[validation]
    recalibrated = fit_recalibration(targets, held_out.logits, exclusive=exclusive)
    patients = store.records["patient_id"].to_numpy()[validation]
    honest = cross_fitted_probabilities(targets, held_out.logits, patients, exclusive=exclusive)
    facts = {
        "n_validation": len(validation),
        "n_training": len(ordinary),
        "duration_s": store.facts.n_samples / store.facts.sampling_rate_hz,
        "validation": {
            "classes": checkpoint.classes,
            "n_positive": targets.sum(axis=0, dtype=np.int64),
            **calibration_errors(targets, held_out.logits, honest, exclusive=exclusive),
        },
    }
    return Reliability(
        recalibrated,
        LabelConditional(targets, conformal_scores(recalibrated, held_out.logits)),
        Strangeness(*models, typical, limit),
        facts,
    )


def calibration_errors(
    targets: Targets, logits: NDArray[np.floating], recalibrated: FloatArray, *, exclusive: bool
) -> dict[str, Any]:
    """Calibration error per class of the network's own probabilities and of recalibrated ones."""
    own = uncalibrated(targets.shape[1], exclusive=exclusive).probabilities(logits)
    return {
        "ece_before": adaptive_calibration_error(targets, own),
        "ece_after": adaptive_calibration_error(targets, recalibrated),
    }


def check_classes(checkpoint: ClassifierCheckpoint, labels: Labels) -> None:
    """Refuse labels that the classifier was not trained for.

    Raises:
        InputError: such labels.
    """
    if (labels.classes, labels.task) != (checkpoint.classes, checkpoint.task):
        raise InputError(
            "the classifier was trained for other classes",
            field=labels.name,
            expected=f"{checkpoint.task}: {', '.join(checkpoint.classes)}",
            found=f"{labels.task}: {', '.join(labels.classes)}",
        )
