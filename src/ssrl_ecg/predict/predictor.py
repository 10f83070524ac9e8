"""One classifier, ready to answer: from a recording of any rate and lead order to probabilities and doubts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ssrl_ecg.data.source import SignalFile
from ssrl_ecg.errors import InputError
from ssrl_ecg.metrics.inputs import FloatArray, check_level
from ssrl_ecg.metrics.platt import uncalibrated
from ssrl_ecg.metrics.thresholds import DEFAULT_THRESHOLD
from ssrl_ecg.predict.preparation import Preparation, Prepared, by_length
from ssrl_ecg.predict.reliability import Reliability
from ssrl_ecg.signals.character import N_ARRANGEMENT_FACTS, Character, character
from ssrl_ecg.training.checkpoint import ClassifierCheckpoint, load_classifier

Answer = Literal["no", "yes", "yes or no", "neither"]
"""What a label set leaves open about a class: one answer, both (the score does not tell) or none (unlike both)."""

COVERAGE = 0.9
"""Share of the right answers that label sets keep by default."""
_ANSWERS: tuple[Answer, ...] = ("neither", "no", "yes", "yes or no")
"""At the place no + 2 yes."""


@dataclass(frozen=True)
class Prediction:
    """What a classifier says of one recording, and how far to believe it.

    Attributes:
        probabilities: class -> probability; calibrated if the checkpoint is.
        positive: classes whose probability reaches the threshold that validation records chose; of classes that
            exclude each other, the likeliest.
        label_set: class -> the answers that are left open; empty where the checkpoint is not calibrated.
        strangeness: how unlike the training recordings it is: 0 as most, above 1 more than nearly all validation
            records; None where the checkpoint is not calibrated.
        warnings: what is odd about the recording, and in what respect it is strange.
    """

    probabilities: dict[str, float]
    positive: tuple[str, ...]
    label_set: dict[str, Answer]
    strangeness: float | None
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the fields by name, as JSON holds them."""
        return {**vars(self), "positive": list(self.positive), "warnings": list(self.warnings)}


class Predictor:
    """Answers for recordings.

    Args:
        checkpoint: the classifier; ``ssrl-ecg calibrate`` gives it label sets and strangeness.
        coverage: share of right answers that label sets promise to keep, in (0, 1).

    Attributes:
        checkpoint: the classifier.
        reliability: what calibration found out; None before it.
        coverage: see above.

    Raises:
        InputError: a coverage outside (0, 1), or a damaged calibration.
    """

    def __init__(self, checkpoint: ClassifierCheckpoint, *, coverage: float = COVERAGE) -> None:
        check_level(coverage)
        self.checkpoint, self.coverage = checkpoint, coverage
        self.reliability = Reliability.of(checkpoint)
        self._preparation = Preparation(checkpoint.preprocessing)

    @classmethod
    def load(cls, path: str | Path, *, coverage: float = COVERAGE) -> Predictor:
        """Read a classifier's checkpoint.

        Raises:
            InputError: no such checkpoint, or not one of a classifier.
        """
        try:
            return cls(load_classifier(path), coverage=coverage)
        except InputError as error:
            found, expected, field = error.found, error.expected, error.field
            raise InputError(
                error.what, file=error.file or path, field=field, expected=expected, found=found
            ) from error

    def prepare(self, recording: SignalFile) -> Prepared:
        """Map a recording to what the classifier wants; see ``Preparation.prepare``.

        Raises:
            InputError: it cannot be mapped.
        """
        prepared = self._preparation.prepare(recording)
        duration_s = prepared.signal_mv.shape[1] / self.checkpoint.preprocessing.sampling_rate_hz
        calibrated_s = self.reliability.facts.get("duration_s", 0) if self.reliability else 0
        if duration_s >= calibrated_s:
            return prepared
        short = f"{duration_s:g} s are short: the recordings it was calibrated on had {calibrated_s:g} s"
        return Prepared(prepared.signal_mv, (*prepared.warnings, short))

    def predict(self, recording: SignalFile) -> Prediction:
        """Answer for one recording.

        Raises:
            InputError: see ``prepare``.
        """
        return self.answer([self.prepare(recording)])[0]

    def answer(self, recordings: Sequence[Prepared]) -> list[Prediction]:
        """Answer for prepared recordings, of any lengths."""
        n_classes = len(self.checkpoint.classes)
        outputs = self._preparation.apply(self.checkpoint.classifier.with_features, recordings)
        logits, features = outputs[:, :n_classes], outputs[:, n_classes:]
        positive = self._positive(logits)
        if self.reliability is None:
            own = uncalibrated(n_classes, exclusive=self.checkpoint.task == "single").probabilities(logits)
            rows = zip(own, positive, recordings, strict=True)
            return [Prediction(self._by_class(row), called, {}, None, one.warnings) for row, called, one in rows]
        probabilities = self.reliability.recalibrated.probabilities(logits)
        left_open = self.reliability.label_sets.open_answers(self.reliability.scores(logits), self.coverage)
        facts = self._character(recordings)
        aspects = self.reliability.strangeness.aspects(features, facts)
        reasons = self.reliability.strangeness.reasons(aspects, facts)
        return [
            Prediction(
                self._by_class(probabilities[row]),
                positive[row],
                dict(zip(self.checkpoint.classes, map(_answer, left_open[row]), strict=True)),
                float(aspects[row].max()),
                (*recording.warnings, *reasons[row]),
            )
            for row, recording in enumerate(recordings)
        ]

    def _character(self, recordings: Sequence[Prepared]) -> Character:
        rate_hz = self.checkpoint.preprocessing.sampling_rate_hz
        facts = by_length(lambda signals_mv: np.column_stack(character(signals_mv, rate_hz)), recordings)
        return Character(facts[:, :N_ARRANGEMENT_FACTS], facts[:, N_ARRANGEMENT_FACTS:-1], facts[:, -1])

    def _positive(self, logits: NDArray[np.float32]) -> list[tuple[str, ...]]:
        """Classes that the thresholds call positive, which are of the network's own probabilities."""
        classes, is_single = self.checkpoint.classes, self.checkpoint.task == "single"
        own = uncalibrated(len(classes), exclusive=is_single).probabilities(logits)
        thresholds = self.checkpoint.thresholds or (DEFAULT_THRESHOLD,) * len(classes)
        called = own == own.max(axis=1, keepdims=True) if is_single else own >= thresholds
        return [tuple(name for name, is_called in zip(classes, row, strict=True) if is_called) for row in called]

    def _by_class(self, values: FloatArray) -> dict[str, float]:
        return dict(zip(self.checkpoint.classes, values.tolist(), strict=True))


def _answer(left_open: NDArray[np.bool_]) -> Answer:
    """Put (no, yes) into a word."""
    return _ANSWERS[int(left_open[0]) + 2 * int(left_open[1])]
