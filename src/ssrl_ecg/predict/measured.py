"""Does what was promised hold on records that took no part? Calibration, coverage, and faults that must be noticed."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ssrl_ecg.data.labels import Labels
from ssrl_ecg.data.splits import Rows
from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.metrics.conformal import measure_coverage
from ssrl_ecg.metrics.inputs import FloatArray
from ssrl_ecg.metrics.multilabel import auroc
from ssrl_ecg.predict.faults import FAULTS
from ssrl_ecg.predict.fitting import Seen, calibration_errors, check_classes
from ssrl_ecg.predict.reliability import Reliability
from ssrl_ecg.signals.character import character
from ssrl_ecg.training.checkpoint import ClassifierCheckpoint
from ssrl_ecg.training.windows import over_windows

COVERAGES = (0.8, 0.9, 0.95)
"""Promises that are put to the test."""


def measure_reliability(
    checkpoint: ClassifierCheckpoint,
    reliability: Reliability,
    store: RecordStore,
    labels: Labels,
    rows: Rows,
    *,
    generator: np.random.Generator,
    n_faulty: int = 200,
) -> dict[str, Any]:
    """Measure on test records.

    Args:
        checkpoint: the classifier.
        reliability: what was learned about it.
        store: records at its rate.
        labels: targets of every row.
        rows: labelled rows that took no part in training or calibration.
        generator: of noise and flat leads, and of which records are spoiled.
        n_faulty: records that are spoiled in each way.

    Returns:
        ``calibration``: ``ece_before`` and ``ece_after``, per class; ``coverage``: promise -> what
        ``metrics.conformal.Coverage`` has; ``faults``: kind of fault -> AUROC of strangeness for spoiled against sound
        records, of all forms together and of each, and the share of spoiled records above 1; and the share of sound
        records above 1.

    Raises:
        InputError: other classes, or no record.
    """
    check_classes(checkpoint, labels)
    seen, targets = Seen.of(checkpoint, store, rows), labels.values[rows]
    probabilities = reliability.recalibrated.probabilities(seen.logits)
    scores = reliability.scores(seen.logits)
    sound = reliability.strangeness.aspects(seen.features, seen.facts).max(axis=1)
    spoiled_rows = generator.choice(rows, min(n_faulty, len(rows)), replace=False)
    return {
        "classes": checkpoint.classes,
        "n_records": len(rows),
        "n_positive": targets.sum(axis=0, dtype=np.int64),
        "calibration": calibration_errors(
            targets, seen.logits, probabilities, exclusive=reliability.recalibrated.exclusive
        ),
        "coverage": {
            f"{promise:g}": vars(measure_coverage(targets, reliability.label_sets.open_answers(scores, promise)))
            for promise in COVERAGES
        },
        "share_of_sound_above_1": float((sound > 1).mean()),
        "faults": _noticed(checkpoint, reliability, store, spoiled_rows, sound, generator),
    }


def _noticed(
    checkpoint: ClassifierCheckpoint,
    reliability: Reliability,
    store: RecordStore,
    rows: Rows,
    sound: FloatArray,
    generator: np.random.Generator,
) -> dict[str, Any]:
    signals_mv, rate_hz = store.read_mv(rows), store.facts.sampling_rate_hz
    kinds = {}
    for kind, forms in FAULTS.items():
        strange = {
            form: _strangeness(checkpoint, reliability, spoil(signals_mv, rate_hz, generator), rate_hz)
            for form, spoil in forms.items()
        }
        together = np.concatenate(list(strange.values()))
        kinds[kind] = {
            "auroc": _told_apart(together, sound),
            "share_above_1": float((together > 1).mean()),
            "forms": {form: _told_apart(values, sound) for form, values in strange.items()},
        }
    return kinds


def _strangeness(
    checkpoint: ClassifierCheckpoint, reliability: Reliability, signals_mv: np.ndarray, rate_hz: float
) -> FloatArray:
    classifier = checkpoint.classifier
    with torch.inference_mode():
        outputs = torch.cat(
            [
                over_windows(classifier.with_features, torch.from_numpy(part), checkpoint.preprocessing)
                for part in np.array_split(signals_mv, -(-len(signals_mv) // 64))
            ]
        ).numpy()
    features = outputs[:, classifier.head.n_outputs :]
    aspects = reliability.strangeness.aspects(features, character(signals_mv, rate_hz))
    return np.asarray(aspects.max(axis=1))


def _told_apart(strange: FloatArray, sound: FloatArray) -> float:
    targets = np.r_[np.ones(len(strange)), np.zeros(len(sound))].astype(np.uint8)
    return float(auroc(targets[:, None], np.r_[strange, sound][:, None])[0])
